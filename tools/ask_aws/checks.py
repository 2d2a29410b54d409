"""What a check is, and what it can find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from cli import aws
from standby.core.outcomes import Refusal

if TYPE_CHECKING:
    from tools.ask_aws.place import Place


class Verdict(StrEnum):
    """How an answer stands to what the product assumes."""

    AS_ASSUMED = "as assumed"
    DIFFERS = "differs"
    CANNOT_TELL = "cannot be told by reading"
    NOT_ALLOWED = "not allowed"
    FAILED = "failed"

    @property
    def is_good(self) -> bool:
        """Whether nothing has to be done about it today."""
        return self in (Verdict.AS_ASSUMED, Verdict.CANNOT_TELL)


@dataclass(frozen=True)
class Finding:
    """What a check found, and what to do: about what differs, or to find out what reading does not tell.

    Attributes
    ----------
    commands : tuple of str
        What to run in a shell to do it, in this order. Nothing here runs them.
    """

    verdict: Verdict
    text: str
    advice: str = ""
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """One question about AWS.

    Attributes
    ----------
    asks, assumed, how : str
        The question, what the product assumes until it is answered, and how the answer is read.
    look : callable
        Finds the answer for a pair of Regions.
    """

    id: str
    asks: str
    assumed: str
    how: str
    look: Callable[[Place], Finding]

    def find(self, place: Place) -> Finding:
        """Look; whatever goes wrong meanwhile is a finding too."""
        try:
            return self.look(place)
        except (ClientError, BotoCoreError) as problem:
            denied = aws.is_of(Refusal.DENIED, problem)
            return Finding(Verdict.NOT_ALLOWED if denied else Verdict.FAILED, aws.sentence(problem))
        except Exception as problem:
            text = f"AWS's answer has a form that this check does not know ({type(problem).__name__}: {problem})."
            return Finding(Verdict.FAILED, text, "Ask AWS manually, and change the check.")


CHECKS: Final[list[Check]] = []


def check(
    name: str, *, asks: str, assumed: str, how: str
) -> Callable[[Callable[[Place], Finding]], Callable[[Place], Finding]]:
    """Make a check of a function and put it on the list."""

    def add(look: Callable[[Place], Finding]) -> Callable[[Place], Finding]:
        CHECKS.append(Check(name, asks, assumed, how, look))
        return look

    return add


def as_assumed(text: str, advice: str = "", *commands: str) -> Finding:
    """The finding that all is as the product assumes."""
    return Finding(Verdict.AS_ASSUMED, text, advice, commands)


def cannot_tell(text: str, advice: str) -> Finding:
    """The finding that reading does not answer the question, with the step that would."""
    return Finding(Verdict.CANNOT_TELL, text, advice)


def differs(text: str, advice: str, *commands: str) -> Finding:
    """The finding that something has to be done."""
    return Finding(Verdict.DIFFERS, text, advice, commands)


# What answers where reading does not.
WRITE: Final = "--write --primary ws-…"
MOST_LISTED: Final = 5


def terminate(region: str, workspace_id: str) -> str:
    """The command that terminates a WorkSpace. For this option the AWS CLI takes ids alone, not WorkspaceId=…."""
    return f"aws workspaces terminate-workspaces --region {region} --terminate-workspace-requests {workspace_id}"


def listed(problems: Sequence[str], most: int = MOST_LISTED) -> str:
    """Some problems in one text, the first few in full."""
    more = f"; and {len(problems) - most} more" if len(problems) > most else ""
    return "; ".join(problems[:most]) + more + "."


def counted(count: int, one: str, many: str = "") -> str:
    """1 desktop, 2 desktops."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
