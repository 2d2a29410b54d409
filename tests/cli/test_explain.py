"""`standby explain`: every reason and condition has its words, its statuses and its commands."""

import json
from pathlib import Path

import pytest

from cli.conditions import WORDS
from cli.deciding import RULE_OF
from cli.explaining import commands_of, condition, reason, statuses_of
from standby.core.attention import TO_PUT_RIGHT
from standby.core.model import Status
from standby.core.reasons import Reason
from standby.core.row import Kind
from tests.cli.stage import Stage

EDGES = json.loads((Path(__file__).parents[1] / "simulation" / "golden" / "edges.json").read_text(encoding="utf-8"))


# Reasons that are only in notices, in answers, or in messages beside another reason.
OF_NO_ROW = {
    *(Reason.PAUSE_ON, Reason.PAUSE_OFF, Reason.FLEET_FOUND, Reason.FLEET_ACCEPTED, Reason.ORPHAN_KEPT),
    *(Reason.TWO_STANDBYS, Reason.TERMINATED_BY_SOMEBODY, Reason.MIGRATED, Reason.REPLICATION_STALE),
    *(Reason.DIRECTORY_NOT_REGISTERED, Reason.PCOIP_ENDS, Reason.DOCTOR_KEPT, Reason.LETTER_DELETED),
    *(Reason.NOT_IN_LEDGER, Reason.ROW_UNREADABLE),
}


def test_a_reason_can_stand_with_every_status_that_the_simulation_has_shown_it_with() -> None:
    missing = {(status, code) for _, status, code in EDGES if status not in statuses_of(code)}
    assert missing == set(), "add them to _STANDS in cli/explaining.py"


def test_every_reason_has_the_statuses_of_rows_with_it_or_is_of_no_row() -> None:
    without = {one for one in Reason if not statuses_of(one)}
    assert without - OF_NO_ROW == set(), "add them to _STANDS in cli/explaining.py, or to OF_NO_ROW here"
    assert without >= OF_NO_ROW


def test_every_reason_of_a_row_belongs_to_a_rule_and_every_condition_has_words() -> None:
    assert [one for one in Reason if statuses_of(one) and one not in RULE_OF] == [], (
        "add them to _OF in cli/deciding.py"
    )
    assert [kind for kind in Kind if kind not in WORDS] == []


@pytest.mark.parametrize("code", list(Reason))
def test_what_a_person_is_notified_of_has_a_command(code: Reason) -> None:
    found = reason(code)
    assert set(found["statuses"]) <= set(Status)
    if code.meaning.notify and found["statuses"]:
        assert all(command.startswith(("standby ", "aws ")) for command in commands_of(code))
        assert commands_of(code), "name a command in _COMMANDS in cli/explaining.py"


def test_one_is_explained_in_words_and_all_as_data(stage: Stage) -> None:
    out = stage.standby("explain standby-in-error").out
    assert out.splitlines()[0] == "STANDBY_IN_ERROR"
    assert "Statuses with this reason: FAILED" in out
    assert "A notice is sent." in out
    assert "  aws workspaces terminate-workspaces --region DR_REGION --terminate-workspace-requests STANDBY_ID\n" in out
    assert "  standby retry --reason STANDBY_IN_ERROR" in out
    found = json.loads(stage.standby("explain --output json").out)["reasons"]
    assert [one["reason_code"] for one in found] == list(Reason)
    assert stage.standby("explain --output csv").out.splitlines()[0].startswith("reason_code,meaning,advice,commands")


def test_a_condition_is_explained_too(stage: Stage) -> None:
    out = stage.standby("explain drift").out
    assert "A condition: the standby differs" in out
    assert "  What to do: Data replication can be changed in place" in out
    assert [kind for kind in TO_PUT_RIGHT if not condition(kind)["advice"]] == []


def test_several_are_explained_in_their_order(stage: Stage) -> None:
    out = stage.standby("explain STANDBY_IN_ERROR drift").out
    assert out.index("STANDBY_IN_ERROR") < out.index("\n\nDRIFT\n")
    (one, two) = json.loads(stage.standby("explain drift PAUSED --output json").out)["reasons"]
    assert (one["reason_code"], two["reason_code"]) == ("DRIFT", "PAUSED")
    assert stage.standby("explain PAUSED NONSUCH").status == 2


def test_a_code_that_there_is_not_is_refused_with_the_nearest(stage: Stage) -> None:
    ran = stage.standby("explain SECONDARY_EXIST")
    assert (ran.status, ran.out) == (2, "")
    assert "Did you mean SECONDARY_EXISTS?" in ran.err
