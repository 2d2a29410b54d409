"""The desktops now: every row of the ledger is read once, counted, and not kept in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cli.ledger import Only
from cli.moments import every_row
from cli.report.figures import Desktops, Directory, Verdict
from cli.rows import kinds
from standby.core.model import Status, is_unassigned, user_key
from standby.core.plan import UNKNOWN_TYPE
from standby.core.reasons import NOT_OURS, Reason, meaning_of
from standby.core.row import SCHEMA_VERSION, Condition, Kind
from standby.core.upkeep import type_of_standby
from standby.ledger.table import moment_in

if TYPE_CHECKING:
    from cli.finding import Item
    from cli.ledger import Ledger
    from cli.report.figures import Period
    from cli.report.names import Names
    from cli.report.sheets import Sheets

# The attributes that are read of a row. To decode attributes takes most of a report's time.
_READ: Final = Only(
    attributes=(
        "pk",
        "schema_version",
        "status",
        "reason_code",
        "message",
        "user_name",
        "primary_directory_id",
        "standby_id",
        "compute_type",
        "dr_region",
        "first_seen_at",
        "protected_at",
        "changed_at",
        "conditions",
        "existing",
    )
)
# Conditions of a protected desktop by which its standby may not be usable: it is not known, and never good.
_DOUBTS: Final = {
    Kind.UNWELL: "The last sweep found the standby in ERROR, UNHEALTHY or IMPAIRED.",
    Kind.STANDBY_MISSED: "The last sweep did not find the standby.",
    Kind.STANDBY_TERMINATED: "TerminateWorkspaces was called for the standby.",
    Kind.MISSED: "The last sweep did not find the primary.",
    Kind.ABSENT: "DescribeWorkspaces did not return the primary.",
    Kind.PRIMARY_TERMINATED: "TerminateWorkspaces was called for the primary.",
    Kind.UNMAPPED: "The directory is no longer in the configuration, and no sweep covers it.",
}
UNCONFIRMED: Final = "The last sweep did not find the standby ready. No row names the desktop."
NOT_SWEPT: Final = "No sweep covers the directory."
TOO_LONG_AGO: Final = "The last complete sweep of the directory is too old."
NOT_REGISTERED: Final = "A sweep found that the directory, or its DR directory, is not registered with WorkSpaces."
UNREADABLE: Final = "The row was written by a later version, or manually, and cannot be read."

GAP_COLUMNS: Final = (
    "user_name",
    "primary_id",
    "primary_directory_id",
    "verdict",
    "status",
    "reason_code",
    "why",
    "since",
    "age_hours",
    "what_to_do",
)
EXCLUSION_COLUMNS: Final = ("user_name", "primary_id", "primary_directory_id", "reason_code", "rule", "since")
DRIFT_COLUMNS: Final = ("user_name", "primary_id", "standby_id", "primary_directory_id", "differs_in", "since")
STALE_COLUMNS: Final = ("user_name", "primary_id", "standby_id", "primary_directory_id", "stale_since")
ORPHAN_COLUMNS: Final = (
    "user_name",
    "standby_id",
    "primary_id",
    "primary_directory_id",
    "compute_type",
    "since",
    "kept_by",
)
SHEETS: Final = {
    "gaps": GAP_COLUMNS,
    "exclusions": EXCLUSION_COLUMNS,
    "drift": DRIFT_COLUMNS,
    "stale-copies": STALE_COLUMNS,
    "orphans": ORPHAN_COLUMNS,
}
# The best one counts for a person with several desktops.
_BEST: Final = (Verdict.WORK, Verdict.UNKNOWN, Verdict.NOTHING)


@dataclass
class Reading:
    """Reads the rows of one pair.

    Attributes
    ----------
    directories : mapping
        The directories that are mapped now.
    scope : sequence of str
        The directories to report; all if it is empty.
    """

    ledger: Ledger
    directories: Mapping[str, Directory]
    scope: frozenset[str]
    period: Period
    names: Names
    sheets: Sheets
    found: Desktops = field(default_factory=Desktops)
    _unreadable: int = 0  # rows that a sweep cannot read either
    _people: dict[str, int] = field(default_factory=dict)
    _doubted: Counter[str] = field(default_factory=Counter)  # by directory, those whose row has the reason

    def read(self, unreadable: int) -> Desktops:
        """Read and count all of them.

        Parameters
        ----------
        unreadable
            The number of rows that the last complete scans could not read. Rows with a status that this version does
            not know are in no partition that it queries.
        """
        for name, columns in SHEETS.items():
            self.sheets.begin(name, columns)
        for item in every_row(self.ledger, self.period.now, _READ):
            self.add(item)
        found = self.found
        for _ in range(max(unreadable - self._unreadable, 0)):
            self._count(Verdict.UNKNOWN, None, "not known", UNREADABLE)
            found.unreadable += 1
        best = Counter(self._people.values())
        for rank, verdict in enumerate(_BEST):
            found.people[verdict] += best[rank]
        for directory in self.directories.values():
            self._believe_the_scan(directory)
        return found

    def _believe_the_scan(self, directory: Directory) -> None:
        """Count as not known the standbys that the last scan did not confirm; no row names the desktops."""
        if not directory.is_fresh or directory.last_day is None or directory.unregistered:
            return
        found, counts = self.found, self.found.by_directory.get(directory.id, Counter[Verdict]())
        unconfirmed = directory.last_day.counts["unconfirmed"] - self._doubted[directory.id]
        for _ in range(min(max(unconfirmed, 0), counts[Verdict.WORK])):
            # If the person has two desktops, it is not known whether the other one is usable.
            for one in (found.desktops, found.people, counts):
                if one[Verdict.WORK]:
                    one[Verdict.WORK] -= 1
                    one[Verdict.UNKNOWN] += 1
            found.doubts[UNCONFIRMED] += 1

    def add(self, item: Item) -> None:
        """Count a row."""
        directory = str(item.get("primary_directory_id") or "not known")
        if item.get("reason_code") in NOT_OURS or (self.scope and directory not in self.scope):
            return
        if item.get("status") == Status.PRIMARY_GONE:
            if item.get("reason_code") == Reason.ORPHANED:
                self._add_orphan(item)
            return
        self.found.statuses[str(item.get("status"))] += 1
        verdict, doubt = self.verdict(item, directory)
        if doubt == UNREADABLE:
            self.found.unreadable += 1
            self._unreadable += not _is_readable(item)
        self._count(verdict, item.get("user_name"), directory, doubt)
        is_whole_directory = doubt in (NOT_SWEPT, TOO_LONG_AGO, NOT_REGISTERED)
        self._doubted[directory] += verdict is Verdict.UNKNOWN and doubt in _DOUBTS.values()
        if verdict is not Verdict.WORK and not is_whole_directory:
            self._add_gap(item, verdict, doubt)
        self._add_conditions(item)

    def verdict(self, item: Item, directory: str) -> tuple[Verdict, str]:
        """Whether the user of a row could work, and the reason if that is not known."""
        status = item.get("status")
        if not (_is_of_this_version(item) and _is_readable(item)):
            return Verdict.UNKNOWN, UNREADABLE
        if status != Status.PROTECTED:
            return Verdict.NOTHING, ""
        lasting = {kind for kind, _ in kinds(item)}
        for kind, doubt in _DOUBTS.items():
            if kind in lasting:
                return Verdict.UNKNOWN, doubt
        known = self.directories.get(directory)
        if known is None or not known.is_mapped:
            return Verdict.UNKNOWN, NOT_SWEPT
        if not known.is_fresh:
            return Verdict.UNKNOWN, TOO_LONG_AGO
        return (Verdict.UNKNOWN, NOT_REGISTERED) if known.unregistered else (Verdict.WORK, "")

    def _count(self, verdict: Verdict, user: object, directory: str, doubt: str) -> None:
        found = self.found
        found.desktops[verdict] += 1
        found.by_directory.setdefault(directory, Counter())[verdict] += 1
        if doubt:
            found.doubts[doubt] += 1
        if not isinstance(user, str) or not user:
            found.people[verdict] += 1  # the row has no name
        elif is_unassigned(user):
            found.unassigned[verdict] += 1
        else:
            rank, key = _BEST.index(verdict), user_key(user)
            self._people[key] = min(rank, self._people.get(key, rank))

    def _add_gap(self, item: Item, verdict: Verdict, doubt: str) -> None:
        status, reason = str(item.get("status")), str(item.get("reason_code"))
        meaning = meaning_of(reason)
        # A desktop that never had a standby has had none since it was first seen.
        since = item.get("changed_at") if item.get("protected_at") or doubt else item.get("first_seen_at")
        row = {
            **self._named(item),
            "verdict": str(verdict),
            "status": status,
            "reason_code": reason,
            "why": doubt or meaning.sentence,
            "since": since,
            "age_hours": hours_since(since, self.period.now),
            "what_to_do": "No action needed. The next complete sweep decides." if doubt else meaning.advice,
        }
        self.found.gaps_by_reason[status, reason] += 1
        self.found.gaps.add((str(since), row["primary_id"]), row)
        self.sheets.write("gaps", row)
        if status == Status.EXCLUDED:
            self._add_exclusion(item)

    def _add_exclusion(self, item: Item) -> None:
        message = str(item.get("message") or "")
        rule = self.names.rule(message.partition("The rule is ")[2].rstrip(".")) or str(item.get("reason_code"))
        row = {
            **self._named(item),
            "reason_code": item.get("reason_code"),
            "rule": rule,
            "since": item.get("changed_at"),
        }
        self.found.exclusions_by_rule[rule] += 1
        self.found.exclusions.add((str(row["since"]), row["primary_id"]), row)
        self.sheets.write("exclusions", row)

    def _add_conditions(self, item: Item) -> None:
        found, lasting = self.found, dict(kinds(item))
        is_protected = item.get("status") == Status.PROTECTED
        found.pcoip_primaries += Kind.PCOIP in lasting
        found.pcoip_standbys += is_protected and Kind.STANDBY_PCOIP in lasting
        found.doubled += Kind.DOUBLED in lasting
        if item.get("status") == Status.FAILED and item.get("standby_id"):
            found.failed_by_type[str(item.get("compute_type") or UNKNOWN_TYPE)] += 1
        if not is_protected:
            return
        drift = lasting.get(Kind.DRIFT)
        differs = str(drift.get("note") or "") if drift else ""
        found.standbys_by_type[type_of_standby(str(item.get("compute_type") or ""), differs)] += 1
        if drift:
            found.drift_by_property.update(one.partition(" ")[0] for one in differs.split("; ") if one)
            row = {**self._named(item, standby=True), "differs_in": differs, "since": drift.get("since")}
            found.drift.add((str(row["since"]), row["primary_id"]), row)
            self.sheets.write("drift", row)
        if stale := lasting.get(Kind.STALE):
            row = {**self._named(item, standby=True), "stale_since": stale.get("since")}
            found.stale.add((str(row["stale_since"]), row["primary_id"]), row)
            self.sheets.write("stale-copies", row)

    def _add_orphan(self, item: Item) -> None:
        lasting = dict(kinds(item))
        kept, differs = lasting.get(Kind.KEPT), str((lasting.get(Kind.DRIFT) or {}).get("note") or "")
        by, _, because = str((kept or {}).get("note") or "").partition(": ")
        kept_by = f"{self.names.who(by)}: {self.names.text(because)}" if kept else ""
        row = {
            **self._named(item, standby=True),
            "compute_type": item.get("compute_type"),
            "since": item.get("changed_at"),
            "kept_by": kept_by,
        }
        self.found.orphans_kept += kept is not None
        self.found.orphans_by_type[type_of_standby(str(item.get("compute_type") or ""), differs)] += 1
        self.found.orphans.add((str(row["since"]), row["primary_id"]), row)
        self.sheets.write("orphans", row)

    def _named(self, item: Item, *, standby: bool = False) -> dict[str, Any]:
        names = ("standby_id", "primary_directory_id") if standby else ("primary_directory_id",)
        named = {"user_name": self.names.user(item.get("user_name")), "primary_id": item["pk"]}
        return named | {name: item.get(name) for name in names}


def _is_of_this_version(item: Item) -> bool:
    version = item.get("schema_version")
    return isinstance(version, int) and version <= SCHEMA_VERSION


def _is_readable(item: Item) -> bool:
    """Whether a sweep of this version can read a row, judged by the attributes here."""
    try:
        Reason(str(item.get("reason_code")))
        for kind, one in (item.get("conditions") or {}).items():
            Kind(kind)
            Condition.from_item(one)
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    return True


def hours_since(text: object, now: datetime) -> float | None:
    """The hours since a time of the ledger; None if the text is not a time."""
    then = moment_in({"at": text}, "at")
    return None if then is None else round(max(now - then, timedelta(0)).total_seconds() / 3600, 1)
