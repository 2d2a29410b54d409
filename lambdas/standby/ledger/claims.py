"""Rule 1's lock: a primary and its (DR directory, user) are claimed together, counted, and given back.

A claim is one transaction: the row becomes CLAIMED with an owner and a lease, the user's claim row comes to name this
primary, and the two counters (today's new standbys, all standbys) go up while they are below their limits. Nothing is
ever deleted: a claim given back names nobody.

The place below the ceiling is free when the standby is gone. That of the day is given back only if nothing was created:
a standby that is made, terminated and made again on one day is two new ones, and each costs money.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from standby.clock import Clock, to_text
from standby.decisions.decision import Decision
from standby.ledger.ledger import Context, Ledger
from standby.ledger.table import ConditionFailed, Write
from standby.model import DirectoryId, StandbyMarks, Workspace, WorkspaceId, user_key
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Settings

CLAIM = "CLAIM"
COUNTER = "COUNTER"
TOTAL = "COUNTER#TOTAL"
NOBODY = "-"
# Of a row of which it is certain that no standby stands behind it; its history keeps what there was.
_NO_STANDBY: dict[str, Any] = {
    "standby_id": None,
    "standby_state": None,
    "replication": None,
    "requested_at": None,
    "looked_at": None,
    **dataclasses.asdict(StandbyMarks()),
}
# Of a row that is clear again.
_CLEAR: dict[str, Any] = dict.fromkeys(
    ("unclear_since", "desktop_seen_at", "claim_owner", "claim_expires_at", "looked_at")
)
# Longer than the slowest call that may be under way (connect 5 s, answer 30 s), with room for a batch of claims.
LEASE = timedelta(seconds=120)


@dataclass(frozen=True)
class Claimed:
    """The claim is ours until `row.claim_expires_at`."""

    row: Row


@dataclass(frozen=True)
class Refused:
    """No claim; `reason` says which limit, or that the user's standby is another primary's (`holder`)."""

    reason: Reason
    holder: str | None = None


def claim_key(dr_directory: DirectoryId, user_name: str) -> str:
    """The partition key of a user's claim in a DR directory."""
    return f"CLAIM#{dr_directory}#{user_key(user_name)}"


def day_counter(day: str) -> str:
    """The partition key of a UTC day's counter of new standbys."""
    return f"COUNTER#DAY#{day}"


class Claims:
    """Takes and gives back claims."""

    def __init__(self, ledger: Ledger, settings: Settings, clock: Clock) -> None:
        self._ledger = ledger
        self._settings = settings
        self._clock = clock

    def take(self, decision: Decision, row: Row | None, seen: Workspace, context: Context) -> Claimed | Refused:
        """Claim a primary and its user.

        A row that holds a claim keeps its user's claim and its place below the ceiling, and its place of the day as
        long as nothing was created with it and the day is the same.

        Raises
        ------
        LostRace
            The row changed meanwhile: another invocation has it.
        LedgerUnavailable
            Not known whether it was taken; then nothing may be created. The lease, if it was, ends by itself.
        """
        now = self._clock.now()
        claimed = dataclasses.replace(
            self._ledger.next_row(row, decision, seen, context),
            claim_owner=context.owner,
            claim_expires_at=now + LEASE,
            due_at=now + LEASE,
            **_NO_STANDBY,
        )
        mapped = self._settings.directories.get(claimed.primary_directory_id) if claimed.primary_directory_id else None
        if mapped is not None:
            # Where it is going to be, wherever its last standby was.
            claimed = dataclasses.replace(claimed, dr_directory_id=mapped.dr_directory)
        if claimed.dr_directory_id is None or claimed.user_name is None:
            raise ValueError(f"{claimed.primary_id} cannot be claimed without its directory and user")
        key, day = claim_key(claimed.dr_directory_id, claimed.user_name), to_text(now)[:10]
        claimed = dataclasses.replace(claimed, claim_key=key, counted_day=day)
        places = list(self._places(claimed.primary_id, key, day, row, now))
        try:
            self._ledger.write(claimed, row, beside=[write for write, _ in places])
        except ConditionFailed as refused:
            first = min(refused.failed)
            reason = places[first][1]
            holder = refused.found.get(first, {}).get("primary_id") if reason is Reason.USER_HAS_STANDBY else None
            return Refused(reason, holder)
        return Claimed(claimed)

    def _places(
        self, primary_id: WorkspaceId, key: str, day: str, row: Row | None, now: datetime
    ) -> Iterator[tuple[Write, Reason]]:
        """What changes beside a row that is claimed, each with the reason that it is refused for."""
        held = row.claim_key if row else None
        if key != held:
            yield _hold(key, primary_id, now), Reason.USER_HAS_STANDBY
            if held is not None:
                # The directory has another partner now, and the claim moves there.
                yield _release(held, primary_id, now), Reason.USER_HAS_STANDBY
        if held is None:
            yield count(TOTAL, 1, self._settings.max_standbys), Reason.CEILING
        unspent = _unspent_day(row)
        if day != unspent:
            yield count(day_counter(day), 1, self._settings.max_new_standbys_per_day), Reason.DAILY_CAP
            if unspent is not None:
                yield count(day_counter(unspent), -1), Reason.DAILY_CAP

    def give_back(self, decision: Decision, row: Row, seen: Workspace | None, context: Context) -> Row:
        """Record that nothing was created for a claimed row, and free its user and its places in the counters.

        Raises
        ------
        LostRace, LedgerUnavailable
            As `Ledger.write`.
        """
        new = self._ledger.next_row(row, decision, seen, context)
        return self._free(dataclasses.replace(new, **_NO_STANDBY), row, _unspent_day(row))

    def release(self, decision: Decision, row: Row, seen: Workspace | None, context: Context) -> Row:
        """Record that a standby is not there any more, and free its user and its place below the ceiling.

        It was a new one of its day all the same. The row goes on naming it: should the primary, or it, be shown again,
        it is looked for before another is made.

        Raises
        ------
        LostRace, LedgerUnavailable
            As `Ledger.write`.
        """
        return self._free(self._ledger.next_row(row, decision, seen, context), row)

    def _free(self, new: Row, row: Row, day: str | None = None) -> Row:
        """Write a row that holds nothing any more; with `day`, its place of that day is given back, too."""
        free = dataclasses.replace(new, claim_key=None, counted_day=None, **_CLEAR)
        beside = []
        if row.claim_key is not None:
            beside = [_release(row.claim_key, row.primary_id, self._clock.now()), count(TOTAL, -1)]
            if day is not None:
                beside.append(count(day_counter(day), -1))
        self._ledger.write(free, row, beside=beside)
        return free

    def adopt(
        self, decision: Decision, row: Row | None, seen: Workspace | None, context: Context, *, requested: bool = False
    ) -> Row | None:
        """Record a standby that exists: just `requested` from here, or found.

        Its user's claim and a place below the ceiling are taken if it has none and they are free, for it costs money
        like any other; it is recorded all the same if they are not, for it is there.

        Raises
        ------
        LostRace, LedgerUnavailable
            As `Ledger.write`.
        """
        now = self._clock.now()
        new = dataclasses.replace(self._ledger.next_row(row, decision, seen, context), **_CLEAR)
        if requested:
            new = dataclasses.replace(new, requested_at=now)
        if not new.differs_from(row):
            return row
        if new.claim_key is None and new.dr_directory_id and new.user_name:
            key = claim_key(new.dr_directory_id, new.user_name)
            holding = dataclasses.replace(new, claim_key=key)
            try:
                self._ledger.write(holding, row, beside=[_hold(key, new.primary_id, now), count(TOTAL, 1)])
            except ConditionFailed:
                pass  # the user's claim is another primary's
            else:
                return holding
        self._ledger.write(new, row)
        return new


def _unspent_day(row: Row | None) -> str | None:
    """The day of which a row has a place that nothing came of yet: a claim forgets the standby that was before it."""
    return None if row is None or row.was_requested else row.counted_day


def _hold(key: str, primary_id: WorkspaceId, now: datetime) -> Write:
    return Write(
        key={"pk": key, "sk": CLAIM},
        update="SET primary_id = :me, held_at = :now",
        condition="attribute_not_exists(pk) OR primary_id = :nobody",
        values={":me": primary_id, ":nobody": NOBODY, ":now": to_text(now)},
    )


def _release(key: str, primary_id: WorkspaceId, now: datetime) -> Write:
    return Write(
        key={"pk": key, "sk": CLAIM},
        update="SET primary_id = :nobody, released_at = :now",
        condition="primary_id = :me",
        values={":me": primary_id, ":nobody": NOBODY, ":now": to_text(now)},
    )


def count(key: str, by: int, limit: int | None = None) -> Write:
    """What moves a counter, named by its partition key; with a limit, only as long as it is below that."""
    at = {"pk": key, "sk": COUNTER}
    if limit is None:
        return Write(key=at, update="ADD taken :by", values={":by": by})
    return Write(
        key=at,
        update="ADD taken :by",
        condition="attribute_not_exists(taken) OR taken < :limit",
        values={":by": by, ":limit": limit},
    )
