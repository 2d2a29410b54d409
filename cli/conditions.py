"""What lasts of a desktop, in words: each kind of condition, with what its note says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cli.times import local
from standby.core.row import Kind

# `{note}` is what the condition notes.
WORDS: Final[Mapping[str, str]] = {
    Kind.ABSENT: "DescribeWorkspaces, asked for the id, does not return the primary",
    Kind.MISSED: "the last complete sweep did not find the primary; the next one decides",
    Kind.GONE: "the primary is gone; before, it was {note}",
    Kind.UNMAPPED: "its directory is not in the configuration any more; before, the reason was {note}",
    Kind.PRIMARY_TERMINATED: "somebody called TerminateWorkspaces for the primary: {note}",
    Kind.MIGRATED: "the primary was migrated; its new id is {note}",
    Kind.PCOIP: "the primary uses PCoIP, which AWS discontinues",
    Kind.UNCLEAR: "the last request for a standby had no clear answer",
    Kind.SUCCEEDS: "it is the new id of the migrated primary {note}, and has no standby yet",
    Kind.GIVEN_UP: "a request for its user was throttled, or given up without a clear answer; a lookup comes first",
    Kind.DESKTOP_SEEN: "the DR directory has shown a desktop of its user that may be a standby",
    Kind.NOTHING_SEEN: "a complete lookup after an unclear request has found no standby",
    Kind.USER_MISSING: "the DR directory does not know the user",
    Kind.STANDBY_MISSED: "the last complete sweep did not find the standby; the next one decides",
    Kind.STANDBY_TERMINATED: "somebody called TerminateWorkspaces for the standby: {note}",
    Kind.DOUBLED: "the primary has more than one standby, and each is billed: {note}",
    Kind.UNWELL: "the standby is in ERROR, UNHEALTHY or IMPAIRED; the next sweep decides",
    Kind.DRIFT: "the standby differs, the primary's value or the configured one first: {note}",
    Kind.COPIED: "the primary's data is copied to the standby",
    Kind.STALE: "the data on the standby is older than rpo_hours",
    Kind.STANDBY_PCOIP: "the standby uses PCoIP, which AWS discontinues",
    Kind.ASKED: "a person asked for a standby, and it could not be requested yet",
    Kind.KEPT: "a person keeps the orphan: {note}",
    Kind.TROUBLE: "a person was notified of {note}",
}
# The machinery's own: nothing that a reader can use.
INNER: Final = (Kind.TROUBLE, Kind.GONE, Kind.UNMAPPED)


def words_of(kind: str, condition: Mapping[str, Any]) -> str:
    """A condition in a sentence, with since when it lasts, e.g. `DRIFT since 2026-03-03 10:26 CET: the standby …`."""
    note = condition.get("note")
    said = WORDS.get(kind, "{note}").replace("{note}", str(note or "not noted"))
    return f"{kind} since {local(condition.get('since'))}: {said}."
