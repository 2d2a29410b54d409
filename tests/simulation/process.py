"""An execution environment of a function: the real handler, with clients that end at the simulation's wire."""

from __future__ import annotations

import importlib
import io
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from standby.announce.notices import Announcer
from standby.heartbeat import Heartbeat
from standby.ledger.quota import StandbyQuota
from standby.protect.dead_letters import DeadLetters
from standby.protect_function import ProtectFunction
from standby.settings import Settings
from standby.telemetry import PowertoolsTelemetry
from standby.wiring import Parts, make_clients
from tests.simulation.scheduler import Scheduler
from tests.simulation.wire import Wire

if TYPE_CHECKING:
    from tests.simulation.account import Functions
    from tests.simulation.deployment import Deployment

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters"
TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:notices"
_NAMES = ("protect", "watch", "sweep", "announce")
_KEY = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


class ProcessClock:
    """The time as one process knows it: `ahead` of the true one, or behind."""

    def __init__(self, scheduler: Scheduler, ahead: timedelta) -> None:
        self._scheduler = scheduler
        self._ahead = ahead

    def now(self) -> datetime:
        """The present, in UTC."""
        return self._scheduler.now() + self._ahead

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._scheduler.sleep(seconds)


class Context:
    """What Lambda hands to a handler."""

    function_name = "simulated"
    memory_limit_in_mb = 512

    def __init__(self, arn: str, request_id: str, seconds_left: Callable[[], float]) -> None:
        self.invoked_function_arn = arn
        self.aws_request_id = request_id
        self._seconds_left = seconds_left

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the time-out."""
        return int(self._seconds_left() * 1000)


class Process:
    """One execution environment; what its module keeps for the process's life is its own."""

    def __init__(
        self,
        function: str,
        *,
        settings: Settings,
        account: str,
        machine_arn: str,
        wire: Wire,
        scheduler: Scheduler,
        functions: Functions,
        new_id: Callable[[], str],
        ahead: timedelta,
        log: Handlers,
    ) -> None:
        self.function = function
        self.is_dead = False
        self._account = account
        self._settings = settings
        self._scheduler = scheduler
        self._functions = functions
        self._handlers = log
        self._wire = wire
        module = log.modules[function]
        self._parts = Parts(
            settings=settings,
            clients=make_clients(settings, wire.client),
            table_name=settings.stack,
            watch_arn=machine_arn,
            clock=ProcessClock(scheduler, ahead),
            telemetry=PowertoolsTelemetry(module.logger, module.metrics, settings.stack),
            new_id=new_id,
        )
        self.kept = {
            "protect": self._protect,
            "watch": self._watch,
            "sweep": self._sweep,
            "announce": self._announce,
        }[function]()

    def die(self) -> None:
        """End here; does not return."""
        self._functions.die()

    def handle(self, event: Any, request_id: str, limit_seconds: float) -> Any:
        """Run the handler, which has so many seconds."""
        ends_at = self._scheduler.now() + timedelta(seconds=limit_seconds)
        arn = f"arn:aws:lambda:{self._settings.primary_region}:{self._account}:function:{self.function}"
        context = Context(arn, request_id, lambda: (ends_at - self._scheduler.now()).total_seconds())
        return self._handlers.modules[self.function].handler(event, context)

    def _client(self, service: str, region: Any) -> Any:
        return self._wire.client(service, region)

    def _protect(self) -> Any:
        queue = self._client("sqs", self._settings.primary_region)
        return ProtectFunction(self._parts, DeadLetters(queue, QUEUE_URL))

    def _watch(self) -> Any:
        cloudwatch = self._client("cloudwatch", self._settings.dr_region)
        return self._parts, Heartbeat(cloudwatch, self._settings.stack, self._parts.telemetry)

    def _sweep(self) -> Any:
        regions = (self._settings.primary_region, self._settings.dr_region)
        clients = [self._client("cloudwatch", region) for region in regions]
        heartbeats = [Heartbeat(client, self._settings.stack, self._parts.telemetry) for client in clients]
        return self._parts, heartbeats, StandbyQuota(self._client("service-quotas", self._settings.dr_region))

    def _announce(self) -> Any:
        region = self._settings.primary_region
        announcer = Announcer(
            self._client("events", region), self._client("sns", region), bus_name="default", topic_arn=TOPIC_ARN
        )
        return announcer, self._parts.telemetry


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

        with mock.patch.dict(os.environ, _KEY), redirect_stdout(self.log), warnings.catch_warnings():
            # As each handler has it done when it is imported; who runs tests may have taken it back.
            warnings.filterwarnings("ignore", "No application metrics to publish")
            for module in self.modules.values():
                module.logger.registered_handler.setStream(self.log)
            patches: list[Any] = [mock.patch.object(module, "function", kept) for module in self.modules.values()]
            # A seventh of a call's time would go into a text that nobody reads.
            patches.append(mock.patch("botocore.useragent.UserAgentString.to_string", return_value="simulation"))
            patches.append(mock.patch("botocore.endpoint.time", SimpleNamespace(sleep=scheduler.sleep)))
            for patch in patches:
                patch.start()
            try:
                yield
            finally:
                for patch in reversed(patches):
                    patch.stop()

    def lines(self, most: int) -> list[str]:
        """The last lines of the log."""
        return self.log.getvalue().splitlines()[-most:]
