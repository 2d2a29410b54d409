"""Each kind of condition of a desktop in words, with its note, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cli.times import local
from standby.core.reasons import Reason
from standby.core.row import Kind
from standby.core.upkeep import advice

# `{note}` is the note of the condition; without a note, it is left out with its colon or parentheses.
WORDS: Final[Mapping[str, str]] = {
    Kind.ABSENT: "DescribeWorkspaces does not return the primary when it is called with the primary's id",
    Kind.MISSED: "the last complete sweep did not find the primary; the next one decides",
    Kind.GONE: "the primary no longer exists (reason before: {note})",
    Kind.UNMAPPED: "the directory is no longer in the configuration (reason before: {note})",
    Kind.PRIMARY_TERMINATED: "TerminateWorkspaces was called for the primary: {note}",
    Kind.MIGRATED: "the primary was migrated to a new id: {note}",
    Kind.PCOIP: "the primary uses PCoIP, which AWS discontinues",
    Kind.UNCLEAR: "the last request for a standby had no clear answer",
    Kind.SUCCEEDS: "this is the new id of a migrated primary, and it has no standby yet (old id: {note})",
    Kind.GIVEN_UP: "a request for the user was throttled, or given up without a clear answer; a lookup comes first",
    Kind.DESKTOP_SEEN: "the DR directory has a desktop of the user that may be a standby",
    Kind.NOTHING_SEEN: "a complete lookup after an unclear request found no standby",
    Kind.USER_MISSING: "the DR directory does not know the user",
    Kind.STANDBY_MISSED: "the last complete sweep did not find the standby; the next one decides",
    Kind.STANDBY_TERMINATED: "TerminateWorkspaces was called for the standby: {note}",
    Kind.DOUBLED: "the primary has more than one standby, and each is billed: {note}",
    Kind.UNWELL: "the standby is in ERROR, UNHEALTHY or IMPAIRED; the next sweep decides",
    Kind.DRIFT: "the standby differs from the primary or the configuration, whose value comes first: {note}",
    Kind.COPIED: "the primary's data is replicated to the standby",
    Kind.STALE: "the data on the standby is older than rpo_hours",
    Kind.STANDBY_PCOIP: "the standby uses PCoIP, which AWS discontinues",
    Kind.ASKED: "a person asked for a standby; it could not be requested yet",
    Kind.KEPT: "the orphan is kept: {note}",
    Kind.TROUBLE: "a notice was sent: {note}",
}
# Internal conditions: they do not help a reader.
INNER: Final = (Kind.TROUBLE, Kind.GONE, Kind.UNMAPPED)

# The conditions that need action, except DRIFT: what to do about it depends on what differs.
_ADVICE: Final[Mapping[str, str]] = {
    Kind.DOUBLED: Reason.TWO_STANDBYS.meaning.advice,
    Kind.STALE: Reason.REPLICATION_STALE.meaning.advice,
}
_ANY_DRIFT: Final = "data_replication; compute_type"


def advice_of(kind: str, note: object = None) -> str:
    """What to do about a condition, in sentences; empty if it needs no action of its own."""
    return advice(str(note or _ANY_DRIFT)) if kind == Kind.DRIFT else _ADVICE.get(kind, "")


def words_of(kind: str, condition: Mapping[str, Any]) -> str:
    """A condition with its start, in a sentence, e.g. `DRIFT since 2026-03-03 10:26 CET: the standby …`."""
    note = condition.get("note")
    said = WORDS.get(kind, "{note}").replace("{note}", str(note or "not noted"))
    return f"{kind} since {local(condition.get('since'))}: {said}."
