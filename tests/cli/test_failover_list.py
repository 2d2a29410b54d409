"""`standby failover-list`: who can work on a standby, from the DR Region alone."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from cli import failover
from cli.failover import Work
from cli.pairs import SEARCHED
from standby.core.model import REPLICATED, Unknown, Workspace, WorkspaceId, to_text
from standby.core.reasons import Reason
from tests.cli.stage import UNREACHABLE, Stage
from tests.component.estate import AWAY, DR, HOME, PRIMARY, TABLE, USERS, refusal
from tests.core.cases import NOW, STANDBY, table

ITEM: dict[str, Any] = {"pk": "ws-1", "standby_id": STANDBY, "status": "PROTECTED", "reason_code": "STANDBY_READY"}
ITEM |= {"dr_directory_id": AWAY, "primary_directory_id": HOME, "user_name": "Al"}
WITHOUT = {**ITEM, "standby_id": None, "status": "REJECTED", "reason_code": "SERVICE_REFUSED"}
OTHER, AWAY_TOO = "Standby-eu-west-1-eu-central-1", "eu-central-1"
MAPPED = {HOME: {"dr_directory": AWAY}}
MAPPED_TOO = {"d-9367000001": {"dr_directory": "d-9967000001"}}
LEFT_OUT = {"status": "PRIMARY_GONE"}, {"reason_code": "IS_STANDBY"}, {"reason_code": "MAPPED_ELSEWHERE"}


def seen(state: str | None, **more: Any) -> Workspace:
    return Workspace(WorkspaceId(STANDBY), state=state, **more)


@table(
    "item standby directories work",
    ("ready", ITEM, seen("AVAILABLE"), {}, Work.YES),
    ("stopped at night", ITEM, seen("STOPPED"), {AWAY: "REGISTERED"}, Work.YES),
    ("in error", ITEM, seen("ERROR", error=("Code", "words")), {}, Work.NO),
    ("going", ITEM, seen("TERMINATING"), {}, Work.NO),
    ("being made", ITEM, seen("PENDING"), {}, Work.NO),
    ("in a state of next year", ITEM, seen("HIBERNATED"), {}, Work.UNKNOWN),
    ("in no state", ITEM, seen(None), {}, Work.UNKNOWN),
    ("not returned", ITEM, None, {}, Work.UNKNOWN),
    ("not described", ITEM, Unknown("ThrottlingException", "x"), {}, Work.UNKNOWN),
    ("the directory is lost", ITEM, seen("AVAILABLE"), {AWAY: None}, Work.NO),
    ("none", WITHOUT, None, {}, Work.NO),
)
def test_only_who_is_known_to_be_able_to_work_is(item: Any, standby: Any, directories: Any, work: Work) -> None:
    found = failover.row(item, standby, directories, NOW, live=True)
    assert (found["can_work"], found["why"] == "") == (work, work is Work.YES)


def test_a_desktop_that_is_only_reported_has_no_standby_because_nobody_accepted_it() -> None:
    found = failover.row(WITHOUT | {"reason_code": "EXISTING_FLEET"}, None, {}, NOW, live=True)
    assert found["why"] == "No standby: Its directory has not been accepted. (EXISTING_FLEET)"


@pytest.mark.parametrize(
    ("status", "reason", "why"),
    [
        ("WAITING", "USER_NOT_IN_DR_DIRECTORY", "The user is not in the DR directory yet."),
        ("WAITING", "CREATE_THROTTLED", "CreateStandbyWorkspaces was throttled."),
        ("HELD", "BACKFILL", "The desktop is part of an existing fleet that was accepted."),
        ("REJECTED", "USER_NOT_FOUND", Reason.USER_NOT_FOUND.meaning.sentence),
    ],
)
def test_it_does_not_promise_what_nothing_does_in_an_outage(status: str, reason: str, why: str) -> None:
    found = failover.row(WITHOUT | {"status": status, "reason_code": reason}, None, {}, NOW, live=True)
    assert found["why"] == f"No standby: {why} ({reason})"
    count = failover.Count()
    count.add(found)
    assert count.sentences()[-1] == "No standby is created while the primary Region is down."


@pytest.mark.parametrize(("status", "work"), [("PROTECTED", Work.EXPECTED), ("TIMED_OUT", Work.NO)])
def test_what_the_ledger_says_is_an_expectation(status: str, work: Work) -> None:
    assert failover.row(ITEM | {"status": status}, None, {}, NOW, live=False)["can_work"] is work


@table(
    "item standby hours words",
    ("as AWS says", ITEM, seen("STOPPED", copied_at=NOW - timedelta(hours=14)), 14.0, "14 h old"),
    ("none", ITEM, seen("STOPPED", data_replication=REPLICATED), None, "no copy known"),
    ("not replicated", ITEM, seen("STOPPED", data_replication="NO_REPLICATION"), None, "not replicated"),
    (
        "as the ledger noted",
        ITEM | {"conditions": {"COPIED": {"note": to_text(NOW - timedelta(hours=40))}}, "replication": REPLICATED},
        None,
        40.0,
        "40 h old",
    ),
    ("a note of none", ITEM | {"conditions": {"COPIED": {"note": "?"}}}, None, None, "not replicated"),
)
def test_how_old_the_data_is(item: Any, standby: Any, hours: float | None, words: str) -> None:
    found = failover.row(item, standby, {}, NOW, live=True)
    assert (found["data_age_hours"], found["data"]) == (hours, words)


@pytest.mark.parametrize(
    ("chosen", "is_one"),
    [
        ({}, True),
        ({"directory": HOME}, True),
        ({"directory": AWAY}, True),
        ({"directory": "d-1"}, False),
        ({"user": "A*"}, True),
        ({"user": "b*"}, False),
    ],
)
def test_desktops_are_chosen_by_directory_and_user(chosen: Any, is_one: bool) -> None:
    assert failover.Chosen(**chosen).has(ITEM) is is_one
    assert not any(failover.Chosen(**chosen).has(ITEM | more) for more in LEFT_OUT)


@pytest.mark.parametrize(("wanted", "is_there"), [("A=b*", True), ("A=c", False), ("a=b*", False), ("B=", False)])
def test_a_tag_is_a_key_and_a_pattern(wanted: str, is_there: bool) -> None:
    assert failover.has_tag({"A": "bc"}, wanted) is is_there


# In an outage


@pytest.fixture
def lost(stage: Stage) -> Iterator[Stage]:
    """Three desktops with standbys and one that cannot have one; then the primary Region is lost, and not asked."""
    stage.protected(*USERS[:3])
    stage.create_ready("user050", BundleId="wsb-ubuntustandard")
    stage.sweep()
    stage.down = {PRIMARY}
    stage.asked.clear()
    yield stage
    assert {(one[0], one[2]) for one in stage.asked if one[1] == PRIMARY} <= {("cloudformation", "describe_stacks")}


@pytest.mark.parametrize("options", [f"--stack {TABLE}", f"--region {DR}"])
def test_the_primary_region_of_a_pair_that_is_named_is_not_asked_at_all(lost: Stage, options: str) -> None:
    ran = lost.standby(f"failover-list {options}", width=100)
    assert ran.status == 1
    assert "3 of 4 desktops have a standby that their user can work on." in ran.out
    assert "OPERATING_SYSTEM" in ran.out
    assert f"replica in {DR}, not from {PRIMARY}" in ran.err
    assert f"read in {DR}" in ran.err
    assert {one[1] for one in lost.asked} == {DR}


# Where no pair is named


def searched(lost: Stage) -> set[str]:
    """The Regions whose stacks were listed; nothing else was asked outside the DR Region."""
    listed = [one[1] for one in lost.asked if one[2] == "describe_stacks"]
    assert {one[1] for one in lost.asked if one[2] != "describe_stacks"} <= {DR, AWAY_TOO}
    assert len(listed) == len(set(listed))
    return set(listed)


def test_a_region_that_is_lost_is_named_and_the_answer_is_not_whole(lost: Stage) -> None:
    ran = lost.standby("failover-list", width=100)
    assert (ran.status, searched(lost)) == (4, set(SEARCHED))
    assert "3 of 4 desktops have a standby" in ran.out
    assert f"The stacks in {PRIMARY} cannot be listed" in ran.err
    assert f"`standby failover-list --region {DR}` calls no other Region." in ran.err
    lost.down.clear()
    assert lost.standby("failover-list").status == 1


def test_a_region_that_is_silent_holds_nobody_up(lost: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    lost.down.clear()
    ends = Event()
    lost.answers["cloudformation", "describe_stacks", PRIMARY] = lambda **_: ends.wait(30)
    monkeypatch.setattr("cli.aws.LONGEST", 0.3)
    ran = lost.standby("failover-list", width=100)
    has_waited = ends.is_set()
    ends.set()
    assert (ran.status, has_waited, searched(lost)) == (4, False, set(SEARCHED))
    assert "3 of 4 desktops have a standby" in ran.out
    assert f"{PRIMARY} does not answer. Its stacks are not known." in ran.err


def test_every_region_can_be_the_dr_region_of_a_pair(lost: Stage) -> None:
    # One works in the DR Region by default, and another pair's is found first.
    lost.stacks[AWAY_TOO, f"{OTHER}-dr"] = {"LedgerTableName": OTHER}
    lost.own_region = DR
    found = json.loads(lost.standby("failover-list --output json --no-live").out)
    assert {one["stack"] for one in found["desktops"]} == {TABLE}
    assert any(f"There is no ledger {OTHER} in {AWAY_TOO}" in one for one in found["missing"])  # it was looked for


def test_a_pair_whose_dr_region_is_lost_does_not_keep_the_other_from_its_answer(lost: Stage, tmp_path: Path) -> None:
    lost.stacks[AWAY_TOO, f"{OTHER}-dr"] = {"LedgerTableName": OTHER}
    lost.refused["dynamodb", "query", AWAY_TOO] = UNREACHABLE
    ran = lost.standby("failover-list --no-live")
    assert (ran.status, f"The list of {OTHER} is incomplete: " in ran.err) == (4, True)
    assert "3 of 4 desktops had a ready standby" in ran.out
    other = {"primary_region": "eu-west-1", "dr_region": AWAY_TOO}
    pairs = [{"primary_region": PRIMARY, "dr_region": DR, "directories": MAPPED}, {**other, "directories": MAPPED_TOO}]
    file = tmp_path / "two.yaml"
    file.write_text(json.dumps({"pairs": pairs}), encoding="utf-8")
    lost.down.add(AWAY_TOO)
    ran = lost.standby(f"failover-list --no-live --config {file}")
    assert (ran.status, f"{AWAY_TOO} does not answer. {OTHER} is left out." in ran.err) == (4, True)
    assert "3 of 4 desktops had a ready standby" in ran.out


@pytest.mark.parametrize(("options", "status"), [("--directory d-9067320000", 2), ("--user 'nobody*'", 0)])
def test_options_that_hold_for_no_desktop_are_not_passed_off_as_an_answer(
    lost: Stage, options: str, status: int
) -> None:
    ran = lost.standby(f"failover-list --region {DR} {options}")
    assert ran.status == status
    assert (
        "No sweep has seen directory d-9067320000." if status else "No desktop in the ledger matches"
    ) in ran.err + ran.out


def test_in_csv_and_json_all_is_told_of_each(lost: Stage) -> None:
    lines = lost.standby(f"failover-list --region {DR} --output csv --user 'USER00*'").out.splitlines()
    assert lines[0].startswith(
        "user_name,can_work,standby_state,data_as_of,data_age_hours,data_replication,why,primary_id"
    )
    assert [line.split(",")[1] for line in lines[1:]] == ["YES"] * 3
    found = json.loads(lost.standby(f"failover-list --region {DR} --output json").out)
    assert (found["counts"], found["complete"]) == ({"NO": 1, "YES": 3}, True)
    narrow = lost.standby(f"failover-list --region {DR} --no-color", width=40).out
    assert max(len(line) for line in narrow.splitlines()) <= 40


def test_25_standbys_a_call_and_a_call_a_second(stage: Stage) -> None:
    stage.protected(*USERS[:60])
    stage.asked.clear()
    began = stage.clock.now()
    assert "60 of 60" in stage.standby(f"failover-list --stack {TABLE}").out
    calls = [one for one in stage.asked if one[2] == "describe_workspaces"]
    assert [len(one[3]["WorkspaceIds"]) for one in calls] == [25, 25, 10]
    assert (stage.clock.now() - began).total_seconds() >= 2


def test_without_asking_aws_the_ledger_alone_is_read(lost: Stage) -> None:
    ran = lost.standby(f"failover-list --no-live --stack {TABLE}")
    assert "According to the ledger, 3 of 4 desktops had a ready standby." in ran.out
    assert {one[0] for one in lost.asked} == {"cloudformation", "dynamodb"}


@pytest.mark.parametrize("problem", [UNREACHABLE, refusal("AccessDeniedException"), refusal("ThrottlingException")])
def test_what_cannot_be_described_is_unknown_and_the_answer_incomplete(lost: Stage, problem: Exception) -> None:
    lost.refused["workspaces", "describe_workspaces"] = problem
    ran = lost.standby(f"failover-list --region {DR}")
    assert ran.status == 4
    assert "0 of 4 desktops have a standby" in ran.out
    assert "For 3 desktops, it is not known" in ran.err


def test_desktops_are_chosen_by_a_tag_of_their_standby(lost: Stage) -> None:
    ran = lost.standby(f"failover-list --region {DR} --tag workspaces-standby:stack={TABLE[:7]}* --output csv")
    assert (ran.status, len(ran.out.splitlines())) == (4, 4)
    assert "1 desktops without a standby are left out" in ran.err
    assert len(lost.standby(f"failover-list --region {DR} --tag Department=x --output csv").out.splitlines()) == 1
    assert lost.standby("failover-list --tag Department").status == 2
    lost.refused["resourcegroupstaggingapi", "get_resources"] = refusal("AccessDeniedException")
    ran = lost.standby(f"failover-list --region {DR} --tag Department=x")
    assert (ran.status, "AccessDenied" in ran.err) == (4, True)


def test_a_lost_dr_directory_lets_nobody_work(lost: Stage) -> None:
    lost.answers["workspaces", "describe_workspace_directories"] = {"Directories": []}
    ran = lost.standby(f"failover-list --region {DR}")
    assert "3 × The DR directory d-926722edaf is not registered." in ran.out
    lost.refused["workspaces", "describe_workspace_directories"] = refusal("AccessDeniedException")
    ran = lost.standby(f"failover-list --region {DR}")
    assert (ran.status, "It is not known whether the DR directories are registered" in ran.err) == (4, True)


def test_when_both_regions_are_lost_it_says_so(lost: Stage) -> None:
    lost.down = {PRIMARY, DR}
    ran = lost.standby(f"failover-list --stack {TABLE}")
    assert (ran.status, ran.out) == (4, "")
    ran = lost.standby(f"failover-list --region {DR}")
    assert (ran.status, DR in ran.err) == (4, True)


def test_a_region_without_a_dr_stack_is_refused(lost: Stage) -> None:
    ran = lost.standby("failover-list --region eu-west-1")
    assert (ran.status, "--stack" in ran.err) == (2, True)


def test_the_words_to_send_ask_nothing_of_aws(lost: Stage) -> None:
    ran = lost.standby("failover-list --words")
    assert ran.status == 0
    for words in ("30 minutes", "one desktop at a time", "network drive", "start it again", "3.0.9"):
        assert words in ran.out
    assert lost.asked == []
    assert json.loads(lost.standby("failover-list --words --output json").out)["words"] == failover.WORDS
