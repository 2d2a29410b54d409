"""Five days of a pair with much in them, and what the WorkSpaces model knows of each: the truth of a report.

The truth is taken from the model and from what people did here, never from the ledger: after each sweep, how many
desktops there were and how many of them had a standby that was ready; of each call, who made it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from local.workspaces import World
from local.workspaces.estate import Workspace
from standby.core.model import HEALTHY_STANDBY, DirectoryId, WorkspaceId
from standby.core.settings import Directory, Rules, Selection
from tests.cli.stage import OUTPUTS, Stage
from tests.component.estate import ACCOUNT, AWAY, DR, HOME, PRIMARY, make_world, settings

LEGAL, LEGAL_AWAY = DirectoryId("d-9067328a7c"), DirectoryId("d-926722f013")
DR_DIRECTORY = {HOME: AWAY, LEGAL: LEGAL_AWAY}
ALEX = f"arn:aws:sts::{ACCOUNT}:assumed-role/desktop-admin/alex"
BO = f"arn:aws:iam::{ACCOUNT}:user/bo"
AL = f"arn:aws:sts::{ACCOUNT}:assumed-role/operators/al"
EVERY = timedelta(hours=3)
PRICE = Decimal("4.10")
GAP = "2026-01-08"  # nothing sweeps on that day
EXCLUDED = "svc-*"
UNASSIGNED = "[UNDEFINED]"
HOSTILE = (
    "<script>alert(1)</script>",
    '=HYPERLINK("http://x","y")',
    "\N{RIGHT-TO-LEFT OVERRIDE}nimda",
    "a" * 63,  # as long as AWS takes
    "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER} &amp;",
    "@sum",
    "-1+1",
)
STAFF = [f"staff{number:02}" for number in range(24)]
COUNSEL = [f"counsel{number:02}" for number in range(8)]
OLD = [f"veteran{number:02}" for number in range(4)]
ROBOTS = ["svc-print", "svc-scan"]


@dataclass
class Truth:
    """What the model knew after the sweeps: of the last one of each day, counts by directory."""

    days: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)
    sweeps: list[datetime] = field(default_factory=list)


@dataclass
class Lived:
    """A stage with a life behind it."""

    stage: Stage
    truth: Truth = field(default_factory=Truth)
    cannot: set[str] = field(default_factory=set)  # desktops that can have no standby: the world would refuse it
    unwell: set[str] = field(
        default_factory=set
    )  # desktops whose standby a sweep has found unusable for the first time
    _usable: set[str] = field(default_factory=set)  # at the last sweep
    reported: set[str] = field(default_factory=set)  # of an existing fleet, until it is accepted

    @property
    def world(self) -> World:
        return self.stage.world

    @property
    def now(self) -> datetime:
        now: datetime = self.stage.clock.now()
        return now

    # What people do

    def create(self, directory: str, *users: str, by: str = ALEX, **item: Any) -> list[WorkspaceId]:
        """Call CreateWorkspaces; its event comes."""
        bundle = {"BundleId": "wsb-windowsstandard"}
        order = [{"DirectoryId": directory, "UserName": user, **bundle, **item} for user in users]
        answer = self.world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": order}, by)
        assert not answer["FailedRequests"]
        return [WorkspaceId(one["WorkspaceId"]) for one in answer["PendingRequests"]]

    def terminate(self, region: str, one: str, by: str = BO) -> None:
        """Call TerminateWorkspaces; its event comes."""
        self.world.call(region, "TerminateWorkspaces", {"TerminateWorkspaceRequests": [{"WorkspaceId": one}]}, by)

    def command(self, mode: str, because: str, **more: Any) -> None:
        """Call protect, as the command line does."""
        cause = {"type": "command", "id": because, "principal": AL}
        answer = self.stage.send({"mode": mode, "cause": cause, **more})
        assert "problem" not in answer, answer

    def deliver(self, event: dict[str, Any]) -> None:
        """CloudTrail delivers an event."""
        self.stage.send(event)

    # What passes

    def live(self, until: str, *, sweeps: bool = True) -> None:
        """Let time pass up to a moment: the watcher comes by, and the sweep every three hours."""
        end = datetime.fromisoformat(f"{until}:00+00:00")
        while self.now < end:
            self.stage.watch(hours=max((min(EVERY, end - self.now)).total_seconds() / 3600 - 0.3, 0.1))
            left = min(EVERY - timedelta(hours=self.now.hour % 3, minutes=self.now.minute), end - self.now)
            self.stage.pass_time(seconds=max(left.total_seconds(), 60))
            if sweeps and self.now.hour % 3 == 0 and self.now < end:
                self.sweep()

    def sweep(self) -> None:
        """A sweep, and what the model knows when it has ended."""
        self.stage.sweep()
        broken = {str(one.primary_id) for one in self.world.standbys() if one.state not in HEALTHY_STANDBY}
        self.unwell = broken & self._usable
        self._usable = {one.workspace_id for one in self.primaries() if self.standby(one.workspace_id)}
        self.truth.sweeps.append(self.now)
        day = f"{self.now:%Y-%m-%d}"
        self.truth.days[day] = {directory: self.counted(directory) for directory in DR_DIRECTORY}

    # What the model knows

    def primaries(self, directory: str | None = None) -> list[Workspace]:
        """The desktops that there are."""
        found = [one for one in self.world.primaries() if one.region == PRIMARY and one.directory_id in DR_DIRECTORY]
        return [one for one in found if directory in (None, one.directory_id)]

    def standby(self, primary_id: str) -> Workspace | None:
        """The standby of a primary that could be used now."""
        return next((one for one in self.world.standbys_of(primary_id) if one.state in HEALTHY_STANDBY), None)

    def counted(self, directory: str) -> Counter[str]:
        """How many desktops of a directory there are, by what becomes of them."""
        found: Counter[str] = Counter()
        for one in self.primaries(directory):
            is_excluded = fnmatchcase(one.user_name.casefold(), EXCLUDED)
            is_left_out = one.workspace_id in self.cannot | self.reported
            found["primaries"] += 1
            found["eligible"] += not (is_excluded or is_left_out)
            found["excluded"] += is_excluded
            found["ineligible"] += one.workspace_id in self.cannot
            found["reported"] += one.workspace_id in self.reported
            standby = self.standby(one.workspace_id)
            found["protected"] += standby is not None
            found["not_known"] += one.workspace_id in self.unwell
            found["pcoip_primaries"] += self.uses_pcoip(one)
            found["pcoip_standbys"] += self.uses_pcoip(standby)
            found["drifted"] += standby is not None and any(
                one.properties[name] != standby.properties[name] for name in ("ComputeTypeName", "Protocols")
            )
        found["orphans"] = len(self.orphans(directory))
        rpo = self.stage.deployed.settings.rpo
        assert rpo is not None
        found["stale"] = sum(age > rpo for age in self.copies(self.now, directory).values())
        return found

    @staticmethod
    def uses_pcoip(one: Workspace | None) -> bool:
        """Whether there is a WorkSpace, and it uses PCoIP."""
        return one is not None and "PCOIP" in one.properties["Protocols"]

    def orphans(self, directory: str | None = None) -> list[Workspace]:
        """Standbys whose primary is gone."""
        live = {one.workspace_id for one in self.world.primaries()}
        away = {DR_DIRECTORY[directory]} if directory else set(DR_DIRECTORY.values())  # type: ignore[index]
        return [one for one in self.world.standbys() if one.primary_id not in live and one.directory_id in away]

    def of(self, user: str) -> WorkspaceId:
        """The desktop of a user."""
        return WorkspaceId(next(one.workspace_id for one in self.primaries() if one.user_name == user))

    def standby_of(self, user: str) -> str:
        """The standby of a user's desktop, usable or not."""
        return self.world.standbys_of(self.of(user))[0].workspace_id

    @property
    def gone(self) -> list[str]:
        """The primaries of orphans."""
        return [str(one.primary_id) for one in self.orphans()]

    def copies(self, at: datetime, directory: str | None = None) -> dict[str, timedelta]:
        """How old the data on each usable standby was at a moment, by primary; those without a copy left out."""
        found = {}
        for one in self.primaries(directory):
            standby = self.standby(one.workspace_id)
            copied = standby and standby.recovery_snapshot_time(at)
            if copied:
                found[one.workspace_id] = at - copied
        return found

    def callers(self, operation: str, region: str) -> Counter[str]:
        """Whose calls of an operation did something to how many WorkSpaces, by CloudTrail."""
        found: Counter[str] = Counter()
        for event in self.world.trail:
            detail = event["detail"]
            if (detail["eventName"], event["region"], detail.get("errorCode")) == (operation, region, None):
                many = detail["requestParameters"].get("terminateWorkspaceRequests") or (
                    (detail["responseElements"] or {}).get("pendingRequests")
                )
                found[detail["userIdentity"]["arn"]] += len(many or ())
        return found


def lived() -> Lived:
    """Monday to Friday, the 5th to the 9th of January 2026. On Thursday nothing sweeps."""
    users = [*STAFF, *COUNSEL, *OLD, *ROBOTS, *HOSTILE, "both", "late"]
    world = make_world(users, orphans_keep_relation=True)
    for region, directory in ((PRIMARY, LEGAL), (DR, LEGAL_AWAY)):
        world.add_directory(region, directory, users)
    stage = Stage(
        settings(
            config_digest=OUTPUTS["ConfigDigest"],
            version=OUTPUTS["Version"],
            prices={"STANDARD": PRICE},
            sweep_interval=EVERY,
            selection=Selection(exclude=Rules(users=(EXCLUDED,))),
            directories={
                HOME: Directory(AWAY, data_replication="PRIMARY_AS_SOURCE"),
                LEGAL: Directory(LEGAL_AWAY),
            },
        ),
        world,
    )
    one = Lived(stage)
    world.subscribe(one.deliver)
    one.reported |= {*_before(one)}
    one.live("2026-01-05T12:00")
    one.sweep()
    one.sweep()
    _monday(one)
    _tuesday(one)
    _wednesday(one)
    one.live("2026-01-08T00:00")
    one.live("2026-01-09T00:00", sweeps=False)  # the state machine is stopped
    _friday(one)
    return one


def _before(one: Lived) -> list[WorkspaceId]:
    """The fleet that was there before the product: no event was published."""
    one.world.settings.change(trail_delay_seconds=10**9)
    found = one.create(HOME, *OLD)
    one.world.settings.change(trail_delay_seconds=0)
    return found


def _monday(one: Lived) -> None:
    one.create(HOME, *STAFF[:8], *STAFF[10:20])
    one.create(HOME, *STAFF[8:10], WorkspaceProperties={"Protocols": ["PCOIP"]})
    one.create(HOME, *HOSTILE, by=BO)
    one.create(LEGAL, *COUNSEL)
    one.create(HOME, "both")
    one.create(LEGAL, "both")
    one.create(HOME, *ROBOTS)
    one.cannot |= {*one.create(HOME, STAFF[20], BundleId="wsb-ubuntustandard")}
    one.cannot |= {*one.create(HOME, UNASSIGNED, WorkspaceName="kiosk")}
    one.stage.create_desktop(STAFF[21])
    one.cannot |= {*one.create(HOME, STAFF[21])}
    one.world.fail_standby_of(STAFF[22])
    one.create(HOME, STAFF[22])
    one.create(
        HOME, STAFF[23], WorkspaceProperties={"ComputeTypeName": "PERFORMANCE"}, BundleId="wsb-windowsperformance"
    )
    one.live("2026-01-06T09:00")


def _tuesday(one: Lived) -> None:
    one.command("accept", "CHG-4711", directory_id=HOME)
    one.reported.clear()
    one.live("2026-01-06T15:00")
    one.command("pause", "change freeze of the quarter")
    one.live("2026-01-06T18:00")
    one.command("resume", "the freeze is over")
    one.live("2026-01-07T09:00")


def _wednesday(one: Lived) -> None:
    of = one.of
    one.terminate(PRIMARY, of(STAFF[0]))
    one.terminate(PRIMARY, of(STAFF[1]))
    one.world.terminate(of(STAFF[2]))
    one.live("2026-01-07T18:00")
    one.command("keep", "the data is fetched by Friday", workspace_ids=[one.gone[0]])
    one.terminate(DR, one.standby_of(STAFF[3]))
    one.world.set_state(one.standby_of(STAFF[4]), "ERROR")
    one.world.freeze_replication(one.standby_of(STAFF[5]))
    resize = {"WorkspaceId": of(STAFF[6]), "WorkspaceProperties": {"ComputeTypeName": "POWER"}}
    one.world.call(PRIMARY, "ModifyWorkspaceProperties", resize, ALEX)
    to_dcv = {"WorkspaceId": of(STAFF[9]), "WorkspaceProperties": {"Protocols": ["WSP"]}}
    one.world.call(PRIMARY, "ModifyWorkspaceProperties", to_dcv, ALEX)


def _friday(one: Lived) -> None:
    one.live("2026-01-09T11:00")
    one.world.set_state(one.standby_of(STAFF[7]), "UNHEALTHY")
    one.live("2026-01-09T12:30")
    one.command("doctor", "nightly", checks={"keys/fit": {"ok": 2, "problem": 1}, "quotas/standbys": {"warning": 1}})
    one.create(HOME, "late")
    one.stage.pass_time(minutes=12)
