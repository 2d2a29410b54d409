"""What a sweep says of a protected primary's standby: whether it is well, in what it differs, how old its data is."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from standby.core.change import Case, Change
from standby.core.decide import decide
from standby.core.model import Related, Status, Workspace, WorkspaceId, to_text
from standby.core.reasons import Reason
from standby.core.row import Condition, Kind, Row, news
from standby.core.settings import Directory
from standby.core.upkeep import advice, annotate, copy_age, digest, drift, type_of_standby
from tests.core import cases
from tests.core.cases import NOW, STANDBY, ago, case, has, hours, lasting, minutes, new, seen, standby, table, with_one

YES, NO = "PRIMARY_AS_SOURCE", "NO_REPLICATION"
PLAIN: dict[str, Any] = {"compute_type": "STANDARD", "operating_system": "WINDOWS_SERVER_2022"}
PLAIN |= {"protocols": ("WSP",), "root_gib": 80, "user_gib": 50}
DIFFERS = "compute_type STANDARD≠VALUE"


def shape(**changes: Any) -> Workspace:
    return Workspace(STANDBY, **(PLAIN | changes))


# Drift


ODD = ("TWO WORDS", "A/B", "A;B", "A≠B", "A:B", " ", "Ä", None)
WSP = {"protocols": ("WSP", "PCOIP"), "data_replication": NO}


@table(
    "of word",
    ("plain", shape(), "STANDARD/WINDOWS_SERVER_2022/WSP/80/50/"),
    ("protocols, replication", shape(**WSP), f"STANDARD/WINDOWS_SERVER_2022/PCOIP,WSP/80/50/{NO}"),
    ("nothing is told", Workspace(STANDBY), ""),
    *((str(odd), shape(compute_type=odd), "/WINDOWS_SERVER_2022/WSP/80/50/") for odd in ODD),
)
def test_a_digest_is_one_word_without_what_could_be_mistaken(of: Workspace, word: str) -> None:
    assert digest(of) == word


BOTH_TOLD = "compute_type STANDARD≠POWER; user_volume_gib 50≠100"
VALUE, POWER, UNTYPED = shape(compute_type="VALUE"), shape(compute_type="POWER"), shape(compute_type=None)
BY_HAND = ("", "whatever", "; ;", "compute_type≠", "colour RED≠BLUE; compute_type STANDARD≠X")


@table(
    "primary other before differs",
    ("alike", shape(), shape(), None, None),
    ("one protocol of two names", shape(), shape(protocols=("DCV",)), None, None),
    ("order of protocols", shape(protocols=("PCOIP", "WSP")), shape(protocols=("WSP", "PCOIP")), None, None),
    ("compute type", shape(), VALUE, None, DIFFERS),
    ("system", shape(), shape(operating_system="WIN_11"), None, "operating_system WINDOWS_SERVER_2022≠WIN_11"),
    ("protocols", shape(), shape(protocols=("PCOIP",)), None, "protocols WSP≠PCOIP"),
    ("root", shape(), shape(root_gib=175), None, "root_volume_gib 80≠175"),
    ("two, sorted", shape(), shape(user_gib=100, compute_type="POWER"), None, BOTH_TOLD),
    ("ends", shape(), shape(), DIFFERS, None),
    ("changes", shape(), POWER, DIFFERS, "compute_type STANDARD≠POWER"),
    ("the standby does not tell", shape(), UNTYPED, None, None),
    ("the standby does not tell any more", shape(), UNTYPED, DIFFERS, DIFFERS),
    ("the primary does not tell any more", UNTYPED, shape(), DIFFERS, DIFFERS),
    ("one is told, and one is not", shape(), UNTYPED, BOTH_TOLD, "compute_type STANDARD≠POWER"),
    ("no scan saw it", shape(), Workspace(STANDBY), BOTH_TOLD, BOTH_TOLD),
    *((f"written by hand: {odd}", shape(), shape(), odd, None) for odd in BY_HAND),
)
def test_what_differs_and_what_is_not_told_is_no_news(primary: Any, other: Any, before: Any, differs: Any) -> None:
    assert drift(primary, digest(other), wanted=None, replication=None, before=before) == differs


@table(
    "wanted shown own differs",
    ("as it is configured", YES, YES, None, None),
    ("it is off", YES, NO, None, f"data_replication {YES}≠{NO}"),
    ("it is on", NO, YES, None, f"data_replication {NO}≠{YES}"),
    ("not shown", YES, None, None, None),
    ("not known what is configured", None, YES, None, None),
    ("the standby says that it is off", YES, None, NO, f"data_replication {YES}≠{NO}"),
    ("the standby says that it is on", YES, None, YES, None),
    ("the primary's word counts first", YES, YES, NO, None),
)
def test_replication_is_compared_with_what_is_configured(wanted: Any, shown: Any, own: Any, differs: Any) -> None:
    other = digest(shape(data_replication=own))
    assert drift(shape(), other, wanted=wanted, replication=shown, before=None) == differs


# What is noted of a protected primary's standby


def looked(
    of: Row,
    *shown: Related,
    copied: datetime | None = None,
    wanted: str = YES,
    replication: str | None = YES,
    other: Workspace | None = None,
    now: datetime = NOW,
) -> Case:
    """A sweep's look at the primary, after it has seen the standby in the DR directory as `other`."""
    found = seen(
        *(shown or [standby()]),
        **PLAIN,
        replication=((STANDBY, replication),) if replication else (),
        snapshots=((STANDBY, copied),) if copied else (),
    )
    fleet = replace(cases.KNOWN, shapes={STANDBY: digest(other or shape())})
    mapped = {cases.HOME: Directory(cases.AWAY, data_replication=wanted)}
    return case(of, found, cases.BY_SWEEP, fleet, now, directories=mapped)


def protected(conditions: dict[Kind, Condition] | None = None, **more: Any) -> Row:
    return with_one(**({"replication": YES, "conditions": conditions or {}} | more))


def due(since: float, note: float | None = None) -> dict[Kind, Condition]:
    """COPIED since so many hours ago; the copy that is noted was made so many hours ago."""
    return lasting(Kind.COPIED, ago(hours=since), note=None if note is None else to_text(ago(hours=note)))


STALE = lasting(Kind.STALE, ago(hours=5))
OFF = lasting(Kind.DRIFT, note=f"data_replication {YES}≠{NO}")
SILENT: dict[str, Any] = {"replication": None}
GRACE, COPIED = due(36.01), due(90, 80)
OFF_NOW: dict[str, Any] = {"wanted": NO, "replication": NO}


@table(
    "before shown is_stale since note age",
    # conditions before, what is shown; then since when copies are due, when the noted one was made, and what age
    # is counted, in hours
    ("the first look begins the grace", {}, {}, False, 0, None, 0),
    ("within the grace", due(36), {}, False, 36, None, 36),
    ("after the grace", GRACE, {}, True, 36.01, None, 36.01),
    ("after the grace, without a word of replication", GRACE, SILENT, True, 36.01, None, 36.01),
    ("the first copy is noted", due(20), {"copied": 3}, False, 20, 3, 3),
    ("the next copy is not", due(20, 15), {"copied": 3}, False, 20, 15, 3),
    ("a copy of the future", due(20, 15), {"copied": -1}, False, 20, 15, 0),
    ("as old as it may be", COPIED, {"copied": 36}, False, 90, 80, 36),
    ("older", COPIED, {"copied": 36.01}, True, 90, 36.01, 36.01),
    ("goes on being old", COPIED | STALE, {"copied": 50}, True, 90, 80, 50),
    ("copies come again", COPIED | STALE, {"copied": 2}, False, 90, 2, 2),
    ("not told now: stays well", COPIED, SILENT, False, 90, 80, None),
    ("not told now: stays old", COPIED | STALE, {}, True, 90, 80, None),
    ("turned off in the configuration", due(90) | STALE, OFF_NOW, False, None, None, None),
    ("turned off at AWS", due(90) | STALE, {"replication": NO}, False, None, None, None),
    ("turned off with a copy on it", COPIED | STALE, {"replication": NO}, False, 90, 80, None),
    ("turned off, and not told", OFF, SILENT, False, None, None, None),
    ("turned on", OFF, {}, False, 0, None, 0),
)
def test_data_is_old_after_the_first_copys_grace_or_the_last_copys_age(
    before: Any, shown: Any, is_stale: bool, since: float | None, note: float | None, age: float | None
) -> None:
    copied = ago(hours=shown["copied"]) if "copied" in shown else None
    found = looked(protected(before, replication=shown.get("replication") or YES), **(shown | {"copied": copied}))
    change = decide(found)
    row = new(change)
    assert row.has(Kind.STALE) is is_stale
    assert row.since(Kind.COPIED) == (None if since is None else ago(hours=since))
    assert row.note(Kind.COPIED) == (None if note is None else to_text(ago(hours=note)))
    assert (row.status, row.changed_at) == (Status.PROTECTED, ago(days=1))
    assert copy_age(found, change) == (None if age is None else hours(age))


def test_another_limit_can_be_configured() -> None:
    found = looked(protected(due(20)))
    change = decide(replace(found, settings=replace(found.settings, rpo=hours(19))))
    assert (new(change).has(Kind.STALE), change.message[-30:]) == (True, " No copy of the data is known.")


SWITCHED = f"data_replication {YES}≠{NO}"


@table(
    "differs in_place anew",
    ("replication", SWITCHED, True, False),
    ("what cannot be changed", BOTH_TOLD, False, True),
    ("both", f"{DIFFERS}; {SWITCHED}", True, True),
)
def test_only_what_cannot_be_switched_in_place_asks_for_a_new_standby(differs: str, in_place: bool, anew: bool) -> None:
    words = advice(differs)
    assert ("in place" in words, "terminate the standby" in words) == (in_place, anew)


KNOWN_DRIFT = lasting(Kind.DRIFT, note=DIFFERS)
LOST = with_one("FAILED STANDBY_IN_ERROR")
LOST_KNOWN = replace(LOST, conditions=KNOWN_DRIFT | due(1))
SWITCHED = f"data_replication {YES}≠{NO}"
IT_DIFFERS, IS_OFF = (f" It differs: {one}. {advice(one)}" for one in (DIFFERS, SWITCHED))
IS_OLD = f"{IT_DIFFERS} Its data is of 2026-03-01T20:00:00.000Z."
BOOTING, ANOTHER = standby("REBOOTING"), standby(id=cases.DESKTOP)


@table(
    "found differs message",
    ("differs", looked(protected(), other=VALUE), DIFFERS, IT_DIFFERS),
    ("differs in what can be changed", looked(protected(), replication=NO), SWITCHED, IS_OFF),
    ("ended", looked(protected(KNOWN_DRIFT)), None, " is AVAILABLE."),
    ("not well now", looked(protected(), BOOTING, other=VALUE), DIFFERS, f" is REBOOTING.{IT_DIFFERS}"),
    ("another one", looked(protected(KNOWN_DRIFT), ANOTHER), None, f"{cases.DESKTOP} in us-west-2 is AVAILABLE."),
    ("old, too", looked(protected(COPIED), other=VALUE, copied=ago(hours=40)), DIFFERS, IS_OLD),
    ("back again", looked(LOST, other=VALUE), DIFFERS, IT_DIFFERS),
    ("back again, and known", looked(LOST_KNOWN, other=VALUE), DIFFERS, IT_DIFFERS),
)
def test_a_difference_is_noted_and_said_and_notifies_nobody(found: Case, differs: str | None, message: str) -> None:
    change = decide(found)
    assert (new(change).status, new(change).note(Kind.DRIFT)) == (Status.PROTECTED, differs)
    assert (change.message.endswith(message), new(change).message) == (True, change.message)
    assert news(found.row.conditions if found.row else {}, new(change).conditions) is None


def test_what_is_noted_keeps_the_rows_own_reason() -> None:
    found = new(decide(looked(with_one("PROTECTED ADOPTED"), BOOTING, other=VALUE)))
    assert (found.reason, found.note(Kind.DRIFT)) == (Reason.ADOPTED, DIFFERS)


def test_what_is_noted_already_is_not_written_again() -> None:
    known = protected(due(20, 3) | KNOWN_DRIFT)
    for shown in (standby(), BOOTING):
        assert not new(decide(looked(known, shown, other=VALUE, copied=ago(hours=1)))).differs_from(known)


def test_a_standby_that_a_scan_shows_is_not_missed() -> None:
    found = looked(protected(lasting(Kind.STANDBY_MISSED, note="run-0") | due(1)))
    for fleet, is_missed in ((found.fleet, False), (cases.KNOWN, True)):
        assert new(decide(replace(found, fleet=fleet))).has(Kind.STANDBY_MISSED) is is_missed


OF = protected(KNOWN_DRIFT | STALE)
UNPROTECTED = [status for status in Status if status is not Status.PROTECTED]


@table(
    "found after",
    *((f"it is {one}", looked(OF, other=VALUE), with_one(f"{one} READY", conditions=STALE)) for one in UNPROTECTED),
    ("it is not shown", case(OF, None, cases.BY_HAND, cases.KNOWN), OF),
    ("no sweep looks", case(OF, looked(OF).shown, cases.BY_HAND), OF),
)
def test_only_a_sweep_notes_and_counts_and_only_of_what_is_protected_and_shown(found: Case, after: Row) -> None:
    change = Change(cases.ONE, OF, after, Reason.STANDBY_READY, "")
    assert (annotate(found, change), copy_age(found, change)) == (change, None)


# PCoIP

BOTH_USE_IT = cases.all_lasting(Kind.PCOIP, Kind.STANDBY_PCOIP)
PCOIP, DCV, UNKNOWN_TYPE = ("PCOIP",), ("DCV",), ()
FLEET, GONE_ONE = cases.row("REPORTED EXISTING_FLEET"), with_one("STANDBY_MISSING STANDBY_GONE", conditions=BOTH_USE_IT)


@table(
    "before ours theirs after",
    ("both", protected(), PCOIP, PCOIP, "PCOIP STANDBY_PCOIP"),
    ("one of two", protected(), ("WSP", "PCOIP"), DCV, "PCOIP"),
    ("changed in place", protected(BOTH_USE_IT), DCV, PCOIP, "STANDBY_PCOIP"),
    ("replaced", protected(BOTH_USE_IT), DCV, DCV, ""),
    ("not told any more", protected(BOTH_USE_IT), UNKNOWN_TYPE, UNKNOWN_TYPE, "PCOIP STANDBY_PCOIP"),
    ("not told", protected(), UNKNOWN_TYPE, UNKNOWN_TYPE, ""),
    ("one of next year", protected(), ("PCOIP2",), ("pcoip",), ""),
    ("only reported", FLEET, PCOIP, PCOIP, "PCOIP"),
    ("with no standby any more", GONE_ONE, PCOIP, PCOIP, "PCOIP STANDBY_PCOIP"),
)
def test_a_sweep_notes_who_uses_pcoip_and_notifies_nobody(before: Row, ours: Any, theirs: Any, after: str) -> None:
    shown = [standby()] if before.status is Status.PROTECTED else []
    fleet = replace(cases.KNOWN, shapes={STANDBY: digest(Workspace(STANDBY, protocols=theirs))})
    change = decide(case(before, seen(*shown, protocols=ours), cases.BY_SWEEP, fleet))
    found = new(change)
    assert " ".join(sorted(found.conditions.keys() & BOTH_USE_IT.keys())) == after
    assert (found.status, news(before.conditions, found.conditions)) == (before.status, None)


# Whether it is well: the states that sweeps see, each so many minutes after the one before

UNWELL, DEAD, WELL = "PROTECTED STANDBY_UNWELL", "FAILED STANDBY_UNHEALTHY", "PROTECTED STANDBY_READY"


def swept(steps: str, **configured: Any) -> tuple[Row, int]:
    """The row after sweeps that saw the standby in these states, and how many notices there were."""
    found, now, notices = with_one(), NOW, 0
    for minute, state in zip(steps.split()[::2], steps.split()[1::2], strict=True):
        now += minutes(int(minute))
        after = new(decide(case(found, has(state), cases.BY_SWEEP, cases.KNOWN, now, **configured)))
        notices += news(found.conditions, after.conditions) is not None
        found = after
    return found, notices


STEPS = {
    (UNWELL, 0): ["60 ERROR", "60 UNHEALTHY", "60 IMPAIRED", "60 ERROR 60 AVAILABLE 60 ERROR", "60 ERROR 29 ERROR"],
    (DEAD, 1): ["60 ERROR 60 ERROR 60 ERROR", "60 UNHEALTHY 60 IMPAIRED", "60 ERROR 29 ERROR 1 ERROR"],
    (WELL, 1): ["60 ERROR 60 ERROR 60 AVAILABLE"],
    (UNWELL, 1): ["60 ERROR 60 ERROR 60 STOPPED 60 ERROR"],
    (WELL, 0): ["60 REBOOTING 60 REBOOTING", "60 MAINTENANCE 60 STOPPED", "60 SUSPENDED 60 SUSPENDED"],
}


@table("steps expected", *((steps, steps, end) for end, many in STEPS.items() for steps in many))
def test_a_standby_is_lost_when_two_sweeps_have_seen_it_unwell(steps: str, expected: tuple[str, int]) -> None:
    found, told = swept(steps)
    assert (f"{found.status} {found.reason}", told) == expected


def test_sweeps_that_are_more_frequent_are_looks_at_half_their_interval() -> None:
    every = {"sweep_interval": minutes(10)}
    assert swept("10 ERROR 4 ERROR", **every)[0].reason is Reason.STANDBY_UNWELL
    assert swept("10 ERROR 5 ERROR", **every)[0].reason is Reason.STANDBY_UNHEALTHY


def test_only_a_sweep_and_only_of_the_rows_own_standby_says_that_nobody_is_well() -> None:
    error, others, another = standby("ERROR"), standby("ERROR", cases.DESKTOP), standby(id=WorkspaceId("ws-7anothr7"))
    for shown, fleet in (([error], None), ([error, another], cases.KNOWN), ([others], cases.KNOWN)):
        found = new(decide(case(with_one(), seen(*shown), cases.BY_SWEEP if fleet else cases.BY_HAND, fleet)))
        assert f"{found.status} {found.reason}" == WELL


def test_one_that_is_lost_is_not_replaced_for_a_person_who_asks() -> None:
    lost, _ = swept("60 ERROR 60 ERROR")
    assert cases.outcome(decide(case(lost, has("ERROR"), cases.BY_HAND))) == f"= {DEAD}"


@table(
    "primary differs expected",
    ("alike", "STANDARD", None, "STANDARD"),
    ("another", "STANDARD", "compute_type STANDARD≠VALUE; protocols PCOIP≠WSP", "VALUE"),
    ("differs otherwise", "STANDARD", "protocols PCOIP≠WSP", "STANDARD"),
    ("not known", None, None, "unknown compute type"),
)
def test_a_standby_is_priced_by_its_own_compute_type(primary: str | None, differs: str | None, expected: str) -> None:
    assert type_of_standby(primary, differs) == expected
