"""What a person does: accept, pause, resume, keep, terminate. Who did it is in the ledger, once, or nothing is."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from local.workspaces import Fault
from standby.core.model import Status
from standby.core.row import Kind
from standby.core.settings import Directory, Rules, Selection
from standby.ledger.table import LedgerUnavailable
from tests.component.estate import ACCOUNT, AWAY, CREATE, DESCRIBE, DR, HOME, PRIMARY, USERS, Estate, Trouble
from tests.component.test_terminations import notified, standby_of, terminate

AL, BO = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("al", "bo"))
BASELINE, ORPHANED = f"SWEEP#{HOME}", (Status.PRIMARY_GONE, "ORPHANED")
FREED, TAKEN = (Status.PRIMARY_GONE, "PRIMARY_TERMINATED"), (Status.INELIGIBLE, "USER_HAS_STANDBY")
WELL = (Status.PROTECTED, "STANDBY_READY")
NOW = "2026-01-05T09:00:00.000Z"
REGISTERED = "DescribeWorkspaceDirectories"


def ask(found: Estate, mode: str, who: str | None = AL, why: str = "CHG-4711", **more: Any) -> dict[str, Any]:
    """Call protect, as the command line does."""
    cause = {"type": "command", "id": why} | ({"principal": who} if who else {})
    return found.send({"mode": mode, "cause": cause, **more})


def do(found: Estate, mode: str, who: str | None = AL, **more: Any) -> list[tuple[str, str, str]]:
    """What is answered: of which, what was done, and the reason."""
    answer = ask(found, mode, who, **more)
    assert "problem" not in answer, answer
    return [(one["primary_id"], one["action"], one["reason_code"]) for one in answer["decisions"]]


def signed(event: dict[str, Any]) -> list[Any]:
    """What an event says of who did it, and when."""
    return [event.get(name) for name in ("cause_type", "cause_id", "principal", "at", "ix_day_at")]


def orphan(found: Estate, user: str = USERS[0]) -> str:
    """A primary that is gone, and whose standby is not."""
    (one,) = found.protected(user)
    found.send(terminate(found, PRIMARY, one))
    found.pass_time(hours=1)
    assert found.status(one) == ORPHANED
    return str(one)


def end(found: Estate, standby: str) -> None:
    """Call TerminateWorkspaces as a person does; no event of it comes."""
    terminate(found, DR, standby)


# A directory


def test_an_accepted_directory_says_who_accepted_it_and_its_fleet_is_taken_up(found: Estate) -> None:
    (one,) = found.create_ready(USERS[0])
    found.sweep()
    found.sweep()
    assert found.status(one) == (Status.REPORTED, "EXISTING_FLEET")
    now = found.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert do(found, "accept", directory_id=HOME) == [(BASELINE, "RECORD", "FLEET_ACCEPTED")]
    row = found.item(BASELINE, "BASELINE")
    names = ("accepted", "accepted_at", "accepted_by", "because")
    assert [row[name] for name in names] == [True, now, AL, "CHG-4711"]
    (event,) = found.history(BASELINE)
    assert signed(event) == ["command", "CHG-4711", AL, now, now]
    said = f"Directory {HOME} was accepted by {AL} at {now} (CHG-4711)."
    assert (event["message"].endswith(said), event["primary_directory_id"]) == (True, HOME)
    assert "notice" not in event
    found.sweep()
    assert found.status(one) == (Status.HELD, "BACKFILL")
    assert found.row(one).principal is None
    plan = found.item(BASELINE, "BASELINE")["plan"]["message"]
    assert plan.endswith(
        f"The fleet was accepted by {AL} at {now} (CHG-4711). Its standbys are created a few at a time."
    )
    answer = ask(found, "accept", BO, directory_id=HOME)
    assert (answer["decisions"][0]["action"], said in answer["decisions"][0]["message"]) == ("NONE", True)
    assert found.history(BASELINE) == [event]


def test_what_no_sweep_has_seen_with_its_dr_directory_is_not_accepted(found: Estate) -> None:
    answers = [ask(found, "accept", directory_id=HOME)]
    found.sweep()
    found.configure(directories={HOME: Directory(AWAY[:-1] + "0")})  # type: ignore[arg-type]
    answers.append(ask(found, "accept", directory_id=HOME))
    assert [one["problem"].partition(" with")[0] for one in answers] == [f"no complete sweep has scanned {HOME}"] * 2
    assert (found.history(BASELINE), "accepted" in found.item(BASELINE, "BASELINE")) == ([], False)


def test_a_baseline_that_only_notes_what_is_not_registered_is_not_accepted(found: Estate) -> None:
    found.between = lambda sent, _, go: {"Directories": []} if sent == REGISTERED else {} if sent == DESCRIBE else go()
    found.sweep()
    assert found.item(BASELINE, "BASELINE").keys() == {"pk", "sk", "unregistered"}
    problem = ask(found, "accept", directory_id=HOME)["problem"]
    assert problem.startswith(f"no complete sweep has scanned {HOME} with its DR directory {AWAY} yet")
    assert found.history(BASELINE) == []


@pytest.mark.parametrize("directory", [None, 7, [HOME], "", "d-90unmapped0", AWAY])
def test_what_is_not_mapped_is_not_accepted(found: Estate, directory: Any) -> None:
    found.take_baselines()
    before = found.items()
    assert ask(found, "accept", directory_id=directory)["problem"].endswith(f"; the mapped directories are {HOME}")
    assert found.items() == before


# The pair


def test_the_pause_says_who_paused_and_resumed_and_so_does_all_that_it_holds(found: Estate) -> None:
    assert do(found, "pause") == [("PAUSE", "RECORD", "PAUSE_ON")]
    row = {"pk": "PAUSE", "sk": "PAUSE", "paused": True, "paused_at": NOW, "paused_by": AL, "because": "CHG-4711"}
    assert found.item("PAUSE") == row
    (one,) = found.create_ready(USERS[0])
    found.protect(one)
    assert found.status(one) == (Status.HELD, "PAUSED")
    said = f"It was turned on by {AL} at {NOW} (CHG-4711)."
    (notice,) = found.history("HOLD#PAUSED")
    assert (found.row(one).message.endswith(said), notice["message"].endswith(said)) == (True, True)
    assert do(found, "pause", BO) == [("PAUSE", "NONE", "PAUSE_ON")]
    assert said in ask(found, "pause", BO)["decisions"][0]["message"]
    found.others.sent.clear()
    assert do(found, "resume", BO, why="over") == [("PAUSE", "RECORD", "PAUSE_OFF")]
    row = found.item("PAUSE")
    assert (row["paused"], row["resumed_by"], row["because"], "paused_by" in row) == (False, BO, "over", False)
    assert len(found.others.of("start_execution")) == 1  # what was held need not wait for the schedule
    found.watch()
    assert found.status(one) == WELL
    on, off = found.history("PAUSE")
    assert [(event["reason_code"], event["principal"], event["notice"]) for event in (on, off)] == [
        ("PAUSE_ON", AL, True),
        ("PAUSE_OFF", BO, True),
    ]
    assert signed(on) == ["command", "CHG-4711", AL, NOW, NOW]
    assert do(found, "resume") == [("PAUSE", "NONE", "PAUSE_OFF")]


@pytest.mark.parametrize("row", [{}, {"paused": "yes"}, {"paused": True, "paused_by": ["x"], "because": 7}])
def test_a_pause_that_somebody_wrote_into_the_ledger_is_one_and_can_be_taken_back(
    found: Estate, row: dict[str, Any]
) -> None:
    found.put("PAUSE", "PAUSE", **row)
    (one,) = found.create_ready(USERS[0])
    found.protect(one)
    assert found.status(one) == (Status.HELD, "PAUSED")
    assert do(found, "pause") == [("PAUSE", "NONE", "PAUSE_ON")]
    assert do(found, "resume", None) == [("PAUSE", "RECORD", "PAUSE_OFF")]
    assert found.deployed.gates().closed() == {}


# Orphans


def test_a_kept_orphan_stays_one_and_says_who_keeps_it_and_why_until_that_is_taken_back(found: Estate) -> None:
    one = orphan(found)
    standby, before = standby_of(found, one), found.row(one)
    found.sweep()
    assert do(found, "keep", workspace_ids=[standby]) == [(one, "RECORD", "ORPHAN_KEPT")]
    row = found.row(one)
    assert (row.status, row.reason, row.note(Kind.KEPT)) == (*ORPHANED, f"{AL}: CHG-4711")
    assert row.message.endswith(f"It is kept by {AL} (CHG-4711). Previous message: {before.message}")
    assert signed(found.history(one)[-1])[:3] == ["command", "CHG-4711", AL]
    assert do(found, "keep", workspace_ids=[one, standby]) == [(one, "NONE", "ORPHAN_KEPT")]
    do(found, "keep", BO, why="audit", workspace_ids=[one])
    assert (found.row(one).note(Kind.KEPT), found.row(one).message.count("Previous message")) == (f"{BO}: audit", 1)
    found.sweep()
    assert (found.notes.gauges["OrphanedStandbys"], found.row(one).has(Kind.KEPT)) == (1, True)
    assert do(found, "keep", workspace_ids=[one], undo=True) == [(one, "RECORD", "ORPHANED")]
    assert not found.row(one).has(Kind.KEPT)
    assert (
        found.row(one).message
        == f"The orphan is no longer kept, by {AL} (CHG-4711). Previous message: {before.message}"
    )
    assert do(found, "keep", workspace_ids=[one], undo=True) == [(one, "NONE", "ORPHANED")]
    assert notified(found, one) == ["TERMINATED_BY_SOMEBODY", "ORPHANED"]


def test_an_orphan_that_is_terminated_frees_its_users_place_at_once_for_the_desktop_that_waits(found: Estate) -> None:
    one = orphan(found)
    (waits, other) = found.create_ready(USERS[0], USERS[1])
    found.protect(waits, other, cause="event")
    found.watch()
    assert (found.status(waits), found.status(other)) == (TAKEN, WELL)
    standby = standby_of(found, one)
    taken = found.taken()
    assert do(found, "terminate", workspace_ids=[one], phase="before") == [(one, "RECORD", "TERMINATED_BY_SOMEBODY")]
    assert found.row(one).note(Kind.STANDBY_TERMINATED) == f"{standby} {AL}"
    assert "is about to be called for the standby" in found.row(one).message
    end(found, standby)
    found.others.sent.clear()
    after = do(found, "terminate", workspace_ids=[standby], phase="after")
    assert after[0] == (one, "RECORD", "PRIMARY_TERMINATED")
    assert [answer[0] for answer in after] == [one, waits]
    assert (found.status(one), found.row(one).claim_key, found.taken()) == (FREED, None, taken - 1)
    assert signed(found.history(one)[-1])[:3] == ["command", "CHG-4711", AL]
    assert len(found.others.of("start_execution")) == 1
    # The event of it names nobody new, and is no notice.
    found.send(found.world.trail[-1])
    assert notified(found, one) == ["TERMINATED_BY_SOMEBODY", "ORPHANED"]  # of the primary
    found.watch()
    assert found.status(waits) == WELL
    assert (len(found.calls()), len(found.world.standbys()), found.world.duplicates()) == (3, 2, [])
    history = found.history(one)
    found.sweep()
    for phase in ("after", "after"):
        do(found, "terminate", workspace_ids=[one], phase=phase)
    assert (found.history(one), found.status(waits)) == (history, WELL)


def test_who_terminates_an_orphan_elsewhere_frees_its_place_too_and_is_notified_of(found: Estate) -> None:
    one = orphan(found)
    (waits,) = found.create_ready(USERS[0])
    found.protect(waits, cause="event")
    found.send(terminate(found, DR, standby_of(found, one)))
    assert (found.status(one), notified(found, one)[-1]) == (FREED, "TERMINATED_BY_SOMEBODY")
    found.watch()
    assert found.status(waits) == WELL


@pytest.mark.parametrize("how", ["lives", "throttled", "absent", "absent and announced"])
def test_what_is_not_certain_to_go_frees_nothing(found: Estate, how: str) -> None:
    one = orphan(found)
    standby = standby_of(found, one)
    if how == "absent and announced":
        do(found, "terminate", workspace_ids=[one], phase="before")
    if how.startswith("absent"):
        end(found, standby)
        found.pass_time(hours=1)
    if how == "throttled":
        found.world.inject(Fault(DESCRIBE, "throttle", DR))
    (answer,) = ask(found, "terminate", workspace_ids=[one], phase="after")["decisions"]
    says = {"lives": "was not terminated: it is AVAILABLE", "throttled": "is being terminated: ThrottlingException"}
    says |= {"absent": "its termination was not announced", "absent and announced": "does not return its standby"}
    assert says[how] in answer["message"]
    is_free = how == "absent and announced"
    assert (found.status(one), answer["action"]) == ((FREED, "RECORD") if is_free else (ORPHANED, "NONE"))


def test_a_place_that_was_freed_for_a_standby_that_lives_on_is_looked_into_first(found: Estate) -> None:
    """An outage shows nothing: what was announced, and not done, makes no second standby."""
    one = orphan(found)
    do(found, "terminate", workspace_ids=[one], phase="before")
    found.world.inject(Fault(DESCRIBE, "hide", DR, user=USERS[0], times=1))
    do(found, "terminate", workspace_ids=[one], phase="after")
    assert found.status(one) == FREED
    (new,) = found.create_ready(USERS[0])
    found.protect(new, cause="event")
    found.watch()
    assert (found.status(new)[0], len(found.calls())) == (Status.INELIGIBLE, 1)
    found.sweep()
    assert found.status(one) == ORPHANED


def test_a_termination_that_was_announced_and_is_anothers_in_the_end_is_notified(found: Estate) -> None:
    one = orphan(found)
    do(found, "terminate", BO, workspace_ids=[one], phase="before")
    do(found, "terminate", BO, workspace_ids=[one], phase="before")
    event = terminate(found, DR, standby_of(found, one))  # al's
    found.send(event)
    found.send(event)
    assert notified(found, one)[2:] == ["TERMINATED_BY_SOMEBODY"]
    assert str(found.row(one).note(Kind.STANDBY_TERMINATED)).endswith(AL)
    assert do(found, "terminate", BO, workspace_ids=[one], phase="after") == [(one, "NONE", "PRIMARY_TERMINATED")]


# What is refused, and what is only asked


def test_a_call_that_names_what_is_no_orphan_is_refused_as_a_whole(found: Estate) -> None:
    one = orphan(found)
    (well,) = found.protected(USERS[1])
    before = found.items()
    for beside, why in (
        (well, f"{well} is not an orphan: {well} is PROTECTED (STANDBY_READY)"),
        (standby_of(found, well), f"{standby_of(found, well)} is not an orphan: {well} is PROTECTED (STANDBY_READY)"),
        ("ws-0never0seen", "ws-0never0seen is not a primary or standby that the ledger knows"),
        ("al", "al is not a WorkSpace id"),
    ):
        for call in ({"mode": "keep"}, *({"mode": "terminate", "phase": phase} for phase in ("before", "after"))):
            answer = ask(found, **call, workspace_ids=[one, beside])
            assert answer == {"decisions": [], "problem": f"nothing was done: {why}"}
    assert (found.items(), found.others.of("send_message")) == (before, [])


def test_nobody_is_about_to_terminate_what_is_kept_or_is_not_in_the_dr_region(found: Estate) -> None:
    one, away = orphan(found), orphan(found, USERS[1])
    do(found, "keep", workspace_ids=[one])
    found.table.set(away, "STATE", {"dr_region": "eu-west-1"})
    before = found.items()
    answer = ask(found, "terminate", workspace_ids=[one, away], phase="before")
    kept = f"{one} is kept by {AL}: CHG-4711"
    assert answer["problem"] == f"nothing was done: {kept}; the standby of {away} is in eu-west-1, not in {DR}"
    assert found.items() == before


WRONG: list[dict[str, Any]] = [
    {"mode": "terminate", "workspace_ids": ["ws-1abc2def3"]},
    {"mode": "terminate", "workspace_ids": ["ws-1abc2def3"], "phase": ["after"]},
    {"mode": "terminate", "phase": "after"},
    {"mode": "keep"},
    {"mode": "keep", "workspace_ids": []},
    {"mode": "keep", "workspace_ids": ["ws-1abc2def3"], "undo": "yes"},
    {"mode": "pause", "dry_run": 1},
    {"mode": "accept"},
    {"mode": "reconcile", "workspace_ids": ["ws-1abc2def3"], "dry_run": "true"},
    {"mode": "reconcile", "workspace_ids": ["ws-1abc2def3"], "override": "EXCLUDED"},
    {"mode": "reconcile", "workspace_ids": ["ws-1abc2def3"], "override": ["EXCLUDED", "QUOTA_REACHED"]},
    {"mode": "reconcile", "workspace_ids": ["ws-1abc2def3"], "override": [["CEILING"]]},
]


@pytest.mark.parametrize("call", WRONG, ids=repr)
def test_a_wrong_call_is_answered_with_what_is_wrong_and_does_nothing(found: Estate, call: dict[str, Any]) -> None:
    answer = found.send(call)
    assert (answer["decisions"], bool(answer["problem"])) == ([], True)
    assert (found.items(), found.world.calls, found.others.of("send_message")) == ([], [], [])


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(found: Estate) -> None:
    one = orphan(found)
    found.sweep()
    (waits,) = found.create_ready(USERS[0])
    found.protect(waits, cause="event")
    calls: list[tuple[dict[str, Any], str, str]] = [
        ({"mode": "accept", "directory_id": HOME}, "RECORD", "FLEET_ACCEPTED"),
        ({"mode": "pause"}, "RECORD", "PAUSE_ON"),
        ({"mode": "resume"}, "NONE", "PAUSE_OFF"),
        ({"mode": "keep", "workspace_ids": [one]}, "RECORD", "ORPHAN_KEPT"),
        ({"mode": "terminate", "workspace_ids": [one], "phase": "before"}, "RECORD", "TERMINATED_BY_SOMEBODY"),
        ({"mode": "terminate", "workspace_ids": [one], "phase": "after"}, "NONE", "ORPHANED"),
    ]
    before = found.items()
    found.others.sent.clear()
    for call, action, reason in calls:
        ((_, does, why),) = do(found, **call, dry_run=True)
        assert (does, why, found.items() == before) == (action, reason, True), call
    assert found.others.sent == []


# When the ledger fails, and when two are at it


def not_answered() -> Exception:
    return ReadTimeoutError(endpoint_url="x")


def paused(found: Estate) -> Callable[[], None]:
    do(found, "pause")
    assert [event["reason_code"] for event in found.history("PAUSE")] == ["PAUSE_ON"]
    return lambda: None


ACTS: dict[str, Callable[[Estate], dict[str, Any]]] = {
    "accept": lambda found: {"directory_id": HOME} if found.sweep() else {},
    "pause": lambda _: {},
    "keep": lambda found: {"workspace_ids": [orphan(found)]},
    "terminate": lambda found: {"workspace_ids": [orphan(found)], "phase": "before"},
}


@pytest.mark.parametrize("after", [False, True], ids=["lost", "answer lost"])
@pytest.mark.parametrize("mode", ACTS)
@pytest.mark.parametrize("operation", ["BatchGetItem", "TransactWriteItems"])
def test_whatever_call_of_the_ledger_fails_a_repeated_call_does_it_once(mode: str, operation: str, after: bool) -> None:
    for skip in itertools.count():
        found = Estate()
        more = ACTS[mode](found)
        before = len([item for item in found.items() if item["sk"].startswith("EVENT#")])
        calls = found.disturb(operation, not_answered(), skip=skip, after=after)
        try:
            do(found, mode, **more)
        except LedgerUnavailable:
            found.between = None
            do(found, mode, **more)
        events = [item for item in found.items() if item["sk"].startswith("EVENT#")]
        assert len(events) == before + 1
        if len(calls) <= skip:
            assert skip > 0
            break


def test_a_freed_place_is_found_again_though_the_ledger_fails(found: Estate) -> None:
    for operation, skip in itertools.product(("BatchGetItem", "TransactWriteItems", "Query"), range(4)):
        found = Estate()
        one = orphan(found)
        (waits,) = found.create_ready(USERS[0])
        found.protect(waits, cause="event")
        do(found, "terminate", workspace_ids=[one], phase="before")
        end(found, standby_of(found, one))
        found.disturb(operation, not_answered(), skip=skip)
        with suppress(LedgerUnavailable):
            do(found, "terminate", workspace_ids=[one], phase="after")
        found.between = None
        do(found, "terminate", workspace_ids=[one], phase="after")
        found.watch()
        assert (found.status(one), found.status(waits)) == (FREED, WELL), (operation, skip)


@pytest.mark.parametrize("mode", ACTS)
def test_of_two_at_once_one_does_it_and_the_other_is_told_who(mode: str) -> None:
    found = Estate()
    more = ACTS[mode](found)
    other: Trouble = lambda: do(found, mode, BO, **more)  # noqa: E731
    found.disturb("TransactWriteItems", other)
    (answer,) = ask(found, mode, AL, **more)["decisions"]
    if mode in ("accept", "pause"):
        assert (answer["action"], BO in answer["message"], AL in answer["message"]) == ("NONE", True, False)
        assert len(found.history("PAUSE" if mode == "pause" else BASELINE)) == 1
    else:  # the last word counts, and both are in the history
        assert [event.get("principal") for event in found.history(more["workspace_ids"][0])[-2:]] == [BO, AL]


# Overrides


OVERRIDES = ["EXCLUDED", "DAILY_CAP", "CEILING"]


def test_what_limits_and_rules_hold_back_is_made_for_whom_a_person_overrides_them_and_counted(found: Estate) -> None:
    everybody = Selection(exclude=Rules(users=("user*",)))
    found.take_baselines()
    found.configure(max_new_standbys_per_day=1, max_standbys=1)
    found.protected(USERS[0])
    found.configure(selection=everybody)
    (one,) = found.create(USERS[1])
    found.world.set_state(one, "PENDING")
    found.protect(one)
    assert found.status(one) == (Status.EXCLUDED, "EXCLUDED_BY_RULE")
    for override, expected in ((["EXCLUDED"], "WAITING"), (["CEILING"], "WAITING"), (["DAILY_CAP"], "WAITING")):
        (answer,) = ask(found, "reconcile", workspace_ids=[one], override=override)["decisions"]
        assert answer["status"] == expected
    assert found.row(one).note(Kind.ASKED) == "CEILING DAILY_CAP EXCLUDED"
    found.world.set_state(one, "AVAILABLE")
    found.sweep()
    found.watch()
    assert (found.status(one), found.taken(), found.taken("2026-01-05")) == (WELL, 2, 2)
    found.sweep()
    assert (found.status(one), found.row(one).has(Kind.ASKED)) == (WELL, False)


@pytest.mark.parametrize("missing", OVERRIDES)
def test_what_is_not_overridden_holds(found: Estate, missing: str) -> None:
    found.take_baselines()
    found.configure(max_new_standbys_per_day=1, max_standbys=1)
    found.protected(USERS[0])
    found.configure(selection=Selection(exclude=Rules(users=("user*",))))
    (one,) = found.create_ready(USERS[1])
    override = [name for name in OVERRIDES if name != missing]
    (answer,) = ask(found, "reconcile", workspace_ids=[one], override=override)["decisions"]
    expected = {"EXCLUDED": ("EXCLUDED", "EXCLUDED_BY_RULE")}.get(missing, ("HELD", missing))
    assert (answer["status"], answer["reason_code"]) == expected


def test_a_pause_and_the_quota_hold_what_overrides_all_else_and_it_follows_when_they_end() -> None:
    found = Estate(standby_quota=1)
    found.take_baselines()
    found.configure(max_new_standbys_per_day=1, max_standbys=1)
    found.protected(USERS[0])
    (one,) = found.create_ready(USERS[1])
    do(found, "pause")
    assert do(found, "reconcile", workspace_ids=[one], override=OVERRIDES) == [(one, "RECORD", "PAUSED")]
    do(found, "resume")
    found.watch(hours=1)
    assert found.status(one) == (Status.HELD, "QUOTA_REACHED")
    found.world.settings.change(standby_quota=None)
    found.pass_time(hours=1, minutes=1)
    found.watch()
    assert found.status(one) == WELL


def test_a_dry_run_of_a_request_says_what_stands_in_its_way_and_requests_nothing(found: Estate) -> None:
    found.take_baselines()
    found.configure(max_new_standbys_per_day=1)
    (well,) = found.protected(USERS[0])
    one, linux = found.create_ready(USERS[1]) + found.create_ready(USERS[2], BundleId="wsb-ubuntustandard")
    before, made = found.items(), len(found.calls())

    def tried(*ids: str, **more: Any) -> list[tuple[str, str]]:
        answers = ask(found, "reconcile", workspace_ids=list(ids), dry_run=True, **more)["decisions"]
        assert (found.items(), len(found.calls(CREATE))) == (before, made)
        return [(answer["action"], answer["reason_code"]) for answer in answers]

    held = ("RECORD", "DAILY_CAP")
    expected = [("NONE", "STANDBY_READY"), held, ("RECORD", "OPERATING_SYSTEM"), ("NONE", "IS_STANDBY")]
    assert tried(well, one, linux, standby_of(found, well)) == expected
    assert tried(one, override=["CEILING"]) == [held]
    assert tried(one, override=["DAILY_CAP"]) == [("REQUEST", "READY")]
    found.put("PAUSE", "PAUSE")
    before = found.items()
    assert tried(one, override=["DAILY_CAP"]) == [("RECORD", "PAUSED")]
    assert found.others.of("start_execution")[1:] == []


# What doctor found

FOUND_BY_DOCTOR = {"keys/fit": {"ok": 2, "problem": 1}, "quotas/standbys": {"not allowed": 1, "warning": 3}}


def test_what_doctor_found_is_kept_with_who_ran_it_and_nobody_is_notified(found: Estate) -> None:
    assert do(found, "doctor", checks=FOUND_BY_DOCTOR, dry_run=True) == [("DOCTOR", "RECORD", "DOCTOR_KEPT")]
    assert found.history("DOCTOR") == []
    assert do(found, "doctor", checks=FOUND_BY_DOCTOR) == [("DOCTOR", "RECORD", "DOCTOR_KEPT")]
    (event,) = found.history("DOCTOR")
    assert event["checks"] == FOUND_BY_DOCTOR
    assert signed(event) == ["command", "CHG-4711", AL, NOW, NOW]
    assert event["message"].endswith("Findings: 7; problems: 1; warnings: 3; could not be read: 1.")
    assert "notice" not in event
    found.pass_time(hours=1)
    do(found, "doctor", BO, checks={"keys/fit": {"ok": 3}})
    assert [one["principal"] for one in found.history("DOCTOR")] == [AL, BO]


def test_two_runs_at_the_same_moment_are_both_kept(found: Estate) -> None:
    for who in (AL, BO):
        do(found, "doctor", who, checks=FOUND_BY_DOCTOR)
    assert [one["principal"] for one in found.history("DOCTOR")] == [AL, BO]


def test_who_deletes_a_dead_letter_and_why_is_in_the_ledger(found: Estate) -> None:
    recorded = [("DEAD_LETTERS", "RECORD", "LETTER_DELETED")]
    assert do(found, "discard", what="a poison message", dry_run=True) == recorded
    assert found.history("DEAD_LETTERS") == []
    do(found, "discard", what="a poison message")
    (event,) = found.history("DEAD_LETTERS")
    assert signed(event) == ["command", "CHG-4711", AL, NOW, NOW]
    assert "The message: a poison message." in event["message"]
    assert "notice" not in event
    for what in (None, " ", 7):
        assert ask(found, "discard", what=what)["problem"] == '"what" must describe the message'


@pytest.mark.parametrize(
    "checks",
    [
        None,
        {},
        [],
        "keys/fit",
        {"keys": {"ok": 1}},
        {"keys/fit": {}},
        {"keys/fit": {"ok": 0}},
        {"keys/fit": {"ok": True}},
        {"keys/fit": {"ok": 1.5}},
        {"keys/fit": {"OK!": 1}},
        {"keys/fit": ["ok"]},
        {"<script>/fit": {"ok": 1}},
        {f"keys/fit-{'a' * 90}": {"ok": 1}},
        {f"keys/{'a' * (1 + number // 26)}{chr(97 + number % 26)}": {"ok": 1} for number in range(201)},
    ],
)
def test_what_is_no_run_of_doctor_is_not_kept(found: Estate, checks: Any) -> None:
    assert ask(found, "doctor", checks=checks)["problem"].startswith('"checks" is not a result of doctor: ')
    assert found.items() == []
