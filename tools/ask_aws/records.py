"""What CloudTrail's records say of calls: who made them, what was refused, what was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from standby.aws.call import kind_of
from standby.core.outcomes import Refusal
from standby.events import UNNAMED, caller

if TYPE_CHECKING:
    from tools.ask_aws.place import Place

REQUEST: Final = "CreateStandbyWorkspaces"
_RENEWALS: Final = {"RebuildWorkspaces": "rebuilt", "RestoreWorkspace": "restored", "MigrateWorkspace": "migrated"}


@dataclass(frozen=True)
class Recorded:
    """A refusal in a record, of a call or of one of its items, with the kind that the product assigns."""

    code: str
    message: str

    @property
    def kind(self) -> Refusal:
        """What it asks for."""
        return kind_of(self.code, self.message)


def refusals(place: Place) -> list[Recorded]:
    """The refusals of CreateStandbyWorkspaces, of calls and of items."""
    return list(_refusals(place.history(place.pair.dr_region, REQUEST)))


def _refusals(records: list[dict[str, Any]]) -> Iterator[Recorded]:
    for record in records:
        if record.get("errorCode"):
            yield Recorded(str(record["errorCode"]), str(record.get("errorMessage") or ""))
        for item in _items(record, "failedStandbyRequests"):
            yield Recorded(str(item.get("errorCode") or "Unknown"), str(item.get("errorMessage") or ""))


def pending_ids(records: list[dict[str, Any]]) -> set[str]:
    """The standbys that were made."""
    return {str(item.get("workspaceId")) for record in records for item in _items(record, "pendingStandbyRequests")}


def requested_ids(records: list[dict[str, Any]]) -> set[str]:
    """The primaries for which a standby was requested."""
    asked = [one for record in records for one in _asked(record, "standbyWorkspaces")]
    return {str(item.get("primaryWorkspaceId")) for item in asked}


def renewed(place: Place) -> Iterator[tuple[str, str, str]]:
    """Yield the WorkSpaces that were rebuilt, restored or migrated: (id, which of the three, when), and not refused."""
    for name, what in _RENEWALS.items():
        for record in place.history(place.pair.primary_region, name):
            asked = _asked(record, "rebuildWorkspaceRequests") or [record.get("requestParameters") or {}]
            for item in [] if record.get("errorCode") else asked:
                if one := item.get("sourceWorkspaceId") or item.get("workspaceId"):
                    yield str(one), what, str(record.get("eventTime", "an unknown time"))


def _asked(record: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = (record.get("requestParameters") or {}).get(name) or []
    return [one for one in found if isinstance(one, Mapping)]


def _items(record: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = (record.get("responseElements") or {}).get(name) or []
    return [one for one in found if isinstance(one, Mapping)]


def principal(place: Place, record: Mapping[str, Any]) -> str:
    """Who called."""
    return caller(record, place.account.id) or UNNAMED
