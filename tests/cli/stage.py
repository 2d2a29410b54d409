"""A deployed pair, in this process, with the command line in front of it: real functions, world, ledger and commands.

`Stage.standby("list --uncovered")` runs a command as a shell would, at a terminal or not.
"""

import functools
import io
import json
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest import mock

import boto3
from botocore.exceptions import EndpointConnectionError

from cli.aws import Aws
from cli.main import main
from cli.running import Run
from infra.version import VERSION
from local.workspaces import World
from standby.core.settings import Settings
from tests.component.estate import ACCOUNT, DR, PRIMARY, TABLE, refusal, settings
from tests.component.functions import Functions, in_lambda

CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/operators/al"
QUEUE = f"https://sqs.{PRIMARY}.amazonaws.com/{ACCOUNT}/{TABLE}-dead-letters"
OUTPUTS = {
    "LedgerTableName": TABLE,
    "ProtectFunctionName": f"{TABLE}-protect",
    "WatchFunctionName": f"{TABLE}-watch",
    "WatchStateMachineArn": f"arn:aws:states:{PRIMARY}:{ACCOUNT}:stateMachine:{TABLE}-watch",
    "SweepStateMachineArn": f"arn:aws:states:{PRIMARY}:{ACCOUNT}:stateMachine:{TABLE}-sweep",
    "DeadLetterQueueUrl": QUEUE,
    "NotificationTopicArn": f"arn:aws:sns:{PRIMARY}:{ACCOUNT}:{TABLE}",
    "EventRuleName": f"{TABLE}-created",
    "ConfigDigest": "0123456789ab",
    "Version": VERSION,
}
UNREACHABLE = EndpointConnectionError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")
Answering = Callable[..., Any]
# It makes no client here, and takes longer than most commands.
_session = functools.cache(boto3.Session)


@dataclass(frozen=True)
class Ran:
    """What a command wrote, and its exit status."""

    status: int
    out: str
    err: str


class Terminal(io.StringIO):
    """A terminal, or, typed into, a keyboard."""

    def isatty(self) -> bool:
        return True


class Stage(Functions):
    """A deployed pair behind the command line.

    Attributes
    ----------
    stacks : dict
        Outputs of stacks, by Region and name.
    down : set of str
        Regions of which no service answers.
    refused : dict
        What a call raises: by (service, operation), or (service, operation, Region).
    answers : dict
        What a call returns, by (service, operation) or with the Region, for services that the estate does not have; a
        callable gets the call's arguments.
    own_region : str
        The Region of the environment.
    asked : list
        (service, Region, operation, arguments) of each call.
    """

    def __init__(self, configured: Settings | None = None, world: World | None = None) -> None:
        super().__init__(configured or settings(config_digest=OUTPUTS["ConfigDigest"]), world)
        self.stacks: dict[tuple[str, str], dict[str, str]] = {
            (PRIMARY, TABLE): dict(OUTPUTS),
            (DR, f"{TABLE}-dr"): {"LedgerTableName": TABLE, "NotificationTopicArn": "arn:aws:sns:us-west-2:1:x"},
        }
        self.down: set[str] = set()
        self.own_region = PRIMARY
        self.refused: dict[tuple[str, ...], Exception] = {}
        self.answers: dict[tuple[str, ...], Any] = {}
        self.asked: list[tuple[str, str, str, dict[str, Any]]] = []

    def standby(
        self,
        line: str,
        *,
        width: int | None = None,
        typed: str | None = None,
        keyboard: io.StringIO | None = None,
        **environment: str,
    ) -> Ran:
        """Run `standby` with arguments as a shell splits them.

        Parameters
        ----------
        width
            The columns of a terminal; None: it is piped.
        typed
            What a person types at the terminal.
        keyboard
            What they type it into, if something happens while they do.
        """
        make = io.StringIO if width is None else Terminal
        out, err = make(), make()
        keyboard = keyboard or (Terminal(typed) if typed is not None else io.StringIO())
        sized = {"COLUMNS": str(width)} if width is not None else {}
        with (
            in_lambda(self),
            mock.patch.object(boto3, "Session", _session),
            mock.patch.object(Aws, "client", lambda _, service, region, **__: _Client(self, service, region)),
            mock.patch.object(Aws, "region", self.own_region),
            mock.patch.object(Run, "of", lambda options: Run(options, self.clock.now(), self.clock)),
            mock.patch.dict(os.environ, {"TZ": "UTC", **sized, **environment}),
            mock.patch("sys.stdin", keyboard),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            status = main(shlex.split(line))
        return Ran(status, out.getvalue(), err.getvalue())

    def answer(self, service: str, region: str, operation: str, arguments: dict[str, Any]) -> Any:
        """Answer a call of the command line."""
        self.asked.append((service, region, operation, arguments))
        if region in self.down:
            raise EndpointConnectionError(endpoint_url=f"https://{service}.{region}.amazonaws.com")
        keys = ((service, operation, region), (service, operation))
        for key in keys:
            if key in self.refused:
                raise self.refused[key]
        for key in keys:
            if key in self.answers:
                found = self.answers[key]
                return found(**arguments) if callable(found) else found
        own = getattr(self, f"_{service.replace('-', '_')}_{operation}", None)
        if own is not None:
            return own(region, **arguments)
        # The replica shows what the ledger has.
        client = self.client(service, PRIMARY if service == "dynamodb" else region)
        if client is self.others:
            raise AssertionError(f"the stage has no {service} {operation} in {region}: set answers")
        return getattr(client, operation)(**arguments)

    def _sts_get_caller_identity(self, _: str) -> Any:
        return {"Arn": CALLER, "Account": ACCOUNT, "UserId": "AROA:al"}

    def _stepfunctions_list_executions(self, _: str, **__: Any) -> Any:
        return {"executions": []}

    def _stepfunctions_start_execution(self, region: str, *, stateMachineArn: str, name: str, **_: Any) -> Any:  # noqa: N803
        assert (region, stateMachineArn) == (PRIMARY, OUTPUTS["SweepStateMachineArn"])
        self.sweep()
        return {"executionArn": f"{stateMachineArn.replace('stateMachine', 'execution')}:{name}"}

    def _lambda_invoke(self, region: str, *, FunctionName: str, Payload: str) -> Any:  # noqa: N803 (as boto3 has it)

        assert (region, FunctionName) == (PRIMARY, OUTPUTS["ProtectFunctionName"])
        found = self.invoke("protect", json.loads(Payload))
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(found).encode())}

    def _cloudformation_describe_stacks(self, region: str, *, StackName: str | None = None) -> Any:  # noqa: N803

        found = [(name, outputs) for (at, name), outputs in self.stacks.items() if at == region]
        if StackName is not None:
            found = [one for one in found if one[0] == StackName]
            if not found:
                raise refusal("ValidationError", message=f"Stack with id {StackName} does not exist")
        return {
            "Stacks": [
                {
                    "StackName": name,
                    "StackId": f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{name}/1",
                    "StackStatus": "UPDATE_COMPLETE",
                    "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
                }
                for name, outputs in found
            ]
        }


@dataclass(frozen=True)
class _Client:
    """A boto3 client, as far as commands use one."""

    stage: Stage
    service: str
    region: str

    def __getattr__(self, operation: str) -> Answering:
        return lambda **arguments: self.stage.answer(self.service, self.region, operation, arguments)

    def get_paginator(self, operation: str) -> Any:
        """Pages, of which there is one."""

        class Pages:
            @staticmethod
            def paginate(**arguments: Any) -> Iterator[Any]:
                yield self.stage.answer(self.service, self.region, operation, arguments)

        return Pages()
