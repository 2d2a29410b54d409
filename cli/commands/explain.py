"""`standby explain`: explain what reason codes mean and what to do about them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Output
from cli.problems import Problem, Status
from cli.running import Run

if TYPE_CHECKING:
    from rich.console import Console


def work(
    run: Run,
    codes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REASON_CODE]…", help="Reasons, or conditions such as DRIFT. Default: all reasons."),
    ] = None,
) -> Status:
    """Explain what reason codes mean and what to do about them.

    \b
    Examples
      standby explain USER_NOT_IN_DR_DIRECTORY
      standby explain DRIFT MIGRATED
      standby explain --output csv
    """
    from cli.answers import Answer, Column, Table, text
    from cli.conditions import WORDS
    from cli.explaining import condition, reason
    from standby.core.reasons import Reason

    known = {str(one): one for one in Reason}
    given = {code.strip().upper().replace("-", "_"): code for code in codes or ()}
    for one, code in given.items():
        if one not in known and one not in WORDS:
            near = difflib.get_close_matches(one, [*known, *WORDS], n=1, cutoff=0.4)
            hint = f"Did you mean {near[0]}? " if near else ""
            words = f"There is no reason code {code}."
            raise Problem("NoSuchReason", words, f"{hint}`standby explain` lists all codes.")
    # MIGRATED is a reason and a condition: it is explained as a reason.
    rows = [reason(known[one]) if one in known else condition(one) for one in given or known]
    columns = [
        text("reason_code", "Reason"),
        text("meaning", "Meaning"),
        text("advice", "What to do"),
        Column("commands", "Commands", "; ".join),
        Column("statuses", "Statuses", ", ".join),
        Column("notifies", "Notifies", lambda value: "yes" if value else "no"),
    ]
    on_screen = run.options.output is Output.TABLE  # the other columns are shown for named codes
    answer = Answer([Table("reasons", columns[:2] if on_screen else columns, rows)])
    if not given:
        answer.next = "`standby explain REASON_CODE` shows what to do about one code."
    else:
        answer.screen = _screen(rows)
        if listed := [row["reason_code"] for row in rows if row["statuses"]]:
            answer.next = f"`standby list --reason {listed[0]}` lists the desktops that have this reason."
    return run.give(answer)


def _screen(rows: Sequence[dict[str, Any]]) -> Callable[[Console], None]:
    """Reasons in words."""
    from cli.answers import put_line

    def show(screen: Console) -> None:
        for number, row in enumerate(rows):
            if number:
                put_line("", screen)
            _show(row, screen)

    return show


def _show(row: dict[str, Any], screen: Console) -> None:
    from cli.answers import put_indented, put_line

    put_line(row["reason_code"], screen)
    for line in (
        row["meaning"],
        f"What to do: {row['advice']}" if row["advice"] else "",
        f"Statuses with this reason: {', '.join(row['statuses'])}" if row["statuses"] else "",
        "A notice is sent." if row["notifies"] else "",
    ):
        if line:
            put_indented(line, screen)
    if row["commands"]:
        put_line("Commands", screen)
    for command in row["commands"]:
        put_indented(command, screen)
