"""What a reason code or a condition means, what to do as commands, and with which statuses it occurs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from cli.conditions import WORDS, advice_of
from standby.core.model import Status
from standby.core.reasons import Reason
from standby.core.row import Kind

# The reasons that a row can have, by status. A reason that is not listed occurs only in notices or answers.
_STANDS: Final[Mapping[str, str]] = {
    "WAITING": "NOT_VISIBLE_YET PRIMARY_PENDING PRIMARY_PAUSED_BY_SERVICE DESCRIBE_FAILED TAGS_UNKNOWN READY"
    " CREATE_THROTTLED CREATE_UNREACHABLE STATE_REFUSED USER_NOT_IN_DR_DIRECTORY DR_DESKTOP_UNCLEAR"
    " STANDBY_TERMINATING LEASE_TOO_SHORT",
    "CLAIMED": "CLAIM_TAKEN REQUEST_UNCERTAIN NOTHING_SEEN_ONCE DR_DESKTOP_UNCLEAR NOT_VISIBLE_YET",
    "REQUESTED": "CREATE_ACCEPTED STANDBY_STARTING ADOPTED NOT_VISIBLE_YET STANDBY_TERMINATING",
    "PROTECTED": "STANDBY_READY ADOPTED STANDBY_UNWELL MAPPING_REMOVED DR_DIRECTORY_CHANGED",
    "HELD": "PAUSED OBSERVE_MODE DAILY_CAP CEILING QUOTA_REACHED DIRECTORY_REFUSED ACCESS_DENIED BACKFILL",
    "REPORTED": "EXISTING_FLEET DR_DIRECTORY_CHANGED MAPPING_REMOVED",
    "INELIGIBLE": "IS_STANDBY MAPPED_ELSEWHERE DIRECTORY_NOT_MAPPED OPERATING_SYSTEM COMPUTE_TYPE NO_USER"
    " NESTED_VIRTUALIZATION AWS_MANAGED_KEY NO_DR_KEY SECONDARY_EXISTS USER_HAS_STANDBY",
    "EXCLUDED": "EXCLUDED_BY_RULE NOT_INCLUDED",
    "TIMED_OUT": "PRIMARY_NOT_READY STANDBY_NOT_READY MAPPING_REMOVED",
    "FAILED": "STANDBY_IN_ERROR STANDBY_UNHEALTHY MAPPING_REMOVED",
    "REJECTED": "USER_NOT_FOUND SERVICE_REFUSED NO_CLEAR_ANSWER",
    "STANDBY_MISSING": "STANDBY_GONE",
    "PRIMARY_GONE": "PRIMARY_TERMINATED MIGRATION_FAILED NEVER_RETURNED ORPHANED",
}
_MAPPED: Final = "standby diff --config standby.yaml"
_RETRY: Final = "standby retry ID"
# The commands for some reasons. For all others, the statuses decide.
_COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    Reason.PAUSED: ("standby resume",),
    Reason.DAILY_CAP: ("standby status", "standby protect ID --override DAILY_CAP"),
    Reason.CEILING: ("standby status", "standby protect ID --override CEILING"),
    Reason.QUOTA_REACHED: ("standby doctor --only quotas",),
    Reason.DIRECTORY_REFUSED: ("standby doctor --only directories",),
    Reason.DIRECTORY_NOT_REGISTERED: ("standby doctor --only directories",),
    Reason.ACCESS_DENIED: ("standby doctor",),
    Reason.EXISTING_FLEET: ("standby plan DIRECTORY", "standby accept DIRECTORY", "standby protect ID"),
    Reason.FLEET_FOUND: ("standby plan DIRECTORY", "standby accept DIRECTORY"),
    Reason.DR_DIRECTORY_CHANGED: ("standby plan DIRECTORY", "standby accept DIRECTORY"),
    Reason.ORPHANED: ("standby orphans", "standby orphans --terminate ID", "standby keep ID"),
    Reason.DIRECTORY_NOT_MAPPED: (_MAPPED,),
    Reason.MAPPING_REMOVED: (_MAPPED,),
    Reason.OBSERVE_MODE: (_MAPPED,),
    Reason.NO_DR_KEY: (_MAPPED,),
    Reason.EXCLUDED_BY_RULE: (_MAPPED, "standby protect ID --override EXCLUDED"),
    Reason.NOT_INCLUDED: (_MAPPED, "standby protect ID --override EXCLUDED"),
    Reason.REPLICATION_STALE: ("standby list --stale",),
    Reason.PCOIP_ENDS: ("standby plan",),
    Reason.NOT_IN_LEDGER: ("standby protect ID",),
    Reason.ROW_UNREADABLE: ("standby doctor",),
    Kind.DRIFT: ("standby list --drift",),
    Kind.STALE: ("standby list --stale",),
    "KEPT": ("standby keep --undo ID",),
}
# The standby exists: a retry does nothing until it is terminated.
_REPLACED: Final = (Reason.STANDBY_IN_ERROR, Reason.STANDBY_UNHEALTHY, Reason.STANDBY_NOT_READY)
_AGAIN: Final = (Status.REJECTED, Status.FAILED, Status.TIMED_OUT, Status.STANDBY_MISSING)
COLUMNS: Final = ("reason_code", "meaning", "advice", "commands", "statuses", "notifies")


def statuses_of(code: str) -> list[str]:
    """The statuses that a row can have with a reason."""
    return [status for status, codes in _STANDS.items() if code in codes.split()]


def terminate_command(region: str = "DR_REGION", ids: str = "STANDBY_ID") -> str:
    """The command that terminates standbys which `standby orphans --terminate` does not."""
    return f"aws workspaces terminate-workspaces --region {region} --terminate-workspace-requests {ids}"


def commands_of(code: str) -> list[str]:
    """The commands that help with a reason or a condition."""
    found = list(_COMMANDS.get(code, ()))
    is_settled_badly = set(statuses_of(code)) & set(_AGAIN)
    if not found and is_settled_badly:
        found = [*([terminate_command()] if code in _REPLACED else ()), f"standby retry --reason {code}", _RETRY]
    return [*found, f"standby list --reason {code}"] if statuses_of(code) else found


def reason(code: Reason) -> dict[str, Any]:
    """A reason for data output."""
    meaning = code.meaning
    return {
        "reason_code": str(code),
        "meaning": meaning.sentence,
        "advice": meaning.advice,
        "commands": commands_of(code),
        "statuses": statuses_of(code),
        "notifies": meaning.notify,
    }


def condition(kind: str) -> dict[str, Any]:
    """A condition for data output, in the form of a reason."""
    said = re.sub(r" \([^()]*{note}\)|: {note}", "", WORDS[kind])
    return {
        "reason_code": kind,
        "meaning": f"A condition: {said}.",
        "advice": advice_of(kind),
        "commands": commands_of(kind),
        "statuses": [],
        "notifies": False,
    }
