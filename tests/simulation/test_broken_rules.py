"""That the simulation can fail: each rule is broken in the product's own code, and a run says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from standby import claims, create, decide, fleet, looks, observe, refusals, request, sweep
from standby.decision import record
from standby.gates import Gates
from standby.ledger import Ledger
from standby.model import Status
from standby.notices import Announcer
from standby.reasons import Reason
from tests.simulation import faults
from tests.simulation.convergence import Expected, check_end
from tests.simulation.deployment import Deployment
from tests.simulation.faults import OneFault
from tests.simulation.scenarios import CREATE, SCENARIOS, covered
from tests.simulation.simulation import USERS, Simulation, Violated

Break = Callable[[pytest.MonkeyPatch], None]


def lost_answer(kind: str, times: int = 1, **world: Any) -> Callable[[Deployment], None]:
    """A day on which requests lose their answers."""

    def run(deployment: Deployment) -> None:
        found = Simulation(deployment, plan=OneFault(CREATE, kind, times=times), **world)
        expected: Expected = covered(found.create(*USERS[:3]))
        found.run_until_settled(30)
        check_end(found, expected)

    return run


def named(name: str) -> Callable[[Deployment], None]:
    """A named scenario."""

    def run(deployment: Deployment) -> None:
        SCENARIOS[name](deployment)

    return run


def a_timeout_is_taken_for_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    never_sent = (*create.NEVER_SENT, ReadTimeoutError, ConnectionClosedError)
    monkeypatch.setattr(create, "NEVER_SENT", never_sent)


def a_5xx_is_taken_for_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = create.CallRefused(create.Refusal(refusals.Kind.UNREACHABLE, "500", "x"), declared=False)
    monkeypatch.setattr(create.Standbys, "_client_error", lambda *_: refused)


def what_an_answer_leaves_out_is_taken_for_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    real = create._all
    refused = create.Refusal(refusals.Kind.INTERNAL, "x", "x")
    monkeypatch.setattr(
        create, "_all", lambda requests, outcome: real(requests, refused if outcome.code == "NotInAnswer" else outcome)
    )


def one_look_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "LEAST_GAP", timedelta(0))
    monkeypatch.setattr(looks.Looks, "_unclear_for", lambda *_: True)
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
    real = claims._count
    monkeypatch.setattr(claims, "_count", lambda key, by, most=None: real(key, max(by, 0), most))


def what_is_gone_gives_its_day_back(monkeypatch: pytest.MonkeyPatch) -> None:
    real = claims.Claims._free
    monkeypatch.setattr(claims.Claims, "_free", lambda self, new, row, day=None: real(self, new, row, row.counted_day))


def what_is_made_again_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_unspent_day", lambda row: row and row.counted_day)


def nothing_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Announcer, "announce", lambda self, row: False)


def open_rows_are_left_lying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe.Observer, "_due", lambda self, cursor, survey: iter(()))


def an_incomplete_scan_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "judged", lambda *given: dataclasses.replace(fleet.judged(*given), problem=""))


BROKEN: list[tuple[Break, Callable[[Deployment], None]]] = [
    (a_timeout_is_taken_for_a_refusal, lost_answer(faults.READ_TIMEOUT_AFTER, relation_lag_seconds=600)),
    (a_5xx_is_taken_for_a_refusal, lost_answer(faults.ERROR_AFTER, relation_lag_seconds=600)),
    (what_an_answer_leaves_out_is_taken_for_refused, lost_answer(faults.EMPTY, relation_lag_seconds=600)),
    (one_look_is_enough, lost_answer(faults.READ_TIMEOUT_AFTER, visibility_lag_seconds=300)),
    (one_look_is_enough, lost_answer(faults.READ_TIMEOUT_LATE)),
    (nothing_is_claimed, named("fifty_deliveries_at_once_of_a_ready_desktop")),
    (versions_do_not_count, named("fifty_deliveries_at_once_of_a_ready_desktop")),
    (a_hidden_primary_is_taken_for_gone, named("the_primary_region_shows_nothing_for_an_hour")),
    (a_pause_is_not_read, named("a_pause_between_two_calls_of_a_batch")),
    (an_incomplete_scan_is_counted, named("coverage_is_true_whatever_becomes_of_the_sweep")),
    (places_are_not_given_back, named("the_quota_used_up_by_a_call_and_then_raised")),
    (what_is_gone_gives_its_day_back, named("a_clean_up_tool_against_recreate_missing")),
    (what_is_made_again_is_not_counted_again, named("a_clean_up_tool_against_a_person")),
    (nothing_is_announced, lost_answer(faults.THROTTLED)),
    (open_rows_are_left_lying, lost_answer(faults.THROTTLED)),
]


@pytest.mark.parametrize(
    ("breaks", "day"), BROKEN, ids=[f"{one.__name__}-{number}" for number, (one, _) in enumerate(BROKEN)]
)
def test_a_broken_rule_is_noticed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, breaks: Break, day: Callable[[Deployment], None]
) -> None:
    breaks(monkeypatch)
    with pytest.raises((Violated, AssertionError)):
        day(deployment)
