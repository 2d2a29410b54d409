"""`standby accept`: the existing fleet of a directory, or some desktops of it, are to have standbys."""

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
        typer.Argument(metavar="DIRECTORY|ID|USER…", help="Directories of the primary Region; or desktops."),
    ],
    override: OverrideNames = None,
    reason: ReasonText = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
) -> Status:
    """Accept desktops that existed before: they get standbys.

    \b
    Examples
      standby accept d-906732325d --dry-run
      standby accept d-906732325d --reason CHG-4711
      standby accept d-906732325d --confirm d-906732325d
      standby accept alice ws-1abc2def3

    Of a directory, the plan of the last sweep is shown before the question: how many get a standby, what they cost a
    month, and whether the quota has room. Above 25 desktops, the directory's id is typed, or given by --confirm. What
    is accepted follows a few at a time, within the daily cap and the ceiling.
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
        raise Problem("Mixed", "These are directories and desktops.", "Run one command for each kind.")
    if names:
        raise Problem("OverrideOfDirectory", "--override is for desktops, not for a directory.", "Name the desktops.")
    return accept_directories(run, directories, ways)
