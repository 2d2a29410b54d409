"""`standby explain`: explain what a reason code means and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Output
from cli.problems import Problem, Status
from cli.running import Run

if TYPE_CHECKING:
    from rich.console import Console


def work(
    run: Run,
    code: Annotated[
        str | None,
        typer.Argument(metavar="REASON_CODE", help="A reason, or a condition such as DRIFT. Default: all reasons."),
    ] = None,
) -> Status:
    """Explain what a reason code means and what to do about it.

    \b
    Examples
      standby explain USER_NOT_IN_DR_DIRECTORY
      standby explain DRIFT
      standby explain --output csv
    """
    from cli.answers import Answer, Column, Table, text
    from cli.conditions import WORDS
    from cli.explaining import condition, reason
    from standby.core.reasons import Reason

    known = {str(one): one for one in Reason}
    given = (code or "").strip().upper().replace("-", "_")
    if code is not None and given not in known and given not in WORDS:
        near = difflib.get_close_matches(given, [*known, *WORDS], n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise Problem("NoSuchReason", f"There is no reason code {code}.", f"{hint}`standby explain` lists all codes.")
    # MIGRATED is a reason and a condition: it is explained as a reason.
    rows = [reason(one) for one in Reason] if code is None else []
    rows += [reason(known[given])] if given in known else [condition(given)] if given else []
    columns = [
        text("reason_code", "Reason"),
        text("meaning", "Meaning"),
        text("advice", "What to do"),
        Column("commands", "Commands", "; ".join),
        Column("statuses", "Statuses", ", ".join),
        Column("notifies", "Notifies", lambda value: "yes" if value else "no"),
    ]
    on_screen = run.options.output is Output.TABLE  # the other columns are shown for a single code
    answer = Answer([Table("reasons", columns[:2] if on_screen else columns, rows)])
    if not given:
        answer.next = "`standby explain REASON_CODE` shows what to do about one code."
    else:
        answer.screen = _screen(rows[0])
        if rows[0]["statuses"]:
            code = given
            answer.next = f"`standby list --reason {code}` lists the desktops that have this reason."
    return run.give(answer)


def _screen(row: dict[str, Any]) -> Callable[[Console], None]:
    """One reason in words."""
    from cli.answers import put_indented, put_line

    def show(screen: Console) -> None:
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

    return show
