"""Where a sweep stands, and what one invocation of it answers: all that is handed from one to the next."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from standby.clock import from_text
from standby.decisions.annotate import StandbyTally
from standby.model import WorkspaceId
from standby.sweep.memory import OWN, PARTNER
from standby.sweep.plan import progress

# A day's sweep keeps a few thousand parts of a side at most, and counts nothing beyond a fleet.
_MOST_PARTS, _MOST = 10_000, 10**12


class BadSweepInput(ValueError):
    """What sweep was invoked with is not what its state machine hands on. The message says what is wrong with it."""


def execution_of(event: object) -> str:
    """The ARN of the execution that invokes sweep.

    Raises
    ------
    BadSweepInput
        It is not named.
    """
    execution = event.get("execution_arn") if isinstance(event, dict) else None
    if not isinstance(execution, str) or not execution.startswith("arn:"):
        raise BadSweepInput(
            "sweep works for its state machine, and its input names no execution_arn: start the state machine instead"
        )
    return execution


@dataclass(frozen=True)
class Place:
    """Where a sweep stands: which directory of the sorted list, which side, which page; then which partition of rows,
    and after which key.

    `parts` are how many parts of each side of the directory are kept in the ledger; `problem` is why its scan is not
    complete, if it is not. `incomplete` counts such directories, `scanned` the WorkSpaces seen so far. `counts` are how
    many of the directory's desktops stand how, `standbys` a `StandbyTally` of them, `tally` what the directory adds to
    its plan, `fleet` how far the existing fleets of all directories before it have come, `orphans` how many of each
    directory's rows so far are orphans', by compute type. `repeats` is how many pages running have shown nothing new,
    `hanging` the sides on which a directory was given up because no answer came.
    """

    run: str
    began_at: str
    at: int = 0
    side: str = PARTNER
    token: str | None = None
    parts: dict[str, int] = field(default_factory=lambda: {PARTNER: 0, OWN: 0})
    counts: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=lambda: {PARTNER: 0, OWN: 0})
    tally: dict[str, int] = field(default_factory=dict)
    fleet: dict[str, int] = field(default_factory=dict)
    standbys: dict[str, int] = field(default_factory=dict)
    problem: str = ""
    partition: int = 0
    orphans: dict[str, dict[str, int]] = field(default_factory=dict)
    key: dict[str, str] | None = None
    incomplete: int = 0
    scanned: int = 0
    repeats: int = 0
    hanging: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, cursor: object, run: str, directories: int) -> Place:
        """The place in a cursor of a run, of which another version may have written it, or for other directories.

        Raises
        ------
        BadSweepInput
            It is no place of that run in so many directories.
        """
        hints = get_type_hints(cls)
        if not isinstance(cursor, dict) or cursor.keys() != hints.keys():
            raise BadSweepInput("the cursor has not the keys that this version writes")
        if odd := [name for name, hint in hints.items() if not _fits(cursor[name], hint)]:
            raise BadSweepInput(f"the cursor's {', '.join(odd)} cannot be read")
        place = cls(**cursor)
        if place.run != run:
            raise BadSweepInput("the cursor is another execution's")
        if not place._can_be() or place.at > directories:
            raise BadSweepInput("the cursor names a place that there is not")
        return place

    def _can_be(self) -> bool:
        sides = {PARTNER, OWN}
        parts, sizes = self.parts.values(), self.sizes.values()
        try:
            StandbyTally(**self.standbys)
            begins = from_text(self.began_at).tzinfo is not None
        except (TypeError, ValueError):
            return False
        return (
            begins
            and self.side in sides
            and self.parts.keys() == self.sizes.keys() == sides
            and min(self.at, self.partition, self.incomplete, self.scanned, self.repeats, *parts, *sizes) >= 0
            and max(parts) <= _MOST_PARTS
        )

    def next_directory(self, now: str) -> Place:
        """The beginning of the next directory."""
        incomplete = self.incomplete + bool(self.problem)
        fleet = Counter(self.fleet) if self.problem else Counter(self.fleet) + Counter(progress(self.tally))
        return Place(
            self.run,
            now,
            self.at + 1,
            incomplete=incomplete,
            scanned=self.scanned,
            fleet=dict(fleet),
            hanging=self.hanging,
        )


@dataclass(frozen=True)
class Part:
    """What one invocation did of a sweep; `place` is where the next goes on, None when the sweep is over."""

    outcome: str
    place: Place | None = None
    ready: tuple[WorkspaceId, ...] = ()
    scanned: int = 0

    def answer(self) -> dict[str, Any]:
        """The form in which the state machine gets it."""
        return {
            "done": self.place is None,
            "outcome": self.outcome,
            "wait_seconds": 0,
            "ready": list(self.ready),
            "cursor": dataclasses.asdict(self.place) if self.place else None,
            "scanned": self.scanned,
        }


def _fits(value: object, hint: Any) -> bool:
    """Whether a value out of JSON is of a field's type; the keys of JSON's objects are text."""
    within = get_args(hint)
    if get_origin(hint) is UnionType:
        return any(_fits(value, one) for one in within)
    if isinstance(value, dict):
        return get_origin(hint) is dict and all(_fits(one, within[1]) for one in value.values())
    if isinstance(value, list):
        return get_origin(hint) is list and all(_fits(one, within[0]) for one in value)
    return type(value) is hint and (not isinstance(value, int) or abs(value) <= _MOST)
