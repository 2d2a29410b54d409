"""What triggers protect: every shape of event and of call, and which of them yields no id."""

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from standby.core.model import Cause
from standby.events import MOST_BY_HAND, BadEvent, Hint, read
from tests.component.estate import ACCOUNT, DR, PRIMARY

EVENTS = Path(__file__).parents[1] / "events"
PERSON = f"arn:aws:sts::{ACCOUNT}:assumed-role/desktop-admin/alex"
A, B = "ws-1c0ffee01", "ws-1c0ffee02"
BEHALF = {"userId": "5d0f", "identityStoreArn": "arn:aws:identitystore::777777777777:identitystore/d-9067642ac7"}
OF_CENTER, OTHER = "user 5d0f of Identity Center d-9067642ac7", " (another account)"


def recorded(name: str) -> dict[str, Any]:
    """An event as EventBridge delivered it."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def created(*ids: object, name: str = "CreateWorkspaces") -> dict[str, Any]:
    """An event of a call that created WorkSpaces of these ids."""
    event = recorded("create_workspaces_one")
    event["detail"]["eventName"] = name
    event["detail"]["responseElements"] = {"pendingRequests": [{"workspaceId": one} for one in ids]}
    return event


def answered(**answer: object) -> dict[str, Any]:
    return changed(created(), answer, "detail", "responseElements")


def by_hand(*ids: object, **more: object) -> dict[str, Any]:
    """A person's call."""
    return {"mode": "reconcile", "workspace_ids": list(ids), **more}


def changed(event: dict[str, Any], value: object, *path: str) -> dict[str, Any]:
    """The event with another value at a place; without one, where it is `...`."""
    found = copy.deepcopy(event)
    place = found
    for name in path[:-1]:
        place = place[name]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return found


def hint(event: object) -> Hint:
    return read(event, account=ACCOUNT, region=PRIMARY, dr_region=DR)


def bad(event: object) -> BadEvent:
    with pytest.raises(BadEvent) as caught:
        hint(event)
    return caught.value


# Which ids an event yields


def test_an_event_yields_all_that_it_names_in_their_order_and_who_made_the_call() -> None:
    event = recorded("create_workspaces_twenty_five")
    found = hint(event)
    named = [one["workspaceId"] for one in event["detail"]["responseElements"]["pendingRequests"]]
    assert (list(found.ids), len(set(named)), found.bad_ids, found.ends) == (named, 25, (), False)
    assert found.cause == Cause("event", event["id"], PERSON, created_by=PERSON, names_new=True)


@pytest.mark.parametrize(
    ("event", "ids", "bad_ids"),
    [
        (recorded("create_workspaces_partly_failed"), (A,), ()),
        (answered(PendingRequests=[{"WorkspaceId": A}]), (A,), ()),
        (answered(pendingRequests=None, PendingRequests=[{"workspaceId": None, "WorkspaceId": A}]), (A,), ()),
        (changed(created(A), "InternalFailure", "detail", "errorCode"), (A,), ()),
        (created(A, B, A), (A, B), ()),
        (created(A, "ws-UPPER0001", None, 7, "ws-short", B), (A, B), ("ws-UPPER0001", "None", "7", "ws-short")),
        (answered(pendingRequests=["junk", {"workspaceId": A}]), (A,), ("junk",)),
        (by_hand(A, "junk", B, A), (A, B), ("junk",)),
    ],
)
def test_ids_are_found_in_every_spelling(event: object, ids: tuple[str, ...], bad_ids: tuple[str, ...]) -> None:
    found = hint(event)
    assert (found.ids, found.bad_ids) == (ids, bad_ids)


BY_AL = {"type": "command", "id": "CHG-4711", "principal": PERSON}


@pytest.mark.parametrize("event", [created(A), by_hand(A, cause={"type": "manual", "id": "x"})])
def test_who_gave_an_event_to_protect_again_stands_behind_its_cause(event: dict[str, Any]) -> None:
    before, after = hint(event), hint(event | {"redriven": BY_AL})
    assert after.cause.id == f"{before.cause.id}, sent to protect again by {PERSON} (CHG-4711)"
    assert dataclasses.replace(after, cause=before.cause) == before
    assert dataclasses.replace(after.cause, id=before.cause.id) == before.cause
    unnamed = hint(event | {"redriven": {"id": "CHG-4711"}})
    assert unnamed.cause.id.endswith("sent to protect again by a caller who gave no name (CHG-4711)")


@pytest.mark.parametrize("odd", [None, "al", [BY_AL], {}, {"id": ""}, {"id": 7, "principal": PERSON}])
def test_what_a_stranger_writes_there_is_nothing(odd: object) -> None:
    assert hint(created(A) | {"redriven": odd}) == hint(created(A))
    loop = by_hand(A, cause={"type": "watch", "id": "arn:aws:states:x"})
    assert hint(loop | {"redriven": BY_AL}) == hint(loop)
    assert len(hint(created(A) | {"redriven": {"id": "x" * 9000}}).cause.id) == 500


def test_a_migration_yields_the_new_id_and_knows_the_old_one() -> None:
    event = recorded("migrate_workspace")
    found = hint(event)
    source = event["detail"]["requestParameters"]["sourceWorkspaceId"]
    assert (found.ids, found.cause.succeeds, found.cause.migrated_from) == (("ws-2c0ffee01",), True, source)
    assert not found.cause.names_new
    event["detail"]["responseElements"] = {"TargetWorkspaceId": B, "sourceWorkspaceId": B}
    assert (hint(event).ids, hint(event).cause.migrated_from) == ((B,), source)
    event["detail"]["requestParameters"]["sourceWorkspaceId"] = B
    assert hint(event).cause.migrated_from is None


def test_a_termination_yields_what_did_not_fail_in_either_region() -> None:
    event = recorded("terminate_workspaces_partly_failed")
    asked = [one["workspaceId"] for one in event["detail"]["requestParameters"]["terminateWorkspaceRequests"]]
    failed = [one["workspaceId"] for one in event["detail"]["responseElements"]["failedRequests"]]
    assert failed
    found = hint(event)
    assert (found.ids, found.ends) == (tuple(one for one in asked if one not in failed), True)
    assert not found.cause.names_new
    assert hint(recorded("terminate_workspaces_in_dr_region")).ends


@pytest.mark.parametrize(
    ("identity", "principal"),
    [
        ({"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/al"}, "arn:aws:iam::123456789012:user/al"),
        ({"type": "AWSService", "invokedBy": "cloudformation.amazonaws.com"}, "cloudformation.amazonaws.com"),
        ({"type": "AssumedRole", "principalId": "AROAEXAMPLE:alex"}, "AROAEXAMPLE:alex"),
        ({"type": "Directory", "userName": "al"}, "al (Directory)"),
        ({"type": "SAMLUser", "principalId": "x:al", "userName": "al", "accountId": ACCOUNT}, "al (SAMLUser)"),
        ({"userName": "al"}, "al"),
        ({"type": "IdentityCenterUser", "onBehalfOf": BEHALF, "accountId": ACCOUNT}, OF_CENTER),
        ({"type": "IdentityCenterUser", "onBehalfOf": BEHALF, "accountId": "9"}, f"{OF_CENTER} in account 9{OTHER}"),
        ({"onBehalfOf": {"userId": "al", "identityStoreArn": 7}}, "user al of Identity Center"),
        ({"arn": "arn:aws:iam::9:user/al"}, f"arn:aws:iam::9:user/al in account 9{OTHER}"),
        ({"type": "AWSAccount", "principalId": "AIDA", "accountId": "9"}, f"AIDA in account 9{OTHER}"),
        ({"type": "AWSAccount", "accountId": "9"}, f"a caller in account 9{OTHER}"),
        ({"type": "Unknown", "accountId": ACCOUNT}, f"a caller in account {ACCOUNT}"),
        ({"arn": ["x"], "userName": {}, "onBehalfOf": "al", "principalId": " ", "accountId": 9}, None),
        ({"arn": None, "userName": 7, "type": [], "invokedBy": "x.amazonaws.com"}, "x.amazonaws.com"),
        ({"arn": "::", "accountId": ACCOUNT}, "::"),
        ({}, None),
        (None, None),
        ("root", None),
    ],
)
def test_the_principal_is_found_in_whatever_form_the_trail_names_it(identity: object, principal: str | None) -> None:
    cause = hint(changed(created(A), identity, "detail", "userIdentity")).cause
    assert (cause.principal, cause.created_by) == (principal, principal)
    ended = hint(changed(ENDED, identity, "detail", "userIdentity")).cause
    assert (ended.principal, ended.created_by) == (principal, None)


@pytest.mark.parametrize(
    ("given", "cause", "reopens"),
    [
        ({"type": "sweep", "id": "run-7"}, ("sweep", "run-7"), False),
        ({"type": "manual"}, ("manual", "no reason given"), True),
        ({}, ("manual", "no reason given"), True),
        (None, ("manual", "no reason given"), True),
        ("somebody", ("manual", "no reason given"), True),
        ({"type": None, "id": 3}, ("manual", "3"), True),
    ],
)
def test_the_cause_of_a_call_by_hand(given: object, cause: tuple[str, str], reopens: bool) -> None:
    found = hint(by_hand(A, cause=given)).cause
    assert (found.type, found.id) == cause
    assert (found.reopens, found.principal) == (reopens, None)


@pytest.mark.parametrize(
    ("given", "principal"), [(PERSON, PERSON), ("  al ", "al"), (" ", None), (None, None), (7, None), (["al"], None)]
)
def test_who_calls_by_hand_is_whom_the_call_names(given: object, principal: str | None) -> None:
    found = hint(by_hand(A, cause={"type": "command", "id": "CHG-1", "principal": given})).cause
    assert (found.principal, found.created_by) == (principal, None)


@pytest.mark.parametrize("given", [None, [], ["EXCLUDED"], ["CEILING", "DAILY_CAP", "CEILING"]])
def test_a_call_by_hand_says_what_it_overrides_and_whether_it_only_asks(given: Any) -> None:
    found = hint(by_hand(A, override=given, dry_run=True))
    assert (found.cause.overrides, found.dry_run) == (frozenset(given or ()), True)
    assert not hint(by_hand(A)).dry_run


# Events that yield nothing

OURS, ENDED = created(A), recorded("terminate_workspaces")
FAILED = ("detail", "responseElements", "failedRequests")
# Nobody can do anything about these.
NOBODYS = {
    "a call that was refused": recorded("create_workspaces_refused"),
    "a call that was throttled": recorded("create_workspaces_throttled"),
    "a call whose items all failed": recorded("create_workspaces_all_items_failed"),
    "another account": changed(OURS, "999999999999", "account"),
    "another Region": changed(OURS, "eu-west-1", "region"),
    "the DR Region": changed(OURS, DR, "region"),
    "a call that creates standbys": recorded("create_standby_workspaces"),
    "a termination that failed": recorded("terminate_workspaces_refused"),
    "a termination that failed for each": changed(ENDED, [{"workspaceId": A}], *FAILED),
    "a termination in another Region": changed(ENDED, "eu-west-1", "region"),
    "a call of another name": created(A, name="RebootWorkspaces"),
}
# A person may make these good.
SOMEBODYS: dict[str, object] = {
    "nothing but a source": {"source": "aws.workspaces"},
    "a login": recorded("workspaces_access"),
    "no account": changed(OURS, ..., "account"),
    "no Region": changed(OURS, ..., "region"),
    "no name": changed(OURS, ..., "detail", "eventName"),
    "another detail-type": changed(OURS, "AWS Service Event via CloudTrail", "detail-type"),
    "no detail": changed(OURS, ..., "detail"),
    "detail that is a text": changed(OURS, "{}", "detail"),
    "no responseElements": changed(OURS, ..., "detail", "responseElements"),
    "responseElements null without an error": changed(OURS, None, "detail", "responseElements"),
    "responseElements a list": changed(OURS, [], "detail", "responseElements"),
    "an answer without a known list": answered(requests=[]),
    "a list that is none": answered(pendingRequests={}),
    "a list that is none beside requests that failed": answered(pendingRequests={"0": {}}, failedRequests=[{}]),
    "a migration without a target": created(A, name="MigrateWorkspace"),
    "a termination of nothing": changed(ENDED, None, "detail", "requestParameters"),
    "nothing but bad ids": created("ws-UPPER0001", None),
}
MISTAKES: list[object] = [None, [], "ws-1c0ffee01", {}, 7, ["nonsense"], [None], [[]]]
# What a person sends, who has the answer.
MISTAKEN: list[object] = [
    *({"mode": "reconcile", "workspace_ids": ids} for ids in MISTAKES),
    *(None, [], A, 7, {}, {"workspace_id": A}, {"workspace_ids": [A]}, {"ids": [A]}, {"mode": "protect", "detail": {}}),
]


@pytest.mark.parametrize("call", MISTAKEN, ids=repr)
def test_a_persons_mistake_is_answered_with_an_example(call: object) -> None:
    assert "ws-1abc2def3" in str(bad(call))


def test_a_call_by_hand_is_of_as_many_as_one_call_can_work_on() -> None:
    ids = [f"ws-{number:09}" for number in range(MOST_BY_HAND + 1)]
    assert len(hint(by_hand(*ids[:-1])).ids) == 1000
    assert str(bad(by_hand(*ids))) == "1001 ids are too many for one call; send at most 1000"


def test_a_problem_names_the_error_and_what_is_ours_in_few_legible_words() -> None:
    assert "AccessDenied" in str(bad(recorded("create_workspaces_refused")))
    foreign = str(bad(changed(OURS, "999999999999", "account")))
    assert foreign == (
        "the event is of account 999999999999 in us-east-1; this stack protects account 123456789012 in us-east-1"
    )
    long = "x" * 400_000
    for event in ({long: 1, "\ud800": 2}, created(name=long), created(name="\ud800"), changed(OURS, long, "account")):
        assert len(str(bad(event)).encode()) <= 4000


@pytest.mark.parametrize("junk", ["x" * 400_000, ["\ud800"], "half a character: \ud800"], ids=["long", "list", "half"])
def test_what_is_quoted_of_an_event_can_be_kept_and_sent_on(junk: object) -> None:
    event = changed(changed(created(A, junk), junk, "id"), {"arn": junk}, "detail", "userIdentity")
    for found in (hint(event), hint(by_hand(A, junk, cause={"type": junk, "id": junk}))):
        quoted = [*found.bad_ids, found.cause.type, found.cause.id, found.cause.principal or ""]
        assert max(len(one.encode()) for one in quoted) <= 500
