"""`standby pause`: stop the creation of standbys until `standby resume`."""

from __future__ import annotations

from cli.changing import DryRun, ReasonText, Ways, Yes
from cli.problems import Status
from cli.running import Run


def work(run: Run, reason: ReasonText = None, dry_run: DryRun = False, yes: Yes = False) -> Status:
    """Stop creating standbys for this pair until `standby resume`. Nothing else stops. Nothing is terminated.

    \b
    Examples
      standby pause --reason CHG-4711
      standby pause --stack Standby-us-east-1-us-west-2

    New desktops are still recorded. They are held, and get their standbys after `standby resume`. The command does not
    ask for confirmation; `standby resume` reverses it at any time.
    """
    from cli.pausing import switch

    return switch(run, on=True, ways=Ways("pause", reason, dry_run, yes))
