"""`standby accept`: accept the existing fleet of a directory, or some of its desktops, for standbys."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.changing import Confirm, DryRun, OverrideNames, ReasonText, Ways, Yes
from cli.problems import Problem, Status
from cli.running import Run


def work(
    run: Run,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="DIRECTORY|ID|USER…", help="Directories in the primary Region, or desktops by id or user name."
        ),
    ],
    override: OverrideNames = None,
    reason: ReasonText = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
) -> Status:
    """Accept existing desktops, so that standbys are created for them.

    \b
    Examples
      standby accept d-906732325d --dry-run
      standby accept d-906732325d --reason CHG-4711
      standby accept d-906732325d --confirm d-906732325d
      standby accept alice ws-1abc2def3

    For a directory, the command shows the plan of the last sweep before it asks for confirmation: how many desktops
    get a standby, the monthly cost, and the room that the quota leaves. For more than 25 desktops, type the id of the
    directory to confirm, or pass it with --confirm. Standbys are created a few at a time, within the daily cap and the
    ceiling.
    """
    from cli import finding
    from cli.accepting import accept_directories
    from cli.requesting import overrides, request_standbys

    ways, names = Ways("accept", reason, dry_run, yes, confirm), overrides(override)
    directories = [one for one in what if finding.is_directory(one)]
    if not directories:
        found = finding.desktops(run.ledger(run.pair), what, fits=finding.is_desktop, takes_unknown=True)
        return request_standbys(run, found, names, ways)
    if len(directories) < len(what):
        raise Problem(
            "Mixed",
            "The arguments name directories and desktops.",
            "Run the command once for the directories and once for the desktops.",
        )
    if names:
        raise Problem(
            "OverrideOfDirectory", "--override cannot be used with a directory.", "Name the desktops instead."
        )
    return accept_directories(run, directories, ways)
