"""Does the standby match? What differs is in the row, is counted, and is told to nobody one by one."""

from __future__ import annotations

from typing import Any

import pytest

from local.queries import readme_queries
from local.workspaces import Fault
from standby.decisions.drift import digest, drift
from standby.model import DirectoryId, Status, Workspace, WorkspaceId
from standby.settings import Directory
from standby.sweep.memory import PARTNER, SweepMemory
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, USERS, Estate, estate
from tests.unit.sweeping import notices, protected
from tests.unit.test_coverage import day

ID = WorkspaceId("ws-1abc2def3")
PLAIN: dict[str, Any] = {
    "compute_type": "STANDARD",
    "operating_system": "WINDOWS_SERVER_2022",
    "protocols": ("PCOIP",),
    "root_gib": 80,
    "user_gib": 50,
}


def desktop(**changes: Any) -> Workspace:
    return Workspace(ID, **(PLAIN | changes))


def differing(primary: Workspace, standby: Workspace, before: str | None = None) -> str | None:
    return drift(primary, digest(standby), wanted=None, replication=None, before=before)


# Compared


def test_what_is_alike_does_not_differ() -> None:
    assert differing(desktop(), desktop()) is None
    assert differing(desktop(protocols=("PCOIP", "WSP")), desktop(protocols=("WSP", "PCOIP"))) is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"compute_type": "PERFORMANCE"}, "compute_type STANDARD≠PERFORMANCE"),
        ({"operating_system": "WINDOWS_11"}, "operating_system WINDOWS_SERVER_2022≠WINDOWS_11"),
        ({"protocols": ("WSP",)}, "protocols PCOIP≠WSP"),
        ({"root_gib": 175}, "root_volume_gib 80≠175"),
        ({"user_gib": 100}, "user_volume_gib 50≠100"),
        (
            {"user_gib": 100, "compute_type": "POWER"},
            "compute_type STANDARD≠POWER; user_volume_gib 50≠100",
        ),
    ],
)
def test_each_property_is_compared_and_told_with_both_values(changes: dict[str, Any], told: str) -> None:
    assert differing(desktop(), desktop(**changes)) == told


@pytest.mark.parametrize("lacking", list(PLAIN))
def test_what_either_side_does_not_tell_is_no_drift_and_no_end_of_it(lacking: str) -> None:
    nothing = {lacking: () if lacking == "protocols" else None}
    other = desktop(compute_type="X", operating_system="X", protocols=("X",), root_gib=1, user_gib=1)
    name = lacking.replace("_gib", "_volume_gib")
    known = differing(desktop(), other)
    assert known
    for primary, standby in ((desktop(**nothing), other), (desktop(), Workspace(ID, **(other_of(other) | nothing)))):
        without = differing(primary, standby)
        assert without
        assert name not in without
        assert without.count("≠") == 4
        assert differing(primary, standby, before=known) == known
        assert differing(primary, desktop(**nothing), before=f"{name} a≠b") == f"{name} a≠b"


def other_of(workspace: Workspace) -> dict[str, Any]:
    return {name: getattr(workspace, name) for name in PLAIN}


def test_it_ends_when_both_are_told_alike_again() -> None:
    assert differing(desktop(), desktop(), before="compute_type STANDARD≠POWER") is None


def test_nothing_of_a_standby_that_no_scan_saw_is_known() -> None:
    before = "compute_type STANDARD≠POWER"
    assert drift(desktop(), "", wanted=None, replication=None, before=None) is None
    assert drift(desktop(), "", wanted=None, replication=None, before=before) == before


@pytest.mark.parametrize("before", ["", "whatever", "; ;", "compute_type≠", "colour RED≠BLUE; compute_type STANDARD≠X"])
def test_a_row_by_hand_does_not_disturb_it(before: str) -> None:
    assert differing(desktop(), desktop(), before=before) is None


@pytest.mark.parametrize(
    ("wanted", "had", "told"),
    [
        ("PRIMARY_AS_SOURCE", "PRIMARY_AS_SOURCE", None),
        ("PRIMARY_AS_SOURCE", "NO_REPLICATION", "data_replication PRIMARY_AS_SOURCE≠NO_REPLICATION"),
        ("NO_REPLICATION", "PRIMARY_AS_SOURCE", "data_replication NO_REPLICATION≠PRIMARY_AS_SOURCE"),
        ("PRIMARY_AS_SOURCE", None, None),
        (None, "PRIMARY_AS_SOURCE", None),
    ],
)
def test_data_replication_is_compared_with_what_is_configured(
    wanted: str | None, had: str | None, told: str | None
) -> None:
    assert drift(desktop(), digest(desktop()), wanted=wanted, replication=had, before=None) == told


@pytest.mark.parametrize(
    ("shown", "own", "told"),
    [
        (None, "NO_REPLICATION", "data_replication PRIMARY_AS_SOURCE≠NO_REPLICATION"),
        (None, "PRIMARY_AS_SOURCE", None),
        ("PRIMARY_AS_SOURCE", "NO_REPLICATION", None),
    ],
)
def test_a_standbys_own_replication_counts_where_the_primary_shows_none(
    shown: str | None, own: str, told: str | None
) -> None:
    standby = digest(desktop(data_replication=own))
    assert drift(desktop(), standby, wanted="PRIMARY_AS_SOURCE", replication=shown, before=None) == told


@pytest.mark.parametrize("odd", ["TWO WORDS", "A/B", "A;B", "A≠B", "A:B", " ", "Ä"])
def test_a_value_that_could_be_mistaken_is_not_told(odd: str) -> None:
    assert digest(desktop(compute_type=odd)) == "/WINDOWS_SERVER_2022/PCOIP/80/50/"


def test_a_digest_is_one_short_word() -> None:
    assert digest(desktop()) == "STANDARD/WINDOWS_SERVER_2022/PCOIP/80/50/"
    assert digest(desktop(data_replication="NO_REPLICATION")) == f"{digest(desktop())}NO_REPLICATION"
    assert digest(Workspace(ID)) == ""


# From the sweep


def standby_of(found: Estate, primary_id: str) -> Any:
    standby_id = found.row(primary_id).standby_id
    assert standby_id
    return found.world.workspace(standby_id)


def test_a_standby_that_differs_is_noted_once_counted_and_cleared_when_it_matches_again() -> None:
    with estate() as found:
        one, other = protected(found, *USERS[:2])
        standby_of(found, one).properties["ComputeTypeName"] = "PERFORMANCE"
        for _ in range(3):
            found.pass_time(hours=1)
            found.sweep()
        row = found.row(one)
        assert (row.status, row.drift) == (Status.PROTECTED, "compute_type STANDARD≠PERFORMANCE")
        assert "It differs: compute_type STANDARD≠PERFORMANCE." in row.message
        assert [event.get("drift") for event in found.history(one)][-2:] == [None, row.drift]
        assert notices(found, one) == []
        assert found.row(other).drift is None
        assert (day(found)["drifted"], found.notes.gauges["DriftedStandbys"]) == (1, 1)
        written = row.version
        standby_of(found, one).properties["ComputeTypeName"] = "STANDARD"
        found.sweep()
        assert (found.row(one).drift, found.row(one).version) == (None, written + 1)
        assert "differs" not in found.row(one).message
        assert (day(found)["drifted"], found.notes.gauges["DriftedStandbys"]) == (0, 0)


def test_replication_that_was_configured_later_is_drift_of_the_whole_fleet_and_no_notice() -> None:
    with estate() as found:
        ids = protected(found, *USERS[:3])
        found.configure(directories={DirectoryId(HOME): Directory(DirectoryId(AWAY), None, "PRIMARY_AS_SOURCE")})
        found.sweep()
        assert {found.row(one).drift for one in ids} == {"data_replication PRIMARY_AS_SOURCE≠NO_REPLICATION"}
        assert not [event for one in ids for event in found.history(one) if event.get("notice")]
        assert not [row for row in found.dynamodb.scan(TableName=found.parts.table_name)["Items"] if "notice" in row]
        assert found.notes.gauges["DriftedStandbys"] == 3


def test_a_standby_that_is_not_healthy_now_is_compared_and_keeps_its_reason() -> None:
    with estate() as found:
        (one,) = protected(found, USERS[0])
        reason = found.row(one).reason
        standby_of(found, one).properties["UserVolumeSizeGib"] = 100
        found.world.set_state(standby_of(found, one).workspace_id, "REBOOTING")
        found.sweep()
        row = found.row(one)
        assert (row.status, row.reason, row.drift) == (Status.PROTECTED, reason, "user_volume_gib 50≠100")
        version = row.version
        found.sweep()
        assert found.row(one).version == version


@pytest.mark.parametrize("region", [PRIMARY, DR])
def test_an_answer_that_does_not_come_neither_makes_nor_ends_drift(region: str) -> None:
    with estate() as found:
        one, other = protected(found, *USERS[:2])
        standby_of(found, one).properties["ComputeTypeName"] = "PERFORMANCE"
        found.sweep()
        standby_of(found, one).properties["ComputeTypeName"] = "STANDARD"
        standby_of(found, other).properties["ComputeTypeName"] = "VALUE"
        found.world.inject(Fault("DescribeWorkspaces", "throttle", region, when=lambda params: "DirectoryId" in params))
        found.sweep()
        assert found.row(one).drift == "compute_type STANDARD≠PERFORMANCE"
        assert found.row(other).drift is None
        found.world.clear_faults()
        found.world.settings.change(relation_flicker=1.0)
        found.sweep()
        assert (found.row(one).drift, found.row(other).drift) == ("compute_type STANDARD≠PERFORMANCE", None)
        found.world.settings.change(relation_flicker=0.0)
        found.sweep()
        assert (found.row(one).drift, found.row(other).drift) == (None, "compute_type STANDARD≠VALUE")


def test_what_one_invocation_saw_of_the_partner_is_there_for_another_that_decides() -> None:
    with estate() as found:
        ids = protected(found, *USERS[:60])
        standby_of(found, ids[59]).properties["ComputeTypeName"] = "VALUE"
        parts = found.sweep(pages=2)
        assert len(parts) >= 6
        assert {found.row(one).drift for one in ids} == {None, "compute_type STANDARD≠VALUE"}
        assert found.row(ids[59]).drift


def test_another_runs_memory_of_the_partner_says_nothing() -> None:
    with estate() as found:
        one, *_ = protected(found, *USERS[:30])
        standby_of(found, one).properties["ComputeTypeName"] = "VALUE"
        memory = SweepMemory(found.parts.table())
        cursor: Any = None
        while cursor is None or cursor["side"] == PARTNER:
            cursor = found.sweep_part("arn:one", cursor, pages=2).answer()["cursor"]
        memory.keep(DirectoryId(HOME), PARTNER, 0, "another", {})
        while cursor:
            cursor = found.sweep_part("arn:one", cursor, pages=2).answer()["cursor"]
        assert found.row(one).drift is None


def test_a_fleets_memory_takes_little_more_than_its_ids() -> None:
    """4,000 of a directory's 20,000 in one part, and an item holds 400 KB."""
    with estate() as found:
        memory = SweepMemory(found.parts.table())
        words = [digest(desktop(compute_type=kind)) for kind in ("STANDARD", "POWER", "")]
        seen = {WorkspaceId(f"ws-{number:09}"): words[number % 3] for number in range(4000)}
        seen[WorkspaceId("ws-unknown00")] = ""
        memory.keep(DirectoryId(HOME), PARTNER, 0, "run", seen)
        assert memory.recall(DirectoryId(HOME), PARTNER, 1, "run") == seen
        assert len(found.item(f"SWEEP#{HOME}", "partner#00000")["seen"]) < 4001 * 14


def test_a_standby_made_anew_does_not_inherit_what_the_old_one_differed_in() -> None:
    with estate() as found:
        one, _ = protected(found, *USERS[:2])
        standby_of(found, one).properties["ComputeTypeName"] = "PERFORMANCE"
        found.sweep()
        assert found.row(one).drift
        found.world.terminate(standby_of(found, one).workspace_id)
        for _ in range(4):
            found.pass_time(hours=1)
            found.sweep()
        assert found.status(one)[0] is Status.STANDBY_MISSING
        found.protect(one)
        found.watch()
        assert (found.status(one)[0], found.row(one).drift) == (Status.PROTECTED, None)


def test_readmes_query_lists_what_differs_or_holds_old_data() -> None:
    with estate() as found:
        one, _ = protected(found, *USERS[:2])
        standby_of(found, one).properties["ComputeTypeName"] = "PERFORMANCE"
        found.sweep()
        (query,) = [each for each in readme_queries() if each.name == "drift"]
        found_rows = query.run(found.dynamodb, {})
        assert found_rows == [[one, USERS[0], found.row(one).standby_id, found.row(one).drift, None]]
