"""`standby list`: rows of the ledger, selected."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.problems import Status
from cli.running import Run


def work(
    run: Run,
    uncovered: Annotated[
        bool, typer.Option("--uncovered", help="Those without a standby that a user could use.")
    ] = False,
) -> Status:
    """List desktops, by status, reason, directory or user.

    \b
    Examples
      standby list --uncovered --output csv > uncovered.csv
    """
    from cli.answers import Answer, Table, text, time

    columns = [
        text("primary_id", "Primary"),
        text("user_name", "User"),
        text("status"),
        text("reason_code", "Reason"),
        time("changed_at", "Since"),
    ]
    rows = (row for ledger in run.ledgers for row in (ledger.uncovered() if uncovered else ledger.by_status()))
    return run.of_ledgers(Answer([Table("desktops", columns, rows)]))
