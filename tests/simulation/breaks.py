"""Rules of requests, of the ledger, of conclusions and of notices, each broken in the product's own code."""

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from standby import reconcile, request, sweep, terminations
from standby.aws import call, workspaces
from standby.aws.call import Pacer
from standby.core import admission, conclusions, decide, model, row, settings, settle, upkeep
from standby.core.change import Case, Change
from standby.core.conclusions import Census, Scan
from standby.core.model import Status, Unknown, to_text
from standby.core.outcomes import Refusal, Refused
from standby.core.reasons import Reason
from standby.core.row import ALL_SHARDS, Condition, Kind, Row
from standby.core.settings import Selection
from standby.ledger import ledger
from standby.ledger.leases import Executions, Lease
from standby.ledger.ledger import COUNTER, UNDER_WAY, Due, Gates, Ledger
from standby.ledger.sweeps import Sweeps
from standby.ledger.table import LedgerUnavailable, Table, Write
from standby.notices import Announcer

Break = Callable[[pytest.MonkeyPatch], object]
REFUSED = Refused(Refusal.STATE, "x", "x")


def put(target: Any, name: str, value: Any) -> Break:
    """Another value stands in the place of a policy, or of a public function."""
    return lambda monkeypatch: monkeypatch.setattr(target, name, value)


def together(*several: Break) -> Break:
    """All of them."""
    return lambda monkeypatch: [one(monkeypatch) for one in several]


def deciding(otherwise: Callable[[Case], Any]) -> Break:
    """It is decided otherwise where there is another decision, whoever decides."""
    real = decide.decide
    return together(
        *[put(one, "decide", lambda case: otherwise(case) or real(case)) for one in (reconcile, sweep, terminations)]
    )


def writing(otherwise: Callable[[Row, Row | None], tuple[Row, Row | None] | None]) -> Break:
    """Other rows are written: what is made of the new one and the old one; None leaves them."""
    real = Ledger.write
    return put(Ledger, "write", lambda self, new, old: real(self, *(otherwise(new, old) or (new, old))))


def transacting(otherwise: Callable[[Write], Write | None]) -> Break:
    """Transactions have other writes; None is none."""
    real = Table.transact
    return put(
        Table,
        "transact",
        lambda self, writes: real(self, [one for write in writes if (one := otherwise(write)) is not None]),
    )


def key_of(write: Write) -> tuple[str, str]:
    """The key of what is written."""
    at = write.item or write.key or {}
    return at["pk"], at["sk"]


# Requests


a_timeout_is_taken_for_a_refusal = put(call, "NEVER_SENT", (*call.NEVER_SENT, ReadTimeoutError, ConnectionClosedError))
a_5xx_is_taken_for_a_refusal = together(
    put(call, "REFUSES", range(400, 600)), put(call, "kind_of", lambda *_: Refusal.UNREACHABLE)
)
what_an_answer_leaves_out_is_taken_for_refused = put(workspaces, "LEFT_OUT", REFUSED)
a_throttle_is_no_doubt = put(decide, "DOUBTS", tuple(kind for kind in decide.DOUBTS if kind is not Kind.GIVEN_UP))
lookups_count_at_once = put(settle, "SHOWS_AFTER", 0)
one_lookup_is_enough = put(settle, "LOOKUPS_NEEDED", 1)
one_lookup_at_once_is_enough = together(lookups_count_at_once, one_lookup_is_enough)
real_write = Ledger.write
nothing_is_claimed = put(
    Ledger, "write", lambda self, new, old: new if new.reason is Reason.CLAIM_TAKEN else real_write(self, new, old)
)
a_claim_that_ends_is_used = together(
    put(request, "SENDING_TAKES", timedelta(days=-1)), put(request, "CLAIMING_ENDS", timedelta(days=-1))
)
lookups_leave_no_time = put(reconcile, "LOOKUPS_TAKE", timedelta(days=1))
a_pause_is_not_read = put(Gates, "closed", lambda self, directories=(): {})
calls_are_not_paced = put(Pacer, "wait", lambda self: None)
an_operating_system_is_no_obstacle = put(settings, "LINUX", ())
a_compute_type_is_no_obstacle = put(settings, "COMPUTE_REFUSED", ())
a_standby_is_taken_for_a_primary = put(model.Workspace, "primary", None)
a_rule_excludes_nobody = put(Selection, "verdict", lambda *_: None)
an_existing_fleet_is_not_asked_about = put(decide, "admit", lambda case, change: change)
what_is_refused_is_tried_by_each_sweep = put(admission, "REFUSED_AGAIN", timedelta(0))


def _without_a_key(seen: Any, settings: Any, real: Any = settings.obstacle) -> Any:
    found = real(seen, settings)
    return None if found and found[0] is Reason.NO_DR_KEY else found


a_key_is_not_needed = together(*[put(module, "obstacle", _without_a_key) for module in (settings, decide)])

# The ledger

versions_do_not_count = transacting(
    lambda write: dataclasses.replace(write, condition=None, values=None) if write.item else write
)


def _counting(otherwise: Callable[[str, int], int], **more: Any) -> Break:
    """Counters are moved by other numbers, and under no condition."""

    def count(write: Write) -> Write:
        (pk, sk), by = key_of(write), (write.values or {}).get(":by", 0)
        if sk != COUNTER or (not more and otherwise(pk, by) == by):
            return write
        return dataclasses.replace(write, values={":by": otherwise(pk, by)}, **more)

    return transacting(count)


a_cap_is_not_minded = _counting(lambda _, by: by, condition=None)
places_are_not_given_back = _counting(lambda counter, by: by if counter == UNDER_WAY else max(by, 0))
who_is_under_way_no_longer_is_counted_on = _counting(lambda counter, by: max(by, 0) if counter == UNDER_WAY else by)
what_is_gone_gives_its_day_back = put(Row, "unspent_day", property(lambda self: self.counted_day))
what_is_made_again_is_not_counted = writing(
    lambda new, old: (
        (new, dataclasses.replace(old, standby_id=None, requested_at=None))
        if old and new.status is Status.CLAIMED
        else None
    )
)


def _claims_become(meant: str, update: str, *values: str, condition: str | None = None) -> Break:
    """Writes of claims with `meant` in their update have another one."""

    def otherwise(write: Write) -> Write:
        if not (write.update and meant in write.update):
            return write
        kept = {name: (write.values or {})[name] for name in values}
        return dataclasses.replace(write, update=update, values=kept, condition=condition)

    return transacting(otherwise)


users_are_not_claimed = _claims_become("held_at", "SET primary_id = :none", ":none")
claims_are_not_given_back = _claims_become("released_at", "SET released_at = :now", ":now")
a_claim_that_was_given_up_is_forgotten = _claims_become(
    "given_up_at = :now", "SET primary_id = :none, released_at = :now", ":none", ":now"
)
a_claim_that_was_given_up_is_for_everybody = _claims_become(
    "held_at",
    "SET primary_id = :me REMOVE given_up_at",
    ":me",
    ":none",
    condition="attribute_not_exists(pk) OR primary_id = :none",
)
what_is_going_is_well = put(model, "HEALTHY_STANDBY", model.HEALTHY_STANDBY | model.GONE)
what_is_starting_is_well = put(model, "HEALTHY_STANDBY", model.HEALTHY_STANDBY | {"PENDING"})
a_standby_is_lost_at_first_sight = put(upkeep, "UNWELL_SWEEPS", 1)


def without_events(*statuses: Status) -> Break:
    """Rows of these statuses are written without the event of the change."""

    def otherwise(write: Write) -> Write | None:
        is_meant = key_of(write)[1].startswith("EVENT#") and (write.item or {})["status"] in statuses
        return None if is_meant else write

    return transacting(otherwise)


def _events_become(otherwise: Callable[[Row, dict[str, Any]], dict[str, Any]]) -> Break:
    real = Row.to_event_item
    return put(Row, "to_event_item", lambda self, *given: otherwise(self, real(self, *given)))


events_leave_something_out = _events_become(lambda _, item: {name: item[name] for name in item if name != "standby_id"})
events_forget_where_they_come_from = _events_become(lambda new, item: item | {"from_status": new.status})

# When rows are due, and who sees to them


open_rows_are_left_lying = put(Ledger, "due", lambda *_: Due([], {}, None))
a_shard_is_left_out = put(ledger, "ALL_SHARDS", ALL_SHARDS[1:])
real_due, real_record = Ledger.due, Case.record
each_shard_is_asked_twice = put(Ledger, "due", lambda self, *given: real_due(self, *given) and real_due(self, *given))
looks_are_far_apart = put(
    Case,
    "record",
    lambda self, *given, due_in=None, **more: real_record(self, *given, due_in=due_in and due_in * 10, **more),
)


def _is_over_if_unknown(case: Case) -> None:
    if isinstance(case.seen, Unknown):
        raise LedgerUnavailable("nothing is known")


an_unknown_answer_ends_an_invocation = deciding(_is_over_if_unknown)
whoever_holds_a_lease_is_taken_for_dead = put(Executions, "may_be_running", lambda *_: False)


def a_part_again_goes_on_after_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the last cursor counts, whatever round it is for. What is handed over is little, so that there are parts."""
    monkeypatch.setattr(sweep, "MOST_READY", 26)
    real = Lease.take

    def take(self: Lease, execution_arn: str, number: int) -> Any:
        kept = (self.table.get(self.key, self.key) or {}).get("kept", {})
        turn = real(self, execution_arn, number)
        if turn is None or not kept.get("rounds"):
            return turn
        return dataclasses.replace(turn, cursor=kept["rounds"][max(kept["rounds"], key=int)])

    monkeypatch.setattr(Lease, "take", take)


real_room = Gates.room
who_is_under_way_takes_no_room = put(
    Gates, "room", lambda self: dataclasses.replace(real_room(self), in_flight=self.settings.backfill_in_flight)
)


# What sweeps and lookups conclude

real_judged, real_note, real_last = conclusions.judged, Sweeps.note, Sweeps.last
real_condition_note, real_conclude = Row.note, Census.conclude


def _without_problem(scan: Scan | None) -> Scan | None:
    return scan and dataclasses.replace(scan, problem="")


def figures_are_kept_of_any_scan(monkeypatch: Any) -> None:
    problems: dict[str, str] = {}

    def judged(*given: Any) -> Any:
        scan = real_judged(*given)
        problems[scan.run] = scan.problem
        return _without_problem(scan)

    def note(self: Any, directory: Any, scan: Any) -> None:
        real_note(self, directory, dataclasses.replace(scan, problem=problems[scan.run]))

    together(put(sweep, "judged", judged), put(Sweeps, "note", note))(monkeypatch)


an_incomplete_scan_is_counted = put(sweep, "judged", lambda *given: _without_problem(real_judged(*given)))
an_incomplete_scan_is_concluded_from = put(Sweeps, "last", lambda *given: _without_problem(real_last(*given)))
an_empty_directory_is_believed = put(conclusions, "DOUBT", timedelta(0))


def _take(self: Sweeps, directory: Any, _: str, now: datetime) -> None:
    self.set(directory, {"taken_at": to_text(now)})


one_listing_decides = together(put(Sweeps, "take", _take), an_empty_directory_is_believed)
nobody_looks_for_missing_standbys = put(Census, "misses_standby", lambda *_: False)
what_pages_miss_is_not_asked_for = put(sweep, "LOOKUPS", 0)


def _note_of_either(self: Row, kind: Kind) -> str | None:
    other = {Kind.MISSED: Kind.STANDBY_MISSED, Kind.STANDBY_MISSED: Kind.MISSED}
    return real_condition_note(self, kind) or real_condition_note(self, other.get(kind, kind))


a_miss_of_one_counts_for_both = put(Row, "note", _note_of_either)


def _as_if_missed_before(self: Census, case: Case, standby: Any) -> Change | None:
    assert case.row is not None
    scan = dataclasses.replace(self.scan, before=self.scan.before or "the one before")
    missed = Condition(case.now, case.now, note=scan.before)
    seen_so = {**case.row.conditions, Kind.MISSED: missed, Kind.STANDBY_MISSED: missed}
    case = dataclasses.replace(case, row=dataclasses.replace(case.row, conditions=seen_so))
    return real_conclude(dataclasses.replace(self, scan=scan), case, standby)


one_sweep_is_enough = put(Census, "conclude", _as_if_missed_before)
claims_are_given_back_with_orphans = writing(
    lambda new, old: (
        (dataclasses.replace(new, claim_key=None, claim_expires_at=None, counted_day=None), old)
        if new.reason is Reason.ORPHANED
        else None
    )
)
one_that_is_shown_is_gone = put(decide, "GONE", model.GONE | model.READY)
a_hidden_primary_is_taken_for_gone: Break = deciding(
    lambda case: case.record(Status.PRIMARY_GONE, Reason.PRIMARY_TERMINATED) if case.row and case.seen is None else None
)
who_is_gone_stays_gone: Break = deciding(
    lambda case: (
        case.nothing(Reason.PRIMARY_TERMINATED) if case.row and case.row.status is Status.PRIMARY_GONE else None
    )
)


# What people are notified of

real_announce = Announcer.announce
nothing_is_announced = put(Announcer, "announce", lambda self, rows: (len(rows), 0, ""))
notices_are_not_sent = put(
    Announcer, "announce", lambda self, rows: real_announce(self, [{**row, "notice": False} for row in rows])
)
notices_are_sent_twice = put(
    Announcer, "announce", lambda self, rows: real_announce(self, rows) and real_announce(self, rows)
)
everything_is_a_notice = put(
    Announcer, "announce", lambda self, rows: real_announce(self, [{**row, "notice": True} for row in rows])
)
nothing_asks_for_a_notice = put(row, "news", lambda *_: None)
what_was_notified_is_forgotten = writing(
    lambda new, old: (new.without(Kind.TROUBLE), old) if new.status is Status.CLAIMED else None
)


def forgetting(kind: Kind) -> Break:
    """The next change of a row forgets this condition."""
    return writing(lambda new, old: (new.without(kind), old) if old and old.has(kind) else None)
