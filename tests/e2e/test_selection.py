"""A rule about tags in the deployed product: the Tagging API is asked, under the roles that the template gives."""

from tests.e2e.conftest import STACK, Deployed

EXCLUDED = [{"Key": "Standby", "Value": "no"}]
DECIDING = {f"{STACK}-{name}" for name in ("protect", "sweep")}


def test_a_desktop_with_the_excluded_tag_gets_none_and_its_row_names_the_rule(deployed: Deployed) -> None:
    before = len(deployed.cloud.world.calls())
    (excluded,) = deployed.create("user095", Tags=EXCLUDED)
    (other,) = deployed.create("user096", Tags=[{"Key": "Standby", "Value": "later"}])
    row = deployed.until(excluded, "EXCLUDED")
    assert row["reason_code"] == "EXCLUDED_BY_RULE"
    assert row["message"].endswith("The rule is exclude.tags: Standby: no.")
    deployed.until(other, "PROTECTED")
    assert deployed.standbys_of(excluded) == []
    assert len(deployed.standbys_of(other)) == 1
    calls = [call for call in deployed.cloud.world.calls(before) if call["operation"] == "GetResources"]
    # Sessions are named after their functions.
    assert {call["principal"].rpartition("/")[2] for call in calls if call["outcome"] == "ok"} <= DECIDING
    assert calls
