"""What the operator configured, as the deployment put it into the zip, and what the environment names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from standby.model import NO_REPLICATION, DirectoryId, Region, WorkspaceId
from standby.selection import Selection

STACK_TAG = "workspaces-standby:stack"
PRIMARY_TAG = "workspaces-standby:primary"


class BadSettings(Exception):
    """The deployment is not whole: a variable or a settings key is missing. The message names it."""


@dataclass(frozen=True)
class Directory:
    """The DR partner of a directory in the primary Region, and what its standbys are to be."""

    dr_directory: DirectoryId
    volume_encryption_key: str | None = None
    data_replication: str = NO_REPLICATION
    mutual: bool = False  # another pair's standbys live in this directory: look before creating


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One pair of Regions, as configured."""

    stack: str
    primary_region: Region
    dr_region: Region
    version: str = "0"
    config_digest: str = ""
    mode: str = "protect"
    tags: Mapping[str, str] = field(default_factory=dict)
    first_look: timedelta = timedelta(minutes=15)
    poll_interval: timedelta = timedelta(seconds=120)
    primary_deadline: timedelta = timedelta(minutes=240)
    standby_deadline: timedelta = timedelta(minutes=120)
    max_new_standbys_per_day: int = 200
    max_standbys: int = 5000
    sweep_interval: timedelta = timedelta(minutes=60)
    rpo: timedelta = timedelta(hours=36)
    existing_fleet: str = "report"
    recreate_missing: bool = False
    backfill_in_flight: int = 100
    calls_per_second: float = 1.0
    prices: Mapping[str, Decimal] = field(default_factory=dict)  # monthly fees in USD by compute type
    selection: Selection = field(default_factory=Selection)
    directories: Mapping[DirectoryId, Directory] = field(default_factory=dict)
    elsewhere: Mapping[DirectoryId, str] = field(default_factory=dict)  # other pairs' directories here: whose stack

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Settings:
        """Build from the content of settings.json.

        Raises
        ------
        BadSettings
            A key is missing.
        """
        try:
            return cls(
                stack=document["stack"],
                version=document["version"],
                config_digest=document["config_digest"],
                primary_region=Region(document["primary_region"]),
                dr_region=Region(document["dr_region"]),
                mode=document["mode"],
                tags=dict(document["tags"]),
                first_look=timedelta(seconds=document["first_look_seconds"]),
                poll_interval=timedelta(seconds=document["poll_interval_seconds"]),
                primary_deadline=timedelta(seconds=document["primary_deadline_seconds"]),
                standby_deadline=timedelta(seconds=document["standby_deadline_seconds"]),
                max_new_standbys_per_day=document["max_new_standbys_per_day"],
                max_standbys=document["max_standbys"],
                sweep_interval=timedelta(seconds=document.get("sweep_interval_seconds", 3600)),
                rpo=timedelta(seconds=document.get("rpo_seconds", 36 * 3600)),
                existing_fleet=document.get("existing_fleet", "report"),
                recreate_missing=document.get("recreate_missing", False),
                backfill_in_flight=document.get("backfill_in_flight", 100),
                calls_per_second=document.get("calls_per_second", 1.0),
                prices={name: Decimal(amount) for name, amount in document.get("prices", {}).items()},
                selection=Selection.from_document(document),
                directories={
                    DirectoryId(name): Directory(
                        dr_directory=DirectoryId(entry["dr_directory"]),
                        volume_encryption_key=entry["volume_encryption_key"],
                        data_replication=entry["data_replication"],
                        mutual=entry["mutual"],
                    )
                    for name, entry in document["directories"].items()
                },
                elsewhere={DirectoryId(name): stack for name, stack in document.get("elsewhere", {}).items()},
            )
        except KeyError as missing:
            raise BadSettings(f"settings.json lacks {missing}; deploy the stack again") from None

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Read settings.json.

        Raises
        ------
        BadSettings
            The file is missing or not whole.
        """
        try:
            return cls.from_document(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as problem:
            raise BadSettings(f"{path.name} cannot be read ({problem}); deploy the stack again") from None

    def standby_tags(self, primary_id: WorkspaceId) -> dict[str, str]:
        """The tags of the standby that this stack creates for a primary."""
        return {**self.tags, STACK_TAG: self.stack, PRIMARY_TAG: primary_id}


def require(environment: Mapping[str, str], name: str) -> str:
    """The value of an environment variable.

    Raises
    ------
    BadSettings
        It is not set.
    """
    value = environment.get(name)
    if not value:
        raise BadSettings(f"the environment variable {name} is not set; deploy the stack again")
    return value
