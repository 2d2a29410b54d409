"""The habits of every command that changes something: what would be done is shown, asked about, done, and read back."""

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
    typer.Option("--reason", metavar="TEXT", help="Why, e.g. a change number. It is recorded with your identity."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for up to 25 WorkSpaces.")]
Confirm = Annotated[
    str | None,
    typer.Option("--confirm", metavar="VALUE", help="The directory's id, or the number, instead of typing it."),
]
OverrideNames = Annotated[
    str | None,
    typer.Option(
        "--override",
        metavar="NAMES",
        help="What not to hold against them: EXCLUDED, DAILY_CAP, CEILING; several as 'CEILING,DAILY_CAP'.",
    ),
]

_MOST_OF_A_REASON: Final = 200
_MOST_SHOWN: Final = 20  # rows, before a question


@dataclass(frozen=True)
class Ways:
    """How a change is to be made: what the options say that every such command has."""

    command: str
    reason: str | None = None
    dry_run: bool = False
    yes: bool = False
    confirm: str | None = None

    @property
    def because(self) -> str:
        """What the ledger notes as the cause: the person's reason, or the command."""
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
        """Ask about a plan; Problem unless it is to be carried out.

        The plan is shown before the question; `always_shown`: also where an option answers it.
        """

        def show() -> None:
            _show_plan(run, plan)

        if always_shown and (self.yes or self.confirm is not None):
            show()
        confirm(what, count, token=token or str(count), yes=self.yes, given=self.confirm, show=show)

    def facts(self, pair: Pair) -> dict[str, Any]:
        """What JSON says besides."""
        return {"stack": pair.stack, "reason": self.because, "dry_run": self.dry_run}


def _show_plan(run: Run, plan: Table | Sequence[str]) -> None:
    """Show a plan where the question is: stdout has the answer alone."""
    from cli.answers import Table, console, say, show_table

    screen = console(run.options, sys.stderr)
    if not isinstance(plan, Table):
        screen.print("\n".join(plan))
        return
    rows = list(plan.rows)
    show_table(Table(plan.name, plan.columns, rows[:_MOST_SHOWN], plan.title), screen)
    if len(rows) > _MOST_SHOWN:
        say(f"… and {len(rows) - _MOST_SHOWN} more; --dry-run shows all of them.")


def in_sentences(sentences: Sequence[str]) -> Callable[[Console], None]:
    """What shows an answer as sentences, where a table would say less."""
    return lambda console: console.print("\n".join(sentences))


def counted(count: int, one: str, many: str = "") -> str:
    """A number of things, e.g. `1 desktop`, `12 desktops`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def tallied(counts: Mapping[str, int]) -> str:
    """How many of each, the most first, e.g. `3 REQUESTED, 1 WAITING`."""
    return ", ".join(f"{count:,} {name}" for name, count in Counter(counts).most_common())


def by_whom(item: Mapping[str, Any], done: str) -> str:
    """Who has `accepted` something, or `paused` it, and when and why, as far as its row of the ledger says."""
    from cli import times

    at = item.get(f"{done}_at")
    parts = (("by {}", item.get(f"{done}_by")), ("at {}", at and times.local(at)), ("({})", item.get("because")))
    return " ".join(form.format(value) for form, value in parts if value)
