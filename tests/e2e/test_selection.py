"""A rule about tags in the deployed product: the Tagging API is asked, under the roles that the template gives."""

from tests.e2e.conftest import STACK, Deployed, wait_until

EXCLUDED = [{"Key": "Standby", "Value": "no"}]
DECIDING = [f"{STACK}-{name}" for name in ("protect", "sweep")]


def asked_for_tags(deployed: Deployed, since: int, outcome: str) -> set[str]:
    """Who asked the Tagging API with that outcome since then: sessions are named after their functions."""
    return {
        call["principal"].rsplit("/", 1)[-1]
        for call in deployed.cloud.world.calls(since)
        if (call["operation"], call["outcome"]) == ("GetResources", outcome)
    }


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
    asked = asked_for_tags(deployed, before, "ok")
    assert asked
    assert asked <= set(DECIDING)


def test_nothing_is_made_while_tags_are_denied_and_what_waits_follows(deployed: Deployed) -> None:
    before = len(deployed.cloud.world.calls())
    with deployed.denied("tag:GetResources", *DECIDING):
        (one,) = deployed.create("user097")
        wait_until(
            lambda: deployed.start_watcher() and deployed.row(one).get("reason_code") == "TAGS_UNKNOWN",
            lambda: f"{deployed.row(one)}",
        )
        assert deployed.row(one)["status"] == "WAITING"
        assert asked_for_tags(deployed, before, "ok") == set()
        assert deployed.standbys_of(one) == []
    deployed.until(one, "PROTECTED")
    assert len(deployed.standbys_of(one)) == 1
