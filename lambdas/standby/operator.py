"""Operators' calls for the pair, a directory or orphans (accept, pause, resume, keep, terminate), and their records.

A call is checked first, and refused as a whole if it names something that does not exist. Each act is an event of the
ledger, with the caller and the reason, in one transaction with what it changes. A repeated act changes nothing. Nothing
here terminates a WorkSpace: `terminate` records what the caller does with the caller's own rights, before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from standby.core.change import PREVIOUS, Case, Change, say
from standby.core.examined import DOCTOR, examined_in_words, read_examined
from standby.core.model import GONE, Status, Unknown, WorkspaceId, by_whom, legible, to_text
from standby.core.reasons import Reason
from standby.core.row import PAUSE, Kind, Row
from standby.events import NO_NAME, BadEvent, by_hand, flag
from standby.ledger.ledger import is_on, switched
from standby.ledger.sweeps import Sweeps, directory_key
from standby.ledger.table import LedgerUnavailable, Write
from standby.reconcile import Reconciler
from standby.terminations import about, freed, note_call, waiting

MODES = ("accept", "pause", "resume", "keep", "terminate", "doctor", "discard")
_TRIES = 5
# The partition key of the events about messages of the dead-letter queue.
DEAD_LETTERS = "DEAD_LETTERS"

Answer = dict[str, str | None]
Make = Callable[[Case, Row], Change | None]


def is_for_operator(event: object) -> bool:
    """Whether an event is a person's call that asks for something besides standbys."""
    return isinstance(event, Mapping) and event.get("mode") in MODES


@dataclass
class Operator:
    """Carries out operators' calls. With `dry_run`, it answers what would be done and writes nothing."""

    reconciler: Reconciler
    sweeps: Sweeps
    dry_run: bool = False

    def __post_init__(self) -> None:
        self._recorder = self.reconciler.recorder
        self._cause = self._recorder.cause
        self._who = self._cause.principal or NO_NAME
        self._by = f"by {self._who} ({self._cause.id})"

    def obey(self, call: Mapping[str, Any]) -> list[Answer]:
        """Do what a call asks for; returns an answer for each WorkSpace, directory or switch that it names.

        Raises
        ------
        BadEvent
            The call is invalid, or names something that does not exist. Nothing was done.
        LedgerUnavailable
            The ledger could not be read or written. The caller has to call again.
        """
        match call["mode"]:
            case "accept":
                return [self._until_done(lambda: self._accept(call.get("directory_id")))]
            case "pause" | "resume" as mode:
                return [self._until_done(lambda: self._switch(on=mode == "pause"))]
            case "doctor":
                return [self._until_done(lambda: self._examined(call.get("checks")))]
            case "discard":
                return [self._until_done(lambda: self._discarded(call.get("what")))]
            case "keep":
                make = self._not_kept if flag(call, "undo") else self._kept
                return self._amend_each(self._orphans(call), make)
        match call.get("phase"):
            case "before":
                return self._before(call)
            case "after":
                return self._after(call)
        raise BadEvent('"phase" must be "before" or "after"')

    # The pair, and a directory

    def _until_done(self, do: Callable[[], Answer | None]) -> Answer:
        """Repeat an act until it is done: another call may do the same, or the opposite, at the same time."""
        for _ in range(_TRIES):
            if answer := do():
                return answer
            self._recorder.clock.sleep(0.001)  # the time is the key of an event
        raise LedgerUnavailable("another call does the same at the same time; call again")

    def _accept(self, directory: object) -> Answer | None:
        """Accept the existing fleet of a directory that a complete sweep has scanned with its present DR directory."""
        one = next((name for name in self.sweeps.dr_directories if name == directory), None)
        if one is None:
            named = legible(directory, 100)
            raise BadEvent(
                f'"directory_id" is {named}; the mapped directories are {", ".join(sorted(self.sweeps.dr_directories))}'
            )
        row, dr_directory = self.sweeps.baseline(one), self.sweeps.dr_directories[one]
        if row.get("dr_directory_id") != dr_directory:
            raise BadEvent(
                f"no complete sweep has scanned {one} with its DR directory {dr_directory} yet; wait for the next sweep"
            )
        is_new = row.get("accepted") is not True
        given = self._signed("accepted") if is_new else row
        detail = f"Directory {one} was accepted{by_whom(given, 'accepted')}."
        beside = self.sweeps.accepted(one, **given) if is_new else None
        return self._write_event(Reason.FLEET_ACCEPTED, directory_key(one), detail, beside, directory=one)

    def _switch(self, *, on: bool) -> Answer | None:
        """Turn the pause switch on or off. Of two calls at once, one does it, and the other's answer names who did."""
        reason, done, status = Reason.PAUSE_OFF, "resumed", Status.WAITING
        if on:
            reason, done, status = Reason.PAUSE_ON, "paused", Status.HELD
        row = self._recorder.gates.switch()
        is_new = is_on(row) is not on
        given = self._signed(done) if is_new else row or {}
        said = by_whom(given, done)
        detail = f"It was turned {'on' if on else 'off'}{said}." if said else ""
        beside = switched(on=on, **given) if is_new else None
        return self._write_event(reason, PAUSE, detail, beside, status=status)

    def _examined(self, checks: object) -> Answer | None:
        """Save the result of doctor for reports; None if another call did so at the same millisecond."""
        try:
            found = read_examined(checks)
        except ValueError as wrong:
            raise BadEvent(f'"checks" is not a result of doctor: {wrong}') from None
        return self._note(Reason.DOCTOR_KEPT, DOCTOR, examined_in_words(found), checks=found)

    def _discarded(self, what: object) -> Answer | None:
        """Record that a person is about to delete a dead letter that protect cannot process, and what it was."""
        if not isinstance(what, str) or not what.strip():
            raise BadEvent('"what" must describe the message')
        return self._note(Reason.LETTER_DELETED, DEAD_LETTERS, f"The message: {legible(what, 500)}.")

    def _note(self, reason: Reason, pk: str, detail: str, **more: Any) -> Answer | None:
        """Write an event that changes no row and sends no notice; None if there is one of the same millisecond."""
        status, message = Status.REPORTED, say(reason, detail)
        signed = {"principal": self._cause.principal} if self._cause.principal else {}
        once = to_text(self._recorder.clock.now())
        given: dict[str, Any] = {"pk": pk, "once": once, "status": status, "notice": False, **signed, **more}
        if not self.dry_run and not self._recorder.ledger.write_event(reason, self._cause, message, **given):
            return None
        return Change(WorkspaceId(pk), None, None, reason, message).answer() | {"action": "RECORD", "status": status}

    def _signed(self, done: str) -> dict[str, str]:
        """Who did something, when and why, as attributes of the row that it changes."""
        by = {f"{done}_by": self._cause.principal} if self._cause.principal else {}
        return {f"{done}_at": to_text(self._recorder.clock.now()), **by, "because": self._cause.id}

    def _write_event(
        self, reason: Reason, pk: str, detail: str, beside: Write | None, status: Status = Status.HELD, **more: Any
    ) -> Answer | None:
        """Write an event and its change (`beside`), if there is a change; None if another call was faster."""
        message = say(reason, detail)
        if beside is not None and not self.dry_run:
            more |= {"principal": self._cause.principal} if self._cause.principal else {}
            more |= {"pk": pk, "once": to_text(self._recorder.clock.now()), "status": status, "beside": beside}
            if not self._recorder.ledger.write_event(
                reason, self._cause, message, notice=reason.meaning.notify, **more
            ):
                return None
        answer = Change(WorkspaceId(pk), None, None, reason, message).answer()
        return answer | {"action": "RECORD" if beside else "NONE", "status": status}

    # Orphans

    def _orphans(self, call: Mapping[str, Any], *, may_be_gone: bool = False) -> dict[WorkspaceId, Row]:
        """The rows of the orphans that a call names, by their primaries' ids or their standbys'."""
        hint, ledger = by_hand(call), self._recorder.ledger
        of = ledger.primaries_of(hint.ids)
        loaded = ledger.load(dict.fromkeys(of.get(one, one) for one in hint.ids))
        found, problems = dict[WorkspaceId, Row](), [f"{one} is not a WorkSpace id" for one in hint.bad_ids]
        for one in hint.ids:
            row = loaded.get(of.get(one, one))
            if not isinstance(row, Row) or one not in (row.primary_id, row.standby_id):
                problems.append(f"{one} is not a primary or standby that the ledger knows")
            elif row.is_orphan or (may_be_gone and _has_gone(row)):
                found[row.primary_id] = row
            else:
                problems.append(f"{one} is not an orphan: {row.primary_id} is {row.status} ({row.reason})")
        if problems:
            raise BadEvent(f"nothing was done: {'; '.join(problems)}")
        return found

    def _amend_each(self, rows: Mapping[WorkspaceId, Row], make: Make) -> list[Answer]:
        """Write a change of each row, made from the row as it is at that time."""
        return [_answer(self._made(row, make)) for row in rows.values()]

    def _made(self, row: Row, make: Make) -> Change:
        one = row.primary_id
        change = make(self._recorder.case(one, row), row) if self.dry_run else self._recorder.amend(one, make)
        return change or Change(one, row, row, row.reason, row.message)

    def _kept(self, case: Case, row: Row) -> Change | None:
        if not row.is_orphan:
            return None
        message = say(Reason.ORPHAN_KEPT, f"It is kept {self._by}. {PREVIOUS}{_plain(row)}")
        return case.noting(Reason.ORPHAN_KEPT, message, Kind.KEPT, note=f"{self._who}: {self._cause.id}")

    def _not_kept(self, case: Case, row: Row) -> Change | None:
        if not row.has(Kind.KEPT):
            return None
        message = f"The orphan is no longer kept, {self._by}. {PREVIOUS}{_plain(row)}"
        return case.noting(Reason.ORPHANED, message, Kind.KEPT, lasts=False)

    def _before(self, call: Mapping[str, Any]) -> list[Answer]:
        """Record that TerminateWorkspaces is about to be called for the standbys of orphans that are not kept."""
        rows = self._orphans(call)
        problems = [f"{one} is kept by {row.note(Kind.KEPT)}" for one, row in rows.items() if row.has(Kind.KEPT)]
        here = self._recorder.settings.dr_region
        away = {one: row.dr_region for one, row in rows.items() if row.dr_region != here}
        problems += [f"the standby of {one} is in {region}, not in {here}" for one, region in away.items()]
        if problems:
            raise BadEvent(f"nothing was done: {'; '.join(problems)}")
        return self._amend_each(rows, self._announced)

    def _announced(self, case: Case, row: Row) -> Change | None:
        if not row.is_orphan or row.has(Kind.KEPT) or row.standby_id is None:
            return None
        message = f"TerminateWorkspaces is about to be called for the standby {row.standby_id}, {self._by}."
        message = f"{message} {PREVIOUS}{_plain(row)}"
        return note_call(case, row, row.standby_id, self._who, message)

    def _after(self, call: Mapping[str, Any]) -> list[Answer]:
        """Record which standbys are being or were terminated, and reconcile the desktops that wait for their places."""
        rows = self._orphans(call, may_be_gone=True)
        seen = self.reconciler.standbys.describe([one for row in rows.values() if (one := row.standby_id)])

        def make(case: Case, row: Row) -> Change | None:
            if not row.is_orphan or row.standby_id is None:
                return None
            standby = seen.get(row.standby_id)
            if isinstance(standby, Unknown):
                detail = f"It is not known whether the standby is being terminated: {standby.code}: {standby.message}"
            elif standby is not None and standby.state not in GONE:
                detail = f"The standby {standby.id} was not terminated: it is {standby.state}."
            elif standby is None and not about(row, row.standby_id):
                detail = "DescribeWorkspaces does not return the standby, and its termination was not announced."
            else:
                return freed(case, standby)
            return Change(case.id, row, row, row.reason, detail)

        changes = [self._made(row, make) for row in rows.values()]
        answers = [_answer(one) for one in changes]
        if not self.dry_run and (others := waiting(self._recorder.ledger, changes)):
            answers += [one.answer() for one in self.reconciler.reconcile(others)]
        return answers


def _has_gone(row: Row) -> bool:
    """Whether the row was an orphan whose standby was terminated by a call that is noted."""
    return row.reason is Reason.PRIMARY_TERMINATED and about(row, row.standby_id) is not None


def _plain(row: Row) -> str:
    """The row's message without the notes before it."""
    return row.message.rpartition(PREVIOUS)[2]


def _answer(change: Change) -> Answer:
    """A change's answer. A change of only a condition counts as recorded too."""
    is_written = change.new is not None and change.new.differs_from(change.old)
    return change.answer() | {"action": "RECORD" if is_written else "NONE"}
