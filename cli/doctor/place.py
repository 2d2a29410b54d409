"""The pair that is checked, from the configuration file, or without a file from the ledger."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli.doctor.asking import LEDGER_RIGHT, not_allowed
from cli.doctor.findings import Status, Unseen
from cli.ledger import Ledger
from cli.pairs import Pair
from cli.problems import Problem
from standby.aws.call import kind_of
from standby.aws.workspaces import read_workspace
from standby.core.model import DirectoryId, from_text
from standby.core.outcomes import Refusal
from standby.ledger.sweeps import BASELINE, DAYS_BACK, coverage_key, day_key, directory_key

if TYPE_CHECKING:
    from cli.doctor.asking import Answer, Asker
    from infra.config import Pair as Configured
    from infra.config_rules import Caution
    from standby.core.model import Workspace
    from standby.ledger.table import Item

REPLICATES: Final = "PRIMARY_AS_SOURCE"
# The DR directory in a baseline whose directory is no longer mapped.
_NOT_MAPPED: Final = "-"


@dataclass(frozen=True)
class Txt:
    """The TXT record of a name, with its time to live in seconds; without values, the record does not exist."""

    values: tuple[str, ...] = ()
    ttl: int = 0


# Queries DNS for the record of a name; Unseen if there is no answer.
Resolve = Callable[[str], Txt]


@dataclass(frozen=True)
class File:
    """The configuration file, with its cautions."""

    path: Path
    pairs: Sequence[Configured]
    cautions: Sequence[Caution]


@dataclass(frozen=True)
class Mapped:
    """A directory and its DR directory; `key` and `replicates` come only from the configuration file."""

    directory: str
    dr_directory: str
    key: str | None = None
    replicates: bool = False


@dataclass(frozen=True)
class Fleet:
    """How many desktops of a directory should have a standby, and how many have one.

    `is_whole` is False if only the first page was counted, because there was no sweep.
    """

    wanted: int
    covered: int
    is_whole: bool = True

    def __add__(self, other: Fleet) -> Fleet:
        return Fleet(self.wanted + other.wanted, self.covered + other.covered, self.is_whole and other.is_whole)


EMPTY_FLEET: Final = Fleet(0, 0)


@dataclass
class Place:
    """A pair, with the data that several checks need.

    Attributes
    ----------
    configured : infra.config.Pair or None
        The pair in the configuration file, if there is a file.
    """

    stack: str
    region: str
    dr_region: str
    asker: Asker
    resolve: Resolve
    now: datetime
    configured: Configured | None = None
    file: File | None = None

    @property
    def dr_stack(self) -> str:
        """The name of the DR Region's stack."""
        return f"{self.stack}-dr"

    @property
    def regions(self) -> tuple[str, str]:
        """The primary Region and the DR Region."""
        return self.region, self.dr_region

    # Stacks

    def stack_in(self, region: str) -> Answer | None:
        """The pair's stack in a Region as CloudFormation returns it; None if it does not exist."""
        name = self.stack if region == self.region else self.dr_stack
        found = self.asker.find("cloudformation:DescribeStacks", region, "does not exist", StackName=name)
        return None if found is None else found["Stacks"][0]

    def output(self, region: str, name: str) -> str:
        """An output of the pair's stack in a Region; Unseen if it does not exist."""
        listed = (self.stack_in(region) or {}).get("Outputs", ())
        found = {one["OutputKey"]: str(one["OutputValue"]) for one in listed}
        if name not in found:
            # The check of the stacks reports it as a problem.
            raise Unseen(Status.UNKNOWN, f"The stack in {region} has no output {name}.", "Deploy again.")
        return found[name]

    @property
    def is_deployed(self) -> bool:
        """Whether the primary Region's stack exists; True if it cannot be read."""
        try:
            return self.stack_in(self.region) is not None
        except (Unseen, LookupError, TypeError):
            return True

    # The ledger

    def rows(self, keys: Iterable[tuple[str, str]]) -> list[Item]:
        """The rows with some keys that exist in the ledger; Unseen if it cannot be read."""
        ledger = Ledger(self.asker.aws, Pair(self.stack, self.region, self.dr_region))
        try:
            return ledger.get(list(keys))
        except Problem as problem:
            if kind_of(problem.code, problem.message) is Refusal.DENIED:
                raise Unseen(Status.NOT_ALLOWED, not_allowed(LEDGER_RIGHT, ledger.region), problem.fix) from None
            raise Unseen(Status.NO_ANSWER, problem.message, problem.fix) from None

    # Directories

    @functools.cached_property
    def directories(self) -> list[Mapped]:
        """The mapped directories, from the configuration or from the baselines in the ledger."""
        if self.configured is not None:
            return [
                Mapped(one, mapped.dr_directory, mapped.volume_encryption_key, mapped.data_replication == REPLICATES)
                for one, mapped in self.configured.directories.items()
            ]
        try:
            shown = self.shown(self.region)
        except Unseen:
            # In an outage, the replica of the ledger has the directories of the last sweep.
            if mapped_then := self._mapped_then():
                return mapped_then
            raise
        found = self.rows((directory_key(DirectoryId(one)), BASELINE) for one in shown)
        mapped = {item["pk"].partition("#")[2]: str(item.get("dr_directory_id", _NOT_MAPPED)) for item in found}
        return [Mapped(one, away) for one, away in sorted(mapped.items()) if away != _NOT_MAPPED]

    def _mapped_then(self) -> list[Mapped]:
        """The directories that the last sweep found in the settings; none if they cannot be read."""
        try:
            kept = Ledger(self.asker.aws, Pair(self.stack, self.region, self.dr_region)).kept_settings()
        except Problem:
            return []
        return [Mapped(str(one), str(to.dr_directory)) for one, to in kept.settings.directories.items()] if kept else []

    def ids_in(self, region: str) -> list[str]:
        """The mapped directories of a Region, each once."""
        mine = (one.directory if region == self.region else one.dr_directory for one in self.directories)
        return list(dict.fromkeys(mine))

    def shown(self, region: str) -> dict[str, Answer]:
        """All directories that are registered in a Region, by id.

        All are listed, because the answer to a request with the id of a deregistered directory is not documented.
        """
        found = self.asker.pages("workspaces:DescribeWorkspaceDirectories", region, "Directories")
        return {one["DirectoryId"]: one for one in found}

    def sample(self, region: str, directory: str) -> tuple[list[Mapping[str, Any]], bool]:
        """The first page of a directory's WorkSpaces, and whether it is the only one. There can be a thousand pages."""
        answer = self.asker.ask("workspaces:DescribeWorkspaces", region, DirectoryId=directory)
        return list(answer["Workspaces"]), not answer.get("NextToken")

    def desktops(self, directory: str) -> tuple[list[Workspace], bool]:
        """The primaries on the first page, and whether it is the only one."""
        shown, is_whole = self.sample(self.region, directory)
        return [one for one in map(read_workspace, shown) if one is not None and one.primary is None], is_whole

    # The fleet

    @functools.cached_property
    def days(self) -> dict[str, Item]:
        """The result of the last complete sweep in the last days, by directory."""
        days = [day_key(self.now - timedelta(days=number)) for number in range(DAYS_BACK + 1)]
        keys = [(coverage_key(DirectoryId(one.directory)), day) for one in self.directories for day in days]
        rows = sorted(self.rows(keys) if self.is_deployed else [], key=lambda item: str(item["sk"]))
        return {item["pk"].partition("#")[2]: item for item in rows}

    def swept_at(self, directory: str) -> datetime | None:
        """When the last complete sweep of a directory ended; None if there was none in the last days."""
        return from_text(self.days[directory]["scanned_at"]) if directory in self.days else None

    def fleet(self, mapped: Mapped) -> Fleet:
        """The fleet of a directory: as the last sweep found it, or else the first page."""
        if day := self.days.get(mapped.directory):
            wanted = int(day["eligible"]) + int(day["reported"])
            return Fleet(wanted, int(day["protected"]))
        desktops, is_whole = self.desktops(mapped.directory)
        return Fleet(len(desktops), sum(bool(one.standbys) for one in desktops), is_whole)
