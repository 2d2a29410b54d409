"""A fleet as an administrator meets it, for the tests of commands that change something."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from cli.orphan_checks import UNUSED_FOR
from standby.core.model import WorkspaceId
from standby.core.settings import Rules, Selection
from tests.cli.stage import OUTPUTS, Stage
from tests.component.estate import DR, PRIMARY, made_once, settings

AL = "arn:aws:sts::123456789012:assumed-role/operators/al"
ORPHANED = ("PRIMARY_GONE", "ORPHANED")


@dataclass
class Scene:
    """A stage with an existing fleet that nobody has accepted, and an orphan that nobody has used for long.

    Attributes
    ----------
    reported : list
        Desktops of the existing fleet: user000 and user001; user009 is excluded by a rule.
    orphan, standby : WorkspaceId
        A primary of user003 that is gone, and its standby.
    """

    stage: Stage
    reported: list[WorkspaceId]
    excluded: WorkspaceId
    protected: WorkspaceId
    orphan: WorkspaceId
    standby: WorkspaceId

    def successor(self) -> WorkspaceId:
        """A new desktop of the orphan's user, which finds its place taken."""
        (one,) = self.stage.create_ready("user003")
        self.stage.protect(one)
        assert self.stage.status(one) == ("INELIGIBLE", "USER_HAS_STANDBY")
        return one

    def terminations(self) -> list[str]:
        """The standbys that TerminateWorkspaces was called for in the DR Region."""
        calls = self.stage.calls("TerminateWorkspaces", DR)
        return [one["WorkspaceId"] for call in calls for one in call.params["TerminateWorkspaceRequests"]]


@made_once
def make_scene() -> Scene:
    """The fleet, some weeks after the orphan became one."""
    rules = Selection(exclude=Rules(users=("user009",)))
    configured = settings(config_digest=OUTPUTS["ConfigDigest"], prices={"STANDARD": Decimal("5.75")}, selection=rules)
    stage = Stage(configured)
    first, second, excluded = stage.create_ready("user000", "user001", "user009")
    stage.sweep()
    stage.sweep()
    protected, orphan = stage.create_ready("user002", "user003")
    stage.protect(protected, orphan)
    stage.watch()
    terminate(stage, PRIMARY, orphan)
    for _ in range(2):
        stage.pass_time(hours=1)
        stage.sweep()
    stage.pass_time(seconds=(UNUSED_FOR + timedelta(days=1)).total_seconds())
    stage.sweep()
    assert stage.status(orphan) == ORPHANED
    standby = stage.row(orphan).standby_id
    assert standby is not None
    return Scene(stage, [first, second], excluded, protected, orphan, standby)


def terminate(stage: Stage, region: str, one: str) -> None:
    """Call TerminateWorkspaces, as a person does in the console."""
    stage.world.call(region, "TerminateWorkspaces", {"TerminateWorkspaceRequests": [{"WorkspaceId": one}]})
