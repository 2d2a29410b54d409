"""What exists in a world: WorkSpaces, directories, bundles, and what is still to happen to them."""

import hashlib
import heapq
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.workspaces.errors import ServiceError
from local.workspaces.settings import Settings

if TYPE_CHECKING:
    from local.workspaces.redirection import ConnectionAlias

_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
GONE = "TERMINATED"
# The reserved user name of WorkSpaces that are no person's; WorkspaceName tells them apart.
DECOUPLED = "[UNDEFINED]"
# Types that AWS deregisters when they have had no WorkSpace for a while.
_FREE_OF_CHARGE = ("SIMPLE_AD", "AD_CONNECTOR")


@dataclass
class Directory:
    """A directory registered with WorkSpaces; ``users`` maps the case-folded name to its spelling there.

    ``state`` is that of its registration, ``status`` its own in Directory Service, which WorkSpaces does not show.
    ``used_at`` is when it last had a WorkSpace, or was registered. ``settings`` are members of
    DescribeWorkspaceDirectories as they were set; ``addresses`` is how many WorkSpaces its two subnets have room for.
    """

    directory_id: str
    region: str
    users: dict[str, str]
    directory_type: str = "AD_CONNECTOR"
    workspace_type: str = "PERSONAL"
    state: str = "REGISTERED"
    status: str = "ACTIVE"
    used_at: datetime | None = None
    deregistered_at: datetime | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    addresses: int = 2 * 65_531  # two subnets as large as AWS allows

    @property
    def subnet_ids(self) -> tuple[str, str]:
        """The subnets that its WorkSpaces are in."""
        name = hashlib.sha256(f"{self.region} {self.directory_id}".encode()).hexdigest()
        return f"subnet-{name[:17]}", f"subnet-{name[17:34]}"

    def register(self, state: str, now: datetime) -> None:
        """Set the state of the registration."""
        self.state = state
        self.used_at, self.deregistered_at = now, now if state == "DEREGISTERED" else None

    def spelling(self, user: str) -> str | None:
        """Return ``user`` as the directory spells it, or ``None`` for somebody it does not know."""
        if user.casefold() == DECOUPLED.casefold():
            return DECOUPLED
        return self.users.get(user.casefold())


@dataclass
class Bundle:
    """A bundle, Amazon's or the account's own."""

    bundle_id: str
    name: str
    compute_type: str
    operating_system: str
    owner: str = "AMAZON"
    bundle_type: str = "REGULAR"
    state: str = "AVAILABLE"
    root_gib: int = 80
    user_gib: int = 50
    image_id: str = "wsi-amazon0000"
    description: str = ""
    created_at: datetime | None = None


@dataclass(eq=False)
class Workspace:
    """A WorkSpace, as the service knows it and not only as it shows it."""

    workspace_id: str
    number: int
    region: str
    directory_id: str
    user_name: str
    bundle_id: str
    properties: dict[str, Any]
    created_at: datetime
    state: str = "PENDING"
    volume_encryption_key: str | None = None
    user_volume_encrypted: bool = False
    root_volume_encrypted: bool = False
    workspace_name: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    # what GetResources knows, until it follows: the tags before the last change, and when that was
    tags_before: dict[str, str] = field(default_factory=dict)
    tagged_at: datetime | None = None
    # of a standby only
    primary_id: str | None = None
    primary_region: str | None = None
    data_replication: str = "NO_REPLICATION"
    replicated_since: datetime | None = None
    replication_frozen_at: datetime | None = None
    # how its story goes on
    boots_to: str = "AVAILABLE"
    booted_at: datetime | None = None
    # what AWS says of a WorkSpace in ERROR or UNHEALTHY
    error_code: str | None = None
    error_message: str | None = None
    plan: int = 0
    last_connected_at: datetime | None = None

    @property
    def user_key(self) -> str:
        """The user name for comparing."""
        return self.user_name.casefold()

    @property
    def is_decoupled(self) -> bool:
        """Whether it is no person's."""
        return self.user_key == DECOUPLED.casefold()

    @property
    def is_standby(self) -> bool:
        """Whether it was made by CreateStandbyWorkspaces."""
        return self.primary_id is not None

    @property
    def is_live(self) -> bool:
        """Whether it exists and is not being terminated. One in ERROR is live, and billed."""
        return self.state not in ("TERMINATING", GONE)

    @property
    def is_encrypted(self) -> bool:
        """Whether any volume is encrypted."""
        return self.user_volume_encrypted or self.root_volume_encrypted

    def tags_known_after(self, lag: timedelta, now: datetime) -> dict[str, str]:
        """Return the tags as they are known to who follows late."""
        return self.tags if now >= (self.tagged_at or self.created_at) + lag else self.tags_before

    def recovery_snapshot_time(self, now: datetime) -> datetime | None:
        """Return when the data on a standby was taken: copies start every 12 hours, and the first takes as long."""
        if self.data_replication == "NO_REPLICATION":
            return None
        every, since = timedelta(hours=12), self.replicated_since or self.created_at
        copies = (min(now, self.replication_frozen_at or now) - since) // every
        return since + (copies - 1) * every if copies >= 1 else None


def _amazon_bundles() -> list[Bundle]:
    systems = {
        "windows": "WINDOWS_SERVER_2022",
        "amazonlinux": "AMAZON_LINUX_2",
        "ubuntu": "UBUNTU_22_04",
        "rhel": "RHEL_8",
        "rocky": "ROCKY_8",
    }
    types = [
        "VALUE",
        "STANDARD",
        "PERFORMANCE",
        "POWER",
        "POWERPRO",
        "GENERALPURPOSE_4XLARGE",
        "GENERALPURPOSE_8XLARGE",
    ]
    bundles = [
        Bundle(f"wsb-{name}{kind.lower().replace('_', '')}", f"{kind} with {system}", kind, system)
        for name, system in systems.items()
        for kind in types
    ]
    for kind in ("GRAPHICS_G4DN", "GRAPHICSPRO_G4DN", "GRAPHICS_G6_XLARGE"):
        bundles.append(Bundle(f"wsb-windows{kind.lower().replace('_', '')}", kind, kind, "WINDOWS_SERVER_2022"))
    return bundles


def _index_keys(workspace: Workspace) -> tuple[tuple[str, ...], ...]:
    region, directory_id = workspace.region, workspace.directory_id
    return (region,), (region, directory_id), (region, directory_id, workspace.user_key)


def _number(workspace: Workspace) -> int:
    return workspace.number


class Estate:
    """The state of a world. Nothing here is a call; operations read and change it.

    Every Region has Amazon's bundles under the same ids: ``wsb-<system><type>``, such as ``wsb-windowsstandard``,
    ``wsb-windowsgeneralpurpose4xlarge`` or ``wsb-amazonlinuxpower``.
    """

    def __init__(self, account: str, settings: Settings, seed: int) -> None:
        self.account = account
        self.settings = settings
        self.seed = seed
        self.random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.directories: dict[tuple[str, str], Directory] = {}
        # by Region and id
        self.aliases: dict[str, dict[str, ConnectionAlias]] = {}
        self.ip_groups: dict[str, dict[str, dict[str, Any]]] = {}
        self.workspaces: dict[str, Workspace] = {}
        self.standbys_of: dict[str, list[str]] = {}
        self.failing_users: dict[str, tuple[str | None, str | None]] = {}
        self._bundles: dict[tuple[str, str], Bundle] = {}
        self._index: dict[tuple[str, ...], list[Workspace]] = {}
        self._timeline: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._last_number = 0
        self._amazon = {bundle.bundle_id: bundle for bundle in _amazon_bundles()}

    # --- time

    def later(self, at: datetime, happening: Callable[[datetime], None]) -> None:
        """Let ``happening`` be called, with its moment, once the clock has reached ``at``."""
        heapq.heappush(self._timeline, (at, self.next_number(), happening))

    def settle(self, now: datetime) -> None:
        """Let everything happen that is due at ``now``, in order."""
        while self._timeline and self._timeline[0][0] <= now:
            at, _, happening = heapq.heappop(self._timeline)
            self._deregister_unused(at)
            happening(at)
        self._deregister_unused(now)

    def _deregister_unused(self, now: datetime) -> None:
        days = self.settings.deregister_after_days
        for (region, directory_id), directory in self.directories.items() if days else ():
            if self._index.get((region, directory_id)) or directory.used_at is None:
                directory.used_at = now
            elif (
                directory.state == "REGISTERED"
                and directory.directory_type in _FREE_OF_CHARGE
                and now - directory.used_at >= timedelta(days=days)
            ):
                directory.register("DEREGISTERED", directory.used_at + timedelta(days=days))

    def next_happening(self) -> datetime | None:
        """Return when something happens next by itself."""
        return self._timeline[0][0] if self._timeline else None

    # --- WorkSpaces

    def new_id(self, prefix: str) -> str:
        """Return a new id such as ``ws-0a1b2c3d4``."""
        return f"{prefix}-{''.join(self.random.choices(_ID_ALPHABET, k=9))}"

    def add(self, workspace: Workspace, boot_seconds: float) -> None:
        """Take in a WorkSpace that is PENDING and will boot, or end in ERROR if its subnets have no address left."""
        if self.free_addresses(self.directories[workspace.region, workspace.directory_id]) < 1:
            workspace.boots_to, workspace.error_code = "ERROR", "InsufficientFreeAddressesInSubnet"
            workspace.error_message = "The subnets of the directory have no free addresses."
        self.workspaces[workspace.workspace_id] = workspace
        for key in _index_keys(workspace):
            self._index.setdefault(key, []).append(workspace)
        if workspace.primary_id is not None:
            self.standbys_of.setdefault(workspace.primary_id, []).append(workspace.workspace_id)
        factor = self.settings.encrypted_root_factor if workspace.root_volume_encrypted else 1
        if spread := self.settings.boot_spread_seconds:
            # By user and Region, whatever the order of calls: one call more leaves all other boots as they are.
            whose = f"{self.seed} {workspace.region} {workspace.user_key}"
            boot_seconds += random.Random(whose).uniform(0, spread)  # noqa: S311 - repeatable, not secret
        self.plan(workspace, workspace.created_at + timedelta(seconds=boot_seconds * factor), self._boot)

    def plan(self, workspace: Workspace, at: datetime, step: Callable[[Workspace, datetime], None]) -> None:
        """Let ``step`` be what happens next to a WorkSpace, instead of what was planned before."""
        workspace.plan += 1
        mine = workspace.plan

        def happen(moment: datetime) -> None:
            if workspace.plan == mine:
                step(workspace, moment)

        self.later(at, happen)

    def set_state(self, workspace: Workspace, state: str) -> None:
        """Put a WorkSpace into a state, where it stays."""
        workspace.plan += 1
        workspace.state = state
        if state == GONE:
            self._forget(workspace)

    def terminate(self, workspace: Workspace, now: datetime) -> None:
        """Begin to terminate a WorkSpace."""
        workspace.state = "TERMINATING"
        at = now + timedelta(seconds=self.settings.terminate_seconds)
        self.plan(workspace, at, lambda gone, _: self.set_state(gone, GONE))

    def start(self, workspace: Workspace, now: datetime) -> None:
        """Make a WorkSpace AVAILABLE; one that stops by itself will do so after its time-out."""
        workspace.state = "AVAILABLE"
        if self.settings.auto_stop and workspace.properties.get("RunningMode") == "AUTO_STOP":
            minutes = workspace.properties.get("RunningModeAutoStopTimeoutInMinutes", 60)
            self.plan(
                workspace, now + timedelta(minutes=minutes), lambda stopped, _: self.set_state(stopped, "STOPPED")
            )

    def resume(self, workspace: Workspace, state: str, now: datetime) -> None:
        """Put a WorkSpace back into the state it had before something was done to it."""
        if state == "AVAILABLE":
            self.start(workspace, now)
        else:
            self.set_state(workspace, state)

    def _boot(self, workspace: Workspace, now: datetime) -> None:
        workspace.booted_at = now
        if workspace.is_standby and workspace.user_key in self.failing_users:
            workspace.boots_to = "ERROR"
            workspace.error_code, workspace.error_message = self.failing_users[workspace.user_key]
        if workspace.boots_to == "AVAILABLE":
            self.start(workspace, now)
        else:
            workspace.state = workspace.boots_to

    def _forget(self, workspace: Workspace) -> None:
        for key in _index_keys(workspace):
            listed = self._index[key]
            at = bisect_left(listed, workspace.number, key=_number)
            if listed[at : at + 1] == [workspace]:
                del listed[at]

    def get(self, region: str, workspace_id: str) -> Workspace | None:
        """Return a WorkSpace that exists in ``region``."""
        workspace = self.workspaces.get(workspace_id)
        return workspace if workspace and workspace.region == region and workspace.state != GONE else None

    def of_user(self, region: str, directory_id: str, user: str) -> list[Workspace]:
        """Return a user's WorkSpaces in a directory, including those being terminated."""
        return list(self._index.get((region, directory_id, user.casefold()), ()))

    def from_number(self, region: str, directory_id: str | None, after: int) -> Iterator[Workspace]:
        """Walk the WorkSpaces of a Region or a directory in the order of their creation, after number ``after``."""
        listed = self._index.get((region,) if directory_id is None else (region, directory_id), [])
        yield from listed[bisect_right(listed, after, key=_number) :]

    def live(self) -> list[Workspace]:
        """Return every live WorkSpace of the account, in the order of creation."""
        everywhere = (listed for key, listed in self._index.items() if len(key) == 1)
        return sorted((workspace for listed in everywhere for workspace in listed if workspace.is_live), key=_number)

    def live_standbys(self, primary_id: str) -> list[Workspace]:
        """Return the live standbys of a primary."""
        found = (self.workspaces[standby_id] for standby_id in self.standbys_of.get(primary_id, ()))
        return [standby for standby in found if standby.is_live]

    def next_number(self) -> int:
        """Return the next number: of a WorkSpace, or of something that is to happen."""
        self._last_number += 1
        return self._last_number

    # --- directories and bundles

    def directory(self, region: str, directory_id: str) -> Directory:
        """Return a directory; raise ``ServiceError`` when the Region has none of that id."""
        found = self.directories.get((region, directory_id))
        if found is None:
            raise ServiceError("ResourceNotFoundException", f"Directory {directory_id} is not registered in {region}.")
        return found

    def free_addresses(self, directory: Directory) -> int:
        """Return how many further WorkSpaces the subnets of a directory have room for."""
        return max(directory.addresses - len(self._index.get((directory.region, directory.directory_id), ())), 0)

    def bundle(self, region: str, bundle_id: str) -> Bundle | None:
        """Return a bundle that can be seen in a Region."""
        return self._bundles.get((region, bundle_id)) or self._amazon.get(bundle_id)

    def bundles(self, region: str) -> list[Bundle]:
        """Return all bundles that can be seen in a Region."""
        return [*self._amazon.values(), *(bundle for key, bundle in self._bundles.items() if key[0] == region)]

    def add_bundle(self, region: str, bundle: Bundle) -> None:
        """Take in a bundle of the account's own."""
        self._bundles[region, bundle.bundle_id] = bundle
