"""Whatever AWS answers while an orphan is to be terminated: nothing but an orphan ends, and only where all is clear."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from standby.clock import to_text
from standby.decisions.unwell import UNWELL
from standby.model import GONE, HEALTHY_STANDBY, Status, WorkspaceId
from standby.reasons import Reason
from standby.settings import STACK_TAG
from standby.sweep.orphans import ORPHAN, orphan_key
from tests.fuzz.garbage import JSON, Edits, edited
from tests.fuzz.properties import holds_for
from tests.fuzz.stage import Saved, Stage, stage
from tests.fuzz.test_answers import DESCRIBE, all_protected
from tests.fuzz.test_sweeps import ANSWER_EDITS, Plans, planned, plans_of
from tests.unit.estate import AWAY, DR, PRIMARY, TABLE, USERS, settings
from tests.unit.orphaning import TERMINATE, calls, reason

TAGS, USE = "DescribeTags", "DescribeWorkspacesConnectionStatus"
SETTINGS = settings(poll_interval=timedelta(minutes=10), orphans="terminate", orphan_age=timedelta(days=1))
BESIDE_THE_POINT = {"BundleId", "ComputerName", "IpAddress", "SubnetId", "WorkspaceProperties"} | {
    f"{volume}VolumeEncryptionEnabled" for volume in ("Root", "User")
}
ANSWERS = {(DESCRIBE, PRIMARY), (DESCRIBE, DR), (TAGS, DR), (USE, DR), (TERMINATE, DR)}


@dataclass(frozen=True)
class Orphans:
    """Standbys whose primaries are gone and which may be terminated now, by their primaries; and one that lives."""

    saved: Saved
    standbys: dict[str, str]
    living: str


@functools.cache
def announced(count: int) -> Orphans:
    """So many of them, as sweeps and retire leave them."""
    with stage(SETTINGS) as found:
        *gone, living = found.create_ready(*USERS[: count + 1])
        found.protect(*gone, living)
        found.watch(until=lambda: all_protected(found, [*gone, living]))
        standbys = {}
        for one in gone:
            standbys[one] = found.row(one).standby_id or ""
            found.world.connect(standbys[one])
            found.world.terminate(one)
            found.pass_time(days=2)
            announce(found, one)
        for one, standby in standbys.items():
            confirm(found, one, standby)
        return Orphans(found.save(), standbys, living)


def announce(found: Stage, one: str) -> None:
    """Let retire have announced it a day ago."""
    row, now = found.row(one), found.clock.now()
    gone = dataclasses.replace(
        row,
        status=Status.PRIMARY_GONE,
        reason=Reason.TERMINATION_ANNOUNCED,
        status_before=row.status,
        reason_before=row.reason,
        version=row.version + 1,
        changed_at=now,
        terminate_after=now,
    )
    found.parts.table().put(gone.to_state_item())


@holds_for(0.01, plans=plans_of(ANSWERS, 1), extra=st.lists(JSON, max_size=1))
def test_answers_to_a_termination_edited_anywhere_end_well(plans: Plans, extra: list[Any]) -> None:
    there = announced(1)
    (standby,) = there.standbys.values()
    with stage(SETTINGS, there.saved) as found:
        real, told, unaltered = planned(plans), dict[tuple[str, str], Any](), []
        before: list[Any] = []

        def alter(operation: str, region: str, body: Any) -> Any:
            for entries in body.values() if (operation, region) in plans else ():
                entries[:] = [matters(one) for one in entries] + extra
            altered = told[operation, region] = real(operation, region, body)
            if operation == TERMINATE:
                before.append(dict(told))  # here the product would catch what is raised
                unaltered.append(altered == body)
            return altered

        found.alter = alter
        for _ in range(2):
            found.retire()
            found.pass_time(hours=1)
        for answers in before:
            assert_all_was_told(answers, standby, there.living)
        assert sum(unaltered) <= 1
        assert_ends_well(found, there)


@holds_for(0.01, edits=ANSWER_EDITS)
def test_an_orphan_of_which_nothing_can_be_read_keeps_no_other(edits: Edits) -> None:
    there = announced(2)
    (odd, its_own), (good, standby) = there.standbys.items()
    with stage(SETTINGS, there.saved) as found:

        def alter(operation: str, region: str, body: Any) -> Any:
            text = json.dumps(body)
            return edited(body, edits) if odd in text or its_own in text else body

        found.alter = alter
        found.retire()
        assert found.world.workspace(standby).state in GONE
        assert reason(found, good) == Reason.ORPHAN_TERMINATED
        assert_ends_well(found, there)


def confirm(found: Stage, one: str, standby: str) -> None:
    """Note what sweeps have seen of an orphan until now."""
    now = found.clock.now()
    seen = {"orphan_since": to_text(now - timedelta(days=2)), "confirmed_at": to_text(now), "confirmed_run": "run"}
    key = {"pk": orphan_key(WorkspaceId(one)), "sk": ORPHAN}
    found.parts.table().put({**key, **seen, "standby_id": standby, "sweeps": 48})


def matters(entry: Any) -> Any:
    """What of an entry a termination may hang on, so that few edits are of anything else."""
    return {name: value for name, value in entry.items() if name not in BESIDE_THE_POINT}


def assert_all_was_told(told: Mapping[tuple[str, str], Any], standby: str, living: str) -> None:
    """What was answered before a termination says of all that matters that nothing is against it."""
    assert {each["WorkspaceId"] for each in told[DESCRIBE, PRIMARY]["Workspaces"]} == {living}
    (seen,) = {json.dumps(each) for each in told[DESCRIBE, DR]["Workspaces"]}
    seen = json.loads(seen)
    assert (seen["WorkspaceId"], seen["DirectoryId"], seen["UserName"]) == (standby, AWAY, USERS[0])
    assert seen["State"] in HEALTHY_STANDBY | UNWELL
    assert {"Key": STACK_TAG, "Value": TABLE} in told[TAGS, DR]["TagList"]
    (use,) = told[USE, DR]["WorkspacesConnectionStatus"]
    assert use["WorkspaceId"] == standby
    assert use["ConnectionState"] in ("DISCONNECTED", "UNKNOWN")


def assert_ends_well(found: Stage, there: Orphans) -> None:
    """Once answers are right each is terminated, at the latest when it is announced again; and nothing else is."""
    found.alter = None
    for _ in range(5):
        left = {one: each for one, each in there.standbys.items() if found.world.workspace(each).state not in GONE}
        if not left:
            break
        for one, standby in left.items():
            confirm(found, one, standby)
        found.retire()
        found.pass_time(hours=25)
    assert not left
    # Of an answer that was not clear only a sweep tells what has become of it.
    clear = (Reason.ORPHAN_TERMINATED, Reason.TERMINATION_CLAIMED)
    assert all(reason(found, one) in clear for one in there.standbys)
    terminated = {each["WorkspaceId"] for call in calls(found) for each in call.params["TerminateWorkspaceRequests"]}
    assert terminated == {*there.standbys.values()}
    assert len(found.world.standbys_of(there.living)) == 1
