"""What protect does with an invocation: an event or a call by hand in, decisions out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from standby.decisions.decision import Decision
from standby.ledger.ledger import Context
from standby.ledger.table import LedgerUnavailable
from standby.model import SWEEP
from standby.protect.dead_letters import DeadLetters
from standby.protect.events import BadEvent, Hint, read
from standby.protect.migrations import continues_fleet, note_migration
from standby.texts import legible
from standby.wiring import Parts

WATCH = "watch"


class ProtectFunction:
    """protect, of one process."""

    def __init__(self, parts: Parts, dead_letters: DeadLetters) -> None:
        self._parts = parts
        self._dead_letters = dead_letters

    def respond(self, event: Any, *, account: str, request_id: str, has_time: Callable[[], bool]) -> dict[str, Any]:
        """Reconcile the primaries that `event` names.

        Returns
        -------
        dict
            `{"decisions": [{"primary_id", "action", "status", "reason_code", "message"}]}`, and a `problem` where the
            event names no primary, or not only primaries.

        Raises
        ------
        LedgerUnavailable
            A primary could not be recorded: the invocation has to be repeated.
        """
        settings = self._parts.settings
        try:
            hint = read(event, account=account, region=settings.primary_region, dr_region=settings.dr_region)
        except BadEvent as bad:
            return self._bad(event, str(bad), for_a_person=bad.for_a_person)
        answer: dict[str, Any] = {"decisions": [one.answer() for one in self._reconcile(hint, request_id, has_time)]}
        if hint.bad_ids:
            reason = f"not WorkSpace ids, and left out: {', '.join(hint.bad_ids)[:500]}"
            answer = self._bad(event, reason, for_a_person=True) | answer
        return answer

    def _reconcile(self, hint: Hint, request_id: str, has_time: Callable[[], bool]) -> list[Decision]:
        by_watcher = hint.cause.type == WATCH
        context = Context(hint.cause, owner=request_id, execution_arn=hint.cause.id if by_watcher else None)
        if hint.ends:
            return self._parts.terminations(context, has_time).follow(hint.ids)
        if (old := hint.cause.migrated_from) is not None:
            note_migration(self._parts.recorder(context), old, hint.ids[0])
            continues = continues_fleet(self._parts.recorder(context), old)
            context = dataclasses.replace(context, cause=dataclasses.replace(hint.cause, continues_fleet=continues))
        # An event's few calls go at once; a long list is paced.
        paced = by_watcher or hint.cause.type == SWEEP or len(hint.ids) > 25
        decisions = self._parts.reconciler(context, has_time, paced=paced).reconcile(hint.ids)
        if not by_watcher and any(one.status and one.status.is_open for one in decisions):
            self._start_watcher(request_id)
        return decisions

    def _start_watcher(self, request_id: str) -> None:
        try:
            if not self._parts.lease().is_held():
                self._parts.executions().start(f"protect-{request_id}")
        except (ClientError, BotoCoreError, LedgerUnavailable) as problem:
            self._parts.telemetry.problem(f"The watcher was not started, its schedule will: {problem}")

    def _bad(self, event: Any, reason: str, *, for_a_person: bool) -> dict[str, Any]:
        telemetry = self._parts.telemetry
        telemetry.count("BadEvents")
        telemetry.problem(f"Not worked on in this event: {reason}", event_id=_event_id(event))
        by_hand = isinstance(event, dict) and event.get("mode") == "reconcile"
        if for_a_person and not by_hand:
            try:
                self._dead_letters.put(event, reason)
            except (ClientError, BotoCoreError) as problem:
                telemetry.problem(f"The event could not be put aside either: {problem}")
                raise
        return {"decisions": [], "problem": reason}


def _event_id(event: Any) -> str:
    return legible(event.get("id", "none"), 200) if isinstance(event, dict) else "none"
