"""The sweep in the deployed product: an existing fleet, what events missed, and what is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.cloud import Cloud
from local.queries import readme_queries, run_readme_command
from tests.e2e.conftest import AWAY, BOOT, DR, HOME, PRIMARY, STACK, Deployed, wait_until


@pytest.fixture(scope="module")
def before(assembly: Path) -> Iterator[tuple[Deployed, list[str]]]:
    """A cloud in which forty desktops stood before the product was deployed."""
    with Cloud.start(
        boot_seconds=BOOT,
        standby_boot_seconds=BOOT,
        terminate_seconds=BOOT,
        throttling=False,
        standby_quota=60,
        wait_scale=0.5,
    ) as cloud:
        users = [f"user{number:03}" for number in range(100)]
        cloud.world.add_directory(PRIMARY, HOME, users)
        cloud.world.add_directory(DR, AWAY, users)
        workspaces = cloud.client("workspaces", PRIMARY)
        ids = []
        for some in (users[:20], users[20:40]):
            order = [{"DirectoryId": HOME, "UserName": user, "BundleId": "wsb-windowsstandard"} for user in some]
            ids += [one["WorkspaceId"] for one in workspaces.create_workspaces(Workspaces=order)["PendingRequests"]]
        yield Deployed(cloud, cloud.deploy(assembly)[STACK]), ids


@pytest.fixture(scope="module")
def deployed(before: tuple[Deployed, list[str]]) -> Deployed:
    """The product in that cloud, after its first two sweeps, which take the baseline."""
    found, _ = before
    for _ in range(2):
        assert found.sweep() == "2 of 2 directories were scanned completely"
    return found


def plan(deployed: Deployed) -> list[str]:
    """What README's query says of the directory's plan and progress."""
    (query,) = [one for one in readme_queries() if one.name == "plan"]
    (row,) = query.run(deployed.dynamodb, {})
    return list(row)


def test_an_existing_fleet_is_reported_and_protected_once_it_is_accepted(
    deployed: Deployed, before: tuple[Deployed, list[str]]
) -> None:
    _, ids = before
    assert {deployed.row(one)["status"] for one in ids} == {"REPORTED"}
    assert deployed.cloud.world.standbys() == []
    assert plan(deployed)[0].startswith("Directory d-906732325d: 40 desktops would get a standby, 0 have one, 0 cannot")
    assert "Quota L-9A67B5CB in us-west-2 is 60, and 0 standbys count: room for 60." in plan(deployed)[0]
    assert plan(deployed)[2:7] == ["40", "0", "0", "0", "0"]
    run_readme_command("accept", deployed.dynamodb)
    deployed.sweep()
    wait_until(
        lambda: deployed.start_watcher() and {deployed.row(one)["status"] for one in ids} == {"PROTECTED"},
        lambda: f"{[deployed.row(one)['status'] for one in ids]}",
    )
    assert deployed.cloud.world.duplicates() == []
    assert len(deployed.cloud.world.standbys()) == len(ids)
    deployed.sweep()
    assert plan(deployed)[2:7] == ["0", "0", "0", "40", "0"]


def test_a_desktop_whose_event_was_lost_is_caught(deployed: Deployed) -> None:
    deployed.cloud.world.change(trail_copies=0)
    (one,) = deployed.create("user050")
    deployed.sweep()
    wait_until(
        lambda: deployed.start_watcher() and deployed.row(one).get("status") == "PROTECTED",
        lambda: f"{deployed.row(one)}",
    )
    assert deployed.row(one)["first_seen_at"]
    assert len(deployed.standbys_of(one)) == 1


def test_a_standby_that_somebody_terminated_unseen_is_told_after_two_sweeps(deployed: Deployed) -> None:
    deployed.cloud.world.change(trail_copies=1)
    (one,) = deployed.create("user051")
    standby = deployed.until(one, "PROTECTED")["standby_id"]
    deployed.cloud.world.change(trail_copies=0)  # CloudTrail loses who did it
    partner = deployed.cloud.client("workspaces", DR)
    partner.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": standby}])
    wait_until(lambda: partner.describe_workspaces(WorkspaceIds=[standby])["Workspaces"] == [])
    deployed.sweep()
    assert deployed.row(one)["status"] == "PROTECTED"
    deployed.sweep()
    row = deployed.until(one, "STANDBY_MISSING")
    assert row["reason_code"] == "STANDBY_GONE"
    assert "terminated_by" not in row
