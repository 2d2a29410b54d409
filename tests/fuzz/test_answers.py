"""Whatever WorkSpaces answers: the good ones are worked on, none gets two standbys, none is called protected falsely.

Answers are altered on the wire, the first few or all of a kind. Afterwards they are right, and in the end each primary
that can have a standby has one, by the model. No edit makes a lie that could be true: none puts an id, a state or a
type where another of its kind stood.
"""

import functools
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from hypothesis import assume
from hypothesis import strategies as st

from standby.core.model import Status, is_workspace_id
from standby.core.settings import Directory
from tests.component.estate import AWAY, DR, HOME, PRIMARY, USERS, settings
from tests.fuzz.garbage import EDITS, JSON, Edits, edited
from tests.fuzz.properties import holds_for
from tests.fuzz.stage import Alter, Stage, stage

DESCRIBE, CREATE = "DescribeWorkspaces", "CreateStandbyWorkspaces"
# Looks far apart: fewer rounds, which is most of what a case takes.
SETTINGS = settings(poll_interval=timedelta(minutes=10))
MUTUAL = replace(SETTINGS, directories={HOME: Directory(AWAY, mutual=True)})
# Edits of an answer, or another in its place; None leaves it as it is.
PLAN = st.one_of(st.none(), EDITS, st.just("<html>"), JSON.map(json.dumps))
PLANS = st.lists(PLAN, max_size=6)


@holds_for(
    0.02,
    edits=EDITS,
    extra=st.lists(JSON, max_size=2),
    kind=st.sampled_from(["windows", "ubuntu"]),
    first=st.booleans(),
)
def test_a_workspace_described_beside_one_that_cannot_be_read_gets_its_standby(
    edits: Edits, extra: list[Any], kind: str, *, first: bool
) -> None:
    with stage(SETTINGS) as found:
        (bad,) = found.create_ready(USERS[0], BundleId=f"wsb-{kind}standard")
        (good,) = found.create_ready(USERS[1])
        fixed = [("WorkspaceId",), ("WorkspaceProperties", "OperatingSystemName")]

        def spoilt(body: Any) -> Any:
            mine = [edited(one, edits, fixed) for one in body["Workspaces"] if one["WorkspaceId"] == bad]
            others = [one for one in body["Workspaces"] if one["WorkspaceId"] != bad]
            mine += extra if mine else []
            return {**body, "Workspaces": [*mine, *others] if first else [*others, *mine]}

        found.alter = of(DESCRIBE, PRIMARY, spoilt)
        statuses = {one["primary_id"]: one["status"] for one in found.protect(bad, good)}
        assert statuses.keys() == {good, bad}
        assert statuses[good] == "REQUESTED"
        assert_ends_well(found, [good] if kind == "ubuntu" else [good, bad])


@holds_for(0.02, edits=EDITS, by_watcher=st.booleans())
def test_a_standby_whose_relation_cannot_be_read_is_not_taken_for_none(edits: Edits, *, by_watcher: bool) -> None:
    with stage(SETTINGS) as found:
        (one,) = found.create_ready(USERS[0])
        (standby,) = make_standbys(found, one)
        found.pass_time(hours=1)

        def altered(body: Any) -> Any:
            for entry in body["Workspaces"]:
                assume("RelatedWorkspaces" in entry)
                entry["RelatedWorkspaces"] = edited(entry["RelatedWorkspaces"], edits)
                assume(not says_none(entry["RelatedWorkspaces"]))
            return body

        found.alter = of(DESCRIBE, PRIMARY, altered)
        found.protect(one, cause="watch" if by_watcher else "manual")
        found.watch(hours=1)
        assert found.calls() == [found.calls()[0]]
        assert_protected_ones_are(found)
        assert [each.workspace_id for each in found.world.standbys_of(one)] == [standby]
        assert_ends_well(found, [one])


@holds_for(0.02, primary=PLANS, dr=PLANS, create=PLANS, mutual=st.booleans(), lag=st.sampled_from([0, 600]))
def test_answers_edited_anywhere_end_well(
    primary: list[Any], dr: list[Any], create: list[Any], *, mutual: bool, lag: int
) -> None:
    with stage(MUTUAL if mutual else SETTINGS, relation_lag_seconds=lag) as found:
        ids = found.create_ready(*USERS[:2])
        left: dict[tuple[str, str], Any] = {
            (DESCRIBE, PRIMARY): iter(primary),
            (DESCRIBE, DR): iter(dr),
            (CREATE, DR): iter(create),
        }

        def alter(operation: str, region: str, body: Any) -> Any:
            plan = next(left[operation, region], None)
            return plan.encode() if isinstance(plan, str) else edited(body, plan) if plan else body

        found.alter = alter
        found.protect(*ids)
        found.watch(hours=1)
        assert_protected_ones_are(found)
        assert_ends_well(found, ids)


@holds_for(0.015, edits=EDITS, extra=st.lists(JSON, max_size=2), kind=st.sampled_from(["Pending", "Failed"]))
def test_an_answer_to_a_create_with_an_item_that_cannot_be_read_is_believed_about_the_others(
    edits: Edits, extra: list[Any], kind: str
) -> None:
    with stage(SETTINGS) as found:
        bad, good = found.create_ready(*USERS[:2])
        if kind == "Failed":
            found.world.remove_user(DR, AWAY, USERS[0])
        name, times = f"{kind}StandbyRequests", itertools.count()
        readable = []

        def altered(body: Any) -> Any:
            if next(times):
                return body
            mine = [edited(one, edits) for one in body[name] if about(one, bad, USERS[0])]
            body[name] = [*mine, *extra, *(one for one in body[name] if not about(one, bad, USERS[0]))]
            readable.append(botocore_reads(CREATE, body))
            return body

        found.alter = of(CREATE, DR, altered)
        statuses = {one["primary_id"]: one["status"] for one in found.protect(bad, good)}
        assert statuses[good] == ("REQUESTED" if readable == [True] else "CLAIMED")
        assert_ends_well(found, [good] if kind == "Failed" else [bad, good])


@holds_for(0.005, token=st.one_of(st.none(), JSON), shown=st.integers(0, 2), region=st.sampled_from([PRIMARY, DR]))
def test_pages_without_end_are_not_read_for_ever(token: Any, shown: int, region: str) -> None:
    with stage(MUTUAL) as found:
        ids = found.create_ready(*USERS[:2])
        found.takes_any_token = True
        numbers = itertools.count()

        def endless(body: Any) -> Any:
            following = f"page-{next(numbers)}" if token is None else token
            return {"Workspaces": body["Workspaces"][:shown], "NextToken": following}

        found.alter = of(DESCRIBE, region, endless)
        assert len(found.protect(*ids)) == 2
        assert_ends_well(found, ids)


def of(operation: str, region: str, change: Any) -> Alter:
    """Alter the answers of one operation in one Region."""
    return lambda called, where, body: change(body) if (called, where) == (operation, region) else body


def make_standbys(found: Stage, *primary_ids: str) -> list[str]:
    """Make standbys as a person does in the console."""
    request = [{"PrimaryWorkspaceId": one, "DirectoryId": AWAY} for one in primary_ids]
    answer = found.world.call(DR, CREATE, {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": request})
    return [one["WorkspaceId"] for one in answer["PendingStandbyRequests"]]


def says_none(relations: Any) -> bool:
    """Whether an answer could be that of a primary without a standby: then it is a lie, and believed."""
    if not relations:
        return True
    kinds = [
        one.get("Type")
        for one in (relations if isinstance(relations, list) else ())
        if isinstance(one, dict) and is_workspace_id(one.get("WorkspaceId"))
    ]
    return "STANDBY" not in kinds and any(isinstance(kind, str) for kind in kinds)


def about(item: Any, primary_id: str, user: str) -> bool:
    text = json.dumps(item)
    return primary_id in text or user in text


@functools.cache
def model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("workspaces")


def botocore_reads(operation: str, body: Any) -> bool:
    """Whether botocore's own parser makes an answer of a body."""
    shape = model().operation_model(operation).output_shape
    assert shape
    try:
        create_parser("json").parse({"body": json.dumps(body).encode(), "headers": {}, "status_code": 200}, shape)
    except Exception:
        return False
    return True


def assert_protected_ones_are(found: Stage) -> None:
    """No row says PROTECTED of a standby that the model does not have."""
    for primary in found.world.primaries():
        row = found.find(primary.workspace_id)
        if row and row.status is Status.PROTECTED:
            assert row.standby_id in [one.workspace_id for one in found.world.standbys_of(primary.workspace_id)]


def assert_ends_well(found: Stage, ids: Sequence[str]) -> None:
    """Once answers are right, every primary has one standby, and its row says so; nothing else was asked for."""
    found.alter = None
    for _ in range(3):
        found.protect(*ids)
        found.watch(hours=30, until=lambda: all_protected(found, ids))
        found.pass_time(hours=1)
    assert all_protected(found, ids)
    for one in ids:
        (standby,) = found.world.standbys_of(one)
        assert found.row(one).standby_id == standby.workspace_id
    found.assert_one_standby_at_most()


def all_protected(found: Stage, ids: Sequence[str]) -> bool:
    return all(found.status(one)[0] is Status.PROTECTED for one in ids)
