"""The sweep in the deployed product: an existing fleet is reported, and protected once it is accepted."""

from local.queries import audit_queries, printed_payload
from tests.e2e.conftest import Deployed, wait_until


def plan(deployed: Deployed) -> list[str]:
    """What the query says of the directory's plan and progress."""
    (query,) = [one for one in audit_queries() if one.name == "plan"]
    (row,) = query.run(deployed.dynamodb, {})
    return list(row)


def test_an_existing_fleet_is_reported_and_protected_once_it_is_accepted(deployed: Deployed) -> None:
    ids, others = deployed.existing, len(deployed.cloud.world.standbys())
    deployed.sweep()
    assert {deployed.row(one)["status"] for one in ids} == {"REPORTED"}
    assert [deployed.standbys_of(one) for one in ids] == [[]] * 5
    told = plan(deployed)[0]
    assert told.startswith("Directory d-906732325d: 5 desktops would get a standby, ")
    assert (
        f"Quota L-9A67B5CB in us-west-2 is 60. {others} standbys count towards it: room for {60 - others} more." in told
    )
    assert plan(deployed)[2:7] == ["5", "0", "0", "0", "0"]
    assert "problem" not in deployed.protect(printed_payload("accept"))
    deployed.cloud.world.change(trail_copies=0)
    (lost,) = deployed.create("user098")  # its event never comes
    deployed.sweep()
    deployed.start_watcher()
    for one in (*ids, lost):
        deployed.until(one, "PROTECTED")
    assert deployed.cloud.world.duplicates() == []
    assert len(deployed.cloud.world.standbys()) == others + len(ids) + 1
    wait_until(
        lambda: deployed.sweep() and plan(deployed)[2:7] == ["0", "0", "0", "5", "0"], lambda: f"{plan(deployed)}"
    )
