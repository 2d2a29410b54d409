"""protect: creates standbys for primaries. Invoked for events, by the state machines, and by people."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from standby.aws.call import Pacer
from standby.aws.others import put_aside
from standby.aws.workspaces import WorkSpaces
from standby.core.admission import continues_fleet
from standby.core.change import Change
from standby.core.model import BATCH, OPEN, SWEEP, WATCH, Cause, legible
from standby.core.row import Row
from standby.events import BadEvent, Hint, cause_of, flag, is_call, read
from standby.ledger.leases import WATCH_LEASE
from standby.operator import Answer, Operator, is_for_operator
from standby.reconcile import Reconciler
from standby.terminations import Terminations, follow_migrations, note_migration, waiting
from standby.wiring import BURST, Deployed, Invoked
from standby.wiring import handler as handler_of


def protect(deployed: Deployed, event: Any, invoked: Invoked) -> dict[str, Any]:
    """Reconcile the primaries that `event` names, or do what a person's call asks for.

    The answer is `{"decisions": [{"primary_id", "action", "status", "reason_code", "message"}]}`. It also has a
    `problem` if the event is invalid, or has values that are not WorkSpace ids.
    """
    settings = deployed.settings
    try:
        if is_for_operator(event):
            return {"decisions": _obey(deployed, event, invoked)}
        hint = read(event, account=invoked.account, region=settings.primary_region, dr_region=settings.dr_region)
    except BadEvent as bad:
        return _bad(deployed, event, str(bad), for_a_person=bad.for_a_person)
    answer: dict[str, Any] = {"decisions": [one.answer() for one in _work(deployed, hint, invoked)]}
    if hint.bad_ids:
        reason = f"these are not WorkSpace ids and were skipped: {', '.join(hint.bad_ids)[:500]}"
        answer = _bad(deployed, event, reason, for_a_person=True) | answer
    return answer


def _obey(deployed: Deployed, call: Mapping[str, Any], invoked: Invoked) -> list[Answer]:
    dry_run = flag(call, "dry_run")
    reconciler = _reconciler(deployed, cause_of(call), deployed.pacer(burst=BURST), invoked)
    answers = Operator(reconciler, deployed.sweeps(), dry_run).obey(call)
    if not dry_run and any(one["status"] in OPEN for one in answers):
        _start_watcher(deployed, invoked.request_id)
    return answers


def _reconciler(deployed: Deployed, cause: Cause, pacer: Pacer, invoked: Invoked) -> Reconciler:
    primaries, standbys = deployed.primaries(pacer, invoked.has_time), deployed.standbys(pacer, invoked.has_time)
    return Reconciler(deployed.recorder(cause, invoked.has_time), primaries, standbys)


def _work(deployed: Deployed, hint: Hint, invoked: Invoked) -> list[Change]:
    by_watcher = hint.cause.type == WATCH
    cause = dataclasses.replace(hint.cause, execution_arn=hint.cause.id if by_watcher else None)
    # The few calls of an event are sent at once; a long list is paced. Calls to both Regions share one pacer.
    is_paced = by_watcher or cause.type == SWEEP or len(hint.ids) > BATCH
    pacer = deployed.pacer(burst=1 if is_paced else BURST)
    reconciler = _reconciler(deployed, cause, pacer, invoked)
    recorder = reconciler.recorder
    if hint.dry_run:
        return reconciler.preview(hint.ids)
    if hint.ends:
        # What follows a termination does not depend on tags.
        untagged = WorkSpaces(deployed.client("workspaces"), pacer, invoked.has_time)
        ended = Terminations(recorder, untagged, reconciler.standbys).follow(hint.ids)
        changes = reconciler.reconcile(waiting(recorder.ledger, ended))
    else:
        ended = []
        if (old := cause.migrated_from) is not None:
            note_migration(recorder, old, hint.ids[0])
            row = recorder.ledger.load([old]).get(old)
            recorder.cause = dataclasses.replace(cause, continues_fleet=isinstance(row, Row) and continues_fleet(row))
        changes = reconciler.reconcile(hint.ids)
        follow_migrations(recorder, changes)
    if not by_watcher and any(one.status and one.status.is_open for one in changes):
        _start_watcher(deployed, invoked.request_id)
    return ended + changes


def _start_watcher(deployed: Deployed, request_id: str) -> None:
    if problem := deployed.lease(WATCH_LEASE).start_watcher(f"protect-{request_id}"):
        deployed.telemetry.problem(problem)


def _bad(deployed: Deployed, event: Any, reason: str, *, for_a_person: bool) -> dict[str, Any]:
    telemetry = deployed.telemetry
    telemetry.count("BadEvents")
    event_id = legible(event.get("id", "none"), 200) if isinstance(event, dict) else "none"
    telemetry.problem(f"The event, or a part of it, was not processed: {reason}", event_id=event_id)
    if for_a_person and not is_call(event):
        put_aside(deployed.client("sqs"), deployed.variable("DEAD_LETTER_QUEUE_URL"), event, reason)
    return {"decisions": [], "problem": reason}


handler = handler_of(protect)
