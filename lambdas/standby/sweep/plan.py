"""What standbys for a directory's existing fleet would mean: how many, what they cost, whether there is room. Pure.

And how far they have come, once the directory is accepted. Both are counted by the sweep, page by page, in a few dozen
numbers that it hands on from part to part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from standby.decisions.decision import Decision
from standby.ledger.quota import QUOTA_CODE
from standby.model import DirectoryId, Status, Unknown, Workspace, WorkspaceId
from standby.prices import UNTOLD, monthly_cost
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Settings
from standby.sweep.baseline import BASELINE, directory_key

# What the keys of a tally begin with; then a compute type, a reason, or a stage.
_WANTS, _CANNOT, _EXCLUDED, _HAS, _STAGE = "wants", "cannot", "excluded", "has", "stage"
STAGES = ("reported", "waiting", "under_way", "protected", "other")
_STAGE_OF = {Status.REPORTED: "reported", Status.HELD: "waiting", Status.PROTECTED: "protected"}
_ACCEPTED = "It is accepted: they get their standbys, a few at a time."


def tally(
    decided: Mapping[WorkspaceId, Decision], rows: Mapping[WorkspaceId, object], seen: Mapping[WorkspaceId, Workspace]
) -> Counter[str]:
    """What a page's decisions add to a directory's plan and progress, e.g. `{"wants/STANDARD": 24}`."""
    counts: Counter[str] = Counter()
    for one, decision in decided.items():
        row = rows.get(one)
        if decision.status is None or decision.reason is Reason.IS_STANDBY:
            continue
        if decision.status is Status.INELIGIBLE:
            counts[f"{_CANNOT}/{decision.reason}"] += 1
        elif decision.status is Status.EXCLUDED:
            counts[f"{_EXCLUDED}/{decision.reason}"] += 1
        elif decision.status is Status.PROTECTED:
            counts[_HAS] += 1
        elif _is_of_the_fleet(decision):
            counts[f"{_WANTS}/{seen[one].compute_type or UNTOLD}"] += 1
        if _is_of_the_fleet(decision) or (isinstance(row, Row) and row.existing):
            counts[f"{_STAGE}/{_stage(decision.status)}"] += 1
    return counts


def _is_of_the_fleet(decision: Decision) -> bool:
    """Whether it would get a standby if its directory were accepted; also what was held for a former partner."""
    return decision.status is Status.REPORTED or decision.reason is Reason.BACKFILL


def _stage(status: Status) -> str:
    return "under_way" if status.is_open else _STAGE_OF.get(status, "other")


def progress(counts: Mapping[str, int]) -> dict[str, int]:
    """How many desktops of the fleet that was there before stand at which stage; every stage is named."""
    return {stage: counts.get(f"{_STAGE}/{stage}", 0) for stage in STAGES}


@dataclass(frozen=True)
class Room:
    """The DR Region's quota of standbys, or why it is not known; and the standbys that are counted against it here."""

    quota: int | Unknown
    standbys: int

    def told(self, wanted: int, region: str) -> str:
        """What it means for so many more standbys, in sentences."""
        if isinstance(self.quota, Unknown):
            why = f"{self.quota.code}: {self.quota.message}"
            return f"Quota {QUOTA_CODE} in {region} could not be asked for ({why}); {self.standbys} standbys count."
        left = max(self.quota - self.standbys, 0)
        words = f"Quota {QUOTA_CODE} in {region} is {self.quota}, and {self.standbys} standbys count: room for {left}."
        return words if left >= wanted else f"{words} Ask for a higher quota first."


@dataclass(frozen=True)
class Plan:
    """The plan of a directory, as the ledger holds it (`attributes`), and whether it says anything."""

    attributes: dict[str, Any]
    says_something: bool


def plan(
    directory: DirectoryId, counts: Mapping[str, int], room: Room, settings: Settings, *, is_accepted: bool
) -> Plan:
    """What standbys for a directory's existing fleet would mean.

    Parameters
    ----------
    counts
        The tallies of all its pages.
    """
    desktops = _under(counts, _WANTS)
    cannot, excluded = _under(counts, _CANNOT), _under(counts, _EXCLUDED)
    wanted = sum(desktops.values())
    cost = monthly_cost(settings.prices, desktops)
    found = f"{wanted} {'desktop' if wanted == 1 else 'desktops'} would get a standby, {counts.get(_HAS, 0)} have one"
    left_out = f", {_with_reasons(excluded, 'are left out')}" if excluded else ""
    words = [f"Directory {directory}: {found}, {_with_reasons(cannot, 'cannot have one')}{left_out}."]
    if wanted:
        words.append(str(cost))
        words.append(room.told(wanted, settings.dr_region))
        words.append(_ACCEPTED if is_accepted else _how_to_accept(directory, settings))
    quota = None if isinstance(room.quota, Unknown) else room.quota
    attributes = {
        "would_get": wanted,
        "has": counts.get(_HAS, 0),
        "cannot": cannot,
        "excluded": excluded,
        "monthly_cost": f"{cost.amount:.2f}" if cost.priced else None,
        "not_priced": dict(cost.not_priced),
        "quota": quota,
        "standbys": room.standbys,
        "room": None if quota is None else max(quota - room.standbys, 0),
        "message": " ".join(words),
    }
    return Plan(attributes, says_something=bool(wanted or cannot))


def _how_to_accept(directory: DirectoryId, settings: Settings) -> str:
    key = f'{{"pk": {{"S": "{directory_key(directory)}"}}, "sk": {{"S": "{BASELINE}"}}}}'
    return (
        "Nothing is created before it is accepted (README, The existing fleet): "
        f"aws dynamodb update-item --region {settings.primary_region} --table-name {settings.stack} --key '{key}' "
        "--update-expression 'SET accepted = :yes' --expression-attribute-values '{\":yes\": {\"BOOL\": true}}'"
    )


def _with_reasons(counts: Mapping[str, int], what: str) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts.items())
    return f"{sum(counts.values())} {what}{f' ({reasons})' if reasons else ''}"


def _under(counts: Mapping[str, int], kind: str) -> dict[str, int]:
    found = {key.partition("/")[2]: count for key, count in counts.items() if key.startswith(f"{kind}/")}
    return dict(sorted(found.items()))
