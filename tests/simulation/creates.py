"""What must hold of each CreateStandbyWorkspaces; judged by the world, without the product's own code."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase as fnmatch
from typing import Any

from local.workspaces import Workspace, World
from local.workspaces.rules import COMPUTE_TYPES
from standby.core.settings import Rules, Settings

# What an invocation has begun with (its settings, tags that it has read), it goes by to its end.
INVOCATION = timedelta(minutes=5)
# What a pause cannot stop any more: a request that was checked and is being sent.
IN_FLIGHT = timedelta(seconds=60)

Item = Mapping[str, Any]
Unwanted = Sequence[tuple[datetime | None, str]]


class Creates:
    """Judges requests. `asked_twice` says whether a standby was asked for where there was one.

    Only then does it matter what the service permits.
    """

    def __init__(self, world: World) -> None:
        self.asked_twice = False
        self._world = world

    def sent(self, items: Sequence[Item]) -> None:
        """A request, as its process makes it."""
        self.asked_twice = self.asked_twice or any(self._has_one(item) for item in items)

    def took_effect(
        self, at: datetime, items: Sequence[Item], settings: Settings, allowed_since: datetime, unwanted: Unwanted
    ) -> Iterator[str]:
        """A request that the service has seen; `allowed_since` is when the settings were deployed."""
        if self._world.duplicates():
            yield f"two standbys: {self._world.duplicates()}"
        for since, what in unwanted:
            if since is not None and at >= since + IN_FLIGHT:
                yield f"a create at {at}, {what} since {since}"
        for item in items:
            primary = self._world.workspace(item["PrimaryWorkspaceId"])
            yield from _cannot_have(primary, item)
            if primary.directory_id not in settings.directories:
                yield f"its directory is not mapped: {item}"
            if at >= allowed_since + INVOCATION and (rule := self._rule_against(primary, at, settings)):
                yield f"a standby for a desktop that {rule} excludes: {item}"

    def _has_one(self, item: Item) -> bool:
        primary = self._world.workspace(item["PrimaryWorkspaceId"])
        live = [] if primary.is_decoupled else [*self._world.primaries(), *self._world.standbys()]
        here = [one for one in live if one.directory_id == item["DirectoryId"] and one.user_key == primary.user_key]
        return bool(here or self._world.standbys_of(item["PrimaryWorkspaceId"]))

    def _rule_against(self, primary: Workspace, at: datetime, settings: Settings) -> str | None:
        """What has excluded a primary for so long that whoever creates must know."""
        late = timedelta(seconds=self._world.settings.tag_lag_seconds) + INVOCATION
        known = (primary.tags, primary.tags_known_after(late, at))
        found = [_excluding(primary, tags, settings) for tags in known]
        return found[0] if all(found) else None


def _cannot_have(primary: Workspace, item: Item) -> Iterator[str]:
    """Why a WorkSpace can have no standby, or none by this item."""
    if primary.primary_id is not None:
        yield f"a standby for a standby: {item}"
    if not primary.properties["OperatingSystemName"].startswith("WINDOWS"):
        yield f"a standby for a Linux desktop: {item}"
    if primary.properties["ComputeTypeName"] not in COMPUTE_TYPES:
        yield f"a standby for a {primary.properties['ComputeTypeName']} desktop: {item}"
    if primary.properties.get("NestedVirtualizationEnabled"):
        yield f"a standby for a desktop with nested virtualization: {item}"
    if primary.is_encrypted and "VolumeEncryptionKey" not in item:
        yield f"a standby without a key for an encrypted desktop: {item}"


def _excluding(primary: Workspace, tags: dict[str, str], settings: Settings) -> str | None:
    def is_meant(rules: Rules) -> bool:
        return (
            primary.directory_id in rules.directories
            or any(fnmatch(primary.user_name.casefold(), glob.casefold()) for glob in rules.users)
            or any(fnmatch(tags.get(key, ""), glob) and key in tags for key, glob in rules.tags.items())
        )

    include, exclude = settings.selection.include, settings.selection.exclude
    if is_meant(exclude):
        return "exclude"
    return "include" if include != Rules() and not is_meant(include) else None
