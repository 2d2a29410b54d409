"""The coverage of a pair: what the last complete sweeps counted, and what is open now. Pure.

The number of protected desktops comes from complete sweeps; it is not known if the last one is too old. Waiting
desktops, and what needs action, come from the present rows of uncovered desktops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from cli.changing import counted
from cli.figures import MOST_INTERVALS, USUAL_INTERVAL, number
from cli.state import State, paused_by
from cli.times import age, local
from standby.core.attention import needs_action
from standby.core.coverage import PROTECTED_NEEDS_ACTION
from standby.core.model import OPEN, Status, from_text, to_text
from standby.core.upkeep import ON_PCOIP, PCOIP_ENDS
from standby.ledger.table import moment_in

if TYPE_CHECKING:
    from cli.finding import Item

NOT_KNOWN = "not known"  # the directory of a desktop that was never described


@dataclass
class Live:
    """The uncovered desktops of a directory now, and its orphans."""

    waiting: int = 0
    waiting_since: str | None = None
    by_status: Counter[str] = field(default_factory=Counter)
    to_act_on: Counter[str] = field(default_factory=Counter)  # by reason
    orphans: int = 0
    kept: int = 0

    def add(self, item: Item) -> None:
        """Count a row."""
        status, reason = str(item.get("status")), str(item.get("reason_code"))
        lasting = item.get("conditions") or {}
        if status == Status.PRIMARY_GONE:
            self.orphans += 1
            self.kept += not needs_action(status, reason, lasting)
        else:
            self.by_status[status] += 1
        if status in OPEN:
            self.waiting += 1
            # A desktop that had a standby, or existed before, has not waited since it was first seen.
            is_new = "protected_at" not in item and not item.get("existing")
            since = str(item.get("first_seen_at" if is_new else "changed_at"))
            self.waiting_since = min(self.waiting_since or since, since)
        if needs_action(status, reason, lasting):
            self.to_act_on[reason] += 1


def live_by_directory(items: Iterable[Item]) -> dict[str, Live]:
    """The rows of uncovered desktops and of orphans, counted by directory; each is read once, and not kept."""
    found: dict[str, Live] = {}
    for item in items:
        found.setdefault(str(item.get("primary_directory_id") or NOT_KNOWN), Live()).add(item)
    return found


@dataclass(frozen=True)
class Directory:
    """The coverage of one directory.

    Attributes
    ----------
    days : sequence of row
        The rows of its last days, the newest first.
    """

    id: str
    dr_directory: str
    days: Sequence[Item]
    live: Live
    state: State
    now: datetime

    @property
    def is_mapped(self) -> bool:
        """Whether it is mapped, so that sweeps count it. Rows can also be of other, or unknown, directories."""
        return self.id in self.state.directories

    @property
    def day(self) -> Item:
        """What its last complete sweep counted; empty if there was none for days."""
        return self.days[0] if self.days else {}

    @property
    def scanned_at(self) -> datetime | None:
        """When its last complete sweep ended."""
        return moment_in(self.day, "scanned_at")

    @property
    def is_old(self) -> bool:
        """Whether the figures are too old to describe the present."""
        settings = self.state.settings
        interval = settings.sweep_interval if settings else USUAL_INTERVAL
        return self.scanned_at is None or self.now - self.scanned_at > interval * MOST_INTERVALS

    @property
    def problem(self) -> str:
        """A sentence if the figures are too old; empty otherwise."""
        if not self.is_old or not self.is_mapped:
            return ""
        if self.scanned_at is None:
            return f"{self.id}: no sweep was complete in the last days. The coverage is not known."
        ago = age(self.now - self.scanned_at)
        return f"{self.id}: the last complete sweep ended {ago} ago. The present coverage is not known."

    @property
    def costs(self) -> Item:
        """The newest row with the orphans' cost: a sweep adds it at its end."""
        return next((day for day in self.days if "orphans" in day), {})

    @property
    def needing(self) -> Counter[str]:
        """How many need action, by reason; protected desktops as the last complete sweep counted them."""
        protected = number(self.day, PROTECTED_NEEDS_ACTION) or 0
        return self.live.to_act_on + Counter({"DRIFT, STALE or DOUBLED": protected})

    def row(self, stack: str) -> dict[str, Any]:
        """The directory for data output."""
        day, live, rpo = self.day, self.live, self.state.settings.rpo if self.state.settings else None
        counted = ("eligible", "protected", "reported", "excluded", "ineligible", "drifted", "stale", *ON_PCOIP)
        return {
            "stack": stack,
            "directory_id": self.id,
            "dr_directory_id": self.dr_directory,
            **{name: day.get(name) for name in counted},
            "coverage_percent": day.get("coverage_percent"),
            "waiting": live.waiting,
            "waiting_since": live.waiting_since,
            "held": live.by_status[Status.HELD],
            "needs_action": self.needing.total(),
            "needs_action_by_reason": dict(self.needing),
            "oldest_copy_seconds": day.get("oldest_seconds"),
            "rpo_seconds": None if rpo is None else int(rpo.total_seconds()),
            "orphans": live.orphans,
            "orphans_kept": live.kept,
            "orphans_monthly_cost": self.costs.get("orphans_monthly_cost"),
            "orphans_not_priced": self.costs.get("orphans_not_priced"),
            "standbys_monthly_cost": day.get("standbys_monthly_cost"),
            "standbys_not_priced": day.get("standbys_not_priced"),
            "accepted": self.is_accepted,
            "scanned_at": None if self.scanned_at is None else to_text(self.scanned_at),
            "last_sweep_problem": self.state.problem_of_last(self.id) or None,
            "complete": not self.is_old if self.is_mapped else None,
        }

    @property
    def is_accepted(self) -> bool:
        """Whether its existing fleet is accepted."""
        settings = self.state.settings
        by_setting = settings is not None and settings.existing_fleet == "protect"
        return by_setting or self.state.baselines.get(self.id, {}).get("accepted") is True

    def lines(self) -> Iterator[str]:
        """The lines below the directory's bar."""
        day, live = self.day, self.live
        if problem := self.state.problem_of_last(self.id):
            yield f"The last sweep of it was not complete ({problem}). If this repeats, run `standby doctor`."
        if live.waiting:
            since = f", the longest for {_ago(live.waiting_since, self.now)}" if live.waiting_since else ""
            yield f"Waiting: {live.waiting}{since}"
        if held := live.by_status[Status.HELD]:
            yield f"Held: {held}"
        if self.needing:
            listed = ", ".join(f"{count} {reason}" for reason, count in sorted(self.needing.items()))
            yield f"Need action: {self.needing.total()} ({listed})"
        directory, reported = self.id, live.by_status[Status.REPORTED]
        if reported and self.is_accepted:
            yield f"Reported: {reported}; the next sweep processes them"
        elif reported:
            yield f"Reported, no standby until accepted: {reported} (`standby accept {directory}`)"
        left_out = [
            f"{count} {words}"
            for status, words in ((Status.EXCLUDED, "excluded"), (Status.INELIGIBLE, "ineligible"))
            if (count := live.by_status[status])
        ]
        if left_out:
            yield f"Not eligible: {', '.join(left_out)}"
        yield from self._about_standbys(day, live)

    def _about_standbys(self, day: Item, live: Live) -> Iterator[str]:
        rpo = self.state.settings.rpo if self.state.settings else None
        oldest = number(day, "oldest_seconds")
        if oldest is not None:
            stale = number(day, "stale") or 0
            limit = f", {'within' if rpo is None or timedelta(seconds=oldest) <= rpo else 'older than'} the RPO"
            limit += f" of {age(rpo)}" if rpo else ""
            yield f"Oldest copy: {age(timedelta(seconds=oldest))}{limit}{f'; stale: {stale}' if stale else ''}"
        if live.orphans:
            kept = f", {live.kept} of them kept" if live.kept else ""
            yield f"Orphans: {live.orphans}{kept}{_cost(self.costs, 'orphans')} (`standby orphans`)"
        if (standbys := number(day, "standbys")) is not None:
            yield f"Standbys as of the last sweep: {standbys}{_cost(day, 'standbys') if standbys else ''}"
        on_pcoip = [number(day, name) or 0 for name in ON_PCOIP]
        if any(on_pcoip):
            yield f"On PCoIP, which ends on {PCOIP_ENDS}: {on_pcoip[0]} primaries, {on_pcoip[1]} standbys"


def _cost(day: Mapping[str, Any], of: str) -> str:
    """The monthly cost of standbys or orphans, in words; empty if it was not counted."""
    missing = number(day, f"{of}_not_priced")
    try:
        amount = Decimal(str(day[f"{of}_monthly_cost"]))
    except (KeyError, InvalidOperation):
        return ", not priced" if missing else ""
    return f", USD {amount:,.2f} a month" + (f" and {missing} without a price" if missing else "")


def _ago(since: str | None, now: datetime) -> str:
    try:
        return age(now - from_text(since))
    except ValueError:
        return "a time that is not known"


@dataclass(frozen=True)
class Overview:
    """A pair: its directories, and its holds, limits and intervals."""

    stack: str
    state: State
    directories: Sequence[Directory]

    @property
    def needing(self) -> int:
        """How many desktops and orphans need action."""
        return sum(one.needing.total() for one in self.directories)

    @property
    def reported(self) -> int:
        """How many desktops are only reported: they have no standby, and do not count as eligible."""
        return sum(one.live.by_status[Status.REPORTED] for one in self.directories)

    @property
    def problems(self) -> list[str]:
        """What is not known, in sentences."""
        said = [problem for one in self.directories if (problem := one.problem)]
        if self.state.settings is None:
            said.append(
                f"{self.stack}: the mapped directories are not known. No sweep has saved them yet, or a later version"
                " saved them. The coverage is not known."
            )
        return said

    @property
    def verdict(self) -> str:
        """The coverage of the pair in a sentence."""
        known = [one for one in self.directories if one.is_mapped]
        waiting = sum(one.live.waiting for one in self.directories)
        if not known or any(one.is_old for one in known):
            covered = "the coverage is not known"
        else:
            eligible, protected = (
                sum(number(one.day, name) or 0 for one in known) for name in ("eligible", "protected")
            )
            covered = f"as of the last sweep, {protected} of {eligible} eligible desktops are protected"
            covered += f" ({protected * 1000 // eligible / 10:g} %)" if eligible else ""
        if reported := self.reported:
            covered = (
                f"{counted(reported, 'reported desktop')} {'has' if reported == 1 else 'have'} no standby; {covered}"
            )
        waits = f"{waiting} {'is' if waiting == 1 else 'are'} waiting"
        needs = f"{self.needing} {'needs' if self.needing == 1 else 'need'} action"
        return f"{self.stack}: {covered}; {waits}, {needs}."

    def row(self) -> dict[str, Any]:
        """The pair for data output."""
        state, settings = self.state, self.state.settings
        names = ("paused_by", "paused_at", "because")
        return {
            "stack": self.stack,
            "mode": settings.mode if settings else None,
            "paused": state.is_paused,
            **{name: state.pause.get(name) if state.is_paused else None for name in names},
            "holds": {one or "pair": reason for one, reason in state.holds.items()},
            "new_today": state.new_today,
            "max_new_standbys_per_day": settings.max_new_standbys_per_day if settings else None,
            "standbys": state.standbys,
            "max_standbys": settings.max_standbys if settings else None,
            "quota": state.quota,
            "sweep_interval_seconds": _seconds(settings.sweep_interval if settings else None),
            "measured_sweep_interval_seconds": _seconds(state.sweep_interval),
            "measured_watch_interval_seconds": _seconds(state.watch_interval),
            "needs_action": self.needing,
        }

    def lines(self) -> Iterator[str]:
        """The lines below the pair's directories."""
        state, settings = self.state, self.state.settings
        if state.is_paused:
            yield f"No standbys are created: {paused_by(state.pause)} (`standby resume`)"
        if settings and settings.mode != "protect":
            yield f"No standbys are created: mode is {settings.mode}"
        for one, code in state.holds.items():
            yield f"Held: {one or 'the whole pair'}, {code} (`standby explain {code}`)"
        if settings:
            of = f"{state.new_today if state.new_today is not None else '?'} of {settings.max_new_standbys_per_day}"
            total = f"{state.standbys if state.standbys is not None else '?'} of {settings.max_standbys}"
            quota = "not known" if state.quota is None else state.quota
            yield f"Limits: {of} new standbys today (UTC), {total} in all, quota {quota}"
            swept = f", {age(state.sweep_interval)} measured" if state.sweep_interval else ""
            watched = f"; watcher: {age(state.watch_interval)} measured" if state.watch_interval else ""
            yield f"Intervals: sweep {age(settings.sweep_interval)}{swept}{watched}"


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else int(span.total_seconds())


def overview(
    stack: str, state: State, days: Mapping[str, Sequence[Item]], live: Mapping[str, Live], now: datetime
) -> Overview:
    """The overview of a pair: its mapped directories, and all other directories of uncovered desktops."""
    mapped = state.directories
    names = [*mapped, *sorted(one for one in live if one not in mapped and one != NOT_KNOWN)]
    names += [NOT_KNOWN] * (NOT_KNOWN in live)
    found = [Directory(one, mapped.get(one, ""), days.get(one, ()), live.get(one, Live()), state, now) for one in names]
    return Overview(stack, state, found)


def bar(part: int, whole: int, width: int, marks: tuple[str, str]) -> tuple[str, str]:
    """The full and the empty part of a bar; full only if `part` is everything, empty only if it is nothing."""
    filled = width if part >= whole else min(max(part * width // whole, 1 if part else 0), width - 1)
    return marks[0] * filled, marks[1] * (width - filled)


def as_of(when: datetime | None, now: datetime) -> str:
    """When figures were counted, in words."""
    return f"as of {local(when)}, {age(now - when)} ago" if when else "not counted"
