"""`standby show`: what stands, why, what is next, and the history with the people behind it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cli import showing
from cli.deciding import NEXT, NO, NOT_ASKED, YES, Rule, Step
from cli.people import because, behind, who
from standby.core.change import PREVIOUS
from tests.cli.practised import FLEET, LATE, NEW, TAKEN, decides, of, practised
from tests.cli.stage import Stage
from tests.component.estate import DR, HOME, PRIMARY, refusal

DENIED = refusal(
    "AccessDeniedException",
    message="User: arn:aws:sts::1:assumed-role/a/b is not authorized to perform: lambda:InvokeFunction on resource: x",
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A pair with some life behind it, in a folder without a configuration file; nothing here changes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("nowhere"))
        yield practised()


@pytest.fixture(autouse=True)
def _as_before(lived: Stage) -> Iterator[None]:
    yield
    lived.down.clear()
    lived.refused.clear()
    decides(lived, "NONE", "WAITING", "PRIMARY_PENDING")


def shown(stage: Stage, word: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(stage.standby(f"show {word} --output json").out)["desktops"]
    return found


def test_either_id_and_the_user_in_any_case_mean_the_desktop(lived: Stage) -> None:
    one = of(lived, NEW[1])
    standby = str(lived.row(one).standby_id)
    assert [[row["primary_id"] for row in shown(lived, word)] for word in (one, standby, "USER001")] == [[one]] * 3


def test_it_tells_what_stands_why_and_who_is_behind_each_change(lived: Stage) -> None:
    out = lived.standby(f"show {NEW[1]}").out.splitlines()
    one, standby = of(lived, NEW[1]), lived.row(of(lived, NEW[1])).standby_id
    assert out[0] == f"user001: {one} in d-906732325d"
    assert out[1].startswith("  PROTECTED (STANDBY_READY) since 2026-01-05 ")
    assert f"  Standby: {standby} in us-west-2, AVAILABLE, NO_REPLICATION" in out
    assert "  Created by alex (role desktop-admin)" in out
    history = out[out.index("History") :]
    assert history[1].endswith("WAITING (PRIMARY_PENDING)")
    assert history[2].startswith("    by alex (role desktop-admin), because of CloudTrail event ")
    assert any(line.endswith("REQUESTED → PROTECTED (STANDBY_READY)") for line in history)
    assert "    by the watcher" in history


def test_the_history_repeats_no_message_that_a_note_was_added_to(lived: Stage) -> None:
    message = f"TerminateWorkspaces was called for it, by al. {PREVIOUS}The standby is ready. ws-1 is AVAILABLE."
    change = {"at": "2026-01-05T10:00:00.000Z", "by": "al", "reason_code": "STANDBY_READY", "message": message}
    assert list(showing._change_lines(change))[2:] == ["  TerminateWorkspaces was called for it, by al."]
    del change["message"]
    assert len(list(showing._change_lines(change))) == 2


def test_that_it_has_a_standby_is_not_shown_as_a_rule_that_fails(lived: Stage) -> None:
    decides(lived, "NONE", "PROTECTED", "STANDBY_READY")
    out = lived.standby(f"show {NEW[1]}").out
    assert ("Each sweep checks its standby." in out, Rule.NONE_YET in out) == (True, False)


def test_one_that_needs_a_person_says_so_by_the_exit_status(lived: Stage) -> None:
    ran = lived.standby(f"show {TAKEN}")
    assert ran.status == 1
    assert "Next: `standby explain SECONDARY_EXISTS`" in ran.err
    assert lived.standby(f"show {NEW[1]}").status == 0


LASTING = {"since": "2026-03-03T09:00:00.000Z", "last": "2026-03-03T09:00:00.000Z", "times": 1}


@pytest.mark.parametrize(
    ("kind", "note", "words"),
    [
        ("STALE", "", "Run `standby list --stale` and check data replication in the WorkSpaces console."),
        ("DRIFT", "data_replication PRIMARY_AS_SOURCE≠NO_REPLICATION", "Data replication can be changed in place"),
        ("DOUBLED", "ws-1 ws-2", "Keep the standby that the message names first."),
    ],
)
def test_a_ready_one_with_a_condition_to_act_on_says_what_to_do_about_it(
    lived: Stage, kind: str, note: str, words: str
) -> None:
    one = of(lived, NEW[1])
    kept = lived.item(one, "STATE")
    message = "The standby is ready. Its data is of 2026-11-28T17:24:22.219Z."
    lived.table.set(one, "STATE", {"conditions": {kind: LASTING | {"note": note}}, "message": message})
    try:
        ran, (row,) = lived.standby(f"show {NEW[1]}"), shown(lived, NEW[1])
    finally:
        lived.table.put(kept)
    assert "No action needed" not in ran.out
    assert f"  What to do about {kind}: {words}" in ran.out
    assert "  The standby is ready. Its data is of 2026-11-28 17:24 UTC.\n" in ran.out
    assert (ran.status, row["act_on"], row["advice"].startswith(words)) == (1, [kind], True)
    assert f"Next: `standby explain {kind}`" in ran.err


def test_a_users_desktops_are_all_shown_and_a_long_history_is_cut(lived: Stage) -> None:
    item = lived.item(of(lived, LATE), "STATE")
    lived.table.put(item | {"pk": "ws-another01", "primary_id": "ws-another01"})
    try:
        assert {row["primary_id"] for row in shown(lived, LATE)} == {item["pk"], "ws-another01"}
    finally:
        lived.table.set("ws-another01", "STATE", {"ix_user": "nobody"})
    out = lived.standby(f"show {NEW[1]} --history 1").out
    assert "Earlier changes are not shown" in out
    assert "WAITING (PRIMARY_PENDING)" not in out[out.index("History") :]


# What is next


def test_what_would_be_decided_now_is_asked_and_not_done(lived: Stage) -> None:
    decides(lived, "REQUEST", "CLAIMED", "READY", "The primary is ready.")
    out = lived.standby(f"show {LATE}").out
    assert "  A standby would be requested." in out
    assert f"    next  {Rule.SENT}" in out
    (found,) = shown(lived, LATE)
    assert found["next"]["decided_now"] is True
    assert [rule["result"] for rule in found["next"]["rules"]] == [YES] * 11 + [NEXT, YES, NEXT]


def test_what_holds_requests_back_is_said_with_who_did_it(lived: Stage) -> None:
    lived.put("PAUSE", "PAUSE", paused=True, paused_by="arn:aws:iam::123456789012:user/al", because="CHG-4711")
    out, other = lived.standby(f"show {LATE}").out, lived.standby(f"show {NEW[1]}").out
    lived.put("PAUSE", "PAUSE", paused=False)
    assert "  Requests are held: PAUSED, paused by al: CHG-4711." in out
    assert "Requests are held" not in other  # it has a standby


@pytest.mark.parametrize("trouble", ["denied", "before the first sweep"])
def test_where_it_cannot_be_asked_the_ledger_says_what_is_next_and_why(lived: Stage, trouble: str) -> None:
    kept = lived.item("SETTINGS")
    if trouble == "denied":
        lived.refused["lambda", "invoke"] = DENIED
    else:
        lived.put("SETTINGS", "SETTINGS", settings_json="{}")
    ran = lived.standby(f"show {LATE}")
    lived.table.put(kept)
    assert ran.status == 0
    assert "The watcher checks it next at 2026-01-05 " in ran.out
    assert "it could not be decided now" in ran.err
    assert ("lambda:InvokeFunction is missing" in ran.err) is (trouble == "denied")


def test_while_the_primary_region_is_down_nothing_is_asked_of_it(lived: Stage) -> None:
    lived.down = {PRIMARY}
    lived.asked.clear()
    ran = lived.standby(f"show {LATE}")
    assert "The watcher checks it next" in ran.out
    assert f"{PRIMARY} does not answer." in ran.err
    assert ("lambda", PRIMARY) not in {(service, region) for service, region, *_ in lived.asked}
    assert {region for service, region, operation, _ in lived.asked if operation == "query"} == {DR}


@pytest.mark.parametrize(
    ("step", "stops", "result"),
    [
        (("NONE", "WAITING", "PRIMARY_PENDING"), Rule.READY, NO),
        (("RECORD", "INELIGIBLE", "OPERATING_SYSTEM"), Rule.POSSIBLE, NO),
        (("RECORD", "HELD", "DAILY_CAP"), Rule.OPEN, NO),
        (("NONE", "PROTECTED", "STANDBY_READY"), Rule.NONE_YET, NO),
        (("LOOK", "WAITING", "READY"), Rule.FREE, NEXT),
        (("NONE", "PARKED", "OF_A_LATER_VERSION"), None, None),
    ],
)
def test_the_rules_before_the_one_that_decides_hold_and_those_behind_it_are_not_asked(
    step: tuple[str, str, str], stops: Rule | None, result: str | None
) -> None:
    found = [one["result"] for one in Step(*step, message="", is_now=True).rules()]
    at = list(Rule).index(stops) if stops else 0
    expected = [YES] * at + ([result] if result else [NOT_ASKED])
    assert found == expected + [NOT_ASKED] * (len(Rule) - len(expected))


def test_of_one_that_is_settled_it_says_what_follows_and_what_if_a_person_asks(lived: Stage) -> None:
    decides(lived, "REQUEST", "CLAIMED", "READY")
    (reported,), (taken,) = shown(lived, FLEET[0]), shown(lived, TAKEN)
    assert reported["next"]["sentence"] == (
        f"No standby is created until its directory is accepted (`standby accept {HOME}`), or a person requests it"
        f" (`standby protect {reported['primary_id']}`). If a person requests it now: a standby would be requested."
    )
    out = lived.standby(f"show {FLEET[0]}").out
    assert f"To create a standby for it alone, run `standby protect {reported['primary_id']}`." in out
    assert (f"    yes   {Rule.POSSIBLE}" in out, Rule.ACCEPTED in out) == (True, False)
    free = [rule["result"] for rule in taken["next"]["rules"] if rule["rule"] == Rule.FREE]
    assert free == [NO]  # as the last request has found


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("user0001", "Did you mean user00"),
        ("ws-1234567890", "The event of a new desktop can take some minutes. `standby protect ws-1234567890`"),
    ],
)
def test_what_names_nothing_is_refused(lived: Stage, word: str, said: str) -> None:
    ran = lived.standby(f"show {word}")
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("arn:aws:sts::123456789012:assumed-role/operators/al", "al (role operators)"),
        ("arn:aws-us-gov:iam::123456789012:user/admins/al", "al"),
        ("the account 123456789012", "the account 123456789012"),
        (None, ""),
    ],
)
def test_a_caller_is_named_as_people_name_one(principal: str | None, expected: str) -> None:
    assert who(principal) == expected


def test_behind_a_change_is_a_person_or_a_part_of_the_product() -> None:
    by_hand = {"cause_type": "command", "cause_id": "CHG-4711", "principal": "arn:aws:iam::123456789012:user/al"}
    assert (behind(by_hand), because(by_hand)) == ("al", "CHG-4711")
    assert (behind({"cause_type": "sweep", "cause_id": "arn"}), because({"cause_type": "sweep"})) == ("a sweep", "")
    assert behind({"cause_type": "event"}) == "a caller that the event does not name"
