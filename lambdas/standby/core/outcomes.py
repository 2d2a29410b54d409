"""The possible outcomes of a call to AWS, independent of botocore."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from standby.core.model import WorkspaceId


class Refusal(StrEnum):
    """The kind of a refusal, by what has to follow."""

    THROTTLED = "THROTTLED"  # retry later
    UNREACHABLE = "UNREACHABLE"  # never sent, or refused before any work, whatever the WorkSpace: retry later
    INTERNAL = "INTERNAL"  # the service failed, but the call may have taken effect
    QUOTA = "QUOTA"  # the pair waits
    USER_MISSING = "USER_MISSING"  # retry for a day
    EXISTS = "EXISTS"  # a lookup in the DR directory follows
    STATE = "STATE"  # retry when the primary's state has changed
    DIRECTORY = "DIRECTORY"  # the desktops of its DR directory wait
    DENIED = "DENIED"  # permissions are granted by directory: the desktops of the directory wait
    OTHER = "OTHER"


@dataclass(frozen=True)
class Answer:
    """The service answered."""

    body: Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """Refused, or never sent: it is certain that nothing was done, except for a throttle, where it is only likely."""

    kind: Refusal
    code: str
    message: str
    body: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Unclear:
    """The call may or may not have taken effect. `answered`: the service answered, but the answer left this open."""

    code: str
    message: str
    answered: bool = False


Outcome = Answer | Refused | Unclear


@dataclass(frozen=True)
class Pending:
    """The service is creating this standby."""

    standby_id: WorkspaceId
    state: str | None


Created = Pending | Refused | Unclear
"""The outcome of one item of a CreateStandbyWorkspaces call."""
