"""Where checks look: an account that can only be read, and a pair of Regions in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final

from cli.aws import Aws
from standby.aws.call import Pacer
from standby.aws.workspaces import read_workspace
from standby.clock import Clock

if TYPE_CHECKING:
    from infra.config import Pair
    from standby.core.model import Workspace, WorkspaceId

READING: Final = ("describe_", "lookup_")
CALLS_PER_SECOND: Final = 1.0
# WorkSpaces gives an account 2 calls a second, and so does CloudTrail's LookupEvents: half is left to others.
PACED: Final = ("workspaces", "cloudtrail")
BATCH: Final = 25
# CloudTrail shows 90 days, 50 events a page, the newest first.
HISTORY: Final = timedelta(days=90)
MOST_PAGES: Final = 20


class NotReadingError(Exception):
    """An operation that is not known to read only was asked for; this is a mistake of the program."""


class Account:
    """Asks AWS, and can only read."""

    def __init__(self, account_id: str, clock: Clock | None = None) -> None:
        self.id = account_id
        self.clock = clock or Clock()
        self._client = cache(Aws().client)
        self._pacers = {service: Pacer(self.clock, CALLS_PER_SECOND) for service in PACED}

    def ask(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation (boto3's name of it) and return its answer.

        Raises
        ------
        botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
            As boto3 raises them.
        NotReadingError
            The operation might write.
        """
        if not operation.startswith(READING):
            raise NotReadingError(f"{service} {operation} might write")
        if service in self._pacers:
            self._pacers[service].wait()
        answer: dict[str, Any] = getattr(self._client(service, region), operation)(**parameters)
        return answer

    def pages(
        self, service: str, region: str, operation: str, member: str, *, most: int | None = None, **parameters: Any
    ) -> Iterator[Mapping[str, Any]]:
        """Yield what the pages of an answer have in `member`; at most `most` pages."""
        read = 0
        while True:
            answer = self.ask(service, region, operation, **parameters)
            yield from answer[member]
            read += 1
            if not answer.get("NextToken") or read == most:
                return
            parameters["NextToken"] = answer["NextToken"]


@dataclass(frozen=True)
class Desktop:
    """A WorkSpace, as the service shows it and as the product reads it."""

    shown: Mapping[str, Any]
    read: Workspace


class Place:
    """A configured pair of Regions, in an account; what several checks need is read once."""

    def __init__(self, pair: Pair, account: Account) -> None:
        self.pair = pair
        self.account = account
        self._history: dict[tuple[str, str], list[dict[str, Any]]] = {}

    @cached_property
    def desktops(self) -> list[Desktop]:
        """All WorkSpaces of the mapped directories."""
        return self._in_directories(self.pair.primary_region, list(self.pair.directories))

    @cached_property
    def dr_directories(self) -> list[Desktop]:
        """All WorkSpaces of the DR directories, in the DR Region."""
        dr_directories = [mapping.dr_directory for mapping in self.pair.directories.values()]
        return self._in_directories(self.pair.dr_region, dr_directories)

    @property
    def primaries(self) -> list[Desktop]:
        """The WorkSpaces of the mapped directories that are no standbys themselves."""
        return [one for one in self.desktops if one.read.primary is None]

    @property
    def standbys(self) -> list[Desktop]:
        """The WorkSpaces of the DR directories that are shown as somebody's standby."""
        return [one for one in self.dr_directories if one.read.primary is not None]

    @cached_property
    def orphans(self) -> list[Desktop]:
        """The standbys whose primary DescribeWorkspaces does not show, and those that no longer name a primary."""
        known = {one.read.id for one in self.desktops}
        strays = [one for one in self.standbys if one.read.primary and one.read.primary.id not in known]
        named = {one.read.primary.id for one in strays if one.read.primary}
        shown = self.by_id(self.pair.primary_region, sorted(named)) if named else {}
        keeps = [one for one in strays if one.read.primary and one.read.primary.id not in shown]
        lost = [
            one for one in self.dr_directories if one.read.primary is None and one.shown.get("DataReplicationSettings")
        ]
        return [*keeps, *lost]

    def by_id(self, region: str, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Desktop]:
        """Those of some WorkSpaces that DescribeWorkspaces shows."""
        found: dict[WorkspaceId, Desktop] = {}
        for start in range(0, len(ids), BATCH):
            batch = list(ids[start : start + BATCH])
            entries = self.account.pages("workspaces", region, "describe_workspaces", "Workspaces", WorkspaceIds=batch)
            found |= {one.read.id: one for one in _desktops(entries)}
        return found

    def history(self, region: str, event_name: str) -> list[dict[str, Any]]:
        """CloudTrail's records of an operation, the newest first: 90 days, and at most 1,000."""
        if (region, event_name) not in self._history:
            events = self.account.pages(
                "cloudtrail",
                region,
                "lookup_events",
                "Events",
                most=MOST_PAGES,
                LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": event_name}],
                StartTime=self.account.clock.now() - HISTORY,
                EndTime=self.account.clock.now(),
            )
            self._history[region, event_name] = [json.loads(event["CloudTrailEvent"]) for event in events]
        return self._history[region, event_name]

    def _in_directories(self, region: str, directories: Sequence[str]) -> list[Desktop]:
        return [
            desktop
            for directory in directories
            for desktop in _desktops(
                self.account.pages("workspaces", region, "describe_workspaces", "Workspaces", DirectoryId=directory)
            )
        ]


def _desktops(entries: Iterator[Mapping[str, Any]]) -> Iterator[Desktop]:
    for entry in entries:
        read = read_workspace(entry)
        if read is not None:
            yield Desktop(entry, read)


def today() -> str:
    """Now, UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
