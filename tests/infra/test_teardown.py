"""`make destroy`: stacks with termination protection are named before the CDK is run, with how to turn it off."""

import os
import subprocess
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.teardown import main
from tests.infra.conftest import EXAMPLE

STACK, DR_STACK = "Standby-us-east-1-us-west-2", "Standby-us-east-1-us-west-2-dr"
OFF = "aws cloudformation update-termination-protection --no-enable-termination-protection --region"
COMMANDS = {STACK: f"{OFF} us-east-1 --stack-name {STACK}", DR_STACK: f"{OFF} us-west-2 --stack-name {DR_STACK}"}


@pytest.mark.parametrize(
    ("deployed", "named"),
    [
        ({STACK: True, DR_STACK: True}, [STACK, DR_STACK]),
        ({STACK: False, DR_STACK: True}, [DR_STACK]),
        ({STACK: False, DR_STACK: False}, []),
        ({STACK: True}, [STACK]),
        ({}, []),
    ],
)
def test_protected_stacks_are_named_with_the_command_that_turns_it_off(
    deployed: Mapping[str, bool], named: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def client(service: str, *, region_name: str) -> Any:
        def describe_stacks(*, StackName: str) -> Any:  # noqa: N803 (boto3's)
            assert (service, StackName.endswith("-dr")) == ("cloudformation", region_name == "us-west-2")
            if StackName not in deployed:
                raise ClientError({"Error": {"Code": "ValidationError", "Message": "It does not exist"}}, "x")
            return {"Stacks": [{"EnableTerminationProtection": deployed[StackName]}]}

        return SimpleNamespace(describe_stacks=describe_stacks)

    monkeypatch.setattr(boto3, "client", client)
    assert main([str(EXAMPLE)]) == (1 if named else 0)
    assert [line for line in capsys.readouterr().err.splitlines() if OFF in line] == [COMMANDS[one] for one in named]


def test_make_destroy_asks_before_it_runs_the_cdk() -> None:
    run = ["make", "-n", "destroy", "CONFIG=x.yaml"]
    recipe = subprocess.run(run, cwd=EXAMPLE.parent, capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S603
    asks, destroys = (
        next(n for n, line in enumerate(recipe) if word in line) for word in ('teardown "x.', " destroy ")
    )
    assert asks < destroys


@pytest.mark.parametrize(("given", "option"), [([], False), (["CONFIG=x.yaml"], True)])
def test_make_local_deploys_a_configuration_that_is_named(given: list[str], option: bool) -> None:
    run = ["make", "-n", "local", *given]
    environment = {name: value for name, value in os.environ.items() if name != "CONFIG"}
    recipe = subprocess.run(run, cwd=EXAMPLE.parent, env=environment, capture_output=True, text=True, check=True).stdout  # noqa: S603
    assert ('-m local --config "x.yaml"' in recipe) is option
