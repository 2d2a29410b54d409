"""The rules, each broken in the product's own code: what the simulation has to notice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from standby import model
from standby.announce.notices import Announcer
from standby.clock import Pacer, to_text
from standby.decisions import decide, eligibility, gone, uncovered
from standby.decisions.decision import nothing, record
from standby.ledger import claims, ledger
from standby.ledger.gates import Gates
from standby.ledger.ledger import Ledger
from standby.ledger.recorder import Recorder
from standby.ledger.table import Table, Write
from standby.model import Status
from standby.protect import looks, request
from standby.reasons import Reason
from standby.rows import Row
from standby.service import create, refusals
from standby.sweep import absence, fleet, sweep
from standby.sweep.baseline import BASELINE, BaselineMemory, directory_key
from standby.sweep.memory import SweepMemory
from standby.watch import observe

Break = Callable[[pytest.MonkeyPatch], None]


def a_timeout_is_taken_for_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    never_sent = (*create.NEVER_SENT, ReadTimeoutError, ConnectionClosedError)
    monkeypatch.setattr(create, "NEVER_SENT", never_sent)


def a_5xx_is_taken_for_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = create.CallRefused(create.Refusal(refusals.Kind.UNREACHABLE, "500", "x"), declared=False)
    monkeypatch.setattr(create.Standbys, "_client_error", lambda *_: refused)


def what_an_answer_leaves_out_is_taken_for_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    real = create._all
    refused = create.Refusal(refusals.Kind.THROTTLED, "x", "x")
    monkeypatch.setattr(
        create, "_all", lambda requests, outcome: real(requests, refused if outcome.code == "NotInAnswer" else outcome)
    )


def one_look_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "LEAST_GAP", timedelta(0))
    monkeypatch.setattr(looks.Looks, "_was_sent", lambda *_: True)
    real = looks.Looks.after_lease

    def hasty(self: Any, primary_id: Any, seen: Any, row: Any) -> Any:
        return real(self, primary_id, seen, dataclasses.replace(row, looked_at=row.changed_at - timedelta(days=1)))

    monkeypatch.setattr(looks.Looks, "after_lease", hasty)


def nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request.Requester, "_claim", lambda self, candidate: candidate)
    monkeypatch.setattr(request.Requester, "_still_ours", lambda self, claimed: claimed)
    monkeypatch.setattr(request, "SENDING_TAKES", timedelta(days=-1))


def versions_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Ledger.write

    def write(self: Any, new: Any, old: Any, *, beside: Any = ()) -> None:
        kept = self.table.transact

        def transact(writes: Any) -> None:
            kept([*[dataclasses.replace(one, condition=None, values=None) for one in writes[:2]], *writes[2:]])

        self.table.transact = transact
        try:
            real(self, new, old, beside=beside)
        finally:
            self.table.transact = kept

    monkeypatch.setattr(Ledger, "write", write)


def a_hidden_primary_is_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(primary_id: Any, row: Any, *_: Any) -> Any:
        return record(primary_id, Status.PRIMARY_GONE, Reason.PRIMARY_TERMINATED)

    monkeypatch.setattr(decide, "_absent", gone)


def a_pause_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gates, "closed", lambda self: None)


def places_are_not_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    real = claims.count
    monkeypatch.setattr(claims, "count", lambda key, by, most=None: real(key, max(by, 0), most))


def what_is_gone_gives_its_day_back(monkeypatch: pytest.MonkeyPatch) -> None:
    real = claims.Claims._free
    monkeypatch.setattr(claims.Claims, "_free", lambda self, new, row, day=None: real(self, new, row, row.counted_day))


def what_is_made_again_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_unspent_day", lambda row: row and row.counted_day)


def nothing_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Announcer, "announce", lambda self, row: False)


def open_rows_are_left_lying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe.Observer, "_due", lambda self, cursor, survey: iter(()))


def figures_are_kept_of_any_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    problems: dict[str, str] = {}
    real = SweepMemory.note

    def judged(*given: Any) -> Any:
        scan = fleet.judged(*given)
        problems[scan.run] = scan.problem
        return dataclasses.replace(scan, problem="")

    def note(self: Any, directory: Any, partner: Any, scan: Any, now: Any) -> None:
        real(self, directory, partner, dataclasses.replace(scan, problem=problems[scan.run]), now)

    monkeypatch.setattr(sweep, "judged", judged)
    monkeypatch.setattr(SweepMemory, "note", note)


def an_incomplete_scan_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "judged", lambda *given: dataclasses.replace(fleet.judged(*given), problem=""))


def a_miss_of_one_counts_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    class Anything(frozenset[Any]):
        def __rand__(self, others: Any) -> Any:
            return others

    real = SweepMemory.missed

    def missed(self: Any, ids: Any) -> Any:
        return {one: dataclasses.replace(found, ids=Anything()) for one, found in real(self, ids).items()}

    monkeypatch.setattr(SweepMemory, "missed", missed)


def one_sweep_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    real = gone.what_is_gone

    def hasty(row: Any, seen: Any, standby: Any, _: Any, settings: Any) -> Any:
        missed = frozenset(one for one, found in ((row.primary_id, seen), (row.standby_id, standby)) if found is None)
        return real(row, seen, standby, missed, settings)

    monkeypatch.setattr(absence, "what_is_gone", hasty)


def an_incomplete_scan_is_concluded_from(monkeypatch: pytest.MonkeyPatch) -> None:
    real = SweepMemory.last

    def last(self: Any, directory: Any, partner: Any) -> Any:
        scan = real(self, directory, partner)
        return scan and dataclasses.replace(scan, problem="")

    monkeypatch.setattr(SweepMemory, "last", last)


def an_empty_directory_is_believed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (fleet, sweep):
        monkeypatch.setattr(module, "is_doubted", lambda *_: False)


def nobody_looks_for_missing_standbys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet.Census, "misses_standby", lambda *_: False)


def claims_are_given_back_with_orphans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, "carry_out", _releasing(Recorder.carry_out))


def _releasing(real: Any) -> Any:
    def carry_out(self: Any, decision: Any, row: Any, seen: Any, **given: Any) -> Any:
        if decision.reason is Reason.ORPHANED:
            return self.release(decision, row, seen)
        return real(self, decision, row, seen, **given)

    return carry_out


def one_listing_decides_who_was_there_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(memory: BaselineMemory, directory: Any, run: str, now: Any, found: Any) -> None:
        memory.__dict__["_table"].set(directory_key(directory), BASELINE, {"taken_at": to_text(now)})

    monkeypatch.setattr(BaselineMemory, "take", take)
    monkeypatch.setattr(sweep, "is_doubted", lambda scan, now: False)


def calls_are_not_paced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pacer, "wait", lambda self: None)


def an_operating_system_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eligibility, "_LINUX", ())


def a_rule_excludes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uncovered, "_excluded", lambda *_: None)


def a_cap_is_not_minded(monkeypatch: pytest.MonkeyPatch) -> None:
    real = claims.count
    monkeypatch.setattr(claims, "count", lambda key, by, most=None: real(key, by))


def claims_are_not_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        claims,
        "_release",
        lambda key, primary_id, now: Write(
            key={"pk": key, "sk": claims.CLAIM}, update="SET released_at = :now", values={":now": to_text(now)}
        ),
    )


def what_is_going_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "HEALTHY_STANDBY", model.HEALTHY_STANDBY | model.GONE)


def what_is_starting_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "HEALTHY_STANDBY", model.HEALTHY_STANDBY | {"PENDING"})


def without_events(*statuses: Status) -> Break:
    """Rows of these statuses are written without the event of the change."""

    def rows_have_no_events(monkeypatch: pytest.MonkeyPatch) -> None:
        real = Table.transact

        def transact(self: Table, writes: Any) -> None:
            real(self, [one for one in writes if not _is_event(one.item or {}, statuses)])

        monkeypatch.setattr(Table, "transact", transact)

    return rows_have_no_events


def _is_event(item: dict[str, Any], statuses: Sequence[Status]) -> bool:
    return str(item.get("sk")).startswith("EVENT#") and item["status"] in statuses


def events_leave_something_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Row.to_event_item

    def to_event_item(self: Row, previous: Row | None) -> dict[str, Any]:
        return {name: value for name, value in real(self, previous).items() if name != "standby_id"}

    monkeypatch.setattr(Row, "to_event_item", to_event_item)


def events_forget_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Row.to_event_item
    monkeypatch.setattr(
        Row, "to_event_item", lambda self, previous: real(self, previous) | {"from_status": self.status}
    )


def notices_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Announcer.announce
    monkeypatch.setattr(Announcer, "announce", lambda self, row: real(self, {**row, "notice": False}))


def notices_are_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Announcer.announce
    monkeypatch.setattr(Announcer, "announce", lambda self, row: real(self, row) and real(self, row))


def nothing_asks_for_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Row, "_tells_more_than", lambda self, previous: False)


def what_was_told_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ledger._told

    def told(base: Row, decision: Any) -> Any:
        return None if decision.status is Status.CLAIMED else real(base, decision)

    monkeypatch.setattr(ledger, "_told", told)


def one_that_is_shown_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "GONE", model.GONE | model.READY)


def who_is_gone_stays_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "_shown_again", lambda primary_id, seen, row, *_: nothing(primary_id, row, row.reason))
