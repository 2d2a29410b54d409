"""`standby resume`: end the pause."""

from __future__ import annotations

from cli.changing import Confirm, DryRun, ReasonText, Ways, Yes
from cli.problems import Status
from cli.running import Run


def work(
    run: Run, reason: ReasonText = None, dry_run: DryRun = False, yes: Yes = False, confirm: Confirm = None
) -> Status:
    """End the pause. Standbys are created again, first for the desktops that the pause held.

    \b
    Examples
      standby resume --reason CHG-4711
      standby resume --yes
      standby resume --confirm 112

    If the pause holds desktops, the command asks for confirmation, because their standbys are billed from then on.
    """
    from cli.pausing import switch

    return switch(run, on=False, ways=Ways("resume", reason, dry_run, yes, confirm))
