"""What an outcome of CreateStandbyWorkspaces makes of a row: created, refused for one reason or another, or unclear."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from standby.decisions.decision import Decision, record
from standby.ledger.gates import Gates
from standby.ledger.recorder import Recorder
from standby.model import Related, Status, Workspace, WorkspaceId
from standby.protect.looks import Looks
from standby.reasons import Reason
from standby.rows import Row
from standby.service.create import Outcome, Pending, Refusal, Uncertain
from standby.service.refusals import Kind
from standby.settings import Settings

# A Region that is down is asked again after so many polls: each try writes two events a row.
UNREACHABLE_POLLS = 3
USER_RETRY = timedelta(minutes=30)
USER_DEADLINE = timedelta(hours=24)  # directories lag behind new hires


@dataclass(frozen=True)
class Candidate:
    """A primary that is to have a standby: as it was seen, and its row."""

    seen: Workspace
    row: Row | None

    @property
    def id(self) -> WorkspaceId:
        """The primary's id."""
        return self.seen.id


class Settler:
    """Records outcomes: known not to be created gives the claim back, unclear keeps it, created keeps it for good."""

    def __init__(self, recorder: Recorder, gates: Gates, looks: Looks, settings: Settings) -> None:
        self._recorder = recorder
        self._gates = gates
        self._looks = looks
        self._settings = settings

    def settle(self, candidate: Candidate, outcome: Outcome) -> Decision:
        """Record what became of a candidate's request."""
        match outcome:
            case Pending():
                return self._created(candidate, outcome)
            case Refusal():
                return self._refused(candidate, outcome)
            case Uncertain():
                self._looks.trouble = self._looks.trouble or not outcome.answered
                # Looked at from the next poll on: a standby that shows is adopted at once, none is concluded before
                # the lease has ended.
                decision = record(
                    candidate.id,
                    Status.CLAIMED,
                    Reason.REQUEST_UNCERTAIN,
                    due_in=self._settings.poll_interval,
                    error=(outcome.code, outcome.message),
                )
                return self._recorder.carry_out(decision, candidate.row, candidate.seen)

    def _created(self, candidate: Candidate, pending: Pending) -> Decision:
        standby = Related(pending.standby_id, self._settings.dr_region, pending.state, "STANDBY")
        decision = record(
            candidate.id,
            Status.REQUESTED,
            Reason.CREATE_ACCEPTED,
            f"The standby is {pending.standby_id}.",
            standby=standby,
            due_in=self._settings.first_look,
            deadline_in=self._settings.standby_deadline,
        )
        return self._recorder.carry_out(decision, candidate.row, candidate.seen, requested=True)

    def _refused(self, candidate: Candidate, refusal: Refusal) -> Decision:
        error = (refusal.code, refusal.message)
        match refusal.kind:
            case Kind.THROTTLED:
                self._looks.trouble = True
                self._recorder.telemetry.count("Throttled")
                return self.give_back(candidate, Reason.CREATE_THROTTLED, error)
            case Kind.UNREACHABLE:
                self._looks.trouble = True
                return self.give_back(candidate, Reason.CREATE_UNREACHABLE, error, patience=UNREACHABLE_POLLS)
            case Kind.STATE:
                return self._state_refused(candidate, error)
            case Kind.QUOTA:
                self._recorder.try_to(self._gates.hold_for_quota)
                self.tell(Reason.QUOTA_REACHED, f"AWS says: {refusal.message}")
                decision = record(candidate.id, Status.HELD, Reason.QUOTA_REACHED, error=error)
            case Kind.USER_MISSING:
                decision = self._user_missing(candidate, error)
            case Kind.EXISTS:
                decision = self._looks.after_exists(candidate.seen, candidate.row, error)
            case Kind.DENIED:
                decision = record(candidate.id, Status.REJECTED, Reason.ACCESS_DENIED, refusal.message, error=error)
            case Kind.OTHER | Kind.INTERNAL:
                detail = f"{refusal.code}: {refusal.message}"
                decision = record(candidate.id, Status.REJECTED, Reason.SERVICE_REFUSED, detail, error=error)
        return self._recorder.carry_out(decision, candidate.row, candidate.seen)

    def _state_refused(self, candidate: Candidate, error: tuple[str, str]) -> Decision:
        row = candidate.row
        if row and row.deadline_at and self._recorder.clock.now() >= row.deadline_at:
            decision = record(candidate.id, Status.TIMED_OUT, Reason.PRIMARY_NOT_READY, error[1], error=error)
            return self._recorder.carry_out(decision, row, candidate.seen)
        return self.give_back(candidate, Reason.STATE_REFUSED, error)

    def _user_missing(self, candidate: Candidate, error: tuple[str, str]) -> Decision:
        row = candidate.row
        first = row.user_missing_since if row else None
        now = self._recorder.clock.now()
        if first is not None and now - first >= USER_DEADLINE:
            return record(candidate.id, Status.REJECTED, Reason.USER_NOT_FOUND, error=error)
        return record(
            candidate.id,
            Status.WAITING,
            Reason.USER_NOT_IN_DR_DIRECTORY,
            due_in=USER_RETRY,
            deadline_in=None if first is not None else USER_DEADLINE,
            error=error,
        )

    def give_back(
        self, candidate: Candidate, reason: Reason, error: tuple[str, str] | None = None, patience: int = 1
    ) -> Decision:
        """Record that nothing was created: it waits, and is tried again after `patience` polls."""
        decision = record(
            candidate.id,
            Status.WAITING,
            reason,
            due_in=self._settings.poll_interval * patience,
            deadline_in=self.deadline_if_none(candidate.row),
            error=error,
        )
        return self._recorder.carry_out(decision, candidate.row, candidate.seen)

    def tell(self, reason: Reason, detail: str = "") -> None:
        """Tell what holds the whole pair, once a day."""
        self._recorder.try_to(lambda: self._gates.tell_once_a_day(reason, self._recorder.context, detail))

    def deadline_if_none(self, row: Row | None) -> timedelta | None:
        """The primary's deadline, for a row that has none running."""
        return None if row and row.deadline_at else self._settings.primary_deadline
