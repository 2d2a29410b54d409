"""How it is decided whether a desktop gets a standby, rule by rule, as a decision and the ledger tell it. Pure.

The rules stand in the order in which `protect` asks them. A decision names a reason, and each reason is one rule's: the
rules before it hold, it does not, and those behind it were not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cli.times import local
from standby.core.model import OPEN, Status

YES, NO, NEXT, NOT_ASKED = "yes", "no", "next", "not asked"


class Rule(StrEnum):
    """The rules, in their order, each as it is said where it holds."""

    SHOWN = "DescribeWorkspaces returns the WorkSpace"
    OURS = "It is a primary of this pair"
    MAPPED = "Its directory is mapped to a DR directory"
    THERE = "It is not terminated"
    NONE_YET = "It has no standby yet"
    POSSIBLE = "AWS offers standbys for such a WorkSpace"
    WANTED = "No rule of the configuration excludes it"
    ASSIGNED = "It is assigned to a user"
    ACCEPTED = "It is new, asked for, or of an accepted fleet"
    READY = "It is AVAILABLE or STOPPED"
    TAGS = "Its tags are known, if a rule asks for them"
    FREE = "Its user's place in the DR directory is free"
    OPEN = "Nothing holds requests back"
    SENT = "The request is sent and accepted"


_OF: Final = {
    Rule.SHOWN: "NOT_VISIBLE_YET DESCRIBE_FAILED NEVER_RETURNED NOT_IN_LEDGER ROW_UNREADABLE",
    Rule.OURS: "IS_STANDBY MAPPED_ELSEWHERE",
    Rule.MAPPED: "DIRECTORY_NOT_MAPPED MAPPING_REMOVED",
    Rule.THERE: "PRIMARY_TERMINATED ORPHANED MIGRATION_FAILED",
    Rule.NONE_YET: "STANDBY_READY ADOPTED STANDBY_STARTING CREATE_ACCEPTED STANDBY_UNWELL STANDBY_NOT_READY"
    " STANDBY_IN_ERROR STANDBY_UNHEALTHY STANDBY_TERMINATING STANDBY_GONE REPLICATION_STALE",
    Rule.POSSIBLE: "OPERATING_SYSTEM COMPUTE_TYPE NESTED_VIRTUALIZATION AWS_MANAGED_KEY NO_DR_KEY",
    Rule.WANTED: "EXCLUDED_BY_RULE NOT_INCLUDED",
    Rule.ASSIGNED: "NO_USER",
    Rule.ACCEPTED: "EXISTING_FLEET DR_DIRECTORY_CHANGED",
    Rule.READY: "PRIMARY_PENDING PRIMARY_PAUSED_BY_SERVICE PRIMARY_NOT_READY STATE_REFUSED",
    Rule.TAGS: "TAGS_UNKNOWN",
    Rule.FREE: "SECONDARY_EXISTS USER_HAS_STANDBY DR_DESKTOP_UNCLEAR USER_NOT_IN_DR_DIRECTORY USER_NOT_FOUND",
    Rule.OPEN: "PAUSED OBSERVE_MODE DAILY_CAP CEILING QUOTA_REACHED DIRECTORY_REFUSED ACCESS_DENIED BACKFILL",
    Rule.SENT: "READY CLAIM_TAKEN LEASE_TOO_SHORT CREATE_THROTTLED CREATE_UNREACHABLE REQUEST_UNCERTAIN"
    " NOTHING_SEEN_ONCE SERVICE_REFUSED NO_CLEAR_ANSWER",
}
RULE_OF: Final = {code: rule for rule, codes in _OF.items() for code in codes.split()}
_HAS_ONE: Final = (Status.PROTECTED, Status.REQUESTED)


@dataclass(frozen=True)
class Step:
    """What would be done, and the rules that lead there.

    `is_now` is whether it was decided now, or is what the ledger has.
    """

    action: str
    status: str | None
    reason_code: str
    message: str
    is_now: bool

    def rules(self, recorded_reason: str = "") -> list[dict[str, str]]:
        """Each rule, and whether it holds; `recorded_reason` is the row's.

        Nothing is looked up in the DR directory for a decision: whether the place is free is what was found last, or is
        asked next.
        """
        stops, result = RULE_OF.get(self.reason_code), NO
        if self.action in ("REQUEST", "LOOK"):
            is_taken = RULE_OF.get(recorded_reason) is Rule.FREE
            stops, result = Rule.FREE, NO if is_taken else NEXT
        elif self.status in _HAS_ONE:
            stops = Rule.NONE_YET
        order = list(Rule)
        at = order.index(stops) if stops else 0
        found = [YES if place < at else result if rule is stops else NOT_ASKED for place, rule in enumerate(order)]
        if self.action == "REQUEST":
            # Whatever holds requests back was asked, too.
            found[order.index(Rule.OPEN)], found[order.index(Rule.SENT)] = YES, NEXT
        return [{"rule": rule, "result": said} for rule, said in zip(order, found, strict=True)]

    def sentence(self, row: Mapping[str, Any]) -> str:
        """What comes next, in sentences: by itself, and, of what is settled, if a person asks."""
        what = _WHAT[self.action].format(status=self.status or "without a row", reason=self.reason_code)
        if str(row.get("status")) in OPEN and self.is_now:
            return what
        due, deadline = row.get("due_at"), row.get("deadline_at")
        said = f"The watcher looks at it next at {local(due)}." if due else ""
        said += f" It is given up at {local(deadline)}." if deadline else ""
        said = said.strip() or _SETTLED.get(str(row.get("status")), "The next sweep looks at it again.")
        return f"{said} If a person asks for it now: {what[0].lower()}{what[1:]}" if self.is_now else said


_WHAT: Final = {
    "NONE": "Nothing would change: it stays {status} ({reason}).",
    "RECORD": "It would become {status} ({reason}).",
    "LOOK": "The DR directory would be searched for a desktop of its user, and then it is decided again.",
    "REQUEST": "A standby would be requested.",
}
_SETTLED: Final[Mapping[str, str]] = {
    Status.PROTECTED: "Each sweep checks its standby.",
    Status.HELD: "The watcher tries it again, at the latest after 15 minutes, and requests it once nothing holds it.",
    Status.REPORTED: "Nothing is created before its directory is accepted, or it is asked for.",
    Status.PRIMARY_GONE: "Nothing is created for it.",
}


def recorded(row: Mapping[str, Any]) -> Step:
    """What the ledger alone says."""
    return Step("NONE", row.get("status"), str(row.get("reason_code")), str(row.get("message") or ""), is_now=False)
