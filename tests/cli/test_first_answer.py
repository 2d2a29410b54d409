"""What a command does before its first answer, in counts: modules that it loads, calls that it makes, one by one."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest

from cli.commands import COMMANDS
from cli.ledger import ahead
from tests.cli.practised import practised
from tests.cli.stage import Stage
from tests.component.estate import PRIMARY, TABLE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("nowhere"))
        yield practised()


@pytest.mark.parametrize(
    ("line", "calls"),
    [
        # The stacks of the Region, which name the pair, and have its outputs: no stack is described again.
        ("list", {"cloudformation": 1, "dynamodb": 48}),  # partitions of by_status; eight are asked at once
        ("list user001", {"cloudformation": 1, "dynamodb": 4}),
        ("list --uncovered", {"cloudformation": 1, "dynamodb": 3}),
        ("status", {"cloudformation": 1, "dynamodb": 8}),
        # Nobody need be named for what is only decided: no sts.
        ("show user001", {"cloudformation": 1, "dynamodb": 4, "lambda": 1}),
        (f"show user001 --stack {TABLE}", {"cloudformation": 1, "dynamodb": 4, "lambda": 1}),
    ],
)
def test_a_command_makes_the_calls_that_it_needs_and_no_other(lived: Stage, line: str, calls: dict[str, int]) -> None:
    lived.asked.clear()
    assert lived.standby(line).status in (0, 1)
    assert Counter(service for service, *_ in lived.asked) == calls
    assert {region for _, region, *_ in lived.asked} == {PRIMARY}


def test_queries_are_asked_side_by_side_and_read_in_order() -> None:
    together = Barrier(8)

    def pages(number: int) -> Iterator[str]:
        together.wait(timeout=10)  # one that is asked alone waits in vain
        yield f"{number}a"
        yield f"{number}b"

    found = list(ahead([pages(number) for number in range(8)]))
    assert found == [f"{number}{page}" for number in range(8) for page in "ab"]
    assert list(ahead([])) == []


def test_no_more_is_asked_than_a_few_queries_ahead() -> None:
    begun = count()

    def pages() -> Iterator[int]:
        yield next(begun)

    assert next(ahead([pages() for _ in range(48)])) == 0
    assert next(begun) <= 9


def loaded(*line: str) -> set[str]:
    """The modules that a command has loaded in the end."""
    code = (
        "import sys; from cli.main import main; main(sys.argv[1:]);"
        "print('\\n'.join(one for one in sys.modules if '.' in one), file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'lambdas'}"}
    ran = subprocess.run(  # noqa: S603 (this interpreter)
        [sys.executable, "-c", code, *line], capture_output=True, text=True, env=environment, check=True
    )
    return set(ran.stderr.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_loads_no_other_command(name: str) -> None:
    others = {f"cli.commands.{module}" for other, module in COMMANDS.items() if other != name}
    found = loaded(name, "--help") & others
    assert found <= {"cli.commands.init"}  # check shares an argument with it


def test_without_a_command_all_are_known() -> None:
    assert loaded("--help") >= {f"cli.commands.{module}" for module in COMMANDS.values()}


def test_what_is_piped_loads_no_rich() -> None:
    assert not {one for one in loaded("explain", "DRIFT", "--output", "json") if one.startswith("rich.")}
