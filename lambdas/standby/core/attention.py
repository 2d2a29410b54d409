"""What a person has to act on: the one definition, for the figures of sweeps and for the command line. Pure."""

from __future__ import annotations

from collections.abc import Container

from standby.core.model import Status
from standby.core.reasons import Reason, meaning_of
from standby.core.row import Kind

# Of these a person is notified, and no action is needed: the rest follows on later days.
_FOLLOWS_LATER = (Reason.DAILY_CAP,)
# What lasts of a standby until a person puts it right, whatever the status.
TO_PUT_RIGHT = (Kind.DOUBLED, Kind.DRIFT, Kind.STALE)


def needs_action(status: str, reason_code: str, conditions: Container[str]) -> bool:
    """Whether a person has to act on a row, by its status, its reason and the kinds of its conditions.

    It does if its reason is one that notifies, or if its standby drifts, is stale or is not the only one. Of primaries
    that are gone only orphans need a person, unless one has decided to keep them.
    """
    if status == Status.PRIMARY_GONE:
        return reason_code == Reason.ORPHANED and Kind.KEPT not in conditions
    is_notified = meaning_of(reason_code).notify and reason_code not in _FOLLOWS_LATER
    return is_notified or any(kind in conditions for kind in TO_PUT_RIGHT)
