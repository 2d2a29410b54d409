"""The context of one command's run: the options, AWS, the pairs and their ledgers."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from cli.aws import Aws
from cli.options import Options
from cli.problems import Problem, Status
from standby.clock import Clock

if TYPE_CHECKING:
    from cli.answers import Answer
    from cli.ledger import Ledger
    from cli.pairs import Pair
    from cli.protect import Protect
    from standby.aws.call import Pacer


@dataclass(frozen=True)
class Run:
    """The run of one command; AWS is called only when an answer is first needed.

    Attributes
    ----------
    now : datetime
        When the run began.
    clock : Clock
        Has the present time, and waits.
    """

    options: Options
    now: datetime
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def of(cls, options: Options) -> Run:
        """A run that begins now."""
        return cls(options, datetime.now(UTC))

    def pacer(self, burst: int = 1) -> Pacer:
        """The pace of many calls: one a second, because all callers of the account share two a second.

        The first `burst` calls need not wait: the service accepts five at once.
        """
        from standby.aws.call import Pacer

        return Pacer(self.clock, 1.0, burst)

    @functools.cached_property
    def aws(self) -> Aws:
        """The clients of the chosen profile."""
        return Aws(self.options.profile)

    @functools.cached_property
    def pairs(self) -> list[Pair]:
        """The pairs that are read, at least one."""
        from cli.pairs import pairs_of

        return pairs_of(self.options, self.aws)

    @functools.cached_property
    def pair(self) -> Pair:
        """The pair that is changed; Problem if there are several and none is named."""
        from cli.pairs import one_pair

        return one_pair(self.options, self.aws)

    def ledger(self, pair: Pair) -> Ledger:
        """The ledger of a pair."""
        from cli.ledger import Ledger

        return Ledger(self.aws, pair)

    @functools.cached_property
    def ledgers(self) -> list[Ledger]:
        """The ledgers of the pairs that are read."""
        return [self.ledger(pair) for pair in self.pairs]

    def protect(self, pair: Pair) -> Protect:
        """The protect function of a pair."""
        from cli.protect import Protect

        return Protect(self.aws, pair)

    def give(self, answer: Answer) -> Status:
        """Write the answer, and return the exit status."""
        from cli.answers import give

        answer.as_of = answer.as_of or self.now
        return give(answer, self.options)

    def of_ledgers(self, answer: Answer, ledgers: list[Ledger] | None = None) -> Status:
        """Write an answer that was read from ledgers, with their Regions, and return the exit status."""
        return self.give(sourced(answer, self.ledgers if ledgers is None else ledgers))


def sourced(answer: Answer, ledgers: list[Ledger]) -> Answer:
    """Add the Regions that were read, and cautions about them, to an answer."""
    answer.source_region = ", ".join(dict.fromkeys(one.region for one in ledgers))
    answer.cautions += [words for one in ledgers for words in (one.caution, one.pair.outdated) if words]
    return answer


def start_a_sweep(ledger: Ledger) -> str:
    """How to get a sweep, in a sentence."""
    machine, region = ledger.pair.outputs.get("SweepStateMachineArn"), ledger.pair.region
    if machine is None:
        return "Wait for the next sweep."
    command = f"aws stepfunctions start-execution --region {region} --state-machine-arn {machine}"
    return f"Wait for the next sweep, or start one: {command}"


class ReadEnough(Exception):
    """The reader of stdout has closed it, as `head` does. Typer would treat a BrokenPipeError as a failure."""


def run(work: Callable[..., IntEnum], options: Options, given: dict[str, Any]) -> int:
    """Run the function of a command, and return the exit status."""
    try:
        status = int(work(Run.of(options), **given))
        sys.stdout.flush()
    except BrokenPipeError as pipe:
        raise ReadEnough from pipe
    return status


def needs(condition: object, code: str, message: str, fix: str) -> None:
    """Raise a Problem with status WRONG_USE unless a condition holds."""
    if not condition:
        raise Problem(code, message, fix)
