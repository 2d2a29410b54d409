"""What every changing command does: show the plan, ask for confirmation, make the change, and read it back."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.asking import confirm
from standby.core.model import legible

if TYPE_CHECKING:
    from rich.console import Console

    from cli.answers import Table
    from cli.pairs import Pair
    from cli.running import Run

ReasonText = Annotated[
    str | None,
    typer.Option(
        "--reason", metavar="TEXT", help="Your reason, e.g. a change number. It is recorded with your identity."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, without doing it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation. For up to 25 WorkSpaces.")]
Confirm = Annotated[
    str | None,
    typer.Option(
        "--confirm", metavar="VALUE", help="Confirm without a prompt: the directory's id, or the number of WorkSpaces."
    ),
]
OverrideNames = Annotated[
    str | None,
    typer.Option(
        "--override",
        metavar="NAMES",
        help="Limits to ignore for these desktops: EXCLUDED, DAILY_CAP, CEILING; several as 'CEILING,DAILY_CAP'.",
    ),
]

_MOST_OF_A_REASON: Final = 200
_MOST_SHOWN: Final = 20  # rows, before a question


@dataclass(frozen=True)
class Ways:
    """The options that every changing command has."""

    command: str
    reason: str | None = None
    dry_run: bool = False
    yes: bool = False
    confirm: str | None = None

    @property
    def because(self) -> str:
        """What the ledger records as the cause: the person's reason, or the command."""
        return legible((self.reason or "").strip() or f"standby {self.command}", _MOST_OF_A_REASON)

    def ask(
        self,
        run: Run,
        what: str,
        count: int,
        plan: Table | Sequence[str],
        *,
        token: str = "",
        always_shown: bool = False,
    ) -> None:
        """Show a plan and ask for confirmation; Problem unless it is given.

        With `always_shown`, the plan is shown even if an option already confirms it.
        """

        def show() -> None:
            _show_plan(run, plan)

        if always_shown and (self.yes or self.confirm is not None):
            show()
        confirm(what, count, token=token or str(count), yes=self.yes, given=self.confirm, show=show)

    def facts(self, pair: Pair) -> dict[str, Any]:
        """What JSON adds about the change."""
        return {"stack": pair.stack, "reason": self.because, "dry_run": self.dry_run}


def _show_plan(run: Run, plan: Table | Sequence[str]) -> None:
    """Write a plan to stderr, where the question is: stdout has only the answer."""
    from cli.answers import Table, console, say, show_table

    screen = console(run.options, sys.stderr)
    if not isinstance(plan, Table):
        screen.print("\n".join(plan))
        return
    rows = list(plan.rows)
    show_table(Table(plan.name, plan.columns, rows[:_MOST_SHOWN], plan.title), screen)
    if len(rows) > _MOST_SHOWN:
        say(f"… and {len(rows) - _MOST_SHOWN} more. --dry-run shows all of them.")


def in_sentences(sentences: Sequence[str]) -> Callable[[Console], None]:
    """A function that writes an answer as sentences instead of a table."""
    return lambda console: console.print("\n".join(sentences))


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun, e.g. `1 desktop`, `12 desktops`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def tallied(counts: Mapping[str, int]) -> str:
    """How many of each, the largest number first, e.g. `3 REQUESTED, 1 WAITING`."""
    return ", ".join(f"{count:,} {name}" for name, count in Counter(counts).most_common())


def by_whom(item: Mapping[str, Any], done: str) -> str:
    """By whom something was `accepted` or `paused`, when and why, as far as its row in the ledger says."""
    from cli import times

    at = item.get(f"{done}_at")
    parts = (("by {}", item.get(f"{done}_by")), ("at {}", at and times.local(at)), ("({})", item.get("because")))
    return " ".join(form.format(value) for form, value in parts if value)
