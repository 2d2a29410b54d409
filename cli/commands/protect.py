"""`standby protect`: standbys for desktops that a person names."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.changing import Confirm, DryRun, OverrideNames, ReasonText, Ways, Yes
from cli.problems import Status
from cli.running import Run


def work(
    run: Run,
    desktops: Annotated[list[str], typer.Argument(metavar="ID|USER…", help="Ids of desktops, or users' names.")],
    override: OverrideNames = None,
    reason: ReasonText = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
) -> Status:
    """Request standbys for some desktops, as their creation does.

    \b
    Examples
      standby protect alice --reason CHG-4711
      standby protect ws-1abc2def3 ws-2abc2def3 --dry-run
      standby protect bob --override EXCLUDED --yes

    A desktop is named by its id, by the id of its standby, or by its user in any case. What protect decides is shown
    first; it is asked before anything is done. Exclusions, the daily cap and the ceiling hold unless --override names
    them. A desktop that is not ready yet is followed until it is.
    """
    from cli import finding
    from cli.requesting import overrides, request_standbys

    names = overrides(override)
    found = finding.desktops(run.ledger(run.pair), desktops, fits=finding.is_desktop, takes_unknown=True)
    return request_standbys(run, found, names, Ways("protect", reason, dry_run, yes, confirm))
