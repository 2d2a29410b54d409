"""Which desktops were covered at a moment, and how certain that is.

If a row last changed before the moment, it already had its present status then; only its conditions may have changed
since, and conditions do not affect coverage. For all other rows, the newest event before the moment has the status.
Each change of a row writes one event under the row's next version, so that event is found by bisecting the versions.
Desktops that were first seen later are left out.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from cli.figures import Certainty, number
from standby.core.model import NOT_ELIGIBLE, OPEN, Status, from_text, to_text
from standby.core.reasons import NOT_OURS

if TYPE_CHECKING:
    from cli.finding import Item
    from cli.ledger import Ledger, Only

_ROWS: Final = 100  # of one step: one request has their events of one version each
# Steps that run at the same time. A request takes milliseconds in CloudShell, and 0.1 seconds from elsewhere.
_AT_ONCE: Final = 2


def rows_then(ledger: Ledger, rows: Iterable[Item], moment: datetime) -> Iterator[Item]:
    """The rows or events that describe desktops at a moment, in the order of their present rows."""
    then = to_text(moment)
    known = (row for row in rows if str(row.get("first_seen_at")) <= then and row.get("reason_code") not in NOT_OURS)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        ahead: deque[Future[list[Item]]] = deque()
        while some := list(islice(known, _ROWS)):
            ahead.append(pool.submit(_then, ledger, some, moment))
            if len(ahead) >= _AT_ONCE:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()


def _then(ledger: Ledger, rows: Sequence[Item], moment: datetime) -> list[Item]:
    """What describes the desktops of some rows at a moment; those that were not known then are left out."""
    then = to_text(moment)
    found = {str(row["pk"]): row for row in rows if str(row.get("changed_at")) <= then}
    # The newest version that is known to be from before the moment, and the oldest that is known to be from after it.
    bounds = {str(row["pk"]): (0, number(row, "version") or 0) for row in rows if str(row["pk"]) not in found}
    while asked := {pk: (low + high) // 2 for pk, (low, high) in bounds.items() if high - low > 1}:
        events = ledger.events(asked)
        for pk, version in asked.items():
            low, high = bounds[pk]
            if pk not in events:
                bounds[pk] = (0, 0)
                found.pop(pk, None)
            elif str(events[pk].get("at")) <= then:
                bounds[pk], found[pk] = (version, high), events[pk]
            else:
                bounds[pk] = (low, version)
    # Of these, somebody has deleted an event, or edited the version.
    for pk in bounds.keys() - found.keys():
        if event := ledger.at(pk, moment):
            found[pk] = event
    return [found[pk] for row in rows if (pk := str(row["pk"])) in found]


def every_row(ledger: Ledger, began: datetime, only: Only | None = None) -> Iterator[Item]:
    """The present row of every desktop, each once.

    A row that changes while the index is read can appear twice or not at all. Therefore rows that changed since the
    reading began are read again, and the first row of each desktop counts.
    """
    seen: set[str] = set()
    for since in (None, began):
        for row in ledger.by_status(since=since, only=only):
            if row["pk"] not in seen:
                seen.add(row["pk"])
                yield row


def covered(row: Item) -> bool:
    """Whether the desktop of a row or event had a ready standby."""
    return row.get("status") == Status.PROTECTED


def is_there(row: Item) -> bool:
    """Whether the desktop of a row or event existed."""
    return row.get("status") != Status.PRIMARY_GONE


def answer_row(row: Item, stack: str, certainty: Certainty | None) -> dict[str, Any]:
    """A desktop at a moment, for data output."""
    names = ("primary_id", "user_name", "status", "reason_code", "standby_id", "dr_region", "primary_directory_id")
    before = certainty.before if certainty else None
    return {
        "stack": stack,
        **{name: row.get(name) for name in names[:2]},
        "covered": covered(row),
        **{name: row.get(name) for name in names[2:]},
        "changed_at": row.get("changed_at"),
        "sweep_before": None if before is None else to_text(before),
        "known": certainty is not None and certainty.is_known,
    }


@dataclass
class Tally:
    """How many desktops of a directory were covered at a moment."""

    certainty: Certainty | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, row: Item) -> None:
        """Count a desktop."""
        self.counts["desktops"] += 1
        if row.get("status") not in NOT_ELIGIBLE:
            self.counts["eligible"] += 1
            self.counts["covered" if covered(row) else "not_covered"] += 1

    def row(self, directory: str) -> dict[str, Any]:
        """The tally for data output."""
        sure = self.certainty
        times = {
            "sweep_before": to_text(sure.before) if sure and sure.before else None,
            "sweep_after": to_text(sure.after) if sure and sure.after else None,
        }
        names = ("desktops", "eligible", "covered", "not_covered")
        known = sure is not None and sure.is_known
        return {"directory_id": directory, **{name: self.counts[name] for name in names}, **times, "known": known}


# One desktop


@dataclass(frozen=True)
class Stood:
    """The state of a desktop at a moment, and what led to it.

    Attributes
    ----------
    then : row
        The last event before the moment.
    opened : row
        The first event that led to it: since the desktop last had a ready standby, or was not to have one.
    """

    then: Item
    opened: Item


def stood(history: Iterable[Item], moment: datetime) -> Stood | None:
    """The state of a desktop by its history (newest first); None if the desktop was not known at the moment."""
    then: Item | None = None
    opened: Item | None = None
    for event in history:
        if str(event.get("at")) > to_text(moment):
            continue
        if then is None:
            then = opened = event
        elif _is_another_story(event, then):
            break
        opened = event
    return Stood(then, opened) if then is not None and opened is not None else None


def _is_another_story(before: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
    """Whether an earlier event belongs to another standby, or to an earlier attempt."""
    if then.get("standby_id"):
        if before.get("standby_id"):
            return before.get("standby_id") != then.get("standby_id")
        return before.get("status") not in (*OPEN, Status.HELD)
    return (before.get("status"), before.get("reason_code")) != (then.get("status"), then.get("reason_code"))


def since(then: Mapping[str, Any]) -> datetime | None:
    """When a desktop entered this state."""
    try:
        return from_text(then.get("changed_at"))
    except ValueError:
        return None
