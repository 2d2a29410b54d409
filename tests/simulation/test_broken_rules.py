"""That the simulation can fail: each rule is broken in the product's own code, and a run says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from local.workspaces import Fault
from standby.announce.notices import Announcer
from standby.clock import to_text
from standby.decisions import decide, gone
from standby.decisions.decision import record
from standby.ledger import claims
from standby.ledger.gates import Gates
from standby.ledger.ledger import Ledger
from standby.ledger.recorder import Recorder
from standby.model import Status
from standby.protect import looks, request
from standby.reasons import Reason
from standby.service import create, refusals
from standby.sweep import absence, fleet, sweep
from standby.sweep.baseline import BASELINE, BaselineMemory, directory_key
from standby.sweep.memory import SweepMemory
from standby.watch import observe
from tests.simulation import faults
from tests.simulation.convergence import Expected, check_end
from tests.simulation.deployment import Deployment
from tests.simulation.faults import OneFault
from tests.simulation.scenarios import CREATE, SCENARIOS, covered
from tests.simulation.simulation import DR, USERS, Simulation, Violated

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


def a_primary_goes_while_no_scan_is_complete(deployment: Deployment) -> None:
    """A day on which the DR Region throttles the sweep's pages, and a primary is terminated."""
    run = Simulation(deployment)
    one, *rest = run.create(*USERS[:5])
    run.run(2)
    run.world.inject(Fault("DescribeWorkspaces", "throttle", DR, when=lambda params: "DirectoryId" in params))
    run.world.terminate(one)
    run.run(8)
    check_end(run, covered([one, *rest]))


def a_standby_goes(deployment: Deployment) -> None:
    """A day on which a standby is terminated, and no event tells of it."""
    run = Simulation(deployment)
    one, *rest = run.create(*USERS[:5])
    run.run(2)
    run.world.terminate(run.audit.rows[one]["standby_id"])
    run.run(10)
    check_end(run, covered(rest))


# What a sweep concludes, and what the auditor says of it.
CONCLUDED: list[tuple[Break, Callable[[Deployment], None], str]] = [
    (
        a_miss_of_one_counts_for_both,
        named("an_orphan_missed_by_one_sweep_keeps_its_users_claim"),
        "PRIMARY_TERMINATED.* was not missed by two complete scans",
    ),
    (
        a_miss_of_one_counts_for_both,
        named("a_desktop_missed_by_a_sweep_and_its_standby_by_the_next"),
        "STANDBY_GONE.* was not missed by two complete scans",
    ),
    (
        one_sweep_is_enough,
        named("a_desktop_missed_by_a_sweep_and_its_standby_by_the_next"),
        "ORPHANED.* was not missed by two complete scans",
    ),
    (an_incomplete_scan_is_concluded_from, a_primary_goes_while_no_scan_is_complete, "but by none"),
    (
        an_empty_directory_is_believed_at_once,
        named("a_region_that_shows_nobody_for_three_hours_takes_nothing_away"),
        "was not missed by two complete scans",
    ),
    (
        claims_are_given_back_with_orphans,
        named("an_orphan_missed_by_one_sweep_keeps_its_users_claim"),
        "gives its user's claim back, though",
    ),
    (nobody_looks_for_missing_standbys, a_standby_goes, "is PROTECTED by .*, which 5 complete scans"),
]


def one_listing_decides_who_was_there_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(memory: BaselineMemory, directory: Any, run: str, now: Any, found: Any) -> None:
        memory.__dict__["_table"].set(directory_key(directory), BASELINE, {"taken_at": to_text(now)})

    monkeypatch.setattr(BaselineMemory, "take", take)
    monkeypatch.setattr(sweep, "is_doubted", lambda scan, now: False)


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
    (one_listing_decides_who_was_there_before, named("an_outage_at_the_first_sweep_makes_nobody_new")),
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


@pytest.mark.parametrize(
    ("breaks", "day", "told"), CONCLUDED, ids=[f"{one.__name__}-{number}" for number, (one, *_) in enumerate(CONCLUDED)]
)
def test_a_hasty_conclusion_is_noticed_and_so_is_one_that_is_never_drawn(
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    breaks: Break,
    day: Callable[[Deployment], None],
    told: str,
) -> None:
    breaks(monkeypatch)
    with pytest.raises(Violated, match=told):
        day(deployment)
