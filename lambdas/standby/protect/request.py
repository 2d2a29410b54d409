"""Rule 1: exactly one standby for each primary, and for each user in a DR directory.

CreateStandbyWorkspaces has no client token and may create a second standby, so nothing is sent without a claim, and
no claim is taken again before it is certain that nothing was created:

1. **Claim** the primary and its (DR directory, user) in one transaction, with a lease (`ledger/claims.py`).
2. **Check** right before sending: nothing holds the pair back, the claims are still ours, and the lease outlives the
   call.
3. **Call** once. botocore repeats nothing.
4. **Record** (`settle.py`). Created: REQUESTED, the claim stays for good. Known not to be created: the claim is given
   back. Anything else (a time-out, a broken connection, a 5xx, an answer that does not speak of the item, a crash): the
   row stays CLAIMED.
5. **Look** (`looks.py`), once the lease of such a row has ended: found, it is adopted; only two complete looks that
   find nothing bring it back to 1, alone in its call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from standby.decisions.decision import Decision, nothing, record
from standby.ledger.claims import Claimed, Refused
from standby.ledger.gates import Gates
from standby.ledger.ledger import LostRace, Unreadable
from standby.ledger.recorder import Recorder
from standby.ledger.table import LedgerUnavailable
from standby.model import Status, Workspace, user_key
from standby.protect.looks import Looks
from standby.protect.settle import Candidate, Settler
from standby.reasons import Reason
from standby.rows import Row
from standby.service.create import CallRefused, Refusal, StandbyRequest, Standbys
from standby.service.describe import BATCH, halves
from standby.service.refusals import Kind
from standby.settings import Settings

# What a call may take (connect 5 s, answer 30 s), and some: a claim with less left is not used.
SENDING_TAKES = timedelta(seconds=45)
# With less than this left of the first claim's lease, no further one is taken for the same call: one more, and the
# check before sending, may take as long as a call.
CLAIMING_ENDS = SENDING_TAKES + timedelta(seconds=30)


class Requester:
    """Carries rule 1 out for the candidates of one invocation."""

    def __init__(
        self,
        recorder: Recorder,
        standbys: Standbys,
        gates: Gates,
        looks: Looks,
        settings: Settings,
        has_time: Callable[[], bool],
    ) -> None:
        self._recorder = recorder
        self._standbys = standbys
        self._gates = gates
        self._looks = looks
        self._settings = settings
        self._has_time = has_time
        self._settler = Settler(recorder, gates, looks, settings)

    def request(self, candidates: Sequence[Candidate]) -> list[Decision]:
        """Claim and request a standby for each; a decision for each, in no order.

        Once the DR Region has throttled, or did not answer, the rest is left for the next look: what was not claimed
        needs no lease to end.

        Raises
        ------
        LedgerUnavailable
            It is not known whether anything may be created.
        """
        decisions: list[Decision] = []
        for batch in _one_per_user(candidates, self._settings):
            closed = self._gates.closed()
            if closed is not None:
                decisions += [self._hold(candidate, closed) for candidate in batch]
            elif self._looks.trouble or not self._has_time():
                decisions += [self._leave(candidate) for candidate in batch]
            else:
                decisions += self._claim_and_send(batch)
        return decisions

    def _claim_and_send(self, batch: Sequence[Candidate]) -> list[Decision]:
        batch, decisions = self._within_backfill(batch)
        claimed: list[Candidate] = []
        for candidate in batch:
            if claimed and _lease_left(claimed[0].row, self._recorder.clock.now()) < CLAIMING_ENDS:
                # Claims are slow to take today: those that there are must be sent before the first is too old.
                decisions += self._send(claimed)
                claimed = []
            if self._looks.trouble:
                decisions.append(self._leave(candidate))
                continue
            result = self._claim(candidate)
            if isinstance(result, Decision):
                decisions.append(result)
            else:
                claimed.append(result)
        return decisions + self._send(claimed)

    def _within_backfill(self, batch: Sequence[Candidate]) -> tuple[Sequence[Candidate], list[Decision]]:
        """Those that may be claimed, and decisions for those of an existing fleet for which there is no room now.

        Of what is new, or asked for by hand, the claim and the service decide.
        """
        backfill = [] if self._recorder.context.cause.reopens else [one for one in batch if _is_backfill(one.row)]
        if not backfill:
            return batch, []
        room = self._gates.backfill_room()
        left = backfill[room.most :]
        why = "The quota in the DR Region leaves no room for it."
        if room.today == room.most:
            why = "Existing fleets have had their part of today's number; the rest is for new desktops."
            if left:
                self._settler.tell(Reason.DAILY_CAP, "It is existing fleets' part of it; the rest is for new ones.")
        return [one for one in batch if one not in left], [self._leave_held(one, why) for one in left]

    def _leave_held(self, candidate: Candidate, why: str) -> Decision:
        if candidate.row is not None and candidate.row.status is Status.HELD:
            decision = nothing(candidate.id, candidate.row, Reason.BACKFILL, why)
            return self._recorder.carry_out(decision, candidate.row, candidate.seen)
        decision = record(candidate.id, Status.HELD, Reason.BACKFILL, why)
        return self._recorder.carry_out(decision, candidate.row, candidate.seen)

    def _leave(self, candidate: Candidate) -> Decision:
        """Leave it to the next look; its open row is the retry."""
        row = candidate.row
        if row is not None and row.status in (Status.WAITING, Status.CLAIMED):
            decision = nothing(candidate.id, row, row.reason, "Left for the next look.")
            return self._recorder.carry_out(decision, row, candidate.seen)
        reason = Reason.CREATE_UNREACHABLE if self._looks.trouble else Reason.READY  # or there was no time left
        return self._settler.give_back(candidate, reason)

    # 1. Claim

    def _claim(self, candidate: Candidate) -> Candidate | Decision:
        intent = dataclasses.replace(
            record(candidate.id, Status.CLAIMED, Reason.CLAIM_TAKEN),
            deadline_in=self._settler.deadline_if_none(candidate.row),
        )
        try:
            result = self._recorder.claims.take(intent, candidate.row, candidate.seen, self._recorder.context)
        except (LostRace, LedgerUnavailable) as problem:
            return self._recorder.left_alone(candidate.id, candidate.row, problem)
        match result:
            case Claimed(row):
                return Candidate(candidate.seen, row)
            case Refused(Reason.USER_HAS_STANDBY, holder):
                decision = record(
                    candidate.id,
                    Status.INELIGIBLE,
                    Reason.USER_HAS_STANDBY,
                    f"It is {holder} that holds the user's claim.",
                )
                return self._recorder.carry_out(decision, candidate.row, candidate.seen)
            case Refused(reason, _):
                return self._hold(candidate, reason)

    def _hold(self, candidate: Candidate, reason: Reason) -> Decision:
        if reason in (Reason.DAILY_CAP, Reason.CEILING, Reason.PAUSED):
            self._settler.tell(reason)
        return self._recorder.carry_out(record(candidate.id, Status.HELD, reason), candidate.row, candidate.seen)

    # 2. Check, and 3. Call

    def _send(self, claimed: Sequence[Candidate]) -> list[Decision]:
        """Send one call for all of them; if it is refused for the sake of one, send the halves."""
        if not claimed:
            return []
        try:
            closed = self._gates.closed()
            still_ours = self._still_ours(claimed)
        except LedgerUnavailable as problem:
            # Not known to be open is closed, and not known to be ours is somebody else's.
            return [self._recorder.left_alone(one.id, one.row, problem) for one in claimed]
        if closed is not None:
            return [self._hold(candidate, closed) for candidate in claimed]
        now = self._recorder.clock.now()
        fit = [one for one in still_ours if _lease_left(one.row, now) >= SENDING_TAKES]
        late = [one for one in still_ours if one not in fit]
        decisions = [self._settler.give_back(one, Reason.LEASE_TOO_SHORT) for one in late]
        decisions += [self._lost(one) for one in claimed if one not in still_ours]
        if not fit:
            return decisions
        result = self._standbys.create([self._item(candidate.seen) for candidate in fit])
        if isinstance(result, CallRefused):
            return decisions + self._call_refused(fit, result)
        return decisions + [self._settler.settle(candidate, result[candidate.id]) for candidate in fit]

    def _still_ours(self, claimed: Sequence[Candidate]) -> list[Candidate]:
        """Those whose rows are still as this invocation wrote them.

        By its own clock somebody may have found a lease ended that by ours has not: the first of its two looks
        changes the row, and then it is theirs.
        """
        rows = self._recorder.ledger.load([one.id for one in claimed])
        return [one for one in claimed if _change_of(rows.get(one.id)) == _change_of(one.row)]

    def _lost(self, candidate: Candidate) -> Decision:
        problem = LostRace(f"the claim of {candidate.id} was taken over before its request was sent")
        return self._recorder.left_alone(candidate.id, candidate.row, problem)

    def _call_refused(self, sent: Sequence[Candidate], refused: CallRefused) -> list[Decision]:
        """A declared exception fails the whole call, though only one item may be at fault: bisect."""
        if not refused.declared or len(sent) == 1 or self._is_about_all(sent, refused.refusal):
            return [self._settler.settle(candidate, refused.refusal) for candidate in sent]
        # Once a half has found that the quota is used up, the gate is closed and the other half is held unsent.
        return [decision for half in halves(sent) for decision in self._send(half)]

    def _is_about_all(self, sent: Sequence[Candidate], refusal: Refusal) -> bool:
        # Permission is given by directory: one directory's refusal need not be asked for again for each of its users.
        return refusal.kind is Kind.DENIED and len({candidate.seen.directory_id for candidate in sent}) == 1

    def _item(self, seen: Workspace) -> StandbyRequest:
        if seen.directory_id is None or seen.user_name is None:
            raise ValueError(f"{seen.id} was claimed without its directory and user")
        directory = self._settings.directories[seen.directory_id]
        return StandbyRequest(
            primary_id=seen.id,
            user_name=seen.user_name,
            dr_directory=directory.dr_directory,
            volume_encryption_key=directory.volume_encryption_key if seen.is_encrypted else None,
            data_replication=directory.data_replication,
            tags=self._settings.standby_tags(seen.id),
        )


def _is_backfill(row: Row | None) -> bool:
    """Whether it has no place yet: one that is CLAIMED keeps its own."""
    return row is not None and row.existing and row.status in (Status.HELD, Status.WAITING)


def _change_of(row: Row | Unreadable | None) -> str | None:
    return row.change_id if isinstance(row, Row) else None


def _lease_left(row: Row | None, now: datetime) -> timedelta:
    return row.claim_expires_at - now if row and row.claim_expires_at else timedelta(0)


def _one_per_user(candidates: Sequence[Candidate], settings: Settings) -> list[list[Candidate]]:
    """Batches of at most 25 in which no (DR directory, user) comes twice: the answer names users, not primaries.

    One whose last request had no clear answer goes alone: what it did to that call, it shall do to no other again.
    """
    alone = [[one] for one in candidates if one.row and one.row.unclear_since]
    built: list[tuple[set[tuple[str, str]], list[Candidate]]] = []
    for candidate in candidates:
        if candidate.row and candidate.row.unclear_since:
            continue
        directory = settings.directories[candidate.seen.directory_id] if candidate.seen.directory_id else None
        place = (directory.dr_directory if directory else "", user_key(candidate.seen.user_name or ""))
        for places, batch in built:
            if len(batch) < BATCH and place not in places:
                places.add(place)
                batch.append(candidate)
                break
        else:
            built.append(({place}, [candidate]))
    return [batch for _, batch in built] + alone
