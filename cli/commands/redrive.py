"""`standby redrive`: send the events in the dead-letter queue to the protect function again."""

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
    dry_run: Annotated[bool, typer.Option("--dry-run", "--list", help="Only list the messages in the queue.")] = False,
    delete_unreadable: Annotated[
        bool,
        typer.Option(
            "--delete-unreadable", help="Delete messages that protect cannot process. Read them first with --list."
        ),
    ] = False,
) -> Status:
    """Send the messages in the dead-letter queue to the protect function again.

    \b
    Examples
      standby redrive --list
      standby redrive --reason CHG-4711
      standby redrive --delete-unreadable

    A message is deleted after protect has recorded its decision. Each change that results from it is recorded with the
    original event, your identity and your reason. Messages that are not events stay in the queue until you delete them
    with --delete-unreadable; the command shows what to do about each. The exit status is 1 while the queue is not
    empty.
    """
    from cli.answers import Answer, Table, one_line, text, time
    from cli.options import Output
    from cli.redrive import Queue, Redrive

    if dry_run and delete_unreadable:
        raise Problem(
            "TwoChoices", "--list and --delete-unreadable cannot be combined.", "Leave out one of the two options."
        )
    pair = run.pair
    queue = Queue(run.aws.client("sqs", pair.region), pair.queue_url, pair.operator_policy)
    ways = Ways("redrive", reason, dry_run)
    redrive = Redrive(pair, queue, run.protect(pair), ways.because, shows=dry_run, deletes=delete_unreadable)
    rows = list[Mapping[str, Any]]()
    is_table = run.options.output is Output.TABLE

    def each(row: Mapping[str, Any]) -> None:
        if is_table:
            detail = f": {row['detail']}" if row["detail"] else ""
            line = f"{row['at']}  {row['what']}. Cause: {row['why']}. Result: {row['became']}{detail}"
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
        answer.next = "`standby redrive` sends the events to protect again."
    status = run.give(answer)
    if problem is not None:
        raise problem
    return status
