"""What triggers us: an event is a hint that yields ids, and nothing else in it is believed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from standby.core.model import EVENT, SWEEP, WATCH, Cause, Override, WorkspaceId, is_workspace_id, legible

MOST_BY_HAND = 1000  # what fits protect's time-out, paced
# Characters of what is quoted from an event: it is kept in rows of at most 400 KB, and in an answer.
_MOST_OF_A_NAME = 500
_MOST_OF_A_MESSAGE = 2000
UNNAMED = "somebody whom CloudTrail does not name"
DETAIL_TYPE = "AWS API Call via CloudTrail"
CREATE, MIGRATE, TERMINATE = "CreateWorkspaces", "MigrateWorkspace", "TerminateWorkspaces"
# Every event of EventBridge has these members. A payload without any of them was sent by a person, who has the answer.
_OF_AN_EVENT = frozenset({"detail-type", "source", "detail"})
# Beside an event: who has given it to protect again, and why, as `{"principal", "id"}`.
REDRIVEN = "redriven"
_HOW_TO_CALL = 'send {"mode": "reconcile", "workspace_ids": ["ws-1abc2def3"]}'


@dataclass(frozen=True)
class Hint:
    """Ids to look at, and why; `bad_ids` are what stood where an id belongs.

    `ends` if somebody called TerminateWorkspaces for them: then they are primaries, or standbys, or none of ours.
    `dry_run` if it is only asked what would be done.
    """

    ids: tuple[WorkspaceId, ...]
    cause: Cause
    bad_ids: tuple[str, ...] = ()
    ends: bool = False
    dry_run: bool = False


class BadEvent(Exception):
    """An event that yields no ids. The message says why; `for_a_person` whether somebody can make it good by hand."""

    def __init__(self, message: str, *, for_a_person: bool = True) -> None:
        super().__init__(legible(message, _MOST_OF_A_MESSAGE))
        self.for_a_person = for_a_person


def read(event: object, *, account: str, region: str, dr_region: str | None = None) -> Hint:
    """The ids in an EventBridge event from CloudTrail, or in a call by hand (`{"mode": "reconcile", …}`).

    `account` and `region` are where this function stands; terminations in `dr_region` are its business, too.
    """
    if not isinstance(event, Mapping):
        raise BadEvent(f"the payload is no object: {_HOW_TO_CALL}")
    if event.get("mode") == "reconcile":
        hint = by_hand(event)
    elif is_call(event):
        raise BadEvent(f'the call has no "mode" that is known: {_HOW_TO_CALL}')
    else:
        hint = _from_trail(event, account, region, dr_region)
    return dataclasses.replace(hint, cause=_handed_over(hint.cause, event.get(REDRIVEN)))


def _handed_over(cause: Cause, by: object) -> Cause:
    """The cause of an event that a person has given to protect again, with who and why behind it.

    The event stays the cause. Whatever else stands in a stranger's message is none of ours.
    """
    given = by if isinstance(by, Mapping) else {}
    who, why = (given.get(name) for name in ("principal", "id"))
    if cause.type in (WATCH, SWEEP) or not (isinstance(why, str) and why.strip()):
        return cause
    name = _name(who.strip()) if isinstance(who, str) and who.strip() else "a caller who gave no name"
    return dataclasses.replace(cause, id=_name(f"{cause.id}, given to protect again by {name} ({_name(why.strip())})"))


def is_call(event: object) -> bool:
    """Whether a payload is a person's call, right or wrong, and no event of EventBridge, which may have been lost."""
    return not isinstance(event, Mapping) or "mode" in event or _OF_AN_EVENT.isdisjoint(event)


def by_hand(event: Mapping[str, Any]) -> Hint:
    """The ids in a person's call, and what it says of its cause; `BadEvent` if there is none, or a key is wrong."""
    ids = event.get("workspace_ids")
    if isinstance(ids, list) and len(ids) > MOST_BY_HAND:
        raise BadEvent(f"{len(ids)} ids are more than one call can work on; send {MOST_BY_HAND} at a time")
    if not isinstance(ids, list) or not ids:
        raise BadEvent('"workspace_ids" must be a list of WorkSpace ids, for example ["ws-1abc2def3"]')
    cause = dataclasses.replace(cause_of(event), overrides=_overrides(event.get("override")))
    return dataclasses.replace(_hint(ids, cause), dry_run=flag(event, "dry_run"))


def cause_of(call: Mapping[str, Any]) -> Cause:
    """What a person's call says of its cause: it is believed, for only who may invoke protect can say it."""
    given = call.get("cause")
    cause = given if isinstance(given, Mapping) else {}
    who = cause.get("principal")
    return Cause(
        type=_name(cause.get("type") or "manual"),
        id=_name(cause.get("id") or "by hand"),
        principal=_name(who.strip()) if isinstance(who, str) and who.strip() else None,
    )


def flag(call: Mapping[str, Any], name: str) -> bool:
    """Whether a person's call says true under a name; `BadEvent` if it says anything else than true and false."""
    value = call.get(name, False)
    if not isinstance(value, bool):
        raise BadEvent(f'"{name}" must be true or false, and is {value!r}', for_a_person=False)
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
            f'neither a call by hand ("mode": "reconcile") nor an event "{DETAIL_TYPE}";'
            f" its keys: {sorted(map(str, event))}"
        )
    name = detail.get("eventName")
    told = event.get("account"), event.get("region")
    if told != (account, region) and not (name == TERMINATE and told == (account, dr_region)):
        raise BadEvent(
            f"the event is of account {told[0]} in {told[1]}; this stack protects account {account} in {region}",
            # One that does not say whose it is may be ours.
            for_a_person=not all(isinstance(one, str) for one in told),
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
    """What a TerminateWorkspaces was called for and did not fail for, one or more."""
    if detail.get("errorCode"):
        raise BadEvent(f"{TERMINATE} failed ({detail['errorCode']}): nothing was terminated", for_a_person=False)
    if not (asked := _ids(request, "terminateWorkspaceRequests")):
        raise BadEvent(f"{TERMINATE} names no WorkSpace in its requestParameters")
    failed = _ids(answer, "failedRequests")
    if not (ended := [one for one in asked if one not in failed]):
        raise BadEvent(f"{TERMINATE} failed for each WorkSpace that it names", for_a_person=False)
    return ended


def _source(request: Mapping[str, Any], answer: Mapping[str, Any]) -> WorkspaceId | None:
    """The id that a migrated WorkSpace had; the event's body is not documented, so either half may say."""
    found = [half.get("sourceWorkspaceId") for half in (answer, request)]
    new = answer.get("targetWorkspaceId")
    return next((WorkspaceId(str(one)) for one in found if is_workspace_id(one) and one != new), None)


def _named(name: object, detail: Mapping[str, Any], answer: Mapping[str, Any] | None) -> list[object]:
    """What a call says that it created, one or more."""
    if name not in (CREATE, MIGRATE):
        raise BadEvent(f"{name} creates no primary WorkSpace", for_a_person=not isinstance(name, str))
    found = _ids(answer or {}, "pendingRequests")
    if name == MIGRATE:
        found = [one for one in [(answer or {}).get("targetWorkspaceId")] if one is not None]
    if found:
        return found
    if detail.get("errorCode"):
        raise BadEvent(f"{name} failed ({detail['errorCode']}): no WorkSpace came of it", for_a_person=False)
    if answer is None:
        raise BadEvent(f"{name} has no responseElements, so it names no WorkSpace")
    refused = _ids(answer, "failedRequests")
    raise BadEvent(
        f"{name} names no WorkSpace that was created ({len(refused)} of its requests failed)",
        # A list of what was created that cannot be read is no empty one.
        for_a_person=not refused or bool(answer.get("pendingRequests")),
    )


def _half(detail: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """What was asked, or answered; None if that is no object.

    CloudTrail writes names with a small first letter, the API with a capital one: either is taken, for the bodies of
    some events are not documented.
    """
    found = detail.get(name)
    return _with_small_letters(found) if isinstance(found, Mapping) else None


def _with_small_letters(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {name[:1].lower() + name[1:]: value for name, value in mapping.items()}


def _ids(half: Mapping[str, Any], name: str) -> list[object]:
    """What stands where ids belong in a list of entries."""
    listed = half.get(name)
    entries = listed if isinstance(listed, list) else []
    return [_with_small_letters(one).get("workspaceId") if isinstance(one, Mapping) else one for one in entries]


def _name(value: object) -> str:
    return legible(value, _MOST_OF_A_NAME)


def _hint(candidates: list[Any], cause: Cause) -> Hint:
    ids = tuple(dict.fromkeys(WorkspaceId(one) for one in candidates if is_workspace_id(one)))
    bad = tuple(_name(one) for one in candidates if not is_workspace_id(one))
    if not ids:
        raise BadEvent(f"no WorkSpace id among {list(bad)[:25]}; an id looks like ws-1abc2def3")
    return Hint(ids=ids, cause=cause, bad_ids=bad)


def caller(record: Mapping[str, Any], account: str) -> str | None:
    """Who made the call of a CloudTrail record, by the best name that its `userIdentity` has; None if it has none.

    E.g. an ARN, `al (Directory)`, or `somebody in account 999999999999 (another account)`: than `account`, the stack's.
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
    # The account of an identity store is the organisation's, and not that of who called.
    home = text("accountId") or (arn.split(":")[4] if arn.count(":") > 4 else "")
    if home and (home != account or not found):
        found = f"{found or 'somebody'} in account {home}" + (" (another account)" if home != account else "")
    return _name(found) if found else None
