"""The ledger of primaries: read rows, and write each change with its event in one transaction."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from standby.clock import Clock
from standby.decisions.decision import Decision
from standby.ledger.table import ConditionFailed, Table, Write
from standby.model import GONE, NO_REPLICATION, Cause, Region, StandbyMarks, Status, Workspace, WorkspaceId
from standby.reasons import MEANING, Reason
from standby.rows import SHARDS, STATE, Row, status_partition
from standby.settings import Settings

STANDBY = "STANDBY"


class LostRace(Exception):
    """Somebody else changed the row meanwhile; nothing was written. The next look decides afresh."""


@dataclass(frozen=True)
class Context:
    """What every change of one invocation has in common."""

    cause: Cause
    owner: str  # of the claims it takes: the invocation's id
    execution_arn: str | None = None


@dataclass(frozen=True)
class Unreadable:
    """A STATE row that this version cannot read: written by a later one, or by hand."""

    primary_id: WorkspaceId
    problem: str


class Ledger:
    """The one writer of STATE and EVENT rows."""

    def __init__(self, table: Table, settings: Settings, clock: Clock, new_id: Callable[[], str]) -> None:
        self.table = table
        self._settings = settings
        self._clock = clock
        self._new_id = new_id
        self.unreadable: dict[WorkspaceId, str] = {}

    def load(self, ids: Iterable[WorkspaceId]) -> dict[WorkspaceId, Row | Unreadable]:
        """The rows of those of the primaries that have one."""
        items = self.table.get_many([(one, STATE) for one in ids])
        return {WorkspaceId(item["pk"]): read_row(item) for item in items}

    def primaries_of(self, standby_ids: Iterable[WorkspaceId]) -> dict[WorkspaceId, WorkspaceId]:
        """The primaries of those that are, or were, standbys that the ledger knows."""
        items = self.table.get_many([(f"{STANDBY}#{one}", STANDBY) for one in standby_ids])
        return {WorkspaceId(item["pk"].partition("#")[2]): WorkspaceId(item["primary_id"]) for item in items}

    def history(self, primary_id: WorkspaceId) -> list[dict[str, Any]]:
        """The EVENT rows of a primary, oldest first."""
        values = {":pk": primary_id, ":prefix": "EVENT#"}
        pages = self.table.query(None, "pk = :pk AND begins_with(sk, :prefix)", values)
        return [item for page, _ in pages for item in page]

    def next_row(self, row: Row | None, decision: Decision, seen: Workspace | None, context: Context) -> Row:
        """The row as it is to be after `decision`; not written."""
        now = self._clock.now()
        if decision.status is None:
            raise ValueError(f"a decision without a status has no row: {decision}")
        base = row or Row(
            primary_id=decision.primary_id,
            primary_region=self._settings.primary_region,
            dr_region=self._settings.dr_region,
            status=decision.status,
            reason=decision.reason,
            message=decision.message,
            version=0,
            first_seen_at=now,
            changed_at=now,
            cause_type=context.cause.type,
            cause_id=context.cause.id,
        )
        changes: dict[str, Any] = {
            "status": decision.status,
            "reason": decision.reason,
            "message": decision.message,
            "error_code": decision.error_code,
            "error_message": decision.error_message,
            "version": base.version + 1,
            "changed_at": now,
            "change_id": self._new_id(),
            "cause_type": context.cause.type,
            "cause_id": context.cause.id,
            "execution_arn": context.execution_arn,
            # Who caused the charge stays known, whoever looks at the row later.
            "principal": context.cause.principal or base.principal,
            # What came of a claim that is given up unseen may show later.
            "look_first": base.look_first
            or context.cause.looks_first
            or (base.status is Status.CLAIMED and decision.status is Status.TIMED_OUT),
            "existing": base.existing
            or decision.existing
            or decision.reason in (Reason.EXISTING_FLEET, Reason.BACKFILL),
            "migrated_from": base.migrated_from or context.cause.migrated_from,
            "notice_code": None,
            **self._facts(base, seen),
            **_times(base, decision, now),
            "told": _told(base, decision),
            "rule": decision.rule,
        }
        changes |= _since(base, decision, seen, now, context.cause) | _sighting(base, decision, now)
        changes |= _before(base, decision)
        marks = decision.marks
        if decision.standby is not None:
            if decision.standby.id != base.standby_id and marks is None:
                marks = StandbyMarks()
            changes |= {
                "standby_id": decision.standby.id,
                "standby_state": decision.standby.state,
                "dr_region": Region(decision.standby.region or base.dr_region),
            }
            if seen is not None:
                changes["replication"] = _replication(base, decision.standby.id, decision, seen)
        return dataclasses.replace(base, **changes, **(dataclasses.asdict(marks) if marks else {}))

    def next_of(self, row: Row, context: Context) -> Row:
        """The row's next version, standing as it does; not written."""
        return dataclasses.replace(
            row,
            version=row.version + 1,
            changed_at=self._clock.now(),
            change_id=self._new_id(),
            cause_type=context.cause.type,
            cause_id=context.cause.id,
            execution_arn=context.execution_arn,
            principal=context.cause.principal or row.principal,
        )

    def _facts(self, base: Row, seen: Workspace | None) -> dict[str, Any]:
        """What the WorkSpace itself told; a fact once known is not forgotten because an answer was partial."""
        if seen is None:
            return {}
        directory_id = seen.directory_id or base.primary_directory_id
        mapped = self._settings.directories.get(directory_id) if directory_id else None
        # A standby, and a claim, stay where they are, whatever the directory's partner is by now.
        stays = base.dr_directory_id is not None and (base.was_requested or base.claim_key is not None)
        return {
            "primary_state": seen.state or base.primary_state,
            "primary_directory_id": directory_id,
            "dr_directory_id": mapped.dr_directory if mapped and not stays else base.dr_directory_id,
            "user_name": seen.user_name or base.user_name,
            "compute_type": seen.compute_type or base.compute_type,
        }

    def write(self, new: Row, old: Row | None, *, beside: Sequence[Write] = ()) -> None:
        """Write the row over the version it was made from, with its event and what belongs to it, or nothing at all.

        Raises
        ------
        LostRace
            The row is not the one it was made from.
        ConditionFailed
            A condition of `beside` did not hold; `failed` counts from 0 in `beside`.
        LedgerUnavailable
            DynamoDB gave no answer.
        """
        condition, values = ("version = :old", {":old": old.version}) if old else ("attribute_not_exists(pk)", None)
        writes = [
            Write(item=new.to_state_item(), condition=condition, values=values),
            Write(item=new.to_event_item(old), condition="attribute_not_exists(pk)"),
            *beside,
        ]
        if new.standby_id is not None and (old is None or old.standby_id != new.standby_id):
            writes.append(Write(item=pointer(new.standby_id, new.primary_id)))
        try:
            self.table.transact(writes)
        except ConditionFailed as refused:
            # Our own first try may have been written and its answer lost, whatever became of its token.
            present = self.table.get(new.primary_id, STATE)
            if present is not None and present.get("change_id") == new.change_id:
                return
            if refused.failed & {0, 1}:
                raise LostRace(f"the row of {new.primary_id} was changed by somebody else") from None
            raise ConditionFailed(
                frozenset(at - 2 for at in refused.failed), {at - 2: item for at, item in refused.found.items()}
            ) from None

    def record(self, decision: Decision, row: Row | None, seen: Workspace | None, context: Context) -> Row | None:
        """Write what was decided, if it tells anything new, and return the row as it then is.

        Raises
        ------
        LostRace, LedgerUnavailable
            As `write`.
        """
        new = self.next_row(row, decision, seen, context)
        if not new.differs_from(row):
            return row
        self.write(new, row)
        return new

    def rows_by_status(
        self, status: Status, shard: int, start: dict[str, Any] | None = None
    ) -> Iterator[tuple[list[Row], dict[str, Any] | None]]:
        """The pages of a shard of a status, the first due first, each with the key to go on from.

        Rows that this version cannot read are left out, and noted in `unreadable`.
        """
        values = {":partition": status_partition(status, shard)}
        for items, following in self.table.query("by_status", "ix_status = :partition", values, start):
            rows = [read_row(item) for item in items]
            self.unreadable |= {row.primary_id: row.problem for row in rows if isinstance(row, Unreadable)}
            yield [row for row in rows if isinstance(row, Row)], following


def pointer(standby_id: WorkspaceId, primary_id: WorkspaceId) -> dict[str, Any]:
    """The row by which a standby's primary is found: no index has standbys for its key."""
    return {"pk": f"{STANDBY}#{standby_id}", "sk": STANDBY, "primary_id": primary_id}


def read_row(item: Mapping[str, Any]) -> Row | Unreadable:
    """The row in a STATE item; one that this version cannot read stands in nobody's way but its own."""
    try:
        return Row.from_item(item)
    except (KeyError, TypeError, ValueError) as problem:
        return Unreadable(WorkspaceId(str(item.get("pk"))), f"{type(problem).__name__}: {problem}")


def key_of(row: Row) -> dict[str, Any]:
    """The key from which a query of by_status goes on after this row."""
    item = row.to_state_item()
    return {name: item[name] for name in ("pk", "sk", "ix_status", "ix_status_at")}


ALL_SHARDS = range(SHARDS)
SIGHTING_COUNTS_ANEW = timedelta(minutes=30)


def _times(base: Row, decision: Decision, now: datetime) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if not decision.status or not decision.status.is_open:
        return {
            "due_at": None,
            "deadline_at": None,
            "protected_at": base.protected_at or (now if decision.status is Status.PROTECTED else None),
        }
    if decision.due_in is not None:
        changes["due_at"] = now + decision.due_in
    if decision.deadline_in is not None:
        changes["deadline_at"] = now + decision.deadline_in
    return changes


def _replication(base: Row, standby_id: WorkspaceId, decision: Decision, seen: Workspace) -> str | None:
    """How a standby's data is replicated; one whose primary goes has lost its source, and not the data."""
    is_going = decision.status is Status.PRIMARY_GONE or seen.state in GONE
    if is_going and base.replication not in (None, NO_REPLICATION):
        return base.replication
    return seen.replication_of(standby_id) or base.replication


def _since(base: Row, decision: Decision, seen: Workspace | None, now: datetime, cause: Cause) -> dict[str, Any]:
    """Since when the row is in one of the plights that last."""
    changes: dict[str, Any] = {}
    if decision.standby is not None or (cause.reopens and base.status is Status.REJECTED):
        # The user was known by then, or a person asks again: the next time has a day of its own.
        changes["user_missing_since"] = None
    match decision.reason:
        case Reason.USER_NOT_IN_DR_DIRECTORY:
            changes["user_missing_since"] = base.user_missing_since or now
        case Reason.REQUEST_UNCERTAIN:
            changes["unclear_since"] = base.unclear_since or now
        case Reason.NOTHING_SEEN_ONCE:
            # After a crash nobody has noted that it is unclear: it is since the claim was taken. One that a person asks
            # for again is from now on.
            since = base.changed_at if base.status is Status.CLAIMED else now
            changes |= {"unclear_since": base.unclear_since or since, "looked_at": now}
        case Reason.DR_DESKTOP_UNCLEAR:
            # A desktop that shows between two looks undoes the first: it may be the standby.
            changes["looked_at"] = None
            if decision.status is Status.CLAIMED:
                changes["unclear_since"] = base.unclear_since or base.changed_at
    if seen is not None:
        changes["absent_since"] = None
    elif decision.reason is Reason.NOT_VISIBLE_YET:
        changes["absent_since"] = base.absent_since or now
    return changes


def _sighting(base: Row, decision: Decision, now: datetime) -> dict[str, Any]:
    """When a desktop was last seen that may be a standby; one that was seen going is not missed afterwards."""
    if decision.reason is Reason.STANDBY_TERMINATING:
        return {"desktop_seen_at": None}
    if decision.reason is not Reason.DR_DESKTOP_UNCLEAR or not (decision.status is Status.CLAIMED or decision.sighted):
        return {}
    # Noted again only now and then, so that a long wait is not a long history.
    noted = base.desktop_seen_at
    return {"desktop_seen_at": noted if noted and now - noted < SIGHTING_COUNTS_ANEW else now}


def _before(base: Row, decision: Decision) -> dict[str, Any]:
    """What a primary was that is gone, or whose directory is not mapped any more, for when it is there again."""
    if decision.reason is Reason.MAPPING_REMOVED:
        return {} if base.reason is Reason.MAPPING_REMOVED else {"status_before": None, "reason_before": base.reason}
    if decision.status is not Status.PRIMARY_GONE:
        return {"status_before": None, "reason_before": None}
    if base.status is Status.PRIMARY_GONE:
        return {}
    return {"status_before": base.status, "reason_before": base.reason}


def _told(base: Row, decision: Decision) -> Reason | None:
    """The reason of the last notice: a protected primary's next trouble is news; a held one's is told for its pair."""
    if decision.status is Status.PROTECTED:
        return None
    tells = MEANING[decision.reason].notify and decision.status is not Status.HELD and not decision.quiet
    return decision.reason if tells else base.told
