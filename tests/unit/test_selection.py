"""The selection: which rule excludes a WorkSpace, what is not known yet, and what follows on every path."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from local.workspaces import Fault
from standby.ledger.claims import TOTAL
from standby.model import DirectoryId, Status, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.selection import NOT_KNOWN, Excluded, Rules, Selection
from standby.settings import Directory
from tests.unit.estate import AWAY, HOME, PRIMARY, USERS, Estate, estate, settings
from tests.unit.sweeping import accept

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
SEEN = Workspace(WorkspaceId("ws-1abc2def3"), DirectoryId(HOME), "Svc-Backup", "AVAILABLE")
UNKNOWN_ANSWERS = ["throttle", "refuse", "error_before", "read_timeout_after", "malformed", "empty"]
NOT_FOR_DEV = Selection(exclude=Rules(tags={"Environment": "dev*"}))
ONLY_TAGGED = Selection(include=Rules(tags={"Standby": "yes"}))


def tags(**given: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in given.items()]


def tag(found: Estate, one: str, **given: str) -> None:
    found.world.call(PRIMARY, "CreateTags", {"ResourceId": one, "Tags": tags(**given)})


def calls(found: Estate, operation: str) -> list[dict[str, Any]]:
    return [call.params for call in found.world.calls if call.operation == operation]


def verdict(selection: Selection, **seen: Any) -> str | None:
    """The rule that excludes a WorkSpace, None if none does, or that it is not known."""
    workspace = Workspace(**(vars(SEEN) | seen))
    found = selection.verdict(workspace)
    return found.rule if isinstance(found, Excluded) else found


# The rules


@pytest.mark.parametrize(
    ("selection", "seen", "rule"),
    [
        (Selection(), {}, None),
        (Selection(exclude=Rules(users=("svc-*",))), {}, "exclude.users: svc-*"),
        (Selection(exclude=Rules(users=("SVC-B?ckup",))), {}, "exclude.users: SVC-B?ckup"),
        (Selection(exclude=Rules(users=("vc-*",))), {}, None),
        (Selection(exclude=Rules(users=("svc-*",))), {"user_name": None}, NOT_KNOWN),
        (Selection(exclude=Rules(directories=(DirectoryId(HOME),))), {}, f"exclude.directories: {HOME}"),
        (Selection(exclude=Rules(directories=(DirectoryId(AWAY),))), {}, None),
        (Selection(exclude=Rules(directories=(DirectoryId(AWAY),))), {"directory_id": None}, NOT_KNOWN),
        (NOT_FOR_DEV, {"tags": None}, NOT_KNOWN),
        (NOT_FOR_DEV, {"tags": ()}, None),
        (NOT_FOR_DEV, {"tags": (("Environment", "dev-2"),)}, "exclude.tags: Environment: dev*"),
        (NOT_FOR_DEV, {"tags": (("Environment", "Dev"),)}, None),
        (NOT_FOR_DEV, {"tags": (("environment", "dev"),)}, None),
        (ONLY_TAGGED, {"tags": None}, NOT_KNOWN),
        (ONLY_TAGGED, {"tags": ()}, "include"),
        (ONLY_TAGGED, {"tags": (("Standby", "yes"),)}, None),
        # includes are OR
        (Selection(include=Rules(users=("exec-*", "svc-*"))), {}, None),
        (Selection(include=Rules(users=("svc-*",), tags={"Standby": "yes"})), {"tags": None}, None),
        (Selection(include=Rules(users=("exec-*",), tags={"Standby": "yes"})), {"tags": None}, NOT_KNOWN),
        (Selection(include=Rules(users=("exec-*",), directories=(DirectoryId(AWAY),))), {}, "include"),
        # exclude wins, and what is certain needs nothing else to be known
        (Selection(include=Rules(users=("svc-*",)), exclude=Rules(users=("*-backup",))), {}, "exclude.users: *-backup"),
        (Selection(exclude=Rules(users=("svc-*",), tags={"a": "b"})), {"tags": None}, "exclude.users: svc-*"),
        (Selection(include=Rules(users=("exec-*",)), exclude=Rules(tags={"a": "b"})), {"tags": None}, "include"),
        (Selection(include=Rules(users=("svc-*",)), exclude=Rules(tags={"a": "b"})), {"tags": None}, NOT_KNOWN),
    ],
)
def test_which_rule_excludes(selection: Selection, seen: dict[str, Any], rule: str | None) -> None:
    assert verdict(selection, **seen) == rule


def test_a_message_names_the_rule_as_it_stands_in_the_configuration() -> None:
    many = Selection(include=Rules(users=("a", "b", "c", "d", "e", "f"), tags={"g": "h"}))
    found = many.verdict(Workspace(**(vars(SEEN) | {"tags": ()})))
    assert isinstance(found, Excluded)
    assert found.detail == (
        "There is include.users: a; include.users: b; include.users: c; include.users: d; include.users: e; and 2 more."
    )


# protect, watch and sweep


def test_an_excluded_user_gets_none_from_the_event_on_and_a_person_is_told_the_rule() -> None:
    selection = Selection(exclude=Rules(users=("USER00[01]",)))
    with estate(settings(selection=selection)) as found:
        ids = found.create(*USERS[:3])
        found.protect(*ids, cause="event")
        found.watch()
        assert [found.status(one)[0] for one in ids] == [Status.EXCLUDED, Status.EXCLUDED, Status.PROTECTED]
        (answer,) = found.protect(ids[0])
        assert (answer["action"], answer["status"], answer["reason_code"]) == (
            "RECORD",
            "EXCLUDED",
            "EXCLUDED_BY_RULE",
        )
        assert answer["message"] == "A rule of the configuration excludes it. The rule is exclude.users: USER00[01]."
        assert found.row(ids[0]).rule == "exclude.users: USER00[01]"
        assert [event["status"] for event in found.history(ids[0])] == ["EXCLUDED"]
        assert not [event for one in ids for event in found.history(one) if event.get("notice")]
        assert calls(found, "GetResources") == []
        assert found.item(TOTAL, "COUNTER")["taken"] == 1


def test_tags_are_asked_for_once_the_primary_is_ready_and_in_bulk() -> None:
    with estate(settings(selection=NOT_FOR_DEV)) as found:
        ids = found.create(*USERS[:5]) + found.create(USERS[5], Tags=tags(Environment="dev1"))
        found.protect(*ids, cause="event")
        assert calls(found, "GetResources") == []
        assert found.status(ids[5]) == (Status.WAITING, "PRIMARY_PENDING")
        found.watch()
        assert {found.status(one)[0] for one in ids[:5]} == {Status.PROTECTED}
        assert found.status(ids[5]) == (Status.EXCLUDED, "EXCLUDED_BY_RULE")
        assert found.row(ids[5]).message.endswith("The rule is exclude.tags: Environment: dev*.")
        asked = calls(found, "GetResources")
        assert asked[0]["ResourceARNList"] == [f"arn:aws:workspaces:us-east-1:123456789012:workspace/{i}" for i in ids]
        assert len(asked) == 2  # watch's look, and protect's before it creates


def test_at_most_a_hundred_arns_a_call() -> None:
    with estate(settings(selection=NOT_FOR_DEV, max_new_standbys_per_day=500)) as found:
        ids = found.create_ready(*USERS[:130])
        found.protect(*ids)
        assert [len(call["ResourceARNList"]) for call in calls(found, "GetResources")] == [100, 30]
        assert len(found.world.standbys()) == 130


def test_without_a_tag_rule_there_is_no_client_of_the_tagging_api() -> None:
    with estate(settings(selection=Selection(include=Rules(users=("*",))))) as found:
        assert found.parts.clients.tagging is None
        ids = found.create_ready(*USERS[:2])
        found.protect(*ids)
        assert len(found.world.standbys()) == 2


@pytest.mark.parametrize("selection", [NOT_FOR_DEV, ONLY_TAGGED], ids=["exclude", "include"])
@pytest.mark.parametrize("kind", UNKNOWN_ANSWERS)
def test_tags_that_cannot_be_read_are_unknown_and_nothing_follows(kind: str, selection: Selection) -> None:
    with estate(settings(selection=selection)) as found:
        given = tags(Environment="dev", Standby="no")
        waiting, held = found.create_ready(*USERS[:2], Tags=given)
        found.configure(mode="observe", selection=Selection())
        found.protect(held)
        found.configure(mode="protect", selection=selection)
        found.world.inject(Fault(operation="GetResources", kind=kind))
        found.protect(waiting, held)
        found.watch(hours=7)
        assert found.status(waiting) == (Status.WAITING, "TAGS_UNKNOWN")
        assert found.status(held) == (Status.HELD, "OBSERVE_MODE")
        assert found.creates() == []
        assert found.notes.gauges["TagsUnknown"] == 1  # of the open one, at the last look
        assert "The tags of 2 WorkSpaces could not be read" in found.notes.problems[0]
        assert len(found.history(waiting)) <= 5
        found.world.clear_faults()
        found.watch()
        found.protect(held, cause="watch")
        assert {found.status(one)[0] for one in (waiting, held)} == {Status.EXCLUDED}
        assert found.creates() == []


def test_what_waits_for_tags_that_come_is_protected_however_late() -> None:
    with estate(settings(selection=ONLY_TAGGED)) as found:
        (one,) = found.create_ready(USERS[0], Tags=tags(Standby="yes"))
        found.world.inject(Fault(operation="GetResources", kind="throttle"))
        found.protect(one)
        found.watch(hours=30)
        assert found.status(one) == (Status.WAITING, "TAGS_UNKNOWN")
        found.world.clear_faults()
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED


def test_a_tags_answer_that_is_not_whole_is_asked_for_in_halves() -> None:
    with estate(settings(selection=NOT_FOR_DEV), tag_page=2) as found:
        ids = found.create_ready(*USERS[:5], Tags=tags(Environment="dev"))
        found.protect(*ids)
        assert {found.status(one)[0] for one in ids} == {Status.EXCLUDED}
        assert found.creates() == []


class Odd:
    """A Tagging API with one answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def get_resources(self, **_: Any) -> Any:
        return self.answer


@pytest.mark.parametrize(
    "entries",
    [
        None,
        [{"ResourceARN": "arn:aws:workspaces:us-east-1:123456789012:workspace/ws-000000000", "Tags": []}],
        [{"ResourceARN": "{}", "Tags": []}, {"ResourceARN": "{}", "Tags": [{"Key": "a", "Value": "b"}]}],
        [{"ResourceARN": "{}", "Tags": [{"Key": "Environment"}]}],
        [{"ResourceARN": "{}", "Tags": [{"Key": "Environment", "Value": 7}]}],
        [{"ResourceARN": "{}", "Tags": "dev"}],
        ["{}"],
    ],
)
def test_a_tags_answer_of_the_wrong_shape_is_unknown(entries: Any) -> None:
    with estate(settings(selection=NOT_FOR_DEV)) as found:
        (one,) = found.create_ready(USERS[0])
        arn = f"arn:aws:workspaces:us-east-1:123456789012:workspace/{one}"
        listed = [
            entry.format(arn) if isinstance(entry, str) else entry | {"ResourceARN": entry["ResourceARN"].format(arn)}
            for entry in entries or []
        ]
        odd: Any = Odd({"ResourceTagMappingList": listed if entries is not None else None, "PaginationToken": ""})
        found.parts.clients.__dict__["tagging"] = odd
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "TAGS_UNKNOWN")
        odd.answer = {"ResourceTagMappingList": [], "PaginationToken": "more"}
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "TAGS_UNKNOWN")
        assert any("did not tell all tags" in problem for problem in found.notes.problems)
        odd.answer = {"ResourceTagMappingList": []}
        found.protect(one)
        assert found.status(one)[0] is Status.REQUESTED


@pytest.mark.parametrize(("lag", "status"), [(600, Status.PROTECTED), (7200, Status.EXCLUDED)])
def test_tags_that_the_tagging_api_learns_of_late_are_made_good_by_the_sweep(lag: float, status: Status) -> None:
    with estate(settings(selection=ONLY_TAGGED), tag_lag_seconds=lag) as found:
        found.sweep()
        (one,) = found.create(USERS[0], Tags=tags(Standby="yes"))
        found.protect(one, cause="event")
        found.watch(hours=1)
        assert found.status(one)[0] is status
        found.pass_time(hours=2)
        found.sweep()
        found.watch(hours=2)
        assert found.status(one)[0] is Status.PROTECTED


def test_what_is_selected_again_is_taken_up_by_the_sweep() -> None:
    selection = Selection(include=Rules(tags={"Standby": "yes"}), exclude=Rules(users=(USERS[1],)))
    with estate(settings(selection=selection)) as found:
        found.sweep()
        untagged, by_rule = found.create_ready(*USERS[:2])
        tag(found, by_rule, Standby="yes")
        found.protect(untagged, by_rule)
        assert found.status(untagged) == (Status.EXCLUDED, "NOT_INCLUDED")
        assert found.status(by_rule) == (Status.EXCLUDED, "EXCLUDED_BY_RULE")
        found.sweep()
        assert len(found.history(untagged)) == len(found.history(by_rule)) == 1
        tag(found, untagged, Standby="yes")
        found.configure(selection=ONLY_TAGGED)
        found.sweep()
        found.watch(hours=2)
        assert {found.status(one)[0] for one in (untagged, by_rule)} == {Status.PROTECTED}
        assert not [event for event in found.history(untagged) if event.get("notice")]


def test_another_rule_is_news_and_unreadable_tags_leave_what_is_excluded() -> None:
    with estate(settings(selection=Selection(exclude=Rules(users=("user*",))))) as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.configure(selection=Selection(exclude=Rules(users=("us*",))))
        found.protect(one)
        assert [event["rule"] for event in found.history(one)] == ["exclude.users: user*", "exclude.users: us*"]
        found.configure(selection=NOT_FOR_DEV)
        found.world.inject(Fault(operation="GetResources", kind="throttle"))
        (answer,) = found.protect(one)
        assert (answer["action"], answer["status"]) == ("NONE", "EXCLUDED")
        assert "exclude.users: us*" in answer["message"]
        found.world.set_state(one, "REBOOTING")
        found.protect(one)
        assert found.status(one)[0] is Status.EXCLUDED


def test_a_rule_terminates_nothing_and_takes_no_cover_away() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.watch()
        found.configure(selection=Selection(exclude=Rules(users=("*",))))
        for cause in ("manual", "event"):
            found.protect(one, cause=cause)
        found.sweep()
        assert found.status(one)[0] is Status.PROTECTED
        assert len(found.world.standbys()) == 1
        assert calls(found, "TerminateWorkspaces") == []


def test_an_unclear_request_is_cleared_up_before_a_rule_counts() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:2])
        found.world.inject(Fault(operation="CreateStandbyWorkspaces", kind="read_timeout_after", times=1))
        found.protect(ids[0])
        found.world.inject(Fault(operation="CreateStandbyWorkspaces", kind="read_timeout_before", times=1))
        found.protect(ids[1])
        assert {found.status(one)[0] for one in ids} == {Status.CLAIMED}
        found.configure(selection=Selection(exclude=Rules(users=("*",))))
        found.watch()
        assert found.status(ids[0])[0] is Status.PROTECTED
        assert found.status(ids[1]) == (Status.EXCLUDED, "EXCLUDED_BY_RULE")
        assert found.row(ids[1]).claim_key is None
        assert found.item(TOTAL, "COUNTER")["taken"] == 1


# The existing fleet


def test_of_an_existing_fleet_what_is_excluded_is_not_reported_nor_accepted() -> None:
    with estate(settings(selection=NOT_FOR_DEV)) as found:
        (dev,) = found.create_ready(USERS[0], Tags=tags(Environment="dev"))
        (plain,) = found.create_ready(USERS[1])
        found.sweep()
        assert found.status(dev) == (Status.EXCLUDED, "EXCLUDED_BY_RULE")
        assert found.status(plain) == (Status.REPORTED, "EXISTING_FLEET")
        assert found.item(f"SWEEP#{HOME}", "BASELINE")["found_first"] == {"REPORTED": 1, "EXCLUDED": 1}
        # Selected again, it is still of the existing fleet: reported, and not created before somebody accepts.
        found.configure(selection=Selection())
        found.sweep()
        assert found.status(dev) == (Status.REPORTED, "EXISTING_FLEET")
        accept(found)
        found.sweep()
        assert {found.status(one) for one in (dev, plain)} == {(Status.HELD, "BACKFILL")}
        found.configure(selection=Selection(exclude=Rules(users=(USERS[1],))))
        found.sweep()
        found.watch(hours=2)
        assert found.status(dev)[0] is Status.PROTECTED
        assert found.status(plain)[0] is Status.EXCLUDED
        assert len(found.creates()) == 1


def test_a_rule_that_comes_later_excludes_what_is_only_reported() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.sweep()
        found.configure(selection=ONLY_TAGGED)
        found.world.inject(Fault(operation="GetResources", kind="throttle", times=1))
        found.sweep()
        assert found.status(one)[0] is Status.REPORTED
        found.sweep()
        assert found.status(one) == (Status.EXCLUDED, "NOT_INCLUDED")


def test_a_pair_of_directories_can_be_told_apart() -> None:
    other, partner = "d-9067328a7c", "d-926722f013"
    both = {DirectoryId(HOME): Directory(DirectoryId(AWAY)), DirectoryId(other): Directory(DirectoryId(partner))}
    selection = Selection(include=Rules(directories=(DirectoryId(HOME),)))
    with estate(settings(directories=both, selection=selection)) as found:
        found.world.add_directory(PRIMARY, other, USERS)
        found.world.add_directory("us-west-2", partner, USERS)
        (one,) = found.create_ready(USERS[0])
        (two,) = found.create_ready(USERS[0], directory=other)
        found.protect(one, two)
        assert found.status(one)[0] is Status.REQUESTED
        assert found.status(two) == (Status.EXCLUDED, Reason.NOT_INCLUDED)
