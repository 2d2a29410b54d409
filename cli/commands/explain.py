"""`standby explain`: what a reason code means, and what to do."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from cli.problems import Problem, Status
from cli.running import Run


def work(
    run: Run, code: Annotated[str | None, typer.Argument(metavar="REASON_CODE", help="Without it: all of them.")] = None
) -> Status:
    """Explain a reason code: what it means, and what to do.

    \b
    Examples
      standby explain USER_NOT_IN_DR_DIRECTORY
      standby explain --output csv
    """
    from cli.answers import Answer, Table, text
    from standby.core.reasons import Reason

    chosen = list(Reason)
    if code is not None:
        known = {str(one): one for one in Reason}
        if code.upper() not in known:
            near = difflib.get_close_matches(code.upper(), known, n=1, cutoff=0.4)
            fix = f"Did you mean {near[0]}?" if near else ""
            raise Problem(
                "NoSuchReason", f"There is no reason code {code}.", f"{fix} `standby explain` lists all.".strip()
            )
        chosen = [known[code.upper()]]
    rows = [
        {
            "reason_code": one,
            "meaning": one.meaning.sentence,
            "advice": one.meaning.advice,
            "notifies": one.meaning.notify,
        }
        for one in chosen
    ]
    columns = [text("reason_code"), text("meaning", "What it means"), text("advice", "What to do")]
    follow = f"`standby list --reason {chosen[0]}` lists the desktops that it is about." if code else ""
    return run.give(Answer([Table("reasons", columns, rows)], next=follow))
