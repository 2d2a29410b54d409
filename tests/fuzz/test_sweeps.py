"""Whatever the sweep is answered and handed on: nobody is lost or taken for gone, and none gets two standbys.

Answers are altered in one sweep, or one entry of them in two, which is as many as it takes to be gone. Afterwards they
are right, and the next sweep makes good what the altered ones missed. No edit makes a lie that could be true for long.
"""

import contextlib
import dataclasses
import functools
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from standby.core.model import Status
from standby.core.settings import Rules, Selection
from standby.schedule import BadInput, round_of
from standby.wiring import RESERVE_SECONDS
from tests.component.estate import DR, HOME, PRIMARY, SWEEP, USERS, settings
from tests.component.functions import TIME_OUT
from tests.fuzz.garbage import EDIT, EDITS, JSON, Edit, Edits, edited
from tests.fuzz.properties import holds_for
from tests.fuzz.stage import Alter, Saved, Stage, stage
from tests.fuzz.test_answers import DESCRIBE, all_protected, botocore_reads, of
from tests.fuzz.test_rows import put

TAGS, QUOTA = "GetResources", "GetServiceQuota"
TAGGED = [{"Key": "Standby", "Value": "yes"}]
SETTINGS = settings(poll_interval=timedelta(minutes=10))
# What else a sweep asks, by what is configured.
CONFIGURED = {
    "all": SETTINGS,
    "tagged": dataclasses.replace(SETTINGS, selection=Selection(include=Rules(tags={"Standby": "yes"}))),
}
ANSWERS = {(DESCRIBE, PRIMARY), (DESCRIBE, DR), (TAGS, PRIMARY), (QUOTA, DR)}
# Times are of many forms, and a later version of the service has words of its own.
PLAUSIBLE = st.sampled_from(["2026-03-03T09:26:54", 0, 1e40, "NEXT_YEARS_STATE"])
ANSWER_EDIT = st.one_of(EDIT, st.builds(Edit, st.integers(0, 60), st.just("replace"), PLAUSIBLE))
ANSWER_EDITS: st.SearchStrategy[Edits] = st.lists(ANSWER_EDIT, min_size=1, max_size=2)
LEASE, RESERVE = "LEASE#SWEEP", timedelta(seconds=RESERVE_SECONDS)
ODD_MOMENTS = ["2026-03-03", "2999-01-01T00:00:00.000Z", "9999-12-31T23:59:59.000-12:00"]
KEPT = st.sampled_from([*ODD_MOMENTS, SWEEP, "-", "arn:x", "own", "dr", "next", 1, 2, 1000])
KEPT_EDIT = st.one_of(EDIT, st.builds(Edit, st.integers(0, 60), st.just("replace"), KEPT))
KEPT_EDITS: st.SearchStrategy[Edits] = st.lists(KEPT_EDIT, min_size=1, max_size=3)
Plans = Mapping[tuple[str, str], Edits | str]


@dataclass(frozen=True)
class Fleet:
    """A desktop with its standby, and two that have none: their events were lost."""

    saved: Saved
    old: str
    standby: str
    new: str
    good: str


@functools.cache
def fleet(configured: str = "all") -> Fleet:
    """A fleet of a directory that was swept long ago."""
    with stage(CONFIGURED[configured], standby_quota=50) as found:
        found.take_baselines()
        (old,) = found.create_ready(USERS[0], Tags=TAGGED)
        found.protect(old)
        found.watch(until=lambda: all_protected(found, [old]))
        new, good = found.create_ready(*USERS[1:3], Tags=TAGGED)
        (standby,) = found.world.standbys_of(old)
        return Fleet(found.save(), old, standby.workspace_id, new, good)


def plans_of(answers: Collection[tuple[str, str]], most: int) -> st.SearchStrategy[Plans]:
    """How answers of so many kinds at most are altered: the fewer, the further it goes on with them."""
    plan = st.one_of(ANSWER_EDITS, ANSWER_EDITS, ANSWER_EDITS, st.just("<html>"), JSON.map(json.dumps))
    return st.dictionaries(st.sampled_from(sorted(answers)), plan, min_size=1, max_size=most)


@holds_for(0.015, plans=plans_of(ANSWERS, 3), after=st.integers(0, 2), configured=st.sampled_from(sorted(CONFIGURED)))
def test_answers_to_a_sweep_edited_anywhere_end_well(plans: Plans, after: int, configured: str) -> None:
    there = fleet(configured)
    with stage(CONFIGURED[configured], there.saved) as found:
        found.alter = planned(plans, after)
        assert found.sweep()[-1].done
        assert_swept_well(found, there)


@holds_for(
    0.01,
    edits=ANSWER_EDITS,
    extra=st.lists(JSON, max_size=1),
    odd=st.sampled_from(["old", "new", "standby"]),
    listed=st.booleans(),
)
def test_an_entry_that_a_sweep_cannot_read_hides_nobody_beside_it(
    edits: Edits, extra: list[Any], odd: str, *, listed: bool
) -> None:
    there = fleet()
    with stage(SETTINGS, there.saved) as found:
        unclear = getattr(there, odd)
        readable = []

        def spoilt(body: Any) -> Any:
            named = [one["WorkspaceId"] for one in body["Workspaces"]]
            if unclear in named:
                entry = body["Workspaces"].pop(named.index(unclear))
                # Pages may miss one that moves between them.
                if listed or "WorkspaceIds" in found.asked:
                    body["Workspaces"] = [edited(entry, edits), *extra, *body["Workspaces"]]
                readable.append(botocore_reads(DESCRIBE, body))
            return body

        found.alter = of(DESCRIBE, DR if odd == "standby" else PRIMARY, spoilt)
        for _ in range(2):
            assert found.sweep()[-1].done
            found.pass_time(hours=1)
        assert len(found.world.standbys_of(there.good)) == 1 or not all(readable)
        assert_swept_well(found, there)


@holds_for(0.02, edits=KEPT_EDITS, at=st.sampled_from(["own", "rows"]))
def test_a_sweep_goes_on_or_begins_anew_whatever_its_lease_row_says(edits: Edits, at: str) -> None:
    there = fleet()
    with stage(SETTINGS, there.saved) as found:
        break_off(found, at)
        row = found.item(LEASE, LEASE)
        assert row["kept"].keys() == {"rounds", "sum"}
        cursor = row["kept"]["rounds"]["1"]
        assert (cursor["side"], cursor["at"]) == {"own": ("own", 0), "rows": ("dr", 1)}[at]
        put(found, edited(row, edits, fixed=[("pk",), ("sk",)]))
        assert_goes_on(found, SWEEP, 1)
        found.others.running.clear()
        assert_swept_well(found, there)


@holds_for(
    0.02,
    edits=KEPT_EDITS,
    which=st.sampled_from(["BASELINE", "LAST", "own#00000", "dr#00000"]),
    at=st.sampled_from(["own", "rows"]),
)
def test_a_sweep_goes_on_whatever_the_rows_that_sweeps_keep_say(edits: Edits, which: str, at: str) -> None:
    there = fleet()
    with stage(SETTINGS, there.saved) as found:
        found.sweep()
        found.watch()
        break_off(found, at)
        # What is essential of a baseline says who is new.
        fixed = [("pk",), ("sk",), *([("dr_directory_id",), ("taken_at",)] if which == "BASELINE" else [])]
        put(found, edited(found.item(f"SWEEP#{HOME}", which), edits, fixed))
        assert_goes_on(found, SWEEP, 1)
        found.others.running.clear()
        found.pass_time(hours=5)  # a size that was edited is doubted no longer
        assert found.sweep()[-1].outcome.endswith("directories were scanned completely")
        assert_swept_well(found, there)


@holds_for(0.01, event=st.one_of(JSON, EDITS.map(lambda edits: edited({"execution_arn": SWEEP, "round": 1}, edits))))
def test_a_sweep_is_invoked_for_an_execution_or_tells(event: Any) -> None:
    there = fleet()
    with stage(SETTINGS, there.saved) as found:
        # It tells a person what was wrong, and its state machine fails with it.
        with contextlib.suppress(BadInput):
            assert_goes_on(found, *round_of(event))
        found.others.running.clear()
        assert_swept_well(found, there)


def break_off(found: Stage, at: str) -> None:
    """Sweep until the directory's own side begins, or until its rows are gone through."""

    def slow(body: Any) -> Any:
        found.pass_time(seconds=2)
        return body

    found.alter = of(DESCRIBE, DR, slow) if at == "own" else None
    found.time_out = RESERVE + timedelta(seconds=1)
    assert not found.sweep_part().done
    found.time_out, found.alter = TIME_OUT, None


def planned(plans: Plans, after: int = 0) -> Alter:
    """Alter the answers of some kinds as planned, all but so many first ones."""
    before: Counter[tuple[str, str]] = Counter()

    def alter(operation: str, region: str, body: Any) -> Any:
        kind = operation, region
        before[kind] += 1
        if kind not in plans or before[kind] <= after:
            return body
        plan = plans[kind]
        return plan.encode() if isinstance(plan, str) else edited(body, plan)

    return alter


def assert_goes_on(found: Stage, execution: str, number: int) -> None:
    """Run the rest of the state machine: soon there is none."""
    for following in range(10):
        answer = found.sweep_part(execution, number + following)
        if answer.ready:
            found.protect(*answer.ready, cause="sweep")
        if answer.done:
            return
    raise AssertionError("the sweep does not end")


def assert_swept_well(found: Stage, there: Fleet) -> None:
    """Nobody was taken for gone, and once answers are right the next sweep finds everybody who has no standby yet."""
    for one in (there.old, there.new, there.good):
        row = found.find(one)
        assert row is None or row.status not in (Status.PRIMARY_GONE, Status.STANDBY_MISSING)
    found.alter = None
    if not have_their_own(found, there):
        found.pass_time(hours=1)
        assert found.sweep()[-1].outcome == "1 of 1 directories were scanned completely"
        found.watch(hours=30, until=lambda: have_their_own(found, there))
    assert have_their_own(found, there)
    assert found.status(there.old)[0] is Status.PROTECTED
    assert found.row(there.old).standby_id == there.standby
    found.assert_one_standby_at_most()


def have_their_own(found: Stage, there: Fleet) -> bool:
    """Whether each has its one standby, by the model, and its row says so."""
    for one in (there.old, there.new, there.good):
        row = found.find(one)
        if row is None or [each.workspace_id for each in found.world.standbys_of(one)] != [row.standby_id]:
            return False
    return True
