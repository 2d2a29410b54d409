"""The functions as Lambda runs them, over an estate: JSON in, JSON out, log lines, metrics, and not for ever."""

import importlib
import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import boto3

from local.workspaces import World
from standby import wiring
from standby.core.settings import Settings
from tests.component.estate import ACCOUNT, ENVIRONMENT, PRIMARY, Estate

TIME_OUT = timedelta(seconds=300)
MOST_OF_AN_ANSWER = 6 * 1024 * 1024  # of Lambda


@dataclass(frozen=True)
class Context:
    """What Lambda hands to a handler."""

    invoked_function_arn: str
    aws_request_id: str
    seconds_left: Callable[[], float]
    function_name: str = "simulated"
    memory_limit_in_mb: int = 512

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds_left() * 1000)


class Functions(Estate):
    """An estate behind the deployed functions. Use `in_lambda()`.

    `made` has the clients that they made, with their configuration; `last_id`, `logs` and `metrics` are of the last
    invocation.
    """

    def __init__(self, configured: Settings | None = None, world: World | None = None) -> None:
        super().__init__(configured, world)
        self.made: list[tuple[str, str, Any]] = []
        self.logs: list[dict[str, Any]] = []
        self.metrics: list[dict[str, Any]] = []
        self.last_id = ""
        self.time_out = TIME_OUT
        self.ends_at = self.clock.now() + TIME_OUT

    def make(self, service: str, *, region_name: str, config: Any) -> Any:
        """boto3.client."""
        self.made.append((service, region_name, config))
        return self.client(service, region_name)

    def invoke(self, name: str, event: Any) -> Any:
        """Invoke a function."""
        handler: Any = wiring.logger.registered_handler
        lines, metrics = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        handler.setStream(lines)
        handler.handleError = _raise
        self.ends_at = self.clock.now() + self.time_out
        arn = f"arn:aws:lambda:{PRIMARY}:{ACCOUNT}:function:{name}"
        self.last_id = self.new_id()
        context = Context(arn, self.last_id, lambda: (self.ends_at - self.clock.now()).total_seconds())
        try:
            with redirect_stdout(metrics), warnings.catch_warnings():
                # As wiring.py has it when it is imported, which here is in another test.
                warnings.filterwarnings("ignore", "No application metrics to publish")
                answered = importlib.import_module(name).handler(json.loads(json.dumps(event)), context)
            # As Lambda's runtime for Python 3.13 writes an answer.
            body = json.dumps(answered, ensure_ascii=False).encode()
        finally:
            self.logs, self.metrics = _read(lines), _read(metrics)
        assert len(body) <= MOST_OF_AN_ANSWER, f"an answer of {len(body)} bytes"
        return json.loads(body)


@contextmanager
def in_lambda(found: Functions) -> Iterator[None]:
    """Let the handlers find an estate where they look for AWS, their settings and their environment."""

    def load(path: Path) -> Settings:
        assert path == Path(wiring.__file__).parents[1] / "settings.json"
        return found.deployed.settings

    with (
        mock.patch.object(boto3, "client", found.make),
        mock.patch.object(Settings, "load", load),
        mock.patch.object(wiring, "Clock", lambda: found.clock),  # noqa: PT008 (a Mock costs a fuzzing case's tenth)
        mock.patch.dict(os.environ, ENVIRONMENT),
    ):
        wiring.deployed.cache_clear()
        # A process has one of these: who ran in it before may have left its own pair's dimension.
        wiring.metrics.clear_default_dimensions()
        wiring.metrics.provider.dimension_set.clear()
        try:
            yield
        finally:
            wiring.deployed.cache_clear()


def _read(lines: io.TextIOWrapper) -> list[dict[str, Any]]:
    lines.seek(0)
    return [json.loads(line) for line in lines if line.strip()]


def _raise(_: object) -> None:
    """A log line that cannot be written is lost on Lambda; here it is seen."""
    problem = sys.exc_info()[1]
    assert problem is not None
    raise problem
