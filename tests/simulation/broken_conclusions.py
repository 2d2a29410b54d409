"""What sweeps and looks conclude, each rule of it broken in the product's own code."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from standby import model
from standby.clock import to_text
from standby.decisions import decide, gone
from standby.decisions.decision import nothing, record
from standby.ledger.recorder import Recorder
from standby.model import Status
from standby.reasons import Reason
from standby.sweep import absence, fleet, sweep
from standby.sweep.baseline import BASELINE, BaselineMemory, directory_key
from standby.sweep.memory import SweepMemory


def an_incomplete_scan_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "judged", lambda *given: dataclasses.replace(fleet.judged(*given), problem=""))


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


def one_listing_decides_who_was_there_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(memory: BaselineMemory, directory: Any, run: str, now: Any, found: Any) -> None:
        memory.__dict__["_table"].set(directory_key(directory), BASELINE, {"taken_at": to_text(now)})

    monkeypatch.setattr(BaselineMemory, "take", take)
    monkeypatch.setattr(sweep, "is_doubted", lambda scan, now: False)


def nobody_looks_for_missing_standbys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet.Census, "misses_standby", lambda *_: False)


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


def claims_are_given_back_with_orphans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, "carry_out", _releasing(Recorder.carry_out))


def _releasing(real: Any) -> Any:
    def carry_out(self: Any, decision: Any, row: Any, seen: Any, **given: Any) -> Any:
        if decision.reason is Reason.ORPHANED:
            return self.release(decision, row, seen)
        return real(self, decision, row, seen, **given)

    return carry_out


def one_that_is_shown_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "GONE", model.GONE | model.READY)


def a_hidden_primary_is_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(primary_id: Any, row: Any, *_: Any) -> Any:
        return record(primary_id, Status.PRIMARY_GONE, Reason.PRIMARY_TERMINATED)

    monkeypatch.setattr(decide, "_absent", gone)


def who_is_gone_stays_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "_shown_again", lambda primary_id, seen, row, *_: nothing(primary_id, row, row.reason))
