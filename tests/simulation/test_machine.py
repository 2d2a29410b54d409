"""Executions in virtual time go the same way as those of the embedded cloud's own Step Functions."""

import copy
import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.cloud import Cloud
from tests.simulation.deployment import Deployment
from tests.simulation.machine import Execution, Turns

REGION = "us-east-1"
PATIENCE = 60.0
# Returns, at its n-th call of an execution, the n-th of its answers; fails where that is text.
FUNCTION = """
import json, pathlib

def handler(event, context):
    name, role = ("watch", event["execution_arn"]) if "round" in event else ("protect", event["cause"]["id"])
    home = pathlib.Path(HOME, role.rpartition(":")[2])
    with (home / "calls").open("a") as log:
        log.write(json.dumps([name, event]) + "\\n")
    number = sum(json.loads(line)[0] == name for line in (home / "calls").open()) - 1
    answer = json.loads((home / name).read_text())[number]
    if isinstance(answer, str):
        raise type(answer, (Exception,), {})("because")
    return answer
"""


def found(*ready: str, **more: Any) -> dict[str, Any]:
    """What watch returns."""
    answer = {"done": False, "outcome": "looked", "wait_seconds": 60, "cursor": {"key": [None]}}
    return {**answer, "ready": list(ready), **more}


DONE = found(done=True, outcome="nothing is open", wait_seconds=0, cursor=None)


@dataclass
class Situation:
    """What the functions of an execution do in turn, and which state's function Lambda refuses to start."""

    watch: list[Any]
    protect: list[Any] = field(default_factory=list)
    throttled: str = ""


SITUATIONS = {
    "nothing-ready": Situation([found(), found(), DONE]),
    "one-ready": Situation([found("ws-1"), DONE], [{"decisions": []}]),
    "400-ready": Situation([found(*(f"ws-{number}" for number in range(400)), wait_seconds=0), DONE], [None]),
    "done-with-ready": Situation([{**DONE, "ready": ["ws-1"]}], [{}]),
    "work-recovers": Situation(["Broken", "Broken", "Broken", found(), DONE]),
    "work-gives-up": Situation([found(), *["Broken"] * 4]),
    "work-throttled": Situation([], throttled="Work"),
    "work-without-a-field": Situation([{"done": True}] * 4),
    "protect-fails": Situation([found("ws-1"), DONE], ["Broken"]),
    "protect-throttled": Situation([found("ws-1"), DONE], throttled="Protect"),
    "no-such-wait": Situation([found(wait_seconds=1.5)]),
}


def own_words(cause: str) -> str:
    """What the definition itself says of a failure; the rest is worded differently everywhere."""
    return ": ".join(cause.split(": ")[:2]) if " failed: " in cause else ""


def definition(deployment: Deployment, situation: Situation) -> dict[str, Any]:
    changed = copy.deepcopy(deployment.watcher)
    if situation.throttled:
        changed["States"][situation.throttled]["Arguments"]["FunctionName"] = "throttled"
    return changed


class Embedded:
    """Every situation at once in the embedded cloud."""

    def __init__(self, cloud: Cloud, deployment: Deployment, home: Path) -> None:
        self.home, self.states = home, cloud.client("stepfunctions", REGION)
        iam, functions = cloud.client("iam", REGION), cloud.client("lambda", REGION)
        services = {"Service": ["states.amazonaws.com", "lambda.amazonaws.com"]}
        trust = {"Statement": [{"Effect": "Allow", "Principal": services, "Action": "sts:AssumeRole"}]}
        role = iam.create_role(RoleName="any", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        allow = {"Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}]}
        iam.put_role_policy(RoleName="any", PolicyName="invoke", PolicyDocument=json.dumps(allow))
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("index.py", f"HOME = {str(home)!r}\n{FUNCTION}")
        make = {"Runtime": "python3.11", "Role": role, "Handler": "index.handler", "Code": {"ZipFile": code.getvalue()}}
        for function in ("watch", "protect", "throttled"):
            functions.create_function(FunctionName=function, Timeout=30, **make)
        functions.put_function_concurrency(FunctionName="throttled", ReservedConcurrentExecutions=0)
        self.running = {}
        for name, situation in SITUATIONS.items():
            (home / name).mkdir()
            (home / name / "watch").write_text(json.dumps(situation.watch))
            (home / name / "protect").write_text(json.dumps(situation.protect))
            text = json.dumps(definition(deployment, situation))
            machine = self.states.create_state_machine(name=name, definition=text, roleArn=role)["stateMachineArn"]
            started = self.states.start_execution(stateMachineArn=machine, name=name, input="{}")
            self.running[name] = str(started["executionArn"])

    def outcome(self, name: str) -> tuple[Any, ...]:
        arn, deadline = self.running[name], time.monotonic() + PATIENCE
        while (ended := self.states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, f"still running: {name}"
            time.sleep(0.05)
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=arn)
        entered = [event.get("stateEnteredEventDetails", {}).get("name") for page in pages for event in page["events"]]
        calls = self.home / name / "calls"
        called = [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []
        output = json.loads(ended["output"]) if ended["status"] == "SUCCEEDED" else None
        told = (ended.get("error", ""), own_words(ended.get("cause", "")))
        return ended["status"], output, *told, [state for state in entered if state], called


@pytest.fixture(scope="module")
def embedded(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Cloud.start(wait_scale=0) as cloud:
        yield Embedded(cloud, deployment, tmp_path_factory.mktemp("situations"))


@pytest.mark.parametrize("name", SITUATIONS)
def test_it_goes_the_same_way_as_in_the_embedded_cloud(name: str, embedded: Embedded, deployment: Deployment) -> None:
    given = SITUATIONS[name]
    around = Turns({"watch": "watch", "protect": "protect"}, watch=given.watch, protect=given.protect)
    run = Execution(definition(deployment, given), embedded.running[name], around)
    run.run({})
    here = run.status, run.output, run.error, own_words(run.cause), run.path, around.calls
    assert here == embedded.outcome(name)


def test_the_situations_reach_every_state(embedded: Embedded, deployment: Deployment) -> None:
    entered = {state for name in SITUATIONS for state in embedded.outcome(name)[-2]}
    assert entered == set(deployment.watcher["States"])
