"""`standby runbook`: print the failover runbook of a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.problems import Status
from cli.running import Run

if TYPE_CHECKING:
    from cli.ledger import Ledger
    from cli.runbook import Names


def work(run: Run) -> Status:
    """Print the failover runbook, with the names of this pair filled in.

    \b
    Examples
      standby runbook > runbook.md
      standby runbook --stack Standby-us-east-1-us-west-2

    The runbook covers: decide, start standbys, redirect, write to users, watch logins, and fail back without losing
    work saved on standbys. Print it before an outage, and again when a directory or a connection alias changes. The
    command reads the stacks, the ledger and the connection aliases of both Regions. Names that cannot be read are left
    for you to fill in, and the exit status is 4.
    """
    from cli.answers import Answer
    from cli.runbook import page

    pages: dict[str, str] = {}
    missing: list[str] = []
    for ledger in run.ledgers:
        names, unknown = _names(run, ledger)
        pages[ledger.pair.stack] = page(names, run.now, unknown)
        missing += [f"{ledger.pair.stack}: {one}" for one in unknown]
    facts = {"pages": [{"stack": stack, "markdown": text} for stack, text in pages.items()]}
    answer = Answer(facts=facts, screen=lambda _: print("\n".join(pages.values()), end=""), missing=missing)
    answer.source_region = ", ".join(dict.fromkeys(one.region for one in run.ledgers))
    answer.cautions += [one.caution for one in run.ledgers if one.caution]
    answer.next = "print the runbook, fill it in, and keep it where an outage cannot reach it."
    return run.give(answer)


def _names(run: Run, ledger: Ledger) -> tuple[Names, list[str]]:
    """The names for a pair's page, and what could not be read."""
    from cli.pairs import outputs_of
    from cli.problems import Problem
    from cli.runbook import Names, aliases, alone

    pair, missing = ledger.pair, list(ledger.pair.missing)
    kept = ledger.kept_settings()
    directories = {str(one): str(to.dr_directory) for one, to in kept.settings.directories.items()} if kept else {}
    if not directories:
        missing.append("The directories are not known, because no sweep has saved the settings yet.")
    shown: list[list[Any] | None] = []
    for region in (pair.region, pair.dr_region):
        try:
            shown.append(_aliases(run, region))
        except Problem as problem:
            shown.append(None)
            missing.append(str(problem))
    topic = ""
    try:
        topic = outputs_of(run.aws, pair.dr_stack, pair.dr_region).get("NotificationTopicArn", "")
    except Problem as problem:
        missing.append(str(problem))
    here, there = shown
    unread = [region for region, side in zip((pair.region, pair.dr_region), shown, strict=True) if side is None]
    known = aliases(here or [], there or [], directories)
    return Names(pair, directories, known, topic, unread, alone(here, there, directories)), missing


def _aliases(run: Run, region: str) -> list[Any]:
    """What DescribeConnectionAliases returns in a Region; Problem if the call fails."""
    from botocore.exceptions import BotoCoreError, ClientError

    from cli.aws import unseen
    from cli.problems import Problem

    if region in run.aws.down:
        raise Problem("NoAnswer", f"{region} does not answer.", "", Status.INCOMPLETE)
    client, found, token = run.aws.client("workspaces", region, quick=True), list[Any](), None
    while True:
        try:
            answer = client.describe_connection_aliases(**({"NextToken": token} if token else {}))
        except (ClientError, BotoCoreError) as problem:
            raise unseen(f"The connection aliases in {region} cannot be read", problem) from None
        found += answer.get("ConnectionAliases", [])
        token = answer.get("NextToken")
        if not token:
            return found
