"""`standby redrive`: what is in the dead-letter queue is given to protect again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli.changing import ReasonText, Ways
from cli.problems import Problem, Status
from cli.running import Run


def work(
    run: Run,
    reason: ReasonText = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "--list", help="Only show what is in the queue.")] = False,
    delete_unreadable: Annotated[
        bool,
        typer.Option("--delete-unreadable", help="Delete what cannot be given to protect, once you have read it."),
    ] = False,
) -> Status:
    """Give messages of the dead-letter queue to protect again.

    \b
    Examples
      standby redrive --list
      standby redrive --reason CHG-4711
      standby redrive --delete-unreadable

    A message is deleted once protect has recorded what it decided; what follows from it has your name and reason beside
    the event that it was. What is not an event stays in the queue with what
    to do about it, until you delete it with --delete-unreadable. The exit status is 1 while anything is left.
    """
    from cli.answers import Answer, Table, one_line, text, time
    from cli.options import Output
    from cli.redrive import Queue, Redrive

    if dry_run and delete_unreadable:
        raise Problem("TwoChoices", "--list deletes nothing.", "Leave out one of --list and --delete-unreadable.")
    pair = run.pair
    queue = Queue(run.aws.client("sqs", pair.region), pair.queue_url, pair.operator_policy)
    ways = Ways("redrive", reason, dry_run)
    redrive = Redrive(pair, queue, run.protect(pair), ways.because, shows=dry_run, deletes=delete_unreadable)
    rows = list[Mapping[str, Any]]()
    is_table = run.options.output is Output.TABLE

    def each(row: Mapping[str, Any]) -> None:
        if is_table:
            detail = f": {row['detail']}" if row["detail"] else ""
            line = f"{row['at']}  {row['what']}. Why here: {row['why']}. Now {row['became']}{detail}"
            print(f"{one_line(line).rstrip('.')}.", flush=True)
        else:
            rows.append(row)

    problem: Problem | None = None
    try:
        redrive.run(each)
    except Problem as stopped:
        problem = stopped
        if not redrive.totals:
            raise
    columns = [time("at", "At"), *map(text, ("kind", "what", "why", "became", "detail", "advice"))]
    facts = {**ways.facts(pair), "hidden": redrive.hidden}
    answer = Answer([Table("messages", columns, rows)], facts, found=lambda: not redrive.is_done)
    if is_table:
        answer.screen = lambda console: console.print(redrive.sum(), soft_wrap=True)
    if dry_run and redrive.totals:
        answer.next = "`standby redrive` gives them to protect."
    status = run.give(answer)
    if problem is not None:
        raise problem
    return status
