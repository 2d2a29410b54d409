"""The present holds, limits and intervals of a pair, read from single rows of its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cli.figures import number
from standby.core.model import DirectoryId, day_of
from standby.core.reasons import Reason
from standby.core.row import PAUSE
from standby.ledger.leases import SWEEP_LEASE, WATCH_LEASE
from standby.ledger.ledger import COUNTER, QUOTA, TOTAL, day_counter, hold_key, known_quota
from standby.ledger.sweeps import BASELINE, LAST, directory_key
from standby.ledger.table import moment_in

if TYPE_CHECKING:
    from cli.finding import Item
    from cli.ledger import Ledger
    from standby.core.settings import Settings


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a pair in its ledger.

    Attributes
    ----------
    settings : Settings or None
        The settings that sweeps use; None before the first sweep, or if a later version wrote them.
    pause : mapping
        The row of the pause switch; empty if it was never used.
    holds : mapping
        The reasons for which requests are held now, by directory; None is the key of the whole pair.
    standbys, new_today : int or None
        The counters for the ceiling and the quota, and for the daily cap.
    sweep_interval, watch_interval : timedelta or None
        The measured intervals.
    baselines, lasts : mapping of directory to row
        The baseline of each directory, and the result of its last scan.
    """

    settings: Settings | None = None
    pause: Mapping[str, Any] = field(default_factory=dict)
    holds: Mapping[str | None, str] = field(default_factory=dict)
    standbys: int | None = None
    new_today: int | None = None
    quota: int | None = None
    sweep_interval: timedelta | None = None
    watch_interval: timedelta | None = None
    baselines: Mapping[str, Item] = field(default_factory=dict)
    lasts: Mapping[str, Item] = field(default_factory=dict)

    @property
    def is_paused(self) -> bool:
        """Whether the pair is paused. A row without the attribute `paused` counts as a pause."""
        return bool(self.pause) and self.pause.get("paused", True) is not False

    @property
    def directories(self) -> dict[str, str]:
        """The mapped directories with their DR directories."""
        mapped = self.settings.directories if self.settings else {}
        return {str(own): str(one.dr_directory) for own, one in mapped.items()}

    def problem_of_last(self, directory: str) -> str:
        """Why the last scan of a directory was not complete; empty if it was, or if there was none."""
        last = self.lasts.get(DirectoryId(directory), {})
        is_whole = last.get("complete", True) is True
        return "" if is_whole else str(last.get("problem") or "It was not complete.")

    def held(self, directory: str | None) -> tuple[Reason, str] | None:
        """The reason why requests for a directory are held now, with details in words; None if they are not held."""
        if self.settings is not None and self.settings.mode != "protect":
            return Reason.OBSERVE_MODE, "mode is observe"
        if self.is_paused:
            return Reason.PAUSED, paused_by(self.pause)
        for one in (None, directory):
            if one in self.holds:
                return Reason(self.holds[one]), f"AWS refused the last request for {one or 'the pair'}"
        limits = self.settings
        if limits and self.new_today is not None and self.new_today >= limits.max_new_standbys_per_day:
            return Reason.DAILY_CAP, f"{self.new_today} of {limits.max_new_standbys_per_day} were created today (UTC)"
        if limits and self.standbys is not None and self.standbys >= limits.max_standbys:
            return Reason.CEILING, f"{self.standbys} of {limits.max_standbys} exist"
        return None


def paused_by(pause: Mapping[str, Any]) -> str:
    """Who paused a pair, since when and why, as far as the row says."""
    from cli.people import who
    from cli.times import local

    by = who(pause.get("paused_by")) or "a row that was written manually"
    since = f" since {local(pause['paused_at'])}" if pause.get("paused_at") else ""
    because = f": {pause['because']}" if pause.get("because") else ""
    return f"paused by {by}{since}{because}"


def state_of(ledger: Ledger, now: datetime) -> State:
    """Read the state in two requests, or in more if there are many directories."""
    kept = ledger.kept_settings()
    settings = kept.settings if kept else None
    directories = [DirectoryId(one) for one in settings.directories] if settings else []
    today = day_counter(day_of(now))
    holds = {hold_key(one): one for one in (None, *directories)}
    keys = [(PAUSE, PAUSE), (QUOTA, QUOTA), (TOTAL, COUNTER), (today, COUNTER)]
    keys += [(lease, lease) for lease in (SWEEP_LEASE, WATCH_LEASE)] + [(key, PAUSE) for key in holds]
    keys += [(directory_key(one), sk) for one in directories for sk in (BASELINE, LAST)]
    found = {(item["pk"], item["sk"]): item for item in ledger.get(keys)}

    def interval(lease: str) -> timedelta | None:
        seconds = number(found.get((lease, lease)), "interval_seconds")
        return None if seconds is None else timedelta(seconds=seconds)

    return State(
        settings=settings,
        pause=found.get((PAUSE, PAUSE), {}),
        holds={one: str(row["reason"]) for key, one in holds.items() if (row := _hold(found.get((key, PAUSE)), now))},
        standbys=_taken(found.get((TOTAL, COUNTER))),
        new_today=_taken(found.get((today, COUNTER))),
        quota=known_quota(found.get((QUOTA, QUOTA)), now),
        sweep_interval=interval(SWEEP_LEASE),
        watch_interval=interval(WATCH_LEASE),
        baselines={one: found.get((directory_key(one), BASELINE), {}) for one in directories},
        lasts={one: found.get((directory_key(one), LAST), {}) for one in directories},
    )


def _hold(item: Item | None, now: datetime) -> Item | None:
    until = moment_in(item or {}, "until")
    is_known = item is not None and str(item.get("reason")) in set(Reason)
    return item if is_known and until is not None and now < until else None


def _taken(item: Item | None) -> int | None:
    """The value of a counter: 0 if there is no row, None if it cannot be read."""
    return 0 if item is None else number(item, "taken")
