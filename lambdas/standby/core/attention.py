"""Which rows a person has to act on: the one definition, for sweeps' figures and for the command line. Pure."""

from __future__ import annotations

from collections.abc import Container

from standby.core.model import Status
from standby.core.reasons import Reason, meaning_of
from standby.core.row import Kind

# These send a notice but need no action: the other standbys are created on later days.
_FOLLOWS_LATER = (Reason.DAILY_CAP,)
# Conditions of a standby that last until a person corrects them, whatever the status.
TO_PUT_RIGHT = (Kind.DOUBLED, Kind.DRIFT, Kind.STALE)


def needs_action(status: str, reason_code: str, conditions: Container[str]) -> bool:
    """Whether a person has to act on a row, by its status, its reason and the kinds of its conditions."""
    return bool(causes(status, reason_code, conditions))


def causes(status: str, reason_code: str, conditions: Container[str]) -> list[str]:
    """What a person has to act on: the reason code of a row, or kinds of its conditions; empty if no action is needed.

    A person has to act if the reason sends a notice, or if the standby drifts, is stale or is not the only one. Of
    primaries that are gone, only orphans need a person, unless a person keeps them.
    """
    if status == Status.PRIMARY_GONE:
        return [reason_code] * (reason_code == Reason.ORPHANED and Kind.KEPT not in conditions)
    is_notified = meaning_of(reason_code).notify and reason_code not in _FOLLOWS_LATER
    return [reason_code] * is_notified + [str(kind) for kind in TO_PUT_RIGHT if kind in conditions]
