"""An execution environment of a function: the real handler, with clients that end at the simulation's wire."""

from __future__ import annotations

import importlib
import io
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

from standby import wiring
from standby.clock import Clock
from standby.wiring import Deployed
from tests.component.functions import Context
from tests.simulation.deployment import Deployment
from tests.simulation.scheduler import Scheduler

_NAMES = ("protect", "watch", "sweep", "announce")
_KEY = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True)
class ProcessClock(Clock):
    """The time as one process knows it: `ahead` of the true one, or behind."""

    scheduler: Scheduler
    ahead: timedelta

    def now(self) -> datetime:
        return self.scheduler.now() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.scheduler.sleep(seconds)


@dataclass(eq=False)
class Process:
    """One execution environment; `kept` is what its module keeps for its life, `die` ends it and does not return."""

    function: str
    kept: Deployed
    handlers: Handlers
    scheduler: Scheduler
    die: Callable[[], None]
    is_dead: bool = False

    def handle(self, event: Any, request_id: str, limit_seconds: float) -> Any:
        """Run the handler, which has so many seconds."""
        ends_at = self.scheduler.now() + timedelta(seconds=limit_seconds)
        arn = f"arn:aws:lambda:us-east-1:123456789012:function:{self.function}"
        context = Context(arn, request_id, lambda: (ends_at - self.scheduler.now()).total_seconds())
        return self.handlers.modules[self.function].handler(event, context)


class Handlers:
    """The handlers' modules, imported as a function imports them; `log` is what they print."""

    def __init__(self, deployment: Deployment) -> None:
        self.log = io.StringIO()
        self.modules: dict[str, ModuleType] = {}
        for name in [one for one in _NAMES if one in deployment.functions]:
            with mock.patch.dict(os.environ, deployment.functions[name].environment | _KEY):
                self.modules[name] = importlib.import_module(name)

    @contextmanager
    def in_use(self, scheduler: Scheduler) -> Iterator[None]:
        """Let the modules serve the processes of one scheduler; botocore's own pauses take virtual time, too."""

        def kept() -> Any:
            return scheduler.current.owner.process.kept

        with ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, _KEY))
            stack.enter_context(redirect_stdout(self.log))
            stack.enter_context(warnings.catch_warnings())
            # As each handler has it done when it is imported; who runs tests may have taken it back.
            warnings.filterwarnings("ignore", "No application metrics to publish")
            handler: Any = wiring.logger.registered_handler
            handler.setStream(self.log)
            stack.enter_context(mock.patch.object(wiring, "deployed", kept))
            # A seventh of a call's time would go into a text that nobody reads.
            stack.enter_context(mock.patch("botocore.useragent.UserAgentString.to_string", return_value="simulation"))
            stack.enter_context(mock.patch("botocore.endpoint.time", SimpleNamespace(sleep=scheduler.sleep)))
            yield

    def lines(self, most: int) -> list[str]:
        """The last lines of the log."""
        return self.log.getvalue().splitlines()[-most:]
