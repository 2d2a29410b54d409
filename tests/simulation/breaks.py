"""Rules of requests, of the ledger and of what is told, each broken in the product's own code."""

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
from standby.decisions import eligibility, uncovered
from standby.ledger import claims, ledger
from standby.ledger.gates import Gates
from standby.ledger.ledger import Ledger
from standby.ledger.table import LedgerUnavailable, Table, Write
from standby.model import Status
from standby.protect import looks, reconcile, request
from standby.reasons import Reason
from standby.rows import Row
from standby.service import create, refusals
from standby.watch import observe

Break = Callable[[pytest.MonkeyPatch], None]


# Requests


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


def a_pause_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gates, "closed", lambda self: None)


def a_cap_is_not_minded(monkeypatch: pytest.MonkeyPatch) -> None:
    real = claims.count
    monkeypatch.setattr(claims, "count", lambda key, by, most=None: real(key, by))


def calls_are_not_paced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pacer, "wait", lambda self: None)


def an_operating_system_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eligibility, "_LINUX", ())


def a_compute_type_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eligibility, "_COMPUTE_REFUSED", ())


def a_key_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = eligibility.obstacle

    def obstacle(seen: Any, settings: Any) -> Any:
        found = real(seen, settings)
        return None if found and found[0] is Reason.NO_DR_KEY else found

    for module in (eligibility, uncovered):
        monkeypatch.setattr(module, "obstacle", obstacle)


def a_standby_is_taken_for_a_primary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.Workspace, "primary", None)


def a_rule_excludes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uncovered, "_excluded", lambda *_: None)


# The ledger


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


def places_are_not_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    real = claims.count
    monkeypatch.setattr(claims, "count", lambda key, by, most=None: real(key, max(by, 0), most))


def what_is_gone_gives_its_day_back(monkeypatch: pytest.MonkeyPatch) -> None:
    real = claims.Claims._free
    monkeypatch.setattr(claims.Claims, "_free", lambda self, new, row, day=None: real(self, new, row, row.counted_day))


def what_is_made_again_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_unspent_day", lambda row: row and row.counted_day)


def users_are_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        claims,
        "_hold",
        lambda key, primary_id, now: Write(
            key={"pk": key, "sk": claims.CLAIM}, update="SET primary_id = :nobody", values={":nobody": claims.NOBODY}
        ),
    )


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


# Looks, and what people are told


def open_rows_are_left_lying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe.Observer, "_due", lambda self, cursor, survey: iter(()))


def looks_are_far_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ledger._times
    monkeypatch.setattr(
        ledger,
        "_times",
        lambda base, decision, now: real(
            base, dataclasses.replace(decision, due_in=decision.due_in and decision.due_in * 10), now
        ),
    )


def an_unknown_answer_ends_an_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    def describe_failed(*_: Any) -> Any:
        raise LedgerUnavailable("nothing is known")

    for module in (reconcile, observe):
        monkeypatch.setattr(module, "describe_failed", describe_failed)


def nothing_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Announcer, "announce", lambda self, row: False)


def notices_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Announcer.announce
    monkeypatch.setattr(Announcer, "announce", lambda self, row: real(self, {**row, "notice": False}))


def notices_are_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Announcer.announce
    monkeypatch.setattr(Announcer, "announce", lambda self, row: real(self, row) and real(self, row))


def everything_is_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Announcer.announce
    monkeypatch.setattr(Announcer, "announce", lambda self, row: real(self, {**row, "notice": True}))


def nothing_asks_for_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Row, "_tells_more_than", lambda self, previous: False)


def what_was_told_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ledger._told

    def told(base: Row, decision: Any) -> Any:
        return None if decision.status is Status.CLAIMED else real(base, decision)

    monkeypatch.setattr(ledger, "_told", told)
