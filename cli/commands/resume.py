"""`standby resume`: the pause ends."""

from __future__ import annotations

from cli.changing import Confirm, DryRun, ReasonText, Ways, Yes
from cli.problems import Status
from cli.running import Run


def work(
    run: Run, reason: ReasonText = None, dry_run: DryRun = False, yes: Yes = False, confirm: Confirm = None
) -> Status:
    """End the pause: standbys are created again. Desktops that it held are the first.

    \b
    Examples
      standby resume --reason CHG-4711
      standby resume --yes
      standby resume --confirm 112

    It is asked first if desktops are held by the pause: their standbys cost money from then on.
    """
    from cli.pausing import switch

    return switch(run, on=False, ways=Ways("resume", reason, dry_run, yes, confirm))
