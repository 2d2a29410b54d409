"""The ledger of primaries: read rows, and write each change with its event and what belongs to it, or nothing at all.

Rule 1's lock is made here from the difference of two rows: what a row holds that the old one did not is taken, what it
holds no longer is given back. A claim names the primary that holds a user's place in a DR directory; counters count
today's new standbys, all standbys, and those of existing fleets that are under way. Nothing is ever deleted: a claim
that is given back names nobody.

The place below the ceiling is free when the standby is gone. That of the day is given back only if nothing was created:
a standby that is made, terminated and made again on one day is two new ones, and each costs money.

`Gates` has what holds the whole pair back: mode, pause, quota, room.
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
from standby.ledger.table import ConditionFailed, Item, LedgerUnavailable, Table, Write, moment_in

STANDBY = "STANDBY"
CLAIM = "CLAIM"
COUNTER = "COUNTER"
TOTAL = "COUNTER#TOTAL"
UNDER_WAY = "COUNTER#UNDER_WAY"
NOBODY = "-"
# No row waits longer: `first_look_minutes` is a day at most, and three times that for an encrypted root volume.
LONGEST_WAIT = timedelta(days=7)
_FIRST = {":first": NEEDS_NO_ROOM}


class LostRace(Exception):
    """Somebody else changed the row meanwhile; nothing was written. Whoever reconciles it next decides afresh."""


class Taken(Exception):
    """What a row was to hold is not to be had; nothing was written.

    `reason` says which limit, or that the user's claim is another primary's (`holder`). Without a holder, somebody gave
    that claim up, and it is not known what became of the request: look first.
    """

    def __init__(self, reason: Reason, holder: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.holder = holder


@dataclass(frozen=True)
class Due:
    """What is due: at most as many ids of a shard as were asked for.

    `following` are the keys from which to go on, by shard, if there may be more that is due; `next_at` is when the
    first of the others is due.
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
        """The rows of those of the primaries that have one."""
        items = self.table.get_many([(one, STATE) for one in ids])
        return {WorkspaceId(item["pk"]): read_row(item) for item in items}

    def primaries_of(self, standby_ids: Iterable[WorkspaceId]) -> dict[WorkspaceId, WorkspaceId]:
        """The primaries of those that are, or were, standbys that the ledger knows."""
        items = self.table.get_many([(f"{STANDBY}#{one}", STANDBY) for one in standby_ids])
        return {WorkspaceId(item["pk"].partition("#")[2]): WorkspaceId(item["primary_id"]) for item in items}

    def holder(self, key: str) -> str | None:
        """The primary that holds a user's claim; None if nobody does."""
        holder = (self.table.get(key, CLAIM) or {}).get("primary_id", NOBODY)
        return None if holder == NOBODY else str(holder)

    def due(self, now: datetime, cursor: Mapping[str, Item] | None, most: int) -> Due:
        """What of the open rows is due, of each shard the first due first, from a cursor on; one query a shard.

        It reads as far ahead as any row waits, for the watcher ends where nothing waits.
        """
        ids: list[WorkspaceId] = []
        following: dict[str, Item] = {}
        later: list[datetime] = []
        for shard, start in (cursor or dict.fromkeys(map(str, ALL_SHARDS))).items():
            values = {":partition": due_partition(int(shard)), ":until": to_text(now + LONGEST_WAIT)}
            condition = "ix_due = :partition AND ix_due_at <= :until"
            items, rest = next(self.table.query("by_due", condition, values, start, most))
            # At once where it cannot be read, for somebody may have written it by hand.
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
        """Held primaries of other directories, the new ones first, and whether each is one of an existing fleet.

        Beside them the key from which to continue (`start`), None after the last. Where there is no room, those for
        whom a person has set a limit aside; with `since`, of existing fleets those that were held since then.
        """
        found: list[tuple[WorkspaceId, bool]] = []
        condition, values = "ix_due = :partition", {":partition": HELD}
        if not has_room:
            # A key behind these would be refused.
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
        """The pages of a shard of a status, each with the key to go on from."""
        values = {":partition": status_partition(status, shard)}
        for items, following in self.table.query("by_status", "ix_status = :partition", values, start):
            yield [read_row(item) for item in items], following

    def rows_of_user(self, user_name: str) -> list[Row]:
        """The rows of a user's primaries, whatever the case of the name; the index may be behind by a moment."""
        pages = self.table.query("by_user", "ix_user = :user", {":user": user_key(user_name)})
        found = [read_row(item) for items, _ in pages for item in items]
        return [row for row in found if isinstance(row, Row)]

    # Writing

    def write(self, new: Row, old: Row | None) -> Row:
        """Write a row over the one it was made from, as its next version, and return it as it stands.

        Raises
        ------
        LostRace
            The row is not the one it was made from.
        Taken
            What it was to hold is not to be had.
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
            # Our own first try may have been written and its answer lost, whatever became of its token.
            present = self.table.get(new.primary_id, STATE)
            if present is not None and present.get("change_id") == new.change_id:
                return new
            if refused.failed & {0, 1}:
                raise LostRace(f"the row of {new.primary_id} was changed by somebody else") from None
            first = min(refused.failed)
            holder = refused.found.get(first, {}).get("primary_id")
            raise Taken(beside[first - 2][1], None if holder == NOBODY else holder) from None
        return new

    def _beside(self, new: Row, old: Row | None, now: datetime) -> Iterator[tuple[Write, Reason]]:
        """What changes with a row, each with the reason for which the change is refused if its condition fails."""
        me, limits = new.primary_id, self.settings
        before, after = (old.claim_key if old else None), new.claim_key
        # Who adopts a standby that exists asks for no room: it is there.
        asks = new.standby_id is None
        # What may have come of a request that nobody has seen the end of is looked for by whoever claims next.
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
            # The standby of that day is gone; this is another new one.
            yield _count(day_counter(spent), 1, cap), Reason.DAILY_CAP
        yield from self._uncounted(new, old)

    def _uncounted(self, new: Row, old: Row | None) -> Iterator[tuple[Write, Reason]]:
        """What moves with a row and never refuses it."""
        if (moved := new.is_under_way - (old.is_under_way if old else False)) != 0:
            yield _count(UNDER_WAY, moved), Reason.BACKFILL
        if new.standby_id is not None and (old is None or old.standby_id != new.standby_id):
            pointer = {"pk": f"{STANDBY}#{new.standby_id}", "sk": STANDBY, "primary_id": new.primary_id}
            yield Write(item=pointer), Reason.USER_HAS_STANDBY

    def tell(
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
        """Write an EVENT row of the whole pair, or of a directory; by default it makes a notice.

        One a UTC day for a reason that many rows have, or one for each `once`. `beside` is what it is about, in the
        same transaction. False if nothing was written: it was there already, or that is not as `beside` expects it.
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
    """The partition key of a UTC day's counter of new standbys."""
    return f"COUNTER#DAY#{day}"


def _hold(key: str, primary_id: WorkspaceId, now: datetime, *, is_looked_for: bool) -> Write:
    """Take a user's claim. One that was given up unseen is only for who has looked for what came of it."""
    free = "primary_id = :nobody" if is_looked_for else "(primary_id = :nobody AND attribute_not_exists(given_up_at))"
    return Write(
        key={"pk": key, "sk": CLAIM},
        update="SET primary_id = :me, held_at = :now REMOVE given_up_at",
        condition=f"attribute_not_exists(pk) OR {free}",
        values={":me": primary_id, ":nobody": NOBODY, ":now": to_text(now)},
    )


def _release(key: str, primary_id: WorkspaceId, now: datetime, *, is_given_up: bool) -> Write:
    return Write(
        key={"pk": key, "sk": CLAIM},
        update="SET primary_id = :nobody, released_at = :now" + (", given_up_at = :now" if is_given_up else ""),
        condition="primary_id = :me",
        values={":me": primary_id, ":nobody": NOBODY, ":now": to_text(now)},
    )


def _count(key: str, by: int, limit: int | None = None) -> Write:
    """What moves a counter, named by its partition key; with a limit, only as long as it is below that."""
    condition = None if limit is None else "attribute_not_exists(taken) OR taken < :limit"
    values = {":by": by} | ({} if limit is None else {":limit": limit})
    return Write(key={"pk": key, "sk": COUNTER}, update="ADD taken :by", condition=condition, values=values)


QUOTA = "QUOTA"
HOLD_LASTS = timedelta(hours=1)  # after this long somebody may have put it right
# A quota that was measured longer ago limits nothing here: the service refuses what is above it.
_QUOTA_GOOD_FOR = timedelta(days=1)
# Of a day's new standbys an existing fleet leaves this part to new desktops: one in five.
FOR_NEW_ONES = 5


@dataclass(frozen=True)
class Room:
    """For how many more standbys there is room now; only the claim is exact.

    `new` below the day's cap and the ceiling: of a new desktop the service decides about the quota. `backfill` for
    existing fleets: in their part of the day's number, and below the quota as the sweep last measured it; `in_flight`
    as many of these as may be under way at once. `is_days_part` if it is the day's part that ends it.
    """

    new: int
    backfill: int
    in_flight: int
    is_days_part: bool


@dataclass
class Gates:
    """What holds creations back for the whole pair: the switch, the quota, and the room that is left.

    All reads are consistent, of the primary Region's replica.

    Every method raises `LedgerUnavailable` when the ledger does not answer: what is not known to be open is closed.
    """

    table: Table
    settings: Settings
    clock: Clock

    def closed(self, directories: Collection[DirectoryId] = ()) -> dict[DirectoryId | None, Reason]:
        """Why nothing may be created now, for the whole pair (None) or for some of the directories."""
        if self.settings.mode != "protect":
            return {None: Reason.OBSERVE_MODE}
        holds = {hold_key(one): one for one in (None, *directories)}
        found = self._read((PAUSE, PAUSE), *[(key, PAUSE) for key in holds])
        if is_on(found.pop(PAUSE, None)):
            return {None: Reason.PAUSED}
        closed: dict[DirectoryId | None, Reason] = {}
        for key, hold in found.items():
            # A row that cannot be read holds nothing: the next request is refused, and writes it anew.
            until, reason = moment_in(hold, "until"), str(hold.get("reason"))
            if until and self.clock.now() < until and reason in HOLDS.values():
                closed[holds[key]] = Reason(reason)
        return closed

    def room(self) -> Room:
        """For how many more standbys there is room."""
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
        """The limits on new standbys that are reached; only the claim is exact."""
        today = day_counter(day_of(self.clock.now()))
        found, limits = self._read((TOTAL, COUNTER), (today, COUNTER)), self.settings
        taken = {Reason.DAILY_CAP: _taken(found, today), Reason.CEILING: _taken(found, TOTAL)}
        most = {Reason.DAILY_CAP: limits.max_new_standbys_per_day, Reason.CEILING: limits.max_standbys}
        return [reason for reason, count in taken.items() if count >= most[reason]]

    def switch(self) -> Item | None:
        """The row of the pause switch; None if nobody has used it yet."""
        return self._read((PAUSE, PAUSE)).get(PAUSE)

    def why_paused(self) -> str:
        """Who switched the pause on, and when and why, in a sentence; empty where the row does not say."""
        said = by_whom(self.switch() or {}, "paused")
        return f"It was switched on{said}." if said else ""

    def hold(self, reason: Reason, directory: DirectoryId | None) -> None:
        """Hold a directory, or the whole pair: the service refuses it. The next try is after `HOLD_LASTS`."""
        until = to_text(self.clock.now() + HOLD_LASTS)
        self.table.put({"pk": hold_key(directory), "sk": PAUSE, "until": until, "reason": reason})

    def keep_quota(self, value: int) -> None:
        """Keep the quota that was measured."""
        self.table.put({"pk": QUOTA, "sk": QUOTA, "value": value, "measured_at": to_text(self.clock.now())})

    def standbys(self) -> int:
        """How many standbys are counted against ceiling and quota."""
        return _taken(self._read((TOTAL, COUNTER)), TOTAL)

    def quota(self) -> int | None:
        """The quota as it was measured last; None if that is not known, or long ago."""
        return known_quota(self._read((QUOTA, QUOTA)).get(QUOTA), self.clock.now())

    def _read(self, *keys: tuple[str, str]) -> dict[str, Item]:
        return {item["pk"]: item for item in self.table.get_many(keys)}


def is_on(switch: Item | None) -> bool:
    """Whether the row of the pause switch says that nothing is to be created.

    Whoever puts the row manually may forget the attribute: the row alone is the wish to pause.
    """
    return switch is not None and switch.get("paused", True) is not False


def switched(*, on: bool, **attributes: Any) -> Write:
    """What switches the pause on, or off, unless it is so already."""
    before = "attribute_not_exists(pk) OR paused = :no"
    if not on:
        before = "attribute_exists(pk) AND (attribute_not_exists(paused) OR paused <> :no)"
    item = {"pk": PAUSE, "sk": PAUSE, "paused": on, **attributes}
    return Write(item=item, condition=before, values={":no": False})


def hold_key(directory: DirectoryId | None) -> str:
    """The partition key of what holds a directory back, or the whole pair."""
    return f"HOLD#{directory or Reason.QUOTA_REACHED}"


def _taken(found: Mapping[str, Item], counter: str) -> int:
    taken = found[counter].get("taken") if counter in found else 0
    if type(taken) is not int:
        raise LedgerUnavailable(f"the row {counter} does not say how many are taken; put its attribute taken right")
    return taken


def known_quota(item: Mapping[str, Any] | None, now: datetime) -> int | None:
    """The quota in the ledger's row of it; None if there is none that is still good, or the row is not one of ours."""
    measured_at, value = moment_in(item or {}, "measured_at"), (item or {}).get("value")
    is_good = measured_at is not None and now - measured_at < _QUOTA_GOOD_FOR
    return value if is_good and type(value) is int and value >= 0 else None
