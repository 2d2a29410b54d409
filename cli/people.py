"""Who, or what, is behind a change of the ledger, in words for a screen. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from standby.core.model import EVENT, SWEEP, WATCH

# arn:aws:sts::123456789012:assumed-role/operators/al, arn:aws:iam::123456789012:user/path/al
_ROLE: Final = re.compile(r"arn:[^:]+:sts::\d{12}:assumed-role/(?P<role>[^/]+)/(?P<session>.+)")
_USER: Final = re.compile(r"arn:[^:]+:iam::\d{12}:user/(?:.*/)?(?P<user>[^/]+)")
MACHINES: Final = {WATCH: "the watcher", SWEEP: "a sweep"}


def who(principal: object) -> str:
    """A caller as people name one, e.g. `al (role operators)`; empty where none is named."""
    name = "" if principal is None else str(principal)
    if found := _ROLE.fullmatch(name):
        return f"{found['session']} (role {found['role']})"
    return found["user"] if (found := _USER.fullmatch(name)) else name


def behind(item: Mapping[str, Any]) -> str:
    """Who caused a change: the person, where there is one, and else which part of the product."""
    kind = str(item.get("cause_type") or "")
    if kind in MACHINES:
        return MACHINES[kind]
    if named := who(item.get("principal")):
        return named
    return "a caller whom the event does not name" if kind == EVENT else "a caller who is not named"


def because(item: Mapping[str, Any]) -> str:
    """What led to a change, e.g. `CloudTrail event 1a2b…`; of a machine's round, nothing that a reader can use."""
    kind, cause = str(item.get("cause_type") or ""), str(item.get("cause_id") or "")
    if kind in MACHINES:
        return ""
    return f"CloudTrail event {cause}" if kind == EVENT else cause
