"""Reads a report's figures from one pair's ledger: what cannot be read is left out, and named."""

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
# Days that a sentence names.
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

    def figures(self) -> Figures:
        """All of it.

        Raises
        ------
        Problem
            AWS refuses to let it be read, or a directory is none. Of what only does not answer, `missing` says so.
        """
        scope = self._tried("Which directories there are", lambda: known_directories([self.ledger], self.wanted)) or []
        state = self._tried("How the pair stands", lambda: state_of(self.ledger, self.period.now)) or State()
        kept = self._tried("By which configuration sweeps decide", self.ledger.kept_settings)
        interval = kept.settings.sweep_interval if kept else USUAL_INTERVAL
        if kept is None:
            self.missing.append(
                "No sweep has noted which directories are mapped, or a later version has. How many desktops are"
                f" protected is not known. {start_a_sweep(self.ledger)}"
            )
        reading = days.Reading(self.ledger, state, self.period, interval, self.names)
        mapped = [one for one in state.directories if not scope or one in scope] or list(scope)
        with progress("Reading the days"):
            directories = self._tried("How the days were", lambda: reading.read(mapped)) or []
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
        doctor = self._tried("What doctor found last", self._doctor)
        if self.ledger.caution:  # it says all that the stack's silence does
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
            cautions=list(self.cautions),
        )

    def _tried(self, what: str, read: Callable[[], T]) -> T | None:
        """What is read; None, and a sentence, if it does not answer."""
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
            found = self._tried("How desktops stand", lambda: reading.read(days.unreadable_in(directories)))
        if found is None:  # a sheet of some of them would pass for one of all
            self.sheets.give_up(*desktops.SHEETS)
        if found is not None and found.unreadable:
            self.missing.append(
                f"{counted(found.unreadable, 'row was', 'rows were')} written by a later version, or manually, and"
                " cannot be read. These desktops are counted as not known."
            )
        for one in directories:
            if not one.is_fresh:
                ended = f"ended at {utc(one.scanned_at)}" if one.scanned_at else "is days ago, or there was none"
                self.missing.append(
                    f"{one.id}: the last complete sweep {ended}. Who is protected there now is not known."
                )
        return found

    def _former(self, found: Desktops | None, reading: days.Reading, known: set[str], state: State) -> list[Directory]:
        """Directories that desktops' rows name, and that are not mapped any more: their days count as well."""
        named = set(found.by_directory) if found else set()
        wanted = sorted(one for one in named - known if one.startswith("d-") and one not in state.directories)
        read = self._tried("How the days of former directories were", lambda: reading.read(wanted)) or []
        return [one for one in read if any(day.is_known for day in one.days)]

    def _say_gaps(self, directories: Sequence[Directory]) -> None:
        for one in directories:
            gaps = [day.day for day in one.days if day.state == "gap" and one.is_mapped]
            if gaps:
                more = f" and {len(gaps) - _MOST_NAMED} more days" if len(gaps) > _MOST_NAMED else ""
                listed = ", ".join(gaps[:_MOST_NAMED]) + more
                self.missing.append(f"{one.id}: no sweep was complete on {listed}. Who was covered then is not known.")

    def _changes(self, scope: frozenset[str]) -> Changes | None:
        reading = changes.Reading(self.ledger, scope, self.period, self.names, self.sheets)
        found = self._tried("What changed in the period", reading.read)
        if found is None:
            self.sheets.give_up("changes")
        return found

    def _named(self, copies: Copies | None) -> Copies | None:
        """The copies, the oldest ones with their users."""
        if copies is None or not copies.oldest:
            return copies
        rows = self._tried("Whose copies are the oldest", lambda: self.ledger.states([one for _, one in copies.oldest]))
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
            self.missing.append("The last run of doctor that was kept is of a later version, and cannot be read.")
            return None
        by, because = self.names.who(event.get("principal")), self.names.text(event.get("cause_id"))
        return Doctor(at, by, because, checks)

    def _paused(self, state: State) -> str:
        if not state.is_paused:
            return ""
        row: Item | Any = state.pause
        by = self.names.who(row.get("paused_by")) or "somebody who is not named"
        since = f" since {utc(row['paused_at'])}" if row.get("paused_at") else ""
        because = self.names.text(row.get("because"))
        return f"paused by {by}{since}{f' ({because})' if because else ''}"
