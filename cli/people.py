"""Who or what caused a change in the ledger, in words for a screen. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from standby.core.model import EVENT, SWEEP, WATCH

# arn:aws:sts::123456789012:assumed-role/operators/al, arn:aws:iam::123456789012:user/path/al
_ROLE: Final = re.compile(r"arn:[^:]+:sts::\d{12}:assumed-role/(?P<role>[^/]+)/(?P<session>.+)")
_USER: Final = re.compile(r"arn:[^:]+:iam::\d{12}:user/(?:.*/)?(?P<user>[^/]+)")
CLOUDTRAIL: Final = "CloudTrail event "
MACHINES: Final = {WATCH: "the watcher", SWEEP: "a sweep"}


def who(principal: object) -> str:
    """A caller's name for a person, e.g. `al (role operators)`; empty if there is none."""
    name = "" if principal is None else str(principal)
    if found := _ROLE.fullmatch(name):
        return f"{found['session']} (role {found['role']})"
    return found["user"] if (found := _USER.fullmatch(name)) else name


def behind(item: Mapping[str, Any]) -> str:
    """Who caused a change: the person, or else the part of the product."""
    kind = str(item.get("cause_type") or "")
    if kind in MACHINES:
        return MACHINES[kind]
    if named := who(item.get("principal")):
        return named
    return "a caller that the event does not name" if kind == EVENT else "an unnamed caller"


def because(item: Mapping[str, Any]) -> str:
    """What led to a change, e.g. `CloudTrail event 1a2b…`; empty for the watcher and the sweep."""
    kind, cause = str(item.get("cause_type") or ""), str(item.get("cause_id") or "")
    if kind in MACHINES:
        return ""
    return f"{CLOUDTRAIL}{cause}" if kind == EVENT else cause
