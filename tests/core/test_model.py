"""WorkSpaces as the service shows them."""

import pytest

from standby.core import model
from standby.core.model import Cause, Related, Status, WorkspaceId
from tests.core.cases import DESKTOP, DR, NOW, ONE, STANDBY, desktop, seen, shows, standby

IDS = ("ws-12345678", "ws-" + "z" * 63)
NO_IDS = ("ws-1234567", "ws-" + "z" * 64, "ws-1234567A", "ws-12345678\n", " ws-12345678", "wsb-12345678", "", None, 7)


@pytest.mark.parametrize("text", [*IDS, *NO_IDS])
def test_an_id_has_the_form_that_the_service_takes(text: object) -> None:
    assert model.is_workspace_id(text) is (text in IDS)


def test_user_names_are_compared_without_their_case() -> None:
    assert model.user_key("Ärzte-STRASSE") == model.user_key("ärzte-straße") == "ärzte-strasse"


def test_open_and_settled_share_out_all_that_a_row_can_be() -> None:
    assert [status for status in Status if status.is_open] == ["WAITING", "CLAIMED", "REQUESTED"]
    assert set(model.SETTLED) == set(Status) - {"WAITING", "CLAIMED", "REQUESTED"}


def test_only_a_persons_call_tries_again_what_is_settled() -> None:
    causes = ("event", "watch", "sweep", "manual", "test")
    assert [Cause(type_, "x").reopens for type_ in causes] == [False, False, False, True, True]


def test_states_in_which_a_user_can_be_sent_to_a_standby() -> None:
    healthy = ["AVAILABLE", "STOPPED", "STOPPING", "STARTING"]
    others = ["PENDING", "REBOOTING", "UNHEALTHY", "ERROR", "QUANTUM", "", None]
    assert [state for state in (*healthy, *others) if standby(state).is_healthy] == healthy


def test_the_healthiest_standby_comes_first_and_one_that_goes_last() -> None:
    ids = [WorkspaceId(f"ws-{number}0000000") for number in range(5)]
    states = ["TERMINATING", "PENDING", "STOPPED", "ERROR", "AVAILABLE"]
    shown = seen(*map(standby, states, ids), Related(DESKTOP, DR, "AVAILABLE", "SOURCE"))
    assert [one.id for one in shown.standbys] == [ids[2], ids[4], ids[1], ids[3], ids[0]]
    assert shown.primary is None
    assert [one.is_known for one in shown.related] == [True] * 5 + [False]


def test_a_standby_names_its_primary() -> None:
    shown = desktop("STOPPED", of=ONE)
    assert (shown.primary, shown.standbys) == (shown.related[0], ())


def test_facts_of_a_standby_are_found_by_its_id() -> None:
    shown = seen(replication=((STANDBY, "PRIMARY_AS_SOURCE"), (DESKTOP, "")), snapshots=((STANDBY, NOW),))
    assert [shown.replication_of(one) for one in (STANDBY, DESKTOP, ONE)] == ["PRIMARY_AS_SOURCE", None, None]
    assert [shown.recovery_snapshot_of(one) for one in (STANDBY, ONE)] == [NOW, None]


def test_desktops_on_their_way_out_do_not_live() -> None:
    look = shows(desktop("TERMINATING"), desktop("AVAILABLE", STANDBY), desktop("TERMINATED"), desktop("", ONE))
    assert [one.id for one in look.live] == [STANDBY, ONE]


def test_batches_are_of_twenty_five_and_halves_lose_nothing() -> None:
    assert [len(batch) for batch in model.batches(range(60))] == [25, 25, 10]
    assert [one for batch in model.batches(range(60)) for one in batch] == list(range(60))
    assert model.halves([1, 2, 3]) == ([1], [2, 3])
