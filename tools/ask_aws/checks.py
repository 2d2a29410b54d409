"""Checks and their findings."""

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
    """How an answer compares with the product's assumption."""

    AS_ASSUMED = "as assumed"
    DIFFERS = "differs"
    UNKNOWN = "unknown"
    NOT_ALLOWED = "not allowed"
    FAILED = "failed"

    @property
    def is_good(self) -> bool:
        """Whether no action is needed."""
        return self in (Verdict.AS_ASSUMED, Verdict.UNKNOWN)


@dataclass(frozen=True)
class Finding:
    """The result of a check, with advice: what to do about a difference, or how to find out what is unknown.

    Attributes
    ----------
    commands : tuple of str
        The shell commands of the advice, in order. Nothing here runs them.
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
        The question, the product's assumption until it is answered, and how the answer is read.
    examine : callable
        Finds the answer for a pair of Regions.
    """

    id: str
    asks: str
    assumed: str
    how: str
    examine: Callable[[Place], Finding]

    def find(self, place: Place) -> Finding:
        """Run the check; an error is a finding, too."""
        try:
            return self.examine(place)
        except (ClientError, BotoCoreError) as problem:
            denied = aws.is_of(Refusal.DENIED, problem)
            return Finding(Verdict.NOT_ALLOWED if denied else Verdict.FAILED, aws.sentence(problem))
        except Exception as problem:
            text = f"This check cannot read the answer of AWS ({type(problem).__name__}: {problem})."
            return Finding(Verdict.FAILED, text, "Call AWS manually, and change the check.")


CHECKS: Final[list[Check]] = []


def check(
    name: str, *, asks: str, assumed: str, how: str
) -> Callable[[Callable[[Place], Finding]], Callable[[Place], Finding]]:
    """Add a function to the list of checks."""

    def add(examine: Callable[[Place], Finding]) -> Callable[[Place], Finding]:
        CHECKS.append(Check(name, asks, assumed, how, examine))
        return examine

    return add


def as_assumed(text: str, advice: str = "", *commands: str) -> Finding:
    """The finding that AWS behaves as the product assumes."""
    return Finding(Verdict.AS_ASSUMED, text, advice, commands)


def unknown(text: str, advice: str) -> Finding:
    """The finding that reading does not answer the question, with the step that would answer it."""
    return Finding(Verdict.UNKNOWN, text, advice)


def differs(text: str, advice: str, *commands: str) -> Finding:
    """The finding that AWS behaves differently, so that action is needed."""
    return Finding(Verdict.DIFFERS, text, advice, commands)


# The option that answers questions that reading cannot answer.
WRITE: Final = "--write --primary ws-…"
MOST_LISTED: Final = 5


def terminate(region: str, workspace_id: str) -> str:
    """The command that terminates a WorkSpace. This option of the AWS CLI takes plain ids, not WorkspaceId=…."""
    return f"aws workspaces terminate-workspaces --region {region} --terminate-workspace-requests {workspace_id}"


def listed(problems: Sequence[str], most: int = MOST_LISTED) -> str:
    """Some problems in one text, the first few in full."""
    more = f"; and {len(problems) - most} more" if len(problems) > most else ""
    return "; ".join(problems[:most]) + more + "."


def counted(count: int, one: str, many: str = "") -> str:
    """1 desktop, 2 desktops."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
