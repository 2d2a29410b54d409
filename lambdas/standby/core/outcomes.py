"""What can come of a call to AWS, whatever botocore makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from standby.core.model import WorkspaceId


class Refusal(StrEnum):
    """What a refusal asks for."""

    THROTTLED = "THROTTLED"  # again later
    UNREACHABLE = "UNREACHABLE"  # never sent, or refused before any work, whatever the WorkSpace: again later
    INTERNAL = "INTERNAL"  # the service failed, and may have worked all the same
    QUOTA = "QUOTA"  # the pair waits
    USER_MISSING = "USER_MISSING"  # again for a day
    EXISTS = "EXISTS"  # look into the DR directory
    STATE = "STATE"  # again when the primary's state has changed
    DIRECTORY = "DIRECTORY"  # its DR directory waits
    DENIED = "DENIED"  # permission is given by directory, which waits
    OTHER = "OTHER"


@dataclass(frozen=True)
class Answer:
    """The service answered."""

    body: Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """Refused, or never sent: known for certain that nothing was done; of a throttle that is only likely."""

    kind: Refusal
    code: str
    message: str
    body: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Unclear:
    """The service may or may not have done it; `answered` if it gave an answer, which left this open."""

    code: str
    message: str
    answered: bool = False


Outcome = Answer | Refused | Unclear


@dataclass(frozen=True)
class Pending:
    """The service builds this standby."""

    standby_id: WorkspaceId
    state: str | None


Created = Pending | Refused | Unclear
"""What came of one item of a CreateStandbyWorkspaces."""
