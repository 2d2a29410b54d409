"""`standby protect`: request standbys for named desktops."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.changing import Confirm, DryRun, OverrideNames, ReasonText, Ways, Yes
from cli.problems import Status
from cli.running import Run


def work(
    run: Run,
    desktops: Annotated[list[str], typer.Argument(metavar="ID|USER…", help="Ids of desktops, or user names.")],
    override: OverrideNames = None,
    reason: ReasonText = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
) -> Status:
    """Request standbys for the named desktops, as if they had just been created.

    \b
    Examples
      standby protect alice --reason CHG-4711
      standby protect ws-1abc2def3 ws-2abc2def3 --dry-run
      standby protect bob --override EXCLUDED --yes

    Name a desktop by its id, by the id of its standby, or by its user; case does not matter. The command first shows
    what the protect function decides, then asks for confirmation. Exclusions, the daily cap and the ceiling apply
    unless --override names them. If a desktop is not ready yet, its standby is requested once it is ready.
    """
    from cli import finding
    from cli.requesting import overrides, request_standbys

    names = overrides(override)
    found = finding.desktops(run.ledger(run.pair), desktops, fits=finding.is_desktop, takes_unknown=True)
    return request_standbys(run, found, names, Ways("protect", reason, dry_run, yes, confirm))
