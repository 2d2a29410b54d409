"""What a command runs with: the options, AWS, the pairs and their ledgers."""

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
    """One command's run; what is asked of AWS is asked when it is first needed.

    Attributes
    ----------
    now : datetime
        When it began.
    clock : Clock
        Tells how late it is by now, and waits.
    """

    options: Options
    now: datetime
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def of(cls, options: Options) -> Run:
        """The run of the options at the present."""
        return cls(options, datetime.now(UTC))

    def pacer(self, burst: int = 1) -> Pacer:
        """The pace of many calls: one a second, for the account's two are shared with everybody.

        A person need not wait for the first few (`burst`): the service takes five at once.
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
        """The pair that is changed; Problem if several could be meant."""
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
        """The function that changes things."""
        from cli.protect import Protect

        return Protect(self.aws, pair)

    def give(self, answer: Answer) -> Status:
        """Write the answer; the exit status."""
        from cli.answers import give

        answer.as_of = answer.as_of or self.now
        return give(answer, self.options)

    def of_ledgers(self, answer: Answer, ledgers: list[Ledger] | None = None) -> Status:
        """Write an answer that was read from ledgers, and from which Region; the exit status."""
        return self.give(sourced(answer, self.ledgers if ledgers is None else ledgers))


def sourced(answer: Answer, ledgers: list[Ledger]) -> Answer:
    """An answer with where it was read, and what has to be said of that."""
    answer.source_region = ", ".join(dict.fromkeys(one.region for one in ledgers))
    answer.cautions += [words for one in ledgers for words in (one.caution, one.pair.outdated) if words]
    return answer


def start_a_sweep(ledger: Ledger) -> str:
    """What to do where only a sweep brings what is missing, in a sentence."""
    machine, region = ledger.pair.outputs.get("SweepStateMachineArn"), ledger.pair.region
    if machine is None:
        return "Wait for the next sweep."
    command = f"aws stepfunctions start-execution --region {region} --state-machine-arn {machine}"
    return f"Wait for the next sweep, or start one: {command}"


class ReadEnough(Exception):
    """Whoever reads stdout has read enough, as `head` does. Typer would take a BrokenPipeError for a failure."""


def run(work: Callable[..., IntEnum], options: Options, given: dict[str, Any]) -> int:
    """Run a command's function; the exit status."""
    try:
        status = int(work(Run.of(options), **given))
        sys.stdout.flush()
    except BrokenPipeError as pipe:
        raise ReadEnough from pipe
    return status


def needs(condition: object, code: str, message: str, fix: str) -> None:
    """Raise a Problem of wrong use unless a condition holds."""
    if not condition:
        raise Problem(code, message, fix)
