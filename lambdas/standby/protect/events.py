"""What triggers us: an event is a hint that yields ids, and nothing else in it is believed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from standby.model import Cause, WorkspaceId, is_workspace_id
from standby.texts import legible

MOST_BY_HAND = 1000  # what fits protect's time-out, paced
# Characters of what is quoted from an event: it is kept in rows of at most 400 KB, and in an answer.
_MOST_OF_A_NAME = 500
_MOST_OF_A_MESSAGE = 2000
DETAIL_TYPE = "AWS API Call via CloudTrail"
MIGRATE, TERMINATE = "MigrateWorkspace", "TerminateWorkspaces"


@dataclass(frozen=True)
class Hint:
    """Ids to look at, and why; `bad_ids` are what stood where an id belongs.

    `ends` if somebody called TerminateWorkspaces for them: then they are primaries, or standbys, or none of ours.
    """

    ids: tuple[WorkspaceId, ...]
    cause: Cause
    bad_ids: tuple[str, ...] = ()
    ends: bool = False


class BadEvent(Exception):
    """An event that yields no ids. The message says why; `for_a_person` whether somebody can make it good by hand."""

    def __init__(self, message: str, *, for_a_person: bool) -> None:
        super().__init__(legible(message, _MOST_OF_A_MESSAGE))
        self.for_a_person = for_a_person


def read(event: object, *, account: str, region: str, dr_region: str | None = None) -> Hint:
    """The ids in an EventBridge event from CloudTrail, or in a call by hand (`{"mode": "reconcile", …}`).

    Parameters
    ----------
    event
        Whatever the function was invoked with.
    account, region
        Where this function stands; events of another account or Region are not its business.
    dr_region
        Where terminations are its business, too.

    Raises
    ------
    BadEvent
        It yields no id.
    """
    if not isinstance(event, Mapping):
        raise BadEvent(f"the event is a {type(event).__name__}, not an object", for_a_person=True)
    if event.get("mode") == "reconcile":
        return _by_hand(event)
    return _from_trail(event, account, region, dr_region)


def _by_hand(event: Mapping[str, Any]) -> Hint:
    ids = event.get("workspace_ids")
    if isinstance(ids, list) and len(ids) > MOST_BY_HAND:
        raise BadEvent(
            f"{len(ids)} ids are more than one call can work on; send {MOST_BY_HAND} at a time", for_a_person=True
        )
    if not isinstance(ids, list) or not ids:
        raise BadEvent(
            '"workspace_ids" must be a list of WorkSpace ids, for example ["ws-1abc2def3"]', for_a_person=True
        )
    given = event.get("cause")
    cause = given if isinstance(given, Mapping) else {}
    return _hint(ids, Cause(type=_name(cause.get("type") or "manual"), id=_name(cause.get("id") or "by hand")))


def _from_trail(event: Mapping[str, Any], account: str, region: str, dr_region: str | None) -> Hint:
    detail = event.get("detail")
    if not isinstance(detail, Mapping) or event.get("detail-type") != DETAIL_TYPE:
        raise BadEvent(
            f'neither a call by hand ("mode": "reconcile") nor an event "{DETAIL_TYPE}";'
            f" its keys: {sorted(map(str, event))}",
            for_a_person=True,
        )
    name = detail.get("eventName")
    told = event.get("account"), event.get("region")
    if told != (account, region) and not (name == TERMINATE and told == (account, dr_region)):
        raise BadEvent(
            f"the event is of account {told[0]} in {told[1]}; this stack protects account {account} in {region}",
            # One that does not say whose it is may be ours.
            for_a_person=not all(isinstance(one, str) for one in told),
        )
    cause = Cause(
        type="event",
        id=_name(event.get("id") or "unknown"),
        principal=_principal(detail),
        looks_first=name == MIGRATE,
        migrated_from=_source(detail) if name == MIGRATE else None,
    )
    if name == TERMINATE:
        return dataclasses.replace(_hint(_ended(detail), cause), ends=True)
    return _hint(_named(name, detail), cause)


def _ended(detail: Mapping[str, Any]) -> list[object]:
    """What a TerminateWorkspaces was called for and did not fail for, one or more."""
    request, answer = _get_mapping(detail, "requestParameters"), _get_mapping(detail, "responseElements")
    asked = [_of_entry(one) for one in _entries(request, "terminateWorkspaceRequests")]
    if detail.get("errorCode"):
        raise BadEvent(f"{TERMINATE} failed ({detail['errorCode']}): nothing was terminated", for_a_person=False)
    if not asked:
        raise BadEvent(f"{TERMINATE} names no WorkSpace in its requestParameters", for_a_person=True)
    failed = [_of_entry(one) for one in _entries(answer, "failedRequests")]
    if not (ended := [one for one in asked if one not in failed]):
        raise BadEvent(f"{TERMINATE} failed for each WorkSpace that it names", for_a_person=False)
    return ended


def _source(detail: Mapping[str, Any]) -> WorkspaceId | None:
    """The id that a migrated WorkSpace had; the event's body is not documented, so either half may say."""
    new = _get(_get_mapping(detail, "responseElements"), "targetWorkspaceId")
    for half in ("responseElements", "requestParameters"):
        found = _get(_get_mapping(detail, half), "sourceWorkspaceId")
        if is_workspace_id(found) and found != new:
            return WorkspaceId(found)
    return None


def _named(name: object, detail: Mapping[str, Any]) -> list[object]:
    """What a call says that it created, one or more."""
    answer = detail.get("responseElements")
    if found := list(_ids_in(name, answer if isinstance(answer, Mapping) else {})):
        return found
    if detail.get("errorCode"):
        raise BadEvent(f"{name} failed ({detail['errorCode']}): no WorkSpace came of it", for_a_person=False)
    if not isinstance(answer, Mapping):
        raise BadEvent(f"{name} has no responseElements, so it names no WorkSpace", for_a_person=True)
    refused = _entries(answer, "failedRequests")
    raise BadEvent(
        f"{name} names no WorkSpace that was created ({len(refused)} of its requests failed)",
        # A list of what was created that cannot be read is no empty one.
        for_a_person=not refused or bool(_get(answer, "pendingRequests")),
    )


def _ids_in(name: object, answer: Mapping[str, Any]) -> Iterator[object]:
    match name:
        case "CreateWorkspaces":
            for entry in _entries(answer, "pendingRequests"):
                yield _of_entry(entry)
        case "MigrateWorkspace":
            # The new id; its event's body is not documented, so the casing is by analogy and either is taken.
            if (target := _get(answer, "targetWorkspaceId")) is not None:
                yield target
        case _:
            raise BadEvent(f"{name} creates no primary WorkSpace", for_a_person=not isinstance(name, str))


def _entries(answer: Mapping[str, Any], name: str) -> list[Any]:
    found = _get(answer, name)
    return found if isinstance(found, list) else []


def _of_entry(entry: object) -> object:
    return _get(entry, "workspaceId") if isinstance(entry, Mapping) else entry


def _get_mapping(mapping: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = mapping.get(name)
    return found if isinstance(found, Mapping) else {}


def _get(mapping: Mapping[str, Any], name: str) -> Any:
    """The value of `name` whether its first letter is small, as CloudTrail writes it, or capital, as the API does."""
    found = mapping.get(name)
    return mapping.get(name[0].upper() + name[1:]) if found is None else found


def _name(value: object) -> str:
    return legible(value, _MOST_OF_A_NAME)


def _hint(candidates: list[Any], cause: Cause) -> Hint:
    ids = tuple(dict.fromkeys(WorkspaceId(one) for one in candidates if is_workspace_id(one)))
    bad = tuple(_name(one) for one in candidates if not is_workspace_id(one))
    if not ids:
        raise BadEvent(f"no WorkSpace id among {list(bad)[:25]}; an id looks like ws-1abc2def3", for_a_person=True)
    return Hint(ids=ids, cause=cause, bad_ids=bad)


def _principal(detail: Mapping[str, Any]) -> str | None:
    identity = detail.get("userIdentity")
    if not isinstance(identity, Mapping):
        return None
    found = identity.get("arn") or identity.get("principalId") or identity.get("invokedBy")
    return _name(found) if found else None
