"""README's commands, run as they are printed."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import Mock

import pytest

from local.queries import NotAQueryError, run_readme_command

TABLE = "Standby-us-east-1-us-west-2"


@pytest.mark.parametrize(
    ("name", "replaced", "operation", "arguments"),
    [
        ("pause", {}, "put_item", {"Item": {"pk": {"S": "PAUSE"}, "sk": {"S": "PAUSE"}}}),
        (
            "accept",
            {"d-906732325d": "d-000000001"},
            "update_item",
            {
                "Key": {"pk": {"S": "SWEEP#d-000000001"}, "sk": {"S": "BASELINE"}},
                "UpdateExpression": "SET accepted = :yes",
                "ExpressionAttributeValues": {":yes": {"BOOL": True}},
            },
        ),
    ],
)
def test_a_command_of_readmes_is_one_call(
    name: str, replaced: dict[str, str], operation: str, arguments: dict[str, Any]
) -> None:
    dynamodb = Mock()
    run_readme_command(name, dynamodb, replaced)
    (call,) = dynamodb.method_calls
    assert (call[0], call.args, call.kwargs) == (operation, (), {"TableName": TABLE, **arguments})


@pytest.mark.parametrize(
    ("name", "problem"),
    [("redrive", "not an `aws dynamodb` command: .venv/bin/standby"), ("nothing", "README has no command nothing")],
)
def test_what_is_not_one_is_said(name: str, problem: str) -> None:
    with pytest.raises(NotAQueryError, match=re.escape(problem)):
        run_readme_command(name, Mock())
