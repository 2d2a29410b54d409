"""The answer of `standby audit`: coverage at a moment, or the days and changes of a period."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cli.answers import Answer, Column, Table, put_indented, put_line, put_table, text, time
from cli.asking import until_first
from cli.changes import change_of, subject, what
from cli.figures import MOST_INTERVALS, USUAL_INTERVAL, Certainty, certainty, scans_in
from cli.finding import rows_of
from cli.listing import known_directories, no_such_desktop
from cli.moments import Tally, answer_row, covered, every_row, is_there, rows_then, since, stood
from cli.options import Output
from cli.people import CLOUDTRAIL, because, behind, who
from cli.problems import Problem, Status
from cli.times import age, local
from standby.core.model import DirectoryId, day_of, to_text
from standby.core.reasons import meaning_of
from standby.ledger.sweeps import BASELINE, DAYS_BACK, directory_key

if TYPE_CHECKING:
    from rich.console import Console

    from cli.finding import Item
    from cli.ledger import Ledger
    from cli.running import Run


@dataclass(frozen=True)
class Scope:
    """The directories and the user that an audit is limited to; all if none is named."""

    directories: Sequence[str] = ()
    user: str | None = None

    def check(self, run: Run) -> None:
        """Raise a Problem, with the nearest match, if a name matches nothing."""
        known_directories(run.ledgers, self.directories)
        if self.user is not None and not any(rows_of(ledger, self.user) for ledger in run.ledgers):
            raise no_such_desktop(run.ledgers, self.user)

    def takes(self, row: Item) -> bool:
        """Whether the directory of a row or an event is in scope."""
        return not self.directories or row.get("primary_directory_id") in self.directories

    def of(self, ledger: Ledger) -> list[str]:
        """The directories of a pair that are in scope."""
        kept = ledger.kept_settings()
        mapped = [str(one) for one in kept.settings.directories] if kept else []
        # A directory that is no longer mapped has days, too.
        return [one.strip().lower() for one in self.directories] if self.directories else mapped


def _interval(ledger: Ledger) -> timedelta:
    kept = ledger.kept_settings()
    return kept.settings.sweep_interval if kept else USUAL_INTERVAL


# At a moment


def at_moment(run: Run, moment: datetime, scope: Scope, *, uncovered: bool) -> Status:
    """Answer which desktops were covered at a moment, and how certain that is."""
    if moment > run.now:
        raise Problem("InTheFuture", f"{local(moment)} is in the future.", "Use a time in the past.")
    scope.check(run)
    if scope.user is not None:
        return _one_at_moment(run, moment, scope)
    found = _AtMoment(run, moment, scope, uncovered=uncovered)
    table = Table("desktops", _COLUMNS_AT, found.rows(), empty="0 desktops.")
    if run.options.output is Output.TABLE:
        table = _narrowed(table, len(run.pairs))
    answer = Answer([table], facts=found.facts)
    answer.found = found.is_something_uncovered
    answer.missing = found.missing
    answer.closing = found.sentences
    then = to_text(moment)
    answer.next = f"`standby audit --user NAME --as-of {then}` shows who caused one user's status."
    return run.of_ledgers(answer)


_KNOWN: Final = Column("known", "Certain", lambda value: "yes" if value else "NO")
_COLUMNS_AT: Final = (
    text("stack"),
    text("primary_id", "Primary"),
    text("user_name", "User"),
    Column("covered", "Covered", lambda value: "yes" if value else "NO"),
    text("status"),
    text("reason_code", "Reason"),
    text("standby_id", "Standby"),
    text("primary_directory_id", "Directory"),
    time("changed_at", "Since"),
    time("sweep_before", "Sweep before"),
    _KNOWN,
)


@dataclass
class _AtMoment:
    """Desktops as they were at a moment, counted while they are read."""

    run: Run
    moment: datetime
    scope: Scope
    uncovered: bool
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def rows(self) -> Iterator[dict[str, Any]]:
        found = (row for ledger in self.run.ledgers for row in self._of(ledger))
        yield from until_first("Reading the ledger", found)
        self.facts["at"] = to_text(self.moment)
        self.facts["directories"] = [
            {"stack": stack, **tally.row(directory)} for (stack, directory), tally in sorted(self.tallies.items())
        ]

    def _of(self, ledger: Ledger) -> Iterator[dict[str, Any]]:
        stack = ledger.pair.stack
        for directory in self.scope.of(ledger):
            self._tally(ledger, directory)
        for row in rows_then(ledger, every_row(ledger, self.run.now), self.moment):
            if not (self.scope.takes(row) and is_there(row)):
                continue
            tally = self._tally(ledger, str(row.get("primary_directory_id") or "not known"))
            tally.add(row)
            if not (self.uncovered and covered(row)):
                yield answer_row(row, stack, tally.certainty)

    def _tally(self, ledger: Ledger, directory: str) -> Tally:
        key = ledger.pair.stack, directory
        if key not in self.tallies:
            is_mapped = directory in self.scope.of(ledger)
            sure = certainty_of(ledger, directory, self.moment) if is_mapped else None
            self.tallies[key] = Tally(sure)
            if sure is not None and not sure.is_known:
                self.missing.append(_unsure(directory, sure))
        return self.tallies[key]

    def is_something_uncovered(self) -> bool:
        return any(tally.counts["not_covered"] for tally in self.tallies.values())

    def sentences(self) -> list[str]:
        found = []
        for (_, directory), tally in sorted(self.tallies.items()):
            counts = tally.counts
            of = f"{counts['covered']} of {counts['eligible']} eligible desktops were covered"
            found.append(f"{directory}: {of} at {local(self.moment)}; {how_sure(tally.certainty)}.")
        return found


def certainty_of(ledger: Ledger, directory: str, moment: datetime) -> Certainty:
    """How certain a directory's state at a moment is."""
    first, last = (day_of(moment + timedelta(days=days)) for days in (-DAYS_BACK, 1))
    return certainty(scans_in(ledger.days(directory, first, last)), moment, _interval(ledger))


def how_sure(sure: Certainty | None) -> str:
    """How certain it is, in words."""
    if sure is None:
        return "the directory is not swept"
    after = f"; the next one ended at {local(sure.after)}" if sure.after else ""
    if sure.before is None:
        return f"no sweep was complete in the preceding days{after}"
    return f"as of the complete sweep that ended at {local(sure.before)}{after}"


def _unsure(directory: str, sure: Certainty) -> str:
    return (
        f"{directory}: no sweep was complete in the {age(sure.interval * MOST_INTERVALS)} before {local(sure.at)}."
        " It is not certain which desktops were covered then."
    )


def _one_at_moment(run: Run, moment: datetime, scope: Scope) -> Status:
    """Answer how one user's desktops were covered at a moment, by which standby, and who caused it."""
    rows: list[dict[str, Any]] = []
    says: list[list[str]] = []
    missing: dict[str, None] = {}
    for ledger in run.ledgers:
        for present in rows_of(ledger, str(scope.user)):
            found = stood(ledger.history(str(present["pk"]), newest_first=True), moment)
            if found is None or not scope.takes(found.then):
                says.append([_not_known_by_then(present, moment)] if found is None else [])
                continue
            then = found.then
            directory = str(then.get("primary_directory_id") or "")
            sure = certainty_of(ledger, directory, moment) if directory in scope.of(ledger) else None
            if sure is not None and not sure.is_known and is_there(then):
                missing[_unsure(directory, sure)] = None
            rows.append(
                {
                    **answer_row(then, ledger.pair.stack, sure),
                    "by": behind(found.opened),
                    "because": because(found.opened),
                    "caused_at": found.opened.get("at"),
                    "created_by": then.get("created_by"),
                    "message": then.get("message"),
                }
            )
            said = _sentences(found.then, found.opened, moment, sure, _accepted(ledger, found.then, moment))
            says.append(said + [f"The stack is {ledger.pair.stack}."] * (len(run.pairs) > 1))
    columns = [*_COLUMNS_AT, text("by", "Caused by"), text("because"), time("caused_at", "At"), text("created_by")]
    answer = Answer([Table("desktops", columns, rows)], facts={"at": to_text(moment)}, missing=list(missing))
    answer.screen = _paragraphs([one for one in says if one])
    answer.found = lambda: not any(row["covered"] for row in rows)
    whom = shlex.quote(str(scope.user))
    answer.next = f"`standby show {whom}` shows the present status and the history."
    return run.of_ledgers(answer)


def _not_known_by_then(present: Item, moment: datetime) -> str:
    return (
        f"{present.get('user_name') or 'A desktop without a user'} ({present['pk']}) was not yet in the ledger at"
        f" {local(moment)}. It was first seen at {local(present.get('first_seen_at'))}."
    )


def _accepted(ledger: Ledger, then: Item, moment: datetime) -> str:
    """Who accepted the existing fleet of a covered desktop, in a sentence; empty if that does not apply."""
    if not (then.get("existing") and covered(then)):
        return ""
    directory = DirectoryId(str(then.get("primary_directory_id")))
    rows = ledger.get([(directory_key(directory), BASELINE)])
    by = next((row for row in rows if to_text(moment) >= str(row.get("accepted_at") or "~")), {})
    because = f": {by['because']}" if by.get("because") else ""
    return (
        f"Its directory was accepted by {who(by.get('accepted_by'))} at {local(by['accepted_at'])}{because}."
        if by
        else ""
    )


def _sentences(then: Item, opened: Item, moment: datetime, sure: Certainty | None, accepted: str) -> list[str]:
    """The status of one desktop in sentences, the answer first."""
    name = f"{then.get('user_name') or 'A desktop without a user'} ({then['pk']})"
    status, reason = then.get("status"), str(then.get("reason_code"))
    stood_since = f", since {local(since(then))}" if since(then) else ""
    if covered(then):
        where = f"{then.get('standby_id')} in {then.get('dr_region')}"
        lines = [f"{name} was covered at {local(moment)}, by standby {where}{stood_since}."]
    elif is_there(then):
        lines = [f"{name} was NOT covered at {local(moment)}: {status} ({reason}){stood_since}."]
        lines.append(str(then.get("message") or meaning_of(reason).sentence))
    else:
        lines = [f"{name} did not exist at {local(moment)}: {status} ({reason}){stood_since}."]
    why = f", because of {because(opened)}" if because(opened) else ""
    lines.append(f"It was caused by {behind(opened)} at {local(opened.get('at'))}{why}.")
    lines += [accepted] if accepted else []
    if then.get("created_by"):
        lines.append(f"The desktop was created by {who(then['created_by'])}.")
    if is_there(then):
        lines.append(f"Certainty: {how_sure(sure)}.")
    return lines


def _paragraphs(says: Sequence[Sequence[str]]) -> Callable[[Console], None]:
    def show(screen: Console) -> None:
        for number, (first, *rest) in enumerate(says):
            if number:
                put_line("", screen)
            put_line(first, screen)
            for line in rest:
                put_indented(line, screen)

    return show


# A period


def of_period(run: Run, first: datetime, last: datetime, scope: Scope, *, only_changes: bool) -> Status:
    """Answer with the coverage of each day of a period, and the changes in it."""
    if first > run.now:
        raise Problem("InTheFuture", f"{local(first)} is in the future.", "Use a time in the past.")
    if first > last:
        raise Problem("EmptyPeriod", f"{local(first)} is after {local(last)}.", "--since must be before --until.")
    scope.check(run)
    period = _Period(run, first, min(last, run.now), scope)
    days = Table("days", _DAY_COLUMNS, period.days(), "Days", "No directory was swept on these days.")
    changes = Table("changes", _CHANGE_COLUMNS, period.changes(), "Changes", "No changes.")
    shows_days = not (only_changes or scope.user is not None)
    answer = Answer([days, changes] if shows_days else [changes], missing=period.missing)
    if shows_days and run.options.output is Output.CSV:
        # CSV has one table: the other is not read, and a caution says so.
        answer.tables = [days]
        answer.cautions.append("This is the coverage of each day. Add --changes to write the changes instead.")
    if run.options.output is Output.TABLE:
        answer.screen = _tables([_narrowed(table, len(run.pairs)) for table in answer.tables])
    answer.next = "`standby audit --as-of TIME` shows which desktops were covered at that time."
    return run.of_ledgers(answer)


def _tables(tables: Sequence[Table]) -> Callable[[Console], None]:
    def show(screen: Console) -> None:
        for number, table in enumerate(tables):
            if number:
                put_line("", screen)
            put_table(table, screen)

    return show


def _said(because: object) -> str:
    """The reason that a person gave. The id of a CloudTrail event would make the table too wide for a screen."""
    return "" if because is None or str(because).startswith(CLOUDTRAIL) else str(because)


_SAID: Final = Column("because", "Because", _said)


def _narrowed(table: Table, pairs: int) -> Table:
    """The table with the columns that fit a screen, and the stack if there are several pairs."""
    wanted = ("stack", *_ON_SCREEN[table.name]) if pairs > 1 else _ON_SCREEN[table.name]
    chosen = [_SAID if column.name == _SAID.name else column for column in table.columns if column.name in wanted]
    return Table(table.name, chosen, table.rows, table.title, table.empty)


_DAY_COLUMNS: Final = (
    text("day", "Day (UTC)"),
    text("stack"),
    text("directory_id", "Directory"),
    Column("coverage_percent", "Covered %", lambda value: "not known" if value is None else str(value)),
    text("protected"),
    text("eligible"),
    text("primaries", "Desktops"),
    text("reported"),
    text("excluded"),
    text("ineligible"),
    text("drifted"),
    text("stale"),
    text("oldest_seconds"),
    text("orphans"),
    text("orphans_monthly_cost"),
    text("standbys_monthly_cost"),
    time("scanned_at", "Last complete sweep"),
    text("complete_sweeps", "Complete sweeps"),
    _KNOWN,
)
_CHANGE_COLUMNS: Final = (
    time("at", "At"),
    text("stack"),
    text("user_name", "User"),
    Column("primary_id", "About", subject),
    Column("change", "Change"),
    text("from_status"),
    text("status"),
    text("reason_code", "Reason"),
    text("standby_id", "Standby"),
    text("by", "By"),
    text("because", "Cause"),
    text("cause_type"),
    text("cause_id"),
    text("principal"),
    text("created_by"),
    text("primary_directory_id", "Directory"),
    text("message"),
)
_ON_SCREEN: Final = {
    "desktops": ("primary_id", "user_name", "covered", "status", "reason_code", "standby_id", "changed_at"),
    "days": ("day", "directory_id", "coverage_percent", "protected", "eligible", "reported", "orphans", "scanned_at"),
    "changes": ("at", "user_name", "primary_id", "change", "by", "because"),
}


@dataclass
class _Period:
    run: Run
    first: datetime
    last: datetime
    scope: Scope
    missing: list[str] = field(default_factory=list)

    def days(self) -> Iterator[dict[str, Any]]:
        """A row for each directory and day; the coverage is None on a day without a complete sweep."""
        for ledger in self.run.ledgers:
            for directory in self.scope.of(ledger):
                yield from self._days(ledger, directory)

    def _days(self, ledger: Ledger, directory: str) -> Iterator[dict[str, Any]]:
        first, last = day_of(self.first), day_of(self.last)
        # A directory is watched from its first complete sweep.
        is_watched = ledger.has_day_before(directory, first)
        unknown: list[str] = []
        wanted = _days_from(self.first, last)
        for item in ledger.days(directory, first, last):
            for day in wanted:
                if day == item["day"]:
                    break
                if is_watched:
                    unknown.append(day)
                    yield _unknown_day(ledger, directory, day)
            is_watched = True
            yield {
                "stack": ledger.pair.stack,
                **{name: value for name, value in item.items() if name not in ("pk", "sk", "run", "scans")},
                "complete_sweeps": len(scans_in([item])),
                "known": True,
            }
        # Today's first sweep may not have run yet.
        left = [day for day in wanted if is_watched and day != day_of(self.run.now)]
        for day in left:
            yield _unknown_day(ledger, directory, day)
        if unknown := unknown + left:
            listed = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more days" if len(unknown) > 5 else "")
            self.missing.append(f"{directory}: no sweep was complete on {listed}. The coverage then is not known.")

    def changes(self) -> Iterator[dict[str, Any]]:
        """The changes of each pair, the earliest first."""
        found = ((ledger, item) for ledger in self.run.ledgers for item in self._events(ledger))
        for ledger, item in until_first("Reading the changes", found):
            if self.scope.takes(item):
                change = change_of(item, ledger)
                yield change | {"change": what(change)}

    def _events(self, ledger: Ledger) -> Iterable[Item]:
        first, last = to_text(self.first), to_text(self.last)
        if self.scope.user is None:
            for day in _days_from(self.first, day_of(self.last)):
                yield from ledger.of_day(day, max(first, day), min(last, f"{day}T~"))
            return
        rows = rows_of(ledger, self.scope.user)
        events = (item for row in rows for item in ledger.history(str(row["pk"])))
        yield from sorted(
            (item for item in events if first <= str(item.get("at")) <= last), key=lambda item: str(item.get("at"))
        )


def _days_from(first: datetime, last: str) -> Iterator[str]:
    """The UTC days of a period, including the last."""
    day = first
    while (name := day_of(day)) <= last:
        yield name
        day += timedelta(days=1)


def _unknown_day(ledger: Ledger, directory: str, day: str) -> dict[str, Any]:
    return {"day": day, "stack": ledger.pair.stack, "directory_id": directory, "coverage_percent": None, "known": False}
