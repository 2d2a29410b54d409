"""The one loop: rows → described WorkSpaces → decisions → lookups → requests → ledger. Running it again is harmless."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from standby.aws.workspaces import Standbys, WorkSpaces
from standby.core.change import Case, Change, Effect
from standby.core.decide import decide
from standby.core.model import BATCH, DirectoryId, Override, Status, Unknown, Workspace, WorkspaceId
from standby.core.reasons import Reason
from standby.core.row import Row, Unreadable, claim_key
from standby.core.settle import after_lookup, leave
from standby.ledger.table import LedgerUnavailable
from standby.record import Recorder
from standby.request import Requester

# Lookups end after this time, so that what they have found ready is requested.
LOOKUPS_TAKE = timedelta(seconds=60)


@dataclass
class Reconciler:
    """Requests standbys for primaries that are ready; the others are due again later."""

    recorder: Recorder
    primaries: WorkSpaces
    standbys: Standbys

    def reconcile(self, ids: Sequence[WorkspaceId]) -> list[Change]:
        """Decide and act for each of the primaries; returns the change of each, in the order of `ids`.

        Raises
        ------
        LedgerUnavailable
            The ledger could not be read, or a new primary could not be written. The caller has to call again. The work
            for the other primaries is done.
        """
        by_id = {change.primary_id: change for change in self._reconcile(ids)}
        while (raced := self.recorder.raced) and self.recorder.has_time():
            # If a sweep wrote a primary that the event names in the meantime, the event is applied to the new row.
            self.recorder.raced, loaded = [], self.recorder.ledger.load(raced)
            rows = {one: row for one, row in loaded.items() if isinstance(row, Row)}
            again = [one for one, row in rows.items() if self.recorder.case(one, row).is_new_after_all]
            by_id |= {change.primary_id: change for change in self._reconcile(again)}
        lost = self.recorder.unrecorded | dict.fromkeys(raced, "another invocation was faster")
        if lost:
            why = next(iter(lost.values()))
            raise LedgerUnavailable(f"not in the ledger yet; call again: {', '.join(sorted(lost))} ({why})")
        return [by_id[one] for one in ids]

    def preview(self, ids: Sequence[WorkspaceId]) -> list[Change]:
        """What would be decided for each primary now, if it came alone. No lookup, request or write takes place."""
        decided, others = self._decide(ids)
        by_id = {change.primary_id: change for change in others}
        ready = [case for case, change in decided if change.effect is Effect.REQUEST]
        held = Requester(self.recorder, self.standbys).held_back(ready)
        full = self.recorder.gates.full() if ready else []
        for case, change in decided:
            limits = [reason for reason in full if Override(reason) not in case.overrides]
            why = held.get(case.id) or (limits[0] if limits and case in ready else None)
            by_id[case.id] = case.record(Status.HELD, why) if why else change
        return [by_id[one] for one in ids]

    def _reconcile(self, ids: Sequence[WorkspaceId]) -> list[Change]:
        decided, done = self._decide(ids)
        done += self.recorder.record_all([one for _, one in decided if one.effect is Effect.NOTHING], self.standbys)
        # A lookup comes first: if it finds that the DR Region does not answer, this run requests nothing there.
        todo = [one for one in decided if one[1].effect is not Effect.NOTHING]
        first = next((one for one in todo if one[1].effect is Effect.LOOKUP), None)
        left = deque(sorted(todo, key=lambda one: one is not first))
        while left:
            done += self._work_off(left)
        return done

    def _decide(self, ids: Sequence[WorkspaceId]) -> tuple[list[tuple[Case, Change]], list[Change]]:
        """The decisions for the primaries that are described, and the changes of the others."""
        loaded = self.recorder.ledger.load(ids)
        rows = {one: found for one, found in loaded.items() if isinstance(found, Row)}
        unreadable = [found for found in loaded.values() if isinstance(found, Unreadable)]
        readable = [one for one in dict.fromkeys(ids) if not isinstance(loaded.get(one), Unreadable)]
        described = self.primaries.describe(readable)
        is_shown = {one for one, seen in described.items() if isinstance(seen, Workspace)}
        standbys = self._standbys_among([one for one in readable if one not in rows and one not in is_shown])
        readable = [one for one in readable if one not in standbys]
        if unknown := sum(isinstance(one, Unknown) for one in described.values()):
            self.recorder.telemetry.count("UnknownAnswers", unknown)
        cases = [self.recorder.case(one, rows.get(one), described.get(one)) for one in readable]
        others = [*standbys.values(), *[self.recorder.unreadable(row) for row in unreadable]]
        return [(case, decide(case)) for case in cases], others

    def _standbys_among(self, unknown: Sequence[WorkspaceId]) -> dict[WorkspaceId, Change]:
        """The changes for ids of a person's call that are standbys' ids: they name the primary.

        The ledger knows the standbys of its rows; others are described in the DR Region.
        """
        if not self.recorder.cause.reopens:
            return {}
        primaries = self.recorder.ledger.primaries_of(unknown)
        shown = self.standbys.describe([one for one in unknown if one not in primaries])
        primaries |= {one: of.id for one, seen in shown.items() if isinstance(seen, Workspace) and (of := seen.primary)}
        cases = {one: self.recorder.case(one, None) for one in primaries}
        return {one: cases[one].nothing(Reason.IS_STANDBY, f"Its primary is {primaries[one]}.") for one in primaries}

    def _work_off(self, left: deque[tuple[Case, Change]]) -> list[Change]:
        """Do lookups and requests for the first of the cases that are left, as many as one call takes.

        Lookups end after some time, because what they find ready must still be requested.
        """
        done: list[Change] = []
        ready: list[Case] = []
        began = self.recorder.clock.now()
        while left and len(ready) < BATCH and self.recorder.clock.now() - began < LOOKUPS_TAKE:
            case, change = left.popleft()
            if change.effect is Effect.LOOKUP and (change := self._lookup(case)).effect is not Effect.REQUEST:
                done += self.recorder.record_all([change], self.standbys)
            else:
                ready.append(case)
        return done + Requester(self.recorder, self.standbys).request(ready)

    def _lookup(self, case: Case) -> Change:
        """The change of a primary after a lookup in the DR directory."""
        if not self.recorder.has_time():
            return leave(case, is_unreachable=False)
        directory, user = place_of(case)
        reason = case.row.reason if case.row else Reason.READY
        if directory is None or user is None:
            return case.nothing(
                reason, "The row does not name the DR directory and the user, so no lookup is possible."
            )
        try:
            holder = self.recorder.ledger.holder(claim_key(directory, user))
        except LedgerUnavailable as problem:
            return self.recorder.left_alone(case.nothing(reason), problem)
        if holder not in (None, case.id):
            # A lookup would find the other primary's standby, so no call is made.
            return case.place_taken(str(holder))
        lookup = self.standbys.lookup_user(directory, user)
        return after_lookup(self.recorder.case(case.id, case.row, case.seen), lookup)


def place_of(case: Case) -> tuple[DirectoryId | None, str | None]:
    """The place of a primary's standby, present or future: the DR directory, and the user's name."""
    row = case.row
    if row is not None and row.may_have_standby:
        return row.dr_directory_id, row.user_name
    return case.mapped.dr_directory if case.mapped else None, case.shown.user_name if case.shown else None
