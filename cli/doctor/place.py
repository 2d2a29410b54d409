"""What is examined: a pair of Regions as it is configured, or, without the file, as its ledger knows it."""

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
    from standby.core.model import Workspace
    from standby.ledger.table import Item

REPLICATES: Final = "PRIMARY_AS_SOURCE"
# A baseline's DR directory once its directory is not mapped any more.
_NOT_MAPPED: Final = "-"


@dataclass(frozen=True)
class Txt:
    """The TXT record of a name, and for how many seconds it may be cached; without values there is none."""

    values: tuple[str, ...] = ()
    ttl: int = 0


# Asks DNS for a name's record; Unseen if there is no answer.
Resolve = Callable[[str], Txt]


@dataclass(frozen=True)
class File:
    """The configuration file, and what in it is probably not meant."""

    path: Path
    pairs: Sequence[Configured]
    cautions: Sequence[str]


@dataclass(frozen=True)
class Mapped:
    """A directory and its DR directory; `key` and `replicates` are known from the configuration alone."""

    directory: str
    dr_directory: str
    key: str | None = None
    replicates: bool = False


@dataclass(frozen=True)
class Fleet:
    """How many desktops of a directory are to have a standby, and how many have one.

    `is_whole` is whether that is all of them: without a sweep, only the first page is counted.
    """

    wanted: int
    covered: int
    is_whole: bool = True

    def __add__(self, other: Fleet) -> Fleet:
        return Fleet(self.wanted + other.wanted, self.covered + other.covered, self.is_whole and other.is_whole)


NOBODY: Final = Fleet(0, 0)


@dataclass
class Place:
    """A pair, with what several checks need of it.

    Attributes
    ----------
    configured : infra.config.Pair or None
        What the configuration file says of it, if there is one.
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
        """What CloudFormation says of the pair's stack in a Region; None if there is none."""
        name = self.stack if region == self.region else self.dr_stack
        found = self.asker.find("cloudformation:DescribeStacks", region, "does not exist", StackName=name)
        return None if found is None else found["Stacks"][0]

    def output(self, region: str, name: str) -> str:
        """An output of the pair's stack in a Region; Unseen if there is none."""
        listed = (self.stack_in(region) or {}).get("Outputs", ())
        found = {one["OutputKey"]: str(one["OutputValue"]) for one in listed}
        if name not in found:
            # The check of the stacks says so, too, and that it is a problem.
            raise Unseen(Status.CANNOT_TELL, f"The stack in {region} has no output {name}.", "Deploy again.")
        return found[name]

    @property
    def is_deployed(self) -> bool:
        """Whether the primary Region's stack is there; what cannot be seen is taken to be."""
        try:
            return self.stack_in(self.region) is not None
        except (Unseen, LookupError, TypeError):
            return True

    # The ledger

    def rows(self, keys: Iterable[tuple[str, str]]) -> list[Item]:
        """Those rows of the ledger that exist; Unseen if it cannot be read."""
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
        """The mapped directories: of the configuration, or those of which the ledger has a baseline."""
        if self.configured is not None:
            return [
                Mapped(one, mapped.dr_directory, mapped.volume_encryption_key, mapped.data_replication == REPLICATES)
                for one, mapped in self.configured.directories.items()
            ]
        found = self.rows((directory_key(DirectoryId(one)), BASELINE) for one in self.shown(self.region))
        mapped = {item["pk"].partition("#")[2]: str(item.get("dr_directory_id", _NOT_MAPPED)) for item in found}
        return [Mapped(one, away) for one, away in sorted(mapped.items()) if away != _NOT_MAPPED]

    def ids_in(self, region: str) -> list[str]:
        """The mapped directories of a Region, each once."""
        mine = (one.directory if region == self.region else one.dr_directory for one in self.directories)
        return list(dict.fromkeys(mine))

    def shown(self, region: str) -> dict[str, Answer]:
        """All directories that are registered in a Region, by id.

        They are not asked for by id: what AWS answers to the id of a deregistered one is not documented.
        """
        found = self.asker.pages("workspaces:DescribeWorkspaceDirectories", region, "Directories")
        return {one["DirectoryId"]: one for one in found}

    def sample(self, region: str, directory: str) -> tuple[list[Mapping[str, Any]], bool]:
        """The first page of a directory's WorkSpaces, and whether it is the only one: a fleet can have a thousand."""
        answer = self.asker.ask("workspaces:DescribeWorkspaces", region, DirectoryId=directory)
        return list(answer["Workspaces"]), not answer.get("NextToken")

    def desktops(self, directory: str) -> tuple[list[Workspace], bool]:
        """The primaries of that page, as the product reads them."""
        shown, is_whole = self.sample(self.region, directory)
        return [one for one in map(read_workspace, shown) if one is not None and one.primary is None], is_whole

    # The fleet

    @functools.cached_property
    def days(self) -> dict[str, Item]:
        """What the last complete sweep of these days found, by directory."""
        days = [day_key(self.now - timedelta(days=number)) for number in range(DAYS_BACK + 1)]
        keys = [(coverage_key(DirectoryId(one.directory)), day) for one in self.directories for day in days]
        rows = sorted(self.rows(keys) if self.is_deployed else [], key=lambda item: str(item["sk"]))
        return {item["pk"].partition("#")[2]: item for item in rows}

    def swept_at(self, directory: str) -> datetime | None:
        """When the last complete sweep of a directory ended; None if there was none in these days."""
        return from_text(self.days[directory]["scanned_at"]) if directory in self.days else None

    def fleet(self, mapped: Mapped) -> Fleet:
        """A directory's fleet: as its last sweep found it, or as far as the first page shows it."""
        if day := self.days.get(mapped.directory):
            wanted = int(day["eligible"]) + int(day["reported"])
            return Fleet(wanted, int(day["protected"]))
        desktops, is_whole = self.desktops(mapped.directory)
        return Fleet(len(desktops), sum(bool(one.standbys) for one in desktops), is_whole)
