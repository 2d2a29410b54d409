"""What speaks against terminating an orphan."""

from dataclasses import replace
from typing import Any

import pytest

from cli.orphan_checks import UNUSED_FOR, Answer, Seen, Use, check, use_of
from standby.core.model import NO_REPLICATION, Related, Status, Unknown, Workspace, WorkspaceId
from standby.core.reasons import Reason
from standby.core.row import Condition, Kind, Row
from standby.core.settings import PRIMARY_TAG, STACK_TAG, Directory
from tests.core.cases import AWAY, HOME, NOW, ONE, OTHER, PRIMARY, STACK, THROTTLED, ago, lasting, settings, with_one
from tests.core.cases import STANDBY as ITS

SETTINGS = settings()
REPLICATED = {HOME: Directory(AWAY, data_replication="PRIMARY_AS_SOURCE")}
GO, GOING, WAIT, AGAINST = Answer


def was(reason: Reason) -> dict[Kind, Condition]:
    return lasting(Kind.GONE, note=f"PROTECTED {reason}")


READY = was(Reason.STANDBY_READY)
ROW = with_one("PRIMARY_GONE ORPHANED", replication=NO_REPLICATION, conditions=READY)
STANDBY = Workspace(ITS, AWAY, "AL", "STOPPED", related=(), data_replication=NO_REPLICATION, compute_type="VALUE")
TAGS = {STACK_TAG: STACK, PRIMARY_TAG: ONE}
SEEN = Seen(primary=None, has_witness=True, standby=STANDBY, tags=TAGS, use=Use(is_connected=False))


def related(one: str, kind: str, state: str | None = None) -> dict[str, Any]:
    return {"related": (Related(WorkspaceId(one), PRIMARY, state, kind),)}


def answers(expected: Answer, why: str, row: Row = ROW, seen: Seen = SEEN, **changes: Any) -> None:
    found = check(row, seen, replace(SETTINGS, **changes), NOW)
    assert found.answer is expected, found
    assert why in found.why, found


def test_nothing_speaks_against_an_orphan_of_this_stack_that_nobody_uses() -> None:
    answers(GO, "")


@pytest.mark.parametrize(
    ("row", "configured", "why"),
    [
        ({"status": Status.PROTECTED, "reason": Reason.STANDBY_READY}, {}, "this is not an orphan: it is PROTECTED"),
        ({"reason": Reason.PRIMARY_TERMINATED}, {}, "this is not an orphan"),
        ({"standby_id": None}, {}, "did not request"),
        ({"requested_at": None}, {}, "did not request"),
        ({"conditions": was(Reason.ADOPTED)}, {}, "was not created by this stack"),
        ({"conditions": READY | lasting(Kind.KEPT, note="al: CHG-1")}, {}, "It is kept by al: CHG-1."),
        ({"dr_region": "eu-west-1"}, {}, "The standby is in eu-west-1, not in us-west-2."),
        ({"primary_directory_id": None}, {}, "not in the configuration"),
        ({}, {"directories": {}}, f"directory {HOME} is not in the configuration"),
        ({"replication": "PRIMARY_AS_SOURCE"}, {}, "was PRIMARY_AS_SOURCE. It may have the only copy"),
        (
            {"conditions": READY | lasting(Kind.COPIED, note="2026-03-03T12:00:00.000Z")},
            {},
            "data of 2026-03-03T12:00:00.000Z was copied to it. It may have",
        ),
        (
            {"conditions": READY | lasting(Kind.COPIED, NOW)},
            {},
            "was on since 2026-03-03 12:00 UTC. It may have",
        ),
        ({}, {"directories": REPLICATED}, f"configured for its directory {HOME}. It may have"),
    ],
)
def test_what_the_ledger_and_the_configuration_say(row: dict[str, Any], configured: dict[str, Any], why: str) -> None:
    answers(AGAINST, why, replace(ROW, **row), **configured)


@pytest.mark.parametrize(
    ("seen", "expected", "why"),
    [
        ({"primary": Workspace(ONE, state="TERMINATING")}, AGAINST, "The primary exists: it is TERMINATING."),
        ({"primary": Workspace(ONE)}, AGAINST, "The primary exists"),
        ({"primary": THROTTLED}, WAIT, "primary could not be described: ThrottlingException: Rate exceeded"),
        ({"has_witness": False}, WAIT, "does not return any primary"),
        ({"standby": THROTTLED}, WAIT, "standby could not be described: ThrottlingException"),
        ({"standby": None}, WAIT, "does not return the standby"),
        ({"tags": THROTTLED}, WAIT, "tags could not be read: ThrottlingException"),
        ({"tags": {}}, AGAINST, "does not name this stack"),
        ({"tags": TAGS | {STACK_TAG: "Standby-of-somebody-else"}}, AGAINST, "does not name this stack"),
        ({"tags": TAGS | {PRIMARY_TAG: OTHER}}, AGAINST, "names another primary"),
        ({"tags": {STACK_TAG: STACK}}, AGAINST, "Neither its relations nor its tags"),
        ({"use": THROTTLED}, WAIT, "whether the standby is in use: ThrottlingException"),
        ({"use": Use(is_connected=True)}, AGAINST, "is connected to it"),
        ({"use": Use(is_connected=False, last=ago(days=2))}, AGAINST, "at 2026-03-01 12:00 UTC"),
        ({"use": Use(is_connected=False, last=NOW - UNUSED_FOR)}, GO, ""),
    ],
)
def test_what_both_regions_returned(seen: dict[str, Any], expected: Answer, why: str) -> None:
    answers(expected, why, seen=replace(SEEN, **seen))


@pytest.mark.parametrize(
    ("shown", "expected", "why"),
    [
        ({"state": "TERMINATING"}, GOING, "The standby is TERMINATING."),
        ({"state": "TERMINATED"}, GOING, "The standby is TERMINATED."),
        ({"state": "UNHEALTHY"}, GO, ""),
        ({"state": "PENDING"}, WAIT, "The standby is PENDING"),
        ({"state": "BACKING_UP_SINCE_NEXT_YEAR"}, WAIT, "does not know the state"),
        *(({name: None}, WAIT, "directory, user and state") for name in ("directory_id", "user_name", "state")),
        (related(ONE, "PRIMARY"), GO, ""),
        (related(ONE, "PRIMARY", "TERMINATED"), GO, ""),
        (related(ONE, "PRIMARY", "AVAILABLE"), AGAINST, "the state of its primary is AVAILABLE"),
        (related(OTHER, "PRIMARY"), AGAINST, f"the standby of another primary, {OTHER}"),
        (related(OTHER, "STANDBY"), AGAINST, "it is a primary"),
        (related(OTHER, "SOURCE"), WAIT, f"the type SOURCE of its relation to {OTHER}"),
        ({"directory_id": "d-926722f013"}, AGAINST, "not the DR directory"),
        ({"user_name": "bo"}, AGAINST, "another user"),
        ({"data_replication": "PRIMARY_AS_SOURCE"}, AGAINST, "is PRIMARY_AS_SOURCE. It may have"),
        ({"data_replication": None}, GO, ""),
    ],
)
def test_how_the_standby_is_shown(shown: dict[str, Any], expected: Answer, why: str) -> None:
    answers(expected, why, seen=replace(SEEN, standby=replace(STANDBY, **shown)))


def test_one_that_was_terminated_and_is_not_returned_any_more_is_on_its_way_out() -> None:
    """Of one that is not returned and that nobody is known to have terminated, nothing is known."""
    gone = replace(SEEN, standby=None)
    answers(WAIT, "does not return", seen=gone)
    answers(WAIT, "does not return", replace(ROW, conditions=READY | of("ws-another01")), gone)
    answers(GOING, "TerminateWorkspaces was called for it", replace(ROW, conditions=READY | of(ITS)), gone)


def of(standby: str) -> dict[Kind, Condition]:
    return lasting(Kind.STANDBY_TERMINATED, note=f"{standby} al")


def test_data_replication_that_neither_the_ledger_nor_aws_knows_may_have_been() -> None:
    unknown = replace(SEEN, standby=replace(STANDBY, data_replication=None))
    answers(AGAINST, "not known. It may have the only copy", replace(ROW, replication=None), unknown)


def test_a_relation_to_the_primary_stands_for_the_tag() -> None:
    shown = replace(STANDBY, **related(ONE, "PRIMARY"))
    answers(GO, "", seen=replace(SEEN, standby=shown, tags={STACK_TAG: STACK}))


def status(**changes: Any) -> dict[str, Any]:
    return {"WorkspaceId": ITS, "ConnectionState": "UNKNOWN"} | changes


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([status()], Use(is_connected=False)),
        ([status(ConnectionState="CONNECTED")], Use(is_connected=True)),
        ([status(LastKnownUserConnectionTimestamp=NOW)], Use(is_connected=False, last=NOW)),
        ([], "NotInAnswer"),
        ([None], "NotInAnswer"),
        ([status(WorkspaceId=OTHER)], "NotInAnswer"),
        ([{"WorkspaceId": ITS}], "MalformedAnswer"),
        ([status(ConnectionState="RECONNECTING")], "MalformedAnswer"),
        ([status(), status(ConnectionState="CONNECTED")], "MalformedAnswer"),
        ([status(), None], "MalformedAnswer"),
        ([status(LastKnownUserConnectionTimestamp="yesterday")], "MalformedAnswer"),
        ([status(LastKnownUserConnectionTimestamp=NOW.replace(tzinfo=None))], "MalformedAnswer"),
    ],
)
def test_only_a_clear_answer_says_whether_it_is_in_use(listed: list[Any], expected: Use | str) -> None:
    found = use_of(ITS, listed)
    assert (found.code if isinstance(found, Unknown) else found) == expected
