"""Reads the figures of a report from one pair's ledger. Parts that cannot be read are left out, and named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from cli.asking import progress
from cli.figures import USUAL_INTERVAL
from cli.listing import known_directories
from cli.problems import Problem, Status
from cli.report import changes, days, desktops
from cli.report.figures import Changes, Copies, Desktops, Directory, Doctor, Figures, Period, Source
from cli.report.forms import counted, utc
from cli.running import start_a_sweep
from cli.state import State, state_of
from standby.core.examined import DOCTOR, read_examined
from standby.ledger.table import moment_in

if TYPE_CHECKING:
    from cli.finding import Item
    from cli.ledger import Ledger
    from cli.report.names import Names
    from cli.report.sheets import Sheets

T = TypeVar("T")
# The most days, or directories, that a sentence names.
_MOST_NAMED = 5


@dataclass
class Gathering:
    """Reads one pair."""

    ledger: Ledger
    period: Period
    names: Names
    sheets: Sheets
    wanted: Sequence[str] = ()
    missing: list[str] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    _incomplete: list[str] = field(default_factory=list)

    def figures(self) -> Figures:
        """All of it.

        Raises
        ------
        Problem
            AWS denies the reading, or a directory does not exist. If AWS only does not answer, `missing` says so.
        """
        scope = self._tried("The list of directories", lambda: known_directories([self.ledger], self.wanted)) or []
        state = self._tried("The state of the pair", lambda: state_of(self.ledger, self.period.now)) or State()
        kept = self._tried("The configuration of the sweeps", self.ledger.kept_settings)
        interval = kept.settings.sweep_interval if kept else USUAL_INTERVAL
        if kept is None:
            self.missing.append(
                "No sweep has recorded which directories are mapped, or a later version recorded it. It is not known"
                f" how many desktops are protected. {start_a_sweep(self.ledger)}"
            )
        reading = days.Reading(self.ledger, state, self.period, interval, self.names)
        mapped = [one for one in state.directories if not scope or one in scope] or list(scope)
        with progress("Reading the days"):
            directories = self._tried("The coverage in the period", lambda: reading.read(mapped)) or []
        found = self._desktops(directories, frozenset(scope))
        others = self._former(found, reading, {one.id for one in directories}, state)
        directories += others
        whole = days.together(directories) if directories else []
        self.sheets.whole("days", days.DAY_COLUMNS, days.sheet_rows(directories, whole))
        self._say_gaps(directories)
        source = Source(
            stack=self.ledger.pair.stack,
            region=self.ledger.region,
            primary_region=self.ledger.pair.region,
            dr_region=self.ledger.pair.dr_region,
            interval=interval,
            mode=kept.settings.mode if kept else None,
            digest=kept.config_digest if kept else None,
            version=kept.settings.version if kept else None,
            noted_at=kept.noted_at if kept else None,
            deployed_digest=self.ledger.pair.outputs.get("ConfigDigest"),
            deployed_version=self.ledger.pair.outputs.get("Version"),
            rpo=kept.settings.rpo if kept else None,
            paused=self._paused(state),
            changes=reading.changes(),
            without_configuration=reading.without_configuration,
        )
        copies = days.copies_of(directories) if directories else None
        with progress("Reading the changes"):
            changed = self._changes(frozenset(scope))
        doctor = self._tried("The last kept run of doctor", self._doctor)
        if self.ledger.caution:  # it includes what the caution about the stack says
            self.cautions = [self.ledger.caution]
        return Figures(
            period=self.period,
            source=source,
            directories=directories,
            days=whole,
            copies=self._named(copies),
            desktops=found,
            changes=changed,
            doctor=doctor,
            prices=kept.settings.prices if kept else {},
            scope=scope,
            redacted=self.names.are_redacted,
            missing=list(dict.fromkeys(self.missing)),
            cautions=[*self.cautions, *self._incomplete],
        )

    def _tried(self, what: str, read: Callable[[], T]) -> T | None:
        """The result; None, and a sentence in `missing`, if AWS does not answer."""
        try:
            return read()
        except Problem as problem:
            if problem.status is not Status.INCOMPLETE:
                raise
            self.missing.append(f"{what} is not known: {problem}")
            return None

    def _desktops(self, directories: Sequence[Directory], scope: frozenset[str]) -> Desktops | None:
        known = {one.id: one for one in directories}
        reading = desktops.Reading(self.ledger, known, scope, self.period, self.names, self.sheets)
        with progress("Reading the desktops"):
            found = self._tried("The state of the desktops", lambda: reading.read(days.unreadable_in(directories)))
        if found is None:  # a sheet of some rows would look like one of all rows
            self.sheets.give_up(*desktops.SHEETS)
        if found is not None and found.unreadable:
            self.missing.append(
                f"{counted(found.unreadable, 'row was', 'rows were')} written by a later version, or manually, and"
                f" cannot be read. {'It is' if found.unreadable == 1 else 'They are'} counted as not known."
            )
        for one in directories:
            if not one.is_fresh:
                ended = f"ended at {utc(one.scanned_at)}" if one.scanned_at else "was days ago, or there was none"
                self.missing.append(
                    f"{one.id}: the last complete sweep {ended}. It is not known who is protected there now."
                )
            elif one.problem and one.is_mapped:
                self._incomplete.append(
                    f"{one.id}: the last sweep was not complete: {one.problem.rstrip('.')}. The figures are those of"
                    f" the sweep before it, which ended at {utc(one.scanned_at)}."
                )
        return found

    def _former(self, found: Desktops | None, reading: days.Reading, known: set[str], state: State) -> list[Directory]:
        """Directories that rows name and that are no longer mapped: their days count as well."""
        named = set(found.by_directory) if found else set()
        wanted = sorted(one for one in named - known if one.startswith("d-") and one not in state.directories)
        read = self._tried("The coverage of former directories", lambda: reading.read(wanted)) or []
        return [one for one in read if any(day.is_known for day in one.days)]

    def _say_gaps(self, directories: Sequence[Directory]) -> None:
        """Name the days without a complete sweep, once for all directories that have the same ones."""
        by_days: dict[tuple[str, ...], list[str]] = {}
        for one in directories:
            gaps = tuple(day.day for day in one.days if day.state == "gap" and one.is_mapped)
            if gaps:
                by_days.setdefault(gaps, []).append(one.id)
        for gaps, ids in by_days.items():
            self.missing.append(
                f"{_named(ids, 'directories')}: no complete sweep on {_named(gaps, 'days')}."
                " It is not known who was protected then."
            )

    def _changes(self, scope: frozenset[str]) -> Changes | None:
        reading = changes.Reading(self.ledger, scope, self.period, self.names, self.sheets)
        found = self._tried("The changes of the period", reading.read)
        if found is None:
            self.sheets.give_up("changes")
        return found

    def _named(self, copies: Copies | None) -> Copies | None:
        """The copies, with the users of the oldest ones."""
        if copies is None or not copies.oldest:
            return copies
        rows = self._tried(
            "The users of the oldest copies", lambda: self.ledger.states([one for _, one in copies.oldest])
        )
        for _, one in copies.oldest:
            row = (rows or {}).get(one, {})
            copies.rows[one] = {
                "user_name": self.names.user(row.get("user_name")),
                "primary_directory_id": row.get("primary_directory_id"),
                "standby_id": row.get("standby_id"),
            }
        return copies

    def _doctor(self) -> Doctor | None:
        event = next(self.ledger.history(DOCTOR, newest_first=True), None)
        if event is None or (at := moment_in(event, "at")) is None:
            return None
        try:
            checks = read_examined(event.get("checks"))
        except ValueError:
            self.missing.append("The last kept run of doctor was written by a later version and cannot be read.")
            return None
        by, because = self.names.who(event.get("principal")), self.names.text(event.get("cause_id"))
        return Doctor(at, by, because, checks)

    def _paused(self, state: State) -> str:
        if not state.is_paused:
            return ""
        row: Item | Any = state.pause
        by = self.names.who(row.get("paused_by")) or "a person who is not named"
        at = f" at {utc(row['paused_at'])}" if row.get("paused_at") else ""
        return f"paused by {by}{at} {self.names.noted(row.get('because'))}".rstrip()


def _named(names: Sequence[str], what: str) -> str:
    """Some names as a list in a sentence, at most a few of them."""
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more {what}" if rest > 0 else "")
