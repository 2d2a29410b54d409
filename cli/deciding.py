"""The rules that decide whether a desktop gets a standby, derived from a decision and the ledger. Pure.

The rules are in the order in which `protect` evaluates them. A decision names a reason, and each reason belongs to one
rule: the rules before that rule hold, that rule does not hold, and the rules after it were not evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cli.times import local
from standby.core.model import OPEN, Status

YES, NO, NEXT, NOT_ASKED = "yes", "no", "next", "not asked"


class Rule(StrEnum):
    """The rules in their order, each as a sentence that is true if the rule holds."""

    SHOWN = "DescribeWorkspaces returns the WorkSpace"
    OURS = "It is a primary of this pair"
    MAPPED = "Its directory is mapped to a DR directory"
    THERE = "It is not terminated"
    NONE_YET = "It has no standby yet"
    POSSIBLE = "AWS offers standbys for such a WorkSpace"
    WANTED = "No rule of the configuration excludes it"
    ASSIGNED = "It is assigned to a user"
    ACCEPTED = "It is new, requested by a person, or in an accepted fleet"
    READY = "It is AVAILABLE or STOPPED"
    TAGS = "Its tags are known, if a rule needs them"
    FREE = "Its user's place in the DR directory is free"
    OPEN = "Nothing holds requests"
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
    """What would be done, and the rules that lead to it.

    `is_now` is True if it was decided now, and False if it comes from the ledger.
    """

    action: str
    status: str | None
    reason_code: str
    message: str
    is_now: bool

    def rules(self, recorded_reason: str = "") -> list[dict[str, str]]:
        """Each rule, and whether it holds; `recorded_reason` is the reason in the row.

        A decision makes no lookup in the DR directory: whether the place is free is as the last lookup found it, or
        the next step.
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
            # What could hold requests was evaluated, too.
            found[order.index(Rule.OPEN)], found[order.index(Rule.SENT)] = YES, NEXT
        return [{"rule": rule, "result": said} for rule, said in zip(order, found, strict=True)]

    def sentence(self, row: Mapping[str, Any]) -> str:
        """The next step in sentences: what happens automatically and, for a settled row, what a request would do."""
        what = _WHAT[self.action].format(status=self.status or "without a row", reason=self.reason_code)
        if str(row.get("status")) in OPEN and self.is_now:
            return what
        due, deadline = row.get("due_at"), row.get("deadline_at")
        said = f"The watcher checks it next at {local(due)}." if due else ""
        said += f" Its deadline is {local(deadline)}." if deadline else ""
        settled = _SETTLED.get(str(row.get("status")), "The next sweep checks it again.")
        said = said.strip() or named(settled, row)
        return f"{said} If a person requests it now: {what[0].lower()}{what[1:]}" if self.is_now else said


_WHAT: Final = {
    "NONE": "Nothing would change: it remains {status} ({reason}).",
    "RECORD": "It would become {status} ({reason}).",
    "LOOK": "A lookup of its user in the DR directory would come first, followed by a new decision.",
    "REQUEST": "A standby would be requested.",
}
_SETTLED: Final[Mapping[str, str]] = {
    Status.PROTECTED: "Each sweep checks its standby.",
    Status.HELD: "The watcher tries it again within 15 minutes. The standby is requested once nothing holds it.",
    Status.REPORTED: "No standby is created until its directory is accepted (`standby accept DIRECTORY`), or a person"
    " requests it (`standby protect ID`).",
    Status.PRIMARY_GONE: "No standby is created for it.",
}


def named(words: str, row: Mapping[str, Any]) -> str:
    """Sentences in whose commands ID and DIRECTORY are those of a row."""
    ids = {"ID": row.get("pk"), "DIRECTORY": row.get("primary_directory_id")}

    def put_in(command: re.Match[str]) -> str:
        return re.sub(r"\b(?:ID|DIRECTORY)\b", lambda found: str(ids[found[0]] or found[0]), command[0])

    return re.sub(r"`[^`]+`", put_in, words)


def recorded(row: Mapping[str, Any]) -> Step:
    """The step as the ledger alone has it."""
    return Step("NONE", row.get("status"), str(row.get("reason_code")), str(row.get("message") or ""), is_now=False)
