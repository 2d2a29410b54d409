"""Reads what invokes protect: an event yields ids and a cause; nothing else in it is trusted."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from standby.core.model import EVENT, SWEEP, WATCH, Cause, Override, WorkspaceId, is_workspace_id, legible

MOST_BY_HAND = 1000  # what fits protect's time-out, paced
# Maximum characters of a quotation from an event: it is stored in rows of at most 400 KB, and returned in an answer.
_MOST_OF_A_NAME = 500
_MOST_OF_A_MESSAGE = 2000
UNNAMED = "a caller that CloudTrail does not name"
NO_NAME = "a caller who gave no name"
DETAIL_TYPE = "AWS API Call via CloudTrail"
CREATE, MIGRATE, TERMINATE = "CreateWorkspaces", "MigrateWorkspace", "TerminateWorkspaces"
# Every event of EventBridge has these members. A payload without any of them is a person's call, who gets the answer.
_OF_AN_EVENT = frozenset({"detail-type", "source", "detail"})
# The member that a redrive adds to an event: who sent it to protect again, and why, as `{"principal", "id"}`.
REDRIVEN = "redriven"
_HOW_TO_CALL = 'send {"mode": "reconcile", "workspace_ids": ["ws-1abc2def3"]}'


@dataclass(frozen=True)
class Hint:
    """The WorkSpace ids of an event or a call, and the cause. `bad_ids` are values that are not ids.

    `ends`: TerminateWorkspaces was called for the ids, which can be primaries, standbys or unknown WorkSpaces.
    `dry_run`: the caller only asks what would be done.
    """

    ids: tuple[WorkspaceId, ...]
    cause: Cause
    bad_ids: tuple[str, ...] = ()
    ends: bool = False
    dry_run: bool = False


class BadEvent(Exception):
    """An event without usable ids. The message says why; `for_a_person`: a person may be able to correct it."""

    def __init__(self, message: str, *, for_a_person: bool = True) -> None:
        super().__init__(legible(message, _MOST_OF_A_MESSAGE))
        self.for_a_person = for_a_person


def read(event: object, *, account: str, region: str, dr_region: str | None = None) -> Hint:
    """The ids in an EventBridge event from CloudTrail, or in a person's call (`{"mode": "reconcile", …}`).

    `account` and `region` are the function's. Termination events of `dr_region` are read too.

    Raises
    ------
    BadEvent
        There are no usable ids, or the event is of another account or Region.
    """
    if not isinstance(event, Mapping):
        raise BadEvent(f"the payload must be an object: {_HOW_TO_CALL}")
    if event.get("mode") == "reconcile":
        hint = by_hand(event)
    elif is_call(event):
        raise BadEvent(f'the "mode" of the call is missing or unknown: {_HOW_TO_CALL}')
    else:
        hint = _from_trail(event, account, region, dr_region)
    return dataclasses.replace(hint, cause=_handed_over(hint.cause, event.get(REDRIVEN)))


def _handed_over(cause: Cause, by: object) -> Cause:
    """The cause of an event that a person sent to protect again, with the person and the reason appended.

    The event stays the cause. Other members of the message are ignored.
    """
    given = by if isinstance(by, Mapping) else {}
    who, why = (given.get(name) for name in ("principal", "id"))
    if cause.type in (WATCH, SWEEP) or not (isinstance(why, str) and why.strip()):
        return cause
    name = _name(who.strip()) if isinstance(who, str) and who.strip() else NO_NAME
    return dataclasses.replace(cause, id=_name(f"{cause.id}, sent to protect again by {name} ({_name(why.strip())})"))


def is_call(event: object) -> bool:
    """Whether a payload is a person's call, valid or not, and not an event of EventBridge, which must not be lost."""
    return not isinstance(event, Mapping) or "mode" in event or _OF_AN_EVENT.isdisjoint(event)


def by_hand(event: Mapping[str, Any]) -> Hint:
    """The ids in a person's call, and its cause; `BadEvent` if there are no ids, or if a key is wrong."""
    ids = event.get("workspace_ids")
    if isinstance(ids, list) and len(ids) > MOST_BY_HAND:
        raise BadEvent(f"{len(ids)} ids are too many for one call; send at most {MOST_BY_HAND}")
    if not isinstance(ids, list) or not ids:
        raise BadEvent('"workspace_ids" must be a list of WorkSpace ids, for example ["ws-1abc2def3"]')
    cause = dataclasses.replace(cause_of(event), overrides=_overrides(event.get("override")))
    return dataclasses.replace(_hint(ids, cause), dry_run=flag(event, "dry_run"))


def cause_of(call: Mapping[str, Any]) -> Cause:
    """The cause that a person's call names. It is trusted, because only callers who may invoke protect can send it."""
    given = call.get("cause")
    cause = given if isinstance(given, Mapping) else {}
    who = cause.get("principal")
    return Cause(
        type=_name(cause.get("type") or "manual"),
        id=_name(cause.get("id") or "no reason given"),
        principal=_name(who.strip()) if isinstance(who, str) and who.strip() else None,
    )


def flag(call: Mapping[str, Any], name: str) -> bool:
    """The flag `name` of a person's call; `BadEvent` if it is neither true nor false."""
    value = call.get(name, False)
    if not isinstance(value, bool):
        raise BadEvent(f'"{name}" must be true or false and is {value!r}', for_a_person=False)
    return value


def _overrides(given: object) -> frozenset[Override]:
    known: dict[object, Override] = {str(one): one for one in Override}
    listed = [] if given is None else given
    if isinstance(listed, list) and all(isinstance(one, str) and one in known for one in listed):
        return frozenset(known[one] for one in listed)
    raise BadEvent(f'"override" must be a list of some of {", ".join(Override)}', for_a_person=False)


def _from_trail(event: Mapping[str, Any], account: str, region: str, dr_region: str | None) -> Hint:
    detail = event.get("detail")
    if not isinstance(detail, Mapping) or event.get("detail-type") != DETAIL_TYPE:
        raise BadEvent(
            f'the payload is neither a call ("mode": "reconcile") nor an event "{DETAIL_TYPE}";'
            f" its keys are {sorted(map(str, event))}"
        )
    name = detail.get("eventName")
    origin = event.get("account"), event.get("region")
    if origin != (account, region) and not (name == TERMINATE and origin == (account, dr_region)):
        raise BadEvent(
            f"the event is of account {origin[0]} in {origin[1]}; this stack protects account {account} in {region}",
            # An event without account or Region may belong to this stack.
            for_a_person=not all(isinstance(one, str) for one in origin),
        )
    request, answer = (_half(detail, half) for half in ("requestParameters", "responseElements"))
    who = caller(detail, account)
    cause = Cause(
        type=EVENT,
        id=_name(event.get("id") or "unknown"),
        principal=who,
        created_by=None if name == TERMINATE else who,
        succeeds=name == MIGRATE,
        migrated_from=_source(request or {}, answer or {}) if name == MIGRATE else None,
        names_new=name == CREATE,
    )
    if name == TERMINATE:
        return dataclasses.replace(_hint(_ended(detail, request or {}, answer or {}), cause), ends=True)
    return _hint(_named(name, detail, answer), cause)


def _ended(detail: Mapping[str, Any], request: Mapping[str, Any], answer: Mapping[str, Any]) -> list[object]:
    """The WorkSpaces of a TerminateWorkspaces call for which it did not fail, one or more; `BadEvent` if none."""
    if detail.get("errorCode"):
        raise BadEvent(f"{TERMINATE} failed ({detail['errorCode']}): nothing was terminated", for_a_person=False)
    if not (asked := _ids(request, "terminateWorkspaceRequests")):
        raise BadEvent(f"{TERMINATE} names no WorkSpace in its requestParameters")
    failed = _ids(answer, "failedRequests")
    if not (ended := [one for one in asked if one not in failed]):
        raise BadEvent(f"{TERMINATE} failed for every WorkSpace that it names", for_a_person=False)
    return ended


def _source(request: Mapping[str, Any], answer: Mapping[str, Any]) -> WorkspaceId | None:
    """The previous id of a migrated WorkSpace. The event's body is not documented, so either half may contain it."""
    found = [half.get("sourceWorkspaceId") for half in (answer, request)]
    new = answer.get("targetWorkspaceId")
    return next((WorkspaceId(str(one)) for one in found if is_workspace_id(one) and one != new), None)


def _named(name: object, detail: Mapping[str, Any], answer: Mapping[str, Any] | None) -> list[object]:
    """The ids that a call created, one or more; `BadEvent` if none."""
    if name not in (CREATE, MIGRATE):
        raise BadEvent(f"{name} does not create a primary WorkSpace", for_a_person=not isinstance(name, str))
    found = _ids(answer or {}, "pendingRequests")
    if name == MIGRATE:
        found = [one for one in [(answer or {}).get("targetWorkspaceId")] if one is not None]
    if found:
        return found
    if detail.get("errorCode"):
        raise BadEvent(f"{name} failed ({detail['errorCode']}): no WorkSpace was created", for_a_person=False)
    if answer is None:
        raise BadEvent(f"{name} has no responseElements, so it names no WorkSpace")
    refused = _ids(answer, "failedRequests")
    raise BadEvent(
        f"{name} names no WorkSpace that was created ({len(refused)} of its requests failed)",
        # A list of created WorkSpaces that cannot be read is not an empty list.
        for_a_person=not refused or bool(answer.get("pendingRequests")),
    )


def _half(detail: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The request or the response of a call; None if it is not an object.

    CloudTrail writes member names in lower camel case, the API in upper camel case. Both are accepted, because the
    bodies of some events are not documented.
    """
    found = detail.get(name)
    return _with_small_letters(found) if isinstance(found, Mapping) else None


def _with_small_letters(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {name[:1].lower() + name[1:]: value for name, value in mapping.items()}


def _ids(half: Mapping[str, Any], name: str) -> list[object]:
    """The values of `workspaceId` in a list of entries, valid or not."""
    listed = half.get(name)
    entries = listed if isinstance(listed, list) else []
    return [_with_small_letters(one).get("workspaceId") if isinstance(one, Mapping) else one for one in entries]


def _name(value: object) -> str:
    return legible(value, _MOST_OF_A_NAME)


def _hint(candidates: list[Any], cause: Cause) -> Hint:
    ids = tuple(dict.fromkeys(WorkspaceId(one) for one in candidates if is_workspace_id(one)))
    bad = tuple(_name(one) for one in candidates if not is_workspace_id(one))
    if not ids:
        raise BadEvent(f"none of {list(bad)[:25]} is a WorkSpace id; an id looks like ws-1abc2def3")
    return Hint(ids=ids, cause=cause, bad_ids=bad)


def caller(record: Mapping[str, Any], account: str) -> str | None:
    """Who made the call of a CloudTrail record, by the best name in its `userIdentity`; None if it has none.

    For example an ARN, `al (Directory)`, or `a caller in account 999999999999 (another account)`. "Another" means
    another one than `account`, the stack's.
    """

    def text(*path: str) -> str:
        found: object = record.get("userIdentity")
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found.strip() if isinstance(found, str) else ""

    arn, user, kind = text("arn"), text("userName"), text("type")
    person, store = text("onBehalfOf", "userId"), text("onBehalfOf", "identityStoreArn").rpartition("/")[2]
    found = arn or (f"user {person} of Identity Center {store}".rstrip() if person else "")
    found = found or (f"{user} ({kind})" if user and kind else user) or text("principalId") or text("invokedBy")
    # The account of an identity store is the organisation's, not the caller's.
    home = text("accountId") or (arn.split(":")[4] if arn.count(":") > 4 else "")
    if home and (home != account or not found):
        found = f"{found or 'a caller'} in account {home}" + (" (another account)" if home != account else "")
    return _name(found) if found else None
