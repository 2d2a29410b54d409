"""Changes of the period, who caused them, and time to protection: the events of its days, read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cli.changes import subject
from cli.ledger import Only
from cli.people import MACHINES
from cli.report.days import days_of
from cli.report.figures import Changes
from cli.rows import kinds
from standby.core.model import EVENT, Status, from_text, to_text
from standby.core.reasons import NOT_OURS, Reason
from standby.core.row import Kind

if TYPE_CHECKING:
    from cli.finding import Item
    from cli.ledger import Ledger
    from cli.report.figures import Period
    from cli.report.names import Names
    from cli.report.sheets import Sheets

# The attributes that are read of an event. To decode attributes takes most of a report's time.
_READ: Final = Only(
    attributes=(
        "pk",
        "at",
        "from_status",
        "status",
        "reason_code",
        "notice_code",
        "cause_type",
        "cause_id",
        "principal",
        "created_by",
        "user_name",
        "primary_directory_id",
        "existing",
        "conditions",
    )
)
CHANGE_COLUMNS: Final = (
    "at",
    "kind",
    "user_name",
    "about",
    "primary_directory_id",
    "from_status",
    "status",
    "reason_code",
    "by",
    "because",
)
CREATED, FOUND, TERMINATED, STANDBY_TERMINATED = (
    "created",
    "found in an existing fleet",
    "terminated",
    "terminated standby",
)
PROTECTED, LOST, EXCLUDED, ASKED = "protected", "no longer protected", "excluded", "changed by a command"
ACCEPTED, PAUSED, RESUMED, KEPT, DOCTOR = "accepted", "paused", "resumed", "orphan kept", "doctor run kept"
LETTER: Final = "dead letter deleted"
# In the order of the table.
KINDS: Final = (
    CREATED,
    FOUND,
    PROTECTED,
    LOST,
    TERMINATED,
    STANDBY_TERMINATED,
    EXCLUDED,
    ASKED,
    ACCEPTED,
    PAUSED,
    RESUMED,
    KEPT,
    DOCTOR,
    LETTER,
)
# The decisions of people, each with its reason: listed one by one.
_DECISIONS: Final = (ACCEPTED, PAUSED, RESUMED, KEPT, DOCTOR, LETTER)
_OF_THE_PAIR: Final[dict[str, str]] = {
    Reason.FLEET_ACCEPTED: ACCEPTED,
    Reason.PAUSE_ON: PAUSED,
    Reason.PAUSE_OFF: RESUMED,
    Reason.DOCTOR_KEPT: DOCTOR,
    Reason.LETTER_DELETED: LETTER,
}
_NOT_TO_HAVE_ONE: Final = (Status.EXCLUDED, Status.INELIGIBLE, Status.REPORTED)
# Reasons of ids that never became a desktop.
_NEVER_WAS: Final = (Reason.NEVER_RETURNED, Reason.MIGRATION_FAILED)
NOT_NAMED: Final = "not known"
BY_SWEEP: Final = "not known (found by a sweep)"


@dataclass
class _New:
    """A new desktop without a standby so far: in which states it spent its time."""

    seen_at: float
    state: str
    since: float
    status: str
    spent: Counter[str] = field(default_factory=Counter)

    def move(self, status: str, reason: str, at: float) -> None:
        """Change its state at a time."""
        self.spent[self.state] += max(round(at - self.since), 0)
        self.state, self.status, self.since = f"{status} ({reason})", status, at


@dataclass
class Reading:
    """Reads the events of one pair."""

    ledger: Ledger
    scope: frozenset[str]
    period: Period
    names: Names
    sheets: Sheets
    found: Changes = field(default_factory=Changes)
    _new: dict[str, _New] = field(default_factory=dict)
    _noted: dict[tuple[str, Kind], str] = field(default_factory=dict)

    def read(self) -> Changes:
        """Read and count all of them."""
        self.sheets.begin("changes", CHANGE_COLUMNS)
        for item in self._events():
            self.add(item)
        protection = self.found.protection
        for one in self._new.values():
            is_refused = one.status in _NOT_TO_HAVE_ONE
            protection.refused += is_refused
            protection.waiting += not is_refused
        return self.found

    def _events(self) -> Iterable[Item]:
        first, last = to_text(self.period.since), to_text(min(self.period.until, self.period.now))
        for day in days_of(self.period):
            yield from self.ledger.of_day(day, max(first, day), min(last, f"{day}T~"), _READ)

    def add(self, item: Item) -> None:
        """Count an event."""
        directory = item.get("primary_directory_id")
        if item.get("reason_code") in NOT_OURS or (self.scope and directory and directory not in self.scope):
            return
        self.found.events += 1
        is_desktop = str(item["pk"]).startswith("ws-")
        found = list(self._kinds_of(item)) if is_desktop else self._of_the_pair(item)
        if is_desktop:
            self._follow(item)
        for kind, by in found:
            self.found.by_kind[kind] += 1
            self.found.by_principal.setdefault(by, Counter())[kind] += 1
            if kind in _DECISIONS:
                row = self._row(item, kind, by)
                self.found.decisions.add(row["at"], row)
        for kind, by in found or [("", self._by(item))]:
            self.sheets.write("changes", self._row(item, kind, by))

    def _row(self, item: Item, kind: str, by: str) -> dict[str, Any]:
        cause = "" if item.get("cause_type") in MACHINES else item.get("cause_id")
        is_event = item.get("cause_type") == EVENT
        return {
            "at": item.get("at"),
            "kind": kind,
            "user_name": self.names.user(item.get("user_name")),
            "about": subject(item["pk"]),
            "primary_directory_id": item.get("primary_directory_id"),
            "from_status": item.get("from_status"),
            "status": item.get("status") if str(item["pk"]).startswith("ws-") else None,
            "reason_code": item.get("notice_code") or item.get("reason_code"),
            "by": by,
            "because": f"CloudTrail event {cause}" if is_event else self.names.text(cause),
        }

    def _of_the_pair(self, item: Item) -> list[tuple[str, str]]:
        kind = _OF_THE_PAIR.get(str(item.get("reason_code")))
        return [(kind, self._by(item))] if kind else []

    def _by(self, item: Item) -> str:
        kind = str(item.get("cause_type") or "")
        return MACHINES.get(kind) or self.names.who(item.get("principal")) or NOT_NAMED

    def _kinds_of(self, item: Item) -> Iterable[tuple[str, str]]:
        """The kinds of change in an event of a desktop, each with who caused it."""
        before, status, pk = item.get("from_status"), item.get("status"), str(item["pk"])
        lasting = dict(kinds(item))
        if before is None:
            yield self._first(item)
        if (noted := lasting.get(Kind.STANDBY_TERMINATED)) and self._is_news(pk, Kind.STANDBY_TERMINATED, noted):
            yield STANDBY_TERMINATED, self._caller(noted)
        if status == Status.PRIMARY_GONE and before != Status.PRIMARY_GONE:
            if item.get("reason_code") not in _NEVER_WAS:
                noted = lasting.get(Kind.PRIMARY_TERMINATED)
                yield TERMINATED, self._caller(noted) if noted else NOT_NAMED
        elif status == Status.PROTECTED and before != Status.PROTECTED:
            yield PROTECTED, self._by(item)
        elif before == Status.PROTECTED and status not in (Status.PROTECTED, Status.PRIMARY_GONE):
            self.found.lost_by_reason[str(item.get("reason_code"))] += 1
            yield LOST, self._by(item)
        if status == Status.EXCLUDED and before != Status.EXCLUDED:
            yield EXCLUDED, "the configuration"
        if (kept := lasting.get(Kind.KEPT)) and self._is_news(pk, Kind.KEPT, kept):
            yield KEPT, self._by(item)
        if item.get("cause_type") not in (None, EVENT, *MACHINES) and status not in (before, Status.PRIMARY_GONE):
            yield ASKED, self._by(item)

    def _first(self, item: Item) -> tuple[str, str]:
        if item.get("existing"):
            return FOUND, self._by(item)
        by = self.names.who(item.get("created_by"))
        return CREATED, by or (BY_SWEEP if item.get("cause_type") == "sweep" else NOT_NAMED)

    def _is_news(self, pk: str, kind: Kind, noted: Any) -> bool:
        """Whether the note of a condition is new: a condition lasts, so later events have it, too."""
        note = str(noted.get("note"))
        if self._noted.get((pk, kind)) == note or str(noted.get("since")) < to_text(self.period.since):
            return False
        self._noted[pk, kind] = note
        return True

    def _caller(self, noted: Any) -> str:
        """The caller of TerminateWorkspaces: the note has it after the id."""
        return self.names.who(str(noted.get("note") or "").partition(" ")[2]) or NOT_NAMED

    def _follow(self, item: Item) -> None:
        """Follow a new desktop until it is protected for the first time."""
        pk, status, reason = str(item["pk"]), str(item.get("status")), str(item.get("reason_code"))
        at, protection = _seconds(item.get("at")), self.found.protection
        new = self._new.get(pk)
        if item.get("from_status") is None and not item.get("existing"):
            protection.created += 1
            new = self._new[pk] = _New(at, f"{status} ({reason})", at, status)
        if new is None:
            return
        new.move(status, reason, at)
        if status == Status.PROTECTED:
            waited = round(at - new.seen_at)
            protection.seconds.append(waited)
            protection.by_reason.update(new.spent)
            longest = max(new.spent, key=lambda one: (new.spent[one], one), default="")
            row = {
                "user_name": self.names.user(item.get("user_name")),
                "primary_id": pk,
                "seconds": waited,
                "longest_in": longest,
                "longest_seconds": new.spent[longest],
                "protected_at": item.get("at"),
            }
            protection.slowest.add((-waited, pk), row)
            del self._new[pk]
        elif status == Status.PRIMARY_GONE:
            protection.gone += 1
            del self._new[pk]


def _seconds(text: object) -> float:
    try:
        return from_text(text).timestamp()
    except ValueError:
        return 0.0
