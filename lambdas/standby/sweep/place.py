"""Where a sweep stands, and what one invocation of it answers: all that is handed from one to the next."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from standby.model import WorkspaceId
from standby.sweep.memory import OWN, PARTNER
from standby.sweep.plan import progress


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
    standbys: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    partition: int = 0
    orphans: dict[str, dict[str, int]] = field(default_factory=dict)
    key: dict[str, Any] | None = None
    incomplete: int = 0
    scanned: int = 0
    repeats: int = 0
    hanging: list[str] = field(default_factory=list)

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
