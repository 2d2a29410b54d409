"""The ledger of primaries: reads rows, and writes each change with its event, claims and counters in one transaction.

The writes of rule 1 follow from the difference of two rows: a claim or place that the old row did not hold is taken,
one that the new row no longer holds is released. A claim names the primary that holds a user's place in a DR directory.
Counters count today's new standbys, all standbys, and those of existing fleets in progress. Nothing is ever deleted: a
released claim has no holder (`NO_HOLDER`).

A place below the ceiling is free again when the standby is gone. A place of the day is released only if nothing was
created: a standby that is created, terminated and created again on one day counts as two new ones, and each is billed.

`Gates` has what can hold the whole pair: mode, pause, quota, room.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from standby.clock import Clock
from standby.core.model import Cause, DirectoryId, Override, Status, WorkspaceId, by_whom, day_of, to_text, user_key
from standby.core.reasons import Reason
from standby.core.row import (
    ALL_SHARDS,
    HELD,
    NEEDS_NO_ROOM,
    PAUSE,
    SCHEMA_VERSION,
    STATE,
    Kind,
    Row,
    Unreadable,
    day_keys,
    due_partition,
    read_row,
    status_partition,
)
from standby.core.settings import Settings
from standby.core.settle import HOLDS
from standby.ledger.table import NO_HOLDER, ConditionFailed, Item, LedgerUnavailable, Table, Write, moment_in

STANDBY = "STANDBY"
CLAIM = "CLAIM"
COUNTER = "COUNTER"
TOTAL = "COUNTER#TOTAL"
UNDER_WAY = "COUNTER#UNDER_WAY"
# No row waits longer: `first_look_minutes` is at most a day, and three times that for an encrypted root volume.
LONGEST_WAIT = timedelta(days=7)
_FIRST = {":first": NEEDS_NO_ROOM}


class LostRace(Exception):
    """Another invocation changed the row meanwhile; nothing was written. The next reconciliation decides again."""


class Taken(Exception):
    """A claim or place that a row needs is not free; nothing was written.

    `reason` names the limit, or says that another primary (`holder`) holds the user's claim. Without a holder, the
    claim was given up and the result of its request is not known: a lookup comes first.
    """

    def __init__(self, reason: Reason, holder: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.holder = holder


@dataclass(frozen=True)
class Due:
    """The ids of due rows, at most as many of each shard as were requested.

    `following`: the keys from which to continue, by shard, if there may be more due rows. `next_at`: when the first of
    the other rows is due.
    """

    ids: list[WorkspaceId]
    following: dict[str, Item]
    next_at: datetime | None


@dataclass
class Ledger:
    """The one writer of STATE and EVENT rows."""

    table: Table
    settings: Settings
    clock: Clock
    new_id: Callable[[], str]

    # Reading

    def load(self, ids: Iterable[WorkspaceId]) -> dict[WorkspaceId, Row | Unreadable]:
        """The rows of the primaries that have one."""
        items = self.table.get_many([(one, STATE) for one in ids])
        return {WorkspaceId(item["pk"]): read_row(item) for item in items}

    def primaries_of(self, standby_ids: Iterable[WorkspaceId]) -> dict[WorkspaceId, WorkspaceId]:
        """The primaries of the ids that are, or were, standbys in the ledger."""
        items = self.table.get_many([(f"{STANDBY}#{one}", STANDBY) for one in standby_ids])
        return {WorkspaceId(item["pk"].partition("#")[2]): WorkspaceId(item["primary_id"]) for item in items}

    def holder(self, key: str) -> str | None:
        """The primary that holds a user's claim; None if the claim is free."""
        holder = (self.table.get(key, CLAIM) or {}).get("primary_id", NO_HOLDER)
        return None if holder == NO_HOLDER else str(holder)

    def due(self, now: datetime, cursor: Mapping[str, Item] | None, most: int) -> Due:
        """The open rows that are due, from a cursor on, in the order of their due times; one query for each shard.

        It reads as far ahead as any row waits, because the watcher ends if nothing waits.
        """
        ids: list[WorkspaceId] = []
        following: dict[str, Item] = {}
        later: list[datetime] = []
        for shard, start in (cursor or dict.fromkeys(map(str, ALL_SHARDS))).items():
            values = {":partition": due_partition(int(shard)), ":until": to_text(now + LONGEST_WAIT)}
            condition = "ix_due = :partition AND ix_due_at <= :until"
            items, rest = next(self.table.query("by_due", condition, values, start, most))
            # A time that cannot be read counts as due now: a person may have edited it.
            times = [(WorkspaceId(item["pk"]), moment_in(item, "ix_due_at") or now) for item in items]
            ids += [one for one, at in times if at <= now]
            if rest and all(at <= now for _, at in times):
                following[shard] = rest
            later += [at for _, at in times if at > now]
        return Due(ids, following, min(later, default=None))

    def held(
        self,
        most: int,
        without: Container[object],
        *,
        has_room: bool,
        start: Item | None = None,
        since: datetime | None = None,
    ) -> tuple[list[tuple[WorkspaceId, bool]], Item | None]:
        """Held primaries, new ones first; whether each is of an existing fleet. Not those of directories in `without`.

        Also returns the key from which to continue (`start`), None after the last. Without room, only primaries for
        which a person set a limit aside. With `since`, only existing fleets' primaries that were held since then.
        """
        found: list[tuple[WorkspaceId, bool]] = []
        condition, values = "ix_due = :partition", {":partition": HELD}
        if not has_room:
            # A start key after these rows would be refused.
            condition, values, start = f"{condition} AND begins_with(ix_due_at, :first)", values | _FIRST, None
        elif since is not None and not start:
            condition, values = f"{condition} AND ix_due_at > :since", values | {":since": f"1#{to_text(since)}"}
        while len(found) < most:
            items, start = next(self.table.query("by_due", condition, values, start, most - len(found)))
            parts = [(WorkspaceId(item["pk"]), str(item["ix_due_at"]).split("#")) for item in items]
            found += [(one, existing == "1") for one, (existing, *_, directory) in parts if directory not in without]
            if start is None:
                break
        return found, start

    def rows_by_status(
        self, status: Status, shard: int, start: Item | None = None
    ) -> Iterator[tuple[list[Row | Unreadable], Item | None]]:
        """The pages of a shard of a status, each with the key from which to continue."""
        values = {":partition": status_partition(status, shard)}
        for items, following in self.table.query("by_status", "ix_status = :partition", values, start):
            yield [read_row(item) for item in items], following

    def rows_of_user(self, user_name: str) -> list[Row]:
        """The rows of a user's primaries; the name is not case-sensitive. The index may lag by a moment."""
        pages = self.table.query("by_user", "ix_user = :user", {":user": user_key(user_name)})
        found = [read_row(item) for items, _ in pages for item in items]
        return [row for row in found if isinstance(row, Row)]

    # Writing

    def write(self, new: Row, old: Row | None) -> Row:
        """Write a row as the next version of the row that it was made from, and return it as written.

        Raises
        ------
        LostRace
            The row in the ledger is not the one that this was made from.
        Taken
            A claim or place that the row needs is not free.
        """
        now = self.clock.now()
        new = dataclasses.replace(new, version=old.version + 1 if old else 1, change_id=self.new_id())
        condition, values = ("version = :old", {":old": old.version}) if old else ("attribute_not_exists(pk)", None)
        beside = list(self._beside(new, old, now))
        writes = [
            Write(item=new.to_state_item(), condition=condition, values=values),
            Write(item=new.to_event_item(old, now), condition="attribute_not_exists(pk)"),
            *[write for write, _ in beside],
        ]
        try:
            self.table.transact(writes)
        except ConditionFailed as refused:
            # This invocation's first try may have been written and its answer lost.
            present = self.table.get(new.primary_id, STATE)
            if present is not None and present.get("change_id") == new.change_id:
                return new
            if refused.failed & {0, 1}:
                raise LostRace(f"the row of {new.primary_id} was changed by another invocation") from None
            first = min(refused.failed)
            holder = refused.found.get(first, {}).get("primary_id")
            raise Taken(beside[first - 2][1], None if holder == NO_HOLDER else holder) from None
        return new

    def _beside(self, new: Row, old: Row | None, now: datetime) -> Iterator[tuple[Write, Reason]]:
        """The writes that belong to a row, each with the reason of a refusal if its condition fails."""
        me, limits = new.primary_id, self.settings
        before, after = (old.claim_key if old else None), new.claim_key
        # Adopting an existing standby needs no room.
        asks = new.standby_id is None
        # If the result of a request is not known, the next claim needs a lookup first.
        was_looked_for = not asks or (old is not None and old.has(Kind.GIVEN_UP))
        if after != before:
            if after is not None:
                yield _hold(after, me, now, is_looked_for=was_looked_for), Reason.USER_HAS_STANDBY
            if before is not None:
                yield _release(before, me, now, is_given_up=new.has(Kind.GIVEN_UP)), Reason.USER_HAS_STANDBY
        ceiling = limits.max_standbys if asks and Override.CEILING not in new.overrides else None
        cap = limits.max_new_standbys_per_day if Override.DAILY_CAP not in new.overrides else None
        if (after is None) != (before is None):
            yield _count(TOTAL, 1 if after else -1, ceiling if after else None), Reason.CEILING
        spent, unspent = new.counted_day, old.unspent_day if old else None
        if spent != (old.counted_day if old else None):
            if spent is not None:
                yield _count(day_counter(spent), 1, cap if asks else None), Reason.DAILY_CAP
            if unspent is not None:
                yield _count(day_counter(unspent), -1), Reason.DAILY_CAP
        elif spent is not None and old is not None and old.was_requested and not new.was_requested:
            # The standby of that day is gone; this is another new standby.
            yield _count(day_counter(spent), 1, cap), Reason.DAILY_CAP
        yield from self._uncounted(new, old)

    def _uncounted(self, new: Row, old: Row | None) -> Iterator[tuple[Write, Reason]]:
        """The writes that belong to a row and never refuse it."""
        if (moved := new.is_under_way - (old.is_under_way if old else False)) != 0:
            yield _count(UNDER_WAY, moved), Reason.BACKFILL
        if new.standby_id is not None and (old is None or old.standby_id != new.standby_id):
            pointer = {"pk": f"{STANDBY}#{new.standby_id}", "sk": STANDBY, "primary_id": new.primary_id}
            yield Write(item=pointer), Reason.USER_HAS_STANDBY

    def write_event(
        self,
        reason: Reason,
        cause: Cause,
        message: str,
        *,
        pk: str | None = None,
        once: str | None = None,
        status: Status = Status.HELD,
        directory: DirectoryId | None = None,
        notice: bool = True,
        beside: Write | None = None,
        **more: Any,
    ) -> bool:
        """Write an EVENT row about the whole pair or a directory; by default, it sends a notice.

        There is one event for each reason and UTC day, or one for each value of `once`. `beside` is another write in
        the same transaction. Returns False if nothing was written: the event exists already, or the condition of
        `beside` did not hold.
        """
        at, pk = to_text(self.clock.now()), pk or f"HOLD#{reason}" + (f"#{directory}" if directory else "")
        item = {
            "pk": pk,
            "sk": f"EVENT#{once or at[:10]}",
            "schema_version": SCHEMA_VERSION,
            "version": 1,
            "primary_id": pk,
            "primary_region": self.settings.primary_region,
            "dr_region": self.settings.dr_region,
            "status": status,
            "reason_code": reason,
            "message": message,
            "changed_at": at,
            "cause_type": cause.type,
            "cause_id": cause.id,
            "change_id": self.new_id(),
            **({"notice": True} if notice else {}),
            **({"primary_directory_id": directory} if directory else {}),
            **day_keys(at, pk),
            **more,
        }
        new = "attribute_not_exists(pk)"
        if beside is None:
            return self.table.put(item, condition=new)
        try:
            self.table.transact([Write(item=item, condition=new), beside])
        except ConditionFailed:
            return False
        return True


def day_counter(day: str) -> str:
    """The partition key of the counter of a UTC day's new standbys."""
    return f"COUNTER#DAY#{day}"


def _hold(key: str, primary_id: WorkspaceId, now: datetime, *, is_looked_for: bool) -> Write:
    """Take a user's claim. A claim that was given up can only be taken after a lookup."""
    free = "primary_id = :none" if is_looked_for else "(primary_id = :none AND attribute_not_exists(given_up_at))"
    return Write(
        key={"pk": key, "sk": CLAIM},
        update="SET primary_id = :me, held_at = :now REMOVE given_up_at",
        condition=f"attribute_not_exists(pk) OR {free}",
        values={":me": primary_id, ":none": NO_HOLDER, ":now": to_text(now)},
    )


def _release(key: str, primary_id: WorkspaceId, now: datetime, *, is_given_up: bool) -> Write:
    return Write(
        key={"pk": key, "sk": CLAIM},
        update="SET primary_id = :none, released_at = :now" + (", given_up_at = :now" if is_given_up else ""),
        condition="primary_id = :me",
        values={":me": primary_id, ":none": NO_HOLDER, ":now": to_text(now)},
    )


def _count(key: str, by: int, limit: int | None = None) -> Write:
    """Add to a counter, given by its partition key; with a limit, only while the counter is below it."""
    condition = None if limit is None else "attribute_not_exists(taken) OR taken < :limit"
    values = {":by": by} | ({} if limit is None else {":limit": limit})
    return Write(key={"pk": key, "sk": COUNTER}, update="ADD taken :by", condition=condition, values=values)


QUOTA = "QUOTA"
HOLD_LASTS = timedelta(hours=1)  # after this time the cause may have been corrected
# A quota that was read longer ago does not limit anything here: the service refuses what is above it.
_QUOTA_GOOD_FOR = timedelta(days=1)
# Existing fleets leave one in this many of a day's new standbys to new desktops.
FOR_NEW_ONES = 5


@dataclass(frozen=True)
class Room:
    """How many more standbys there is room for now; only the claim decides exactly.

    `new`: below the daily cap and the ceiling; for new desktops, the service decides about the quota. `backfill`: for
    existing fleets, within their share of the daily cap and below the quota that the sweep last read. `in_flight`: how
    many more of these may be in progress at once. `is_days_part`: the share of the daily cap is what limits `backfill`.
    """

    new: int
    backfill: int
    in_flight: int
    is_days_part: bool


@dataclass
class Gates:
    """What can hold creation for the whole pair: the pause switch, the quota, and the room that is left.

    All reads are consistent reads in the primary Region.

    Every method raises `LedgerUnavailable` if the ledger does not answer: if it is not known that a gate is open, it
    counts as closed.
    """

    table: Table
    settings: Settings
    clock: Clock

    def closed(self, directories: Collection[DirectoryId] = ()) -> dict[DirectoryId | None, Reason]:
        """Why nothing may be created now, by directory; the key None stands for the whole pair."""
        if self.settings.mode != "protect":
            return {None: Reason.OBSERVE_MODE}
        holds = {hold_key(one): one for one in (None, *directories)}
        found = self._read((PAUSE, PAUSE), *[(key, PAUSE) for key in holds])
        if is_on(found.pop(PAUSE, None)):
            return {None: Reason.PAUSED}
        closed: dict[DirectoryId | None, Reason] = {}
        for key, hold in found.items():
            # A row that cannot be read holds nothing: the next refused request writes it again.
            until, reason = moment_in(hold, "until"), str(hold.get("reason"))
            if until and self.clock.now() < until and reason in HOLDS.values():
                closed[holds[key]] = Reason(reason)
        return closed

    def room(self) -> Room:
        """How many more standbys there is room for."""
        now, cap = self.clock.now(), self.settings.max_new_standbys_per_day
        today = day_counter(day_of(now))
        found = self._read((TOTAL, COUNTER), (QUOTA, QUOTA), (today, COUNTER), (UNDER_WAY, COUNTER))
        taken, total = _taken(found, today), _taken(found, TOTAL)
        quota = known_quota(found.get(QUOTA), now)
        part = max(cap - cap // FOR_NEW_ONES - taken, 0)
        backfill = part if quota is None else min(part, max(quota - total, 0))
        return Room(
            new=max(min(cap - taken, self.settings.max_standbys - total), 0),
            backfill=backfill,
            in_flight=max(self.settings.backfill_in_flight - _taken(found, UNDER_WAY), 0),
            is_days_part=backfill == part,
        )

    def full(self) -> list[Reason]:
        """The limits on new standbys that are reached; only the claim decides exactly."""
        today = day_counter(day_of(self.clock.now()))
        found, limits = self._read((TOTAL, COUNTER), (today, COUNTER)), self.settings
        taken = {Reason.DAILY_CAP: _taken(found, today), Reason.CEILING: _taken(found, TOTAL)}
        most = {Reason.DAILY_CAP: limits.max_new_standbys_per_day, Reason.CEILING: limits.max_standbys}
        return [reason for reason, count in taken.items() if count >= most[reason]]

    def switch(self) -> Item | None:
        """The row of the pause switch; None if it was never used."""
        return self._read((PAUSE, PAUSE)).get(PAUSE)

    def why_paused(self) -> str:
        """Who turned the pause switch on, when and why, in a sentence; empty if the row does not say it."""
        said = by_whom(self.switch() or {}, "paused")
        return f"It was turned on{said}." if said else ""

    def hold(self, reason: Reason, directory: DirectoryId | None) -> None:
        """Hold a directory, or the whole pair, that the service refuses. The next try is after `HOLD_LASTS`."""
        until = to_text(self.clock.now() + HOLD_LASTS)
        self.table.put({"pk": hold_key(directory), "sk": PAUSE, "until": until, "reason": reason})

    def keep_quota(self, value: int) -> None:
        """Keep the quota that was read, and when."""
        self.table.put({"pk": QUOTA, "sk": QUOTA, "value": value, "measured_at": to_text(self.clock.now())})

    def standbys(self) -> int:
        """How many standbys count towards the ceiling and the quota."""
        return _taken(self._read((TOTAL, COUNTER)), TOTAL)

    def quota(self) -> int | None:
        """The quota as it was last read; None if that is unknown, or too long ago."""
        return known_quota(self._read((QUOTA, QUOTA)).get(QUOTA), self.clock.now())

    def _read(self, *keys: tuple[str, str]) -> dict[str, Item]:
        return {item["pk"]: item for item in self.table.get_many(keys)}


def is_on(switch: Item | None) -> bool:
    """Whether the pause switch is on, by its row.

    A person who puts the row manually may forget the attribute `paused`: the row alone means that the switch is on.
    """
    return switch is not None and switch.get("paused", True) is not False


def switched(*, on: bool, **attributes: Any) -> Write:
    """The write that turns the pause switch on or off, unless it is so already."""
    before = "attribute_not_exists(pk) OR paused = :no"
    if not on:
        before = "attribute_exists(pk) AND (attribute_not_exists(paused) OR paused <> :no)"
    item = {"pk": PAUSE, "sk": PAUSE, "paused": on, **attributes}
    return Write(item=item, condition=before, values={":no": False})


def hold_key(directory: DirectoryId | None) -> str:
    """The partition key of the row that holds a directory, or the whole pair."""
    return f"HOLD#{directory or Reason.QUOTA_REACHED}"


def _taken(found: Mapping[str, Item], counter: str) -> int:
    taken = found[counter].get("taken") if counter in found else 0
    if type(taken) is not int:
        raise LedgerUnavailable(f"the attribute taken of the row {counter} is not a whole number; correct it")
    return taken


def known_quota(item: Mapping[str, Any] | None, now: datetime) -> int | None:
    """The quota in its ledger row; None if it is missing, too old, or not valid."""
    measured_at, value = moment_in(item or {}, "measured_at"), (item or {}).get("value")
    is_good = measured_at is not None and now - measured_at < _QUOTA_GOOD_FOR
    return value if is_good and type(value) is int and value >= 0 else None
