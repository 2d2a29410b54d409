"""Rule 1: exactly one standby for each primary, and for each user in a DR directory.

CreateStandbyWorkspaces has no client token and may create a second standby. Therefore nothing is sent without a claim,
and no claim is taken again before it is certain that nothing was created:

1. **Claim** the primary and its (DR directory, user) in one transaction, with a lease (`ledger/ledger.py`).
2. **Check** right before sending: no gate is closed, the claims still belong to this invocation, and the lease lasts
   longer than the call.
3. **Call** once. botocore does not retry.
4. **Settle** (`core/settle.py`). Created: REQUESTED, and the claim is kept permanently. Known not to be created: the
   claim is released. Anything else (a time-out, a broken connection, a 5xx, an answer without the item, a crash): the
   row stays CLAIMED.
5. **Look up** the user in the DR directory when the lease of such a row has ended. A standby that is found is adopted.
   Only after two complete lookups that find nothing, the row returns to step 1, alone in its call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from standby.aws.workspaces import StandbyRequest, Standbys
from standby.core.change import Case, Change, Effect, say
from standby.core.model import BATCH, DirectoryId, Status, WorkspaceId, halves, user_key
from standby.core.outcomes import Created, Pending, Refusal, Refused
from standby.core.reasons import Reason
from standby.core.row import Kind, Row
from standby.core.settle import HOLDS, OF_A_DIRECTORY, after_exists, claim, give_back, give_up, leave, settle
from standby.ledger.ledger import LostRace, Taken
from standby.ledger.table import LedgerUnavailable
from standby.record import Recorder

# What a call may take (connect 5 s, answer 30 s), with a reserve. A claim with less time left is not used.
SENDING_TAKES = timedelta(seconds=45)
# If less than this is left of the first claim's lease, no further claim is taken for the same call: one more claim and
# the check before sending may take as long as a call.
CLAIMING_ENDS = SENDING_TAKES + timedelta(seconds=30)
# A notice about these is sent once a day, for the whole pair.
_OF_THE_PAIR = (Reason.DAILY_CAP, Reason.CEILING, Reason.PAUSED)


@dataclass
class Requester:
    """Carries out rule 1 for the primaries of one invocation."""

    recorder: Recorder
    standbys: Standbys

    def request(self, cases: Sequence[Case]) -> list[Change]:
        """Claim and request a standby for each; returns the change of each, in any order.

        Once the DR Region throttles, or does not answer, the others are left for the next round: without a claim they
        need not wait for a lease to end.
        """
        done: list[Change] = []
        for batch in _one_per_user(cases):
            free, held = self._let_through(batch)
            done += held
            if self.standbys.trouble or not self.recorder.has_time():
                done += [self._leave(case) for case in free]
            else:
                done += self._claim_and_send(free)
        return done

    def held_back(self, cases: Sequence[Case]) -> dict[WorkspaceId, Reason]:
        """The cases for which nothing may be requested now, and why. A person's call may try a directory again."""
        directories = set() if self.recorder.cause.reopens else _directories(cases)
        closed = self.recorder.gates.closed(directories)
        return {case.id: why for case in cases if (why := closed.get(None) or closed.get(_directory(case)))}

    def _let_through(self, cases: Sequence[Case]) -> tuple[list[Case], list[Change]]:
        """The cases that no gate holds now, and the changes that hold the others."""
        why = self.held_back(cases)
        detail = self.recorder.gates.why_paused() if Reason.PAUSED in why.values() else ""
        free = [case for case in cases if case.id not in why]
        return free, [self._hold(case, why[case.id], detail) for case in cases if case.id in why]

    def _claim_and_send(self, batch: Sequence[Case]) -> list[Change]:
        batch, done = self._within_backfill(batch)
        claimed: list[Case] = []
        for case in batch:
            if claimed and _lease_left(claimed[0].row, self.recorder.clock.now()) < CLAIMING_ENDS:
                # Claims take long now: the ones that are taken must be sent before the first is too old.
                done += self._send(claimed)
                claimed = []
            if self.standbys.trouble:
                done.append(self._leave(case))
                continue
            result = self._claim(case)
            if isinstance(result, Change):
                done.append(result)
            else:
                claimed.append(result)
        return done + self._send(claimed)

    def _within_backfill(self, batch: Sequence[Case]) -> tuple[Sequence[Case], list[Change]]:
        """The cases that may be claimed, and changes for those of an existing fleet for which there is no room now.

        For new desktops, and those that a person asks for, the claim and the service decide.
        """
        backfill = [case for case in batch if _is_backfill(case)]
        if not backfill:
            return batch, []
        room = self.recorder.gates.room()
        left = backfill[room.backfill :]
        why = "The quota in the DR Region has no room for its standby."
        if room.is_days_part:
            why = "Today's share of existing fleets is used up. The rest of the limit is for new desktops."
            if left:
                self._notify(
                    Reason.DAILY_CAP, "This is the share of existing fleets. The rest of the limit is for new desktops."
                )
        return [case for case in batch if case not in left], [self._leave_held(case, why) for case in left]

    def _leave_held(self, case: Case, why: str) -> Change:
        is_held = case.row is not None and case.row.status is Status.HELD
        change = case.nothing(Reason.BACKFILL, why) if is_held else case.record(Status.HELD, Reason.BACKFILL, why)
        return self.recorder.record(change)

    def _leave(self, case: Case) -> Change:
        return self.recorder.record(leave(case, is_unreachable=self.standbys.trouble))

    def _hold(self, case: Case, reason: Reason, detail: str = "") -> Change:
        if reason in _OF_THE_PAIR:
            self._notify(reason, detail)
        return self.recorder.record(case.record(Status.HELD, reason, detail))

    def _close(self, case: Case, refused: Refused) -> None:
        """Close the gate for what was refused as a whole: the pair if it is about the quota, else the directory."""
        reason, directory = HOLDS[refused.kind], _directory(case) if refused.kind in OF_A_DIRECTORY else None
        self.recorder.try_to(lambda: self.recorder.gates.hold(reason, directory))
        where = f"Directory: {directory}, DR directory: {case.row and case.row.dr_directory_id}. "
        self._notify(reason, f"{where if directory else ''}AWS's message: {refused.message}", directory)

    def _notify(self, reason: Reason, detail: str = "", directory: DirectoryId | None = None) -> None:
        """Send a notice, once a day, about what holds the whole pair or a directory."""
        self.recorder.try_to(lambda: self.recorder.notify(reason, say(reason, detail), directory=directory))

    # 1. Claim

    def _claim(self, case: Case) -> Case | Change:
        # The lease begins now: lookups, and the calls before this one, have taken time since the decision.
        case = self.recorder.case(case.id, case.row, case.seen)
        try:
            row = self.recorder.write(claim(case), case.row)
        except (LostRace, LedgerUnavailable) as problem:
            return self._lost(case, problem)
        except Taken as taken:
            return self._taken(case, taken)
        return self.recorder.case(case.id, row, case.seen)

    def _taken(self, case: Case, taken: Taken) -> Change:
        if taken.reason is not Reason.USER_HAS_STANDBY:
            return self._hold(case, taken.reason)
        # Without a holder, the claim was given up and the result of its request is not known: a lookup comes first.
        is_given_up = taken.holder is None
        change = give_up(case, Reason.DR_DESKTOP_UNCLEAR) if is_given_up else case.place_taken(str(taken.holder))
        return self.recorder.record(change)

    # 2. Check, and 3. Call

    def _send(self, claimed: Sequence[Case]) -> list[Change]:
        """Send one call for all claims. If it is refused because of one item, send the halves."""
        if not claimed:
            return []
        try:
            free, done = self._let_through(claimed)
            still_ours = self._still_ours(free)
        except LedgerUnavailable as problem:
            # If it is not known whether a gate is open, it counts as closed; an unconfirmed claim counts as another's.
            return [self._lost(case, problem) for case in claimed]
        now = self.recorder.clock.now()
        fit = [case for case in still_ours if _lease_left(case.row, now) >= SENDING_TAKES]
        # Between the check and the call nothing is written: a slow ledger would take the rest of the lease.
        done += self._call(fit) if fit else []
        late = [case for case in still_ours if case not in fit]
        done += [self.recorder.record(give_back(case, Reason.LEASE_TOO_SHORT)) for case in late]
        for case in free:
            if case not in still_ours:
                taken_over = LostRace(f"the claim of {case.id} was taken over before its request was sent")
                done.append(self._lost(case, taken_over))
        return done

    def _call(self, fit: Sequence[Case]) -> list[Change]:
        result = self.standbys.create([_item(case) for case in fit])
        if isinstance(result, Refused):
            return self._call_refused(fit, result)
        # If another item of the same directory succeeded, the directory is not the cause of a refusal.
        made = _directories([case for case in fit if isinstance(result[case.id], Pending)])
        for case in fit:
            one = result[case.id]
            if isinstance(one, Refused) and one.kind in OF_A_DIRECTORY and _directory(case) in made:
                result[case.id] = dataclasses.replace(one, kind=Refusal.OTHER)
        return [self._settle(case, result[case.id]) for case in fit]

    def _still_ours(self, claimed: Sequence[Case]) -> list[Case]:
        """The cases whose rows are still as this invocation wrote them.

        By another invocation's clock, a lease may have ended that has not ended by this one's. Its first lookup then
        changes the row, and the claim is no longer this invocation's.
        """
        rows = self.recorder.ledger.load([case.id for case in claimed])
        written = {one: row.change_id for one, row in rows.items() if isinstance(row, Row)}
        return [case for case in claimed if case.row and written.get(case.id) == case.row.change_id]

    def _lost(self, case: Case, problem: Exception) -> Change:
        return self.recorder.left_alone(case.nothing(Reason.CLAIM_TAKEN), problem)

    def _call_refused(self, sent: Sequence[Case], refused: Refused) -> list[Change]:
        """Bisect a call that was refused: a declared exception fails the whole call, even if one item is the cause.

        Once a part is refused as a whole, its gate is closed and the other parts are held without being sent.
        """
        if len(sent) == 1 or _is_about_all(sent, refused):
            return [self._settle(case, refused) for case in sent]
        parts: Sequence[Sequence[Case]] = halves(sent)
        if refused.kind in OF_A_DIRECTORY:
            parts = [[case for case in sent if _directory(case) == one] for one in sorted(_directories(sent))]
        done: list[Change] = []
        for part in parts:
            # The whole call was refused, so nothing was created for any item.
            left = [give_back(case, Reason.CREATE_UNREACHABLE) for case in part if self.standbys.trouble]
            done += [self.recorder.record(change) for change in left] or self._send(part)
        return done

    # 4. Settle

    def _settle(self, case: Case, outcome: Created) -> Change:
        def make(row: Row | None) -> Change:
            return settle(self.recorder.case(case.id, row, case.seen), outcome)

        if isinstance(outcome, Pending):
            return self.recorder.must(make, case.row)
        if isinstance(outcome, Refused):
            if outcome.kind is Refusal.THROTTLED:
                self.recorder.telemetry.count("Throttled")
            if outcome.kind in HOLDS:
                self._close(case, outcome)
        change = make(case.row)
        if change.effect is Effect.LOOKUP and isinstance(outcome, Refused):
            item = _item(case)
            lookup = self.standbys.lookup_user(item.dr_directory, item.user_name)
            change = after_exists(self.recorder.case(case.id, case.row, case.seen), lookup, outcome)
        return self.recorder.record(change)


def _item(case: Case) -> StandbyRequest:
    seen, directory = case.shown, case.mapped
    if seen is None or directory is None or seen.user_name is None:
        raise ValueError(f"{case.id} was claimed without its directory and user")
    return StandbyRequest(
        primary_id=seen.id,
        user_name=seen.user_name,
        dr_directory=directory.dr_directory,
        volume_encryption_key=directory.volume_encryption_key if seen.is_encrypted else None,
        data_replication=directory.data_replication,
        tags=case.settings.standby_tags(seen.id),
    )


def _is_about_all(sent: Sequence[Case], refused: Refused) -> bool:
    """Whether a refusal applies to all items, so that they need not be sent again separately."""
    is_of_the_region = refused.kind in (Refusal.THROTTLED, Refusal.UNREACHABLE)
    return is_of_the_region or (refused.kind in OF_A_DIRECTORY and len(_directories(sent)) == 1)


def _directory(case: Case) -> DirectoryId:
    return (case.shown and case.shown.directory_id) or DirectoryId("")


def _directories(cases: Sequence[Case]) -> set[DirectoryId]:
    return {_directory(case) for case in cases}


def _is_backfill(case: Case) -> bool:
    """Whether the primary is of an existing fleet and has no place yet; a CLAIMED one has its place."""
    row = case.row
    is_waiting = row is not None and row.existing and row.status in (Status.HELD, Status.WAITING)
    return is_waiting and not case.is_asked


def _lease_left(row: Row | None, now: datetime) -> timedelta:
    return row.claim_expires_at - now if row and row.claim_expires_at else timedelta(0)


def _one_per_user(cases: Sequence[Case]) -> list[list[Case]]:
    """Batches of at most 25 in which each (DR directory, user) comes once: the answer names users, not primaries.

    A primary whose last request had no clear answer is sent alone, so that it cannot break another call.
    """
    alone: list[list[Case]] = []
    built: list[dict[tuple[str, str], Case]] = []
    for case in cases:
        if case.row and case.row.has(Kind.UNCLEAR):
            alone.append([case])
            continue
        item = _item(case)
        place = (item.dr_directory, user_key(item.user_name))
        batch = next((one for one in built if len(one) < BATCH and place not in one), None)
        if batch is None:
            built.append(batch := {})
        batch[place] = case
    return [list(batch.values()) for batch in built] + alone
