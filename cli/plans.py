"""The cost, limits and time of standbys for existing fleets, as the last complete sweeps counted them. Pure.

Each complete sweep updates the plan of a directory until the directory is accepted. After that the plan is unchanged.
The progress of an accepted fleet is counted from the present rows: what is left of it, and that the rest is protected.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cli import times
from standby.core.model import DirectoryId, Status
from standby.core.plan import QUOTA_CODE, STAGES, stage
from standby.core.reasons import Reason
from standby.core.settings import Settings
from standby.core.upkeep import ON_PCOIP, PCOIP_ENDS
from standby.ledger.ledger import FOR_NEW_ONES
from standby.ledger.table import Item

NOT_SWEPT, NOTHING, REPORTED, ACCEPTED = "NOT_SWEPT", "NOTHING_TO_DO", "REPORTED", "ACCEPTED"
STATES: Final = {
    NOT_SWEPT: "not counted yet",
    NOTHING: "no desktops to accept",
    REPORTED: "reported; no standbys are created until it is accepted",
    ACCEPTED: "accepted",
}
# Minutes that WorkSpaces needs for one standby: about 20, and up to 60 with an encrypted root volume.
_QUICKEST, _SLOWEST = 20, 60
_STATUSES: Final = frozenset(map(str, Status))
_IN_WORDS: Final = {"under_way": "in progress", "other": "without one"}


@dataclass(frozen=True)
class Time:
    """How long the standbys of `count` desktops take.

    `hours` is the least and the most time for one day's number, or for all desktops if they are fewer.
    """

    count: int
    per_day: int
    days: int
    hours: tuple[float, float]

    def __str__(self) -> str:
        """The time in words."""
        return "no time" if not self.count else f"about {self.within}" if self.days == 1 else f"{self.days} days"

    @property
    def within(self) -> str:
        """The time for one day's number, in words."""
        least, most = self.hours
        if most <= 1:
            return f"{least * 60:.0f} to {most * 60:.0f} minutes"
        return f"{least:.1f} to {most:.0f} hours" if least < 1 else f"{least:.0f} to {most:.0f} hours"

    def rests_on(self, settings: Settings) -> str:
        """The assumptions, in words."""
        cap = settings.max_new_standbys_per_day
        a_day = f", {self.within} of each day" if self.days > 1 else ""
        return (
            f"{self.per_day} a day (max_new_standbys_per_day is {cap}; a fifth is reserved for new desktops), "
            f"{settings.backfill_in_flight} at a time, 20 to 60 minutes each{a_day}"
        )


@dataclass(frozen=True)
class Limits:
    """The limits of a pair now: the quota as the last sweep read it (None if it could not), and existing standbys."""

    quota: int | None
    standbys: int

    def room(self, settings: Settings) -> int:
        """How many more standbys are possible, as far as it is known."""
        limits = [settings.max_standbys, *([] if self.quota is None else [self.quota])]
        return max(min(limits) - self.standbys, 0)


def time_for(count: int, settings: Settings) -> Time:
    """How long the standbys of an existing fleet take, with the daily cap and the number in progress at a time."""
    cap = settings.max_new_standbys_per_day
    per_day = cap - cap // FOR_NEW_ONES
    rounds = math.ceil(min(count, per_day) / settings.backfill_in_flight)
    return Time(count, per_day, math.ceil(count / per_day), (rounds * _QUICKEST / 60, rounds * _SLOWEST / 60))


def of_directory(
    directory: DirectoryId,
    settings: Settings,
    baseline: Item,
    day: Item | None,
    limits: Limits,
    left: Mapping[str, int],
) -> dict[str, Any]:
    """The plan of a directory's fleet, for data output.

    Parameters
    ----------
    baseline, day
        The row `SWEEP#d-…`/`BASELINE`, empty if there is none, and the last row of its coverage, or None.
    left
        How many desktops of the fleet are at each stage now, except for the protected ones.
    """
    dr_directory = settings.directories[directory].dr_directory
    found: dict[str, Any] = {"directory_id": directory, "dr_directory_id": dr_directory, "state": NOT_SWEPT}
    plan = baseline.get("plan")
    if not isinstance(plan, Mapping) or baseline.get("dr_directory_id", dr_directory) != dr_directory:
        return found
    is_accepted = baseline.get("accepted", False) is True or settings.existing_fleet == "protect"
    kept = baseline.get("progress")
    fleet = sum(int((kept if isinstance(kept, Mapping) else {}).get(one, 0)) for one in STAGES)
    progress = {one: left.get(one, 0) for one in STAGES}
    progress["protected"] = max(fleet - sum(progress.values()), 0)
    wanted = int(plan["would_get"])
    remaining = progress["reported"] + progress["waiting"] + progress["under_way"] if is_accepted else wanted
    time = time_for(remaining, settings)
    return found | {
        "state": ACCEPTED if is_accepted else REPORTED if wanted else NOTHING,
        **{name: baseline.get(name) for name in ("accepted_at", "accepted_by") if baseline.get(name)},
        **{name: plan.get(name) for name in ("would_get", "has", "cannot", "excluded", "monthly_cost", "not_priced")},
        "quota": limits.quota,
        "standbys": limits.standbys,
        "room": limits.room(settings),
        "remaining": remaining,
        "per_day": time.per_day,
        "days": time.days,
        "hours": list(time.hours),
        "rests_on": time.rests_on(settings),
        "progress": progress,
        **({name: int(day.get(name) or 0) for name in ON_PCOIP} if day else dict.fromkeys(ON_PCOIP)),
        "desktops": day.get("primaries") if day else None,
        # A plan is written only when it changes: the last complete sweep may have confirmed it later.
        "counted_at": max(
            str(at) for at in (baseline.get("plan_at"), (day or {}).get("scanned_at"), "") if at is not None
        ),
    }


def figures(found: Mapping[str, Any], settings: Settings) -> list[dict[str, Any]]:
    """The plan of a directory for a screen: figure, value, and what the value is based on."""
    wanted, quota, standbys = found["remaining"], found["quota"], found["standbys"]
    limit = f"quota {QUOTA_CODE} is {quota}" if quota is not None else f"quota {QUOTA_CODE} could not be read"
    room = f"{limit}, max_standbys is {settings.max_standbys}, {standbys} exist"
    if wanted > found["room"]:
        room += f". Room is missing for {wanted - found['room']}: request a higher quota or raise max_standbys"
    cost = ("Monthly cost", _cost(found), _not_priced(found))
    rows: list[tuple[str, object, str]] = [
        ("Would get a standby", found["would_get"], ""),
        ("Have a standby", found["has"], ""),
        ("Cannot have one", sum(found["cannot"].values()), _reasons(found["cannot"])),
        ("Excluded by rules", sum(found["excluded"].values()), _reasons(found["excluded"])),
        cost,
    ]
    if found["state"] == ACCEPTED:
        stages = {_IN_WORDS.get(name, name): count for name, count in found["progress"].items()}
        rows = [
            ("Accepted fleet", found["would_get"], _accepted(found)),
            ("Remaining", wanted, f"now: {_reasons(stages)}" if any(stages.values()) else ""),
            cost,
        ]
    rows.append(("Room for", found["room"], room))
    rows.append(("Time needed", str(time_for(wanted, settings)), found["rests_on"]))
    if found["pcoip_primaries"] or found["pcoip_standbys"]:
        used = f"{found['pcoip_primaries']} desktops, {found['pcoip_standbys']} standbys"
        rows.append(("On PCoIP", used, f"PCoIP connections end on {PCOIP_ENDS}"))
    return [{"figure": name, "value": value, "basis": basis} for name, value, basis in rows]


def _accepted(found: Mapping[str, Any]) -> str:
    by, at = found.get("accepted_by"), found.get("accepted_at")
    who = f", by {by}" if by else ""
    return f"counted before it was accepted{who}{f' at {times.local(at)}' if at else ''}"


def _cost(found: Mapping[str, Any]) -> str:
    if found["monthly_cost"] is not None:
        return f"USD {found['monthly_cost']}"
    return "not known" if found["not_priced"] else "USD 0.00"


def _not_priced(found: Mapping[str, Any]) -> str:
    named = ", ".join(f"{count} {kind}" for kind, count in sorted(found["not_priced"].items()))
    extra = "data replication and hours of use are extra"
    return f"no price for {named}: set `prices`. {extra.capitalize()}" if named else extra


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()) if count)


@dataclass
class Uncovered:
    """The uncovered desktops now: how many by directory, status and reason, and the fleets' by directory and stage."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    left: dict[str, Counter[str]] = field(default_factory=dict)


def uncovered(rows: Iterable[Item]) -> Uncovered:
    """The uncovered desktops; the rows are read once."""
    found = Uncovered()
    for row in rows:
        directory, status, reason = (
            str(row.get(one) or "") for one in ("primary_directory_id", "status", "reason_code")
        )
        found.counts[directory, status, reason] += 1
        if row.get("existing") or status == Status.REPORTED or reason == Reason.BACKFILL:
            found.left.setdefault(directory, Counter())[stage(Status(status)) if status in _STATUSES else "other"] += 1
    return found
