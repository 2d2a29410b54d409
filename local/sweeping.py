"""Sweeps that somebody starts and waits for."""

import json
import time
from collections.abc import Callable
from typing import Any

COMPLETE = "directories were scanned completely"
_ANOTHER = "another sweep is under way"


class SweepFailedError(RuntimeError):
    """A sweep did not end, or not well; the text says how."""


def sweep(stepfunctions: Any, state_machine_arn: str, wait: Callable[[float], Any], at_most: float = 60) -> str:
    """Start a sweep now, wait for its end, and return its outcome; when another one is under way, start it after that.

    Parameters
    ----------
    stepfunctions
        A boto3 client.
    wait : callable
        Waits so many seconds.
    at_most : float
        Seconds of all of it.

    Raises
    ------
    SweepFailedError
        It failed, or took longer.
    """
    deadline = time.monotonic() + at_most
    while time.monotonic() < deadline:
        execution = stepfunctions.start_execution(stateMachineArn=state_machine_arn, input="{}")["executionArn"]
        outcome = _outcome(stepfunctions, execution, wait, deadline)
        if outcome != _ANOTHER:
            return outcome
        wait(0.5)
    raise SweepFailedError(f"Another sweep was under way for {at_most:.0f} s")


def _outcome(stepfunctions: Any, execution: str, wait: Callable[[float], Any], deadline: float) -> str:
    while (found := stepfunctions.describe_execution(executionArn=execution))["status"] == "RUNNING":
        if time.monotonic() > deadline:
            raise SweepFailedError(f"The sweep {execution.rpartition(':')[2]} has not ended in time")
        wait(0.2)
    if found["status"] != "SUCCEEDED":
        raise SweepFailedError(
            f"The sweep {found['status']}: {found.get('cause') or found.get('error') or 'no reason'}"
        )
    return str(json.loads(found["output"])["outcome"])
