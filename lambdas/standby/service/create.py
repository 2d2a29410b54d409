"""CreateStandbyWorkspaces: the one call that creates, and every outcome it can have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProxyConnectionError,
)

from standby.model import DirectoryId, Region, WorkspaceId, is_workspace_id, user_key
from standby.service.answers import entries, error_of, failure, status_of, string, words
from standby.service.describe import Primaries
from standby.service.refusals import Kind, kind_of

if TYPE_CHECKING:
    from mypy_boto3_workspaces import WorkSpacesClient

    from standby.clock import Pacer

# Nothing of these left this machine, so nothing can have been created.
NEVER_SENT = (
    EndpointConnectionError,
    ConnectTimeoutError,
    ProxyConnectionError,
    NoCredentialsError,
)


@dataclass(frozen=True)
class StandbyRequest:
    """One item of a CreateStandbyWorkspaces."""

    primary_id: WorkspaceId
    user_name: str
    dr_directory: DirectoryId
    volume_encryption_key: str | None
    data_replication: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Pending:
    """The service builds this standby."""

    standby_id: WorkspaceId
    state: str | None


@dataclass(frozen=True)
class Refusal:
    """The service did not create: known for certain."""

    kind: Kind
    code: str
    message: str


@dataclass(frozen=True)
class Uncertain:
    """The service may or may not have created; `answered` if it gave an answer, which left this open."""

    code: str
    message: str
    answered: bool = False


Outcome = Pending | Refusal | Uncertain


@dataclass(frozen=True)
class CallRefused:
    """The whole call was refused; `declared` if by an error that one of its items alone can have caused."""

    refusal: Refusal
    declared: bool


class Standbys(Primaries):
    """The DR Region: looks there, and the one call that creates.

    The client must be made with `total_max_attempts=1`: botocore cannot repeat throttles alone, and any other repeat
    may create a second standby.
    """

    def __init__(
        self,
        client: WorkSpacesClient,
        primary_region: Region,
        pacer: Pacer | None = None,
        has_time: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(client, pacer, has_time)
        self._primary_region = primary_region

    def create(self, requests: Sequence[StandbyRequest]) -> dict[WorkspaceId, Outcome] | CallRefused:
        """Send one CreateStandbyWorkspaces, at most 25 items and one a user and directory; an outcome for each.

        The answer does not name the primaries of what is pending, so they are matched by user and directory; an item
        that is in neither of the answer's lists is uncertain.
        """
        if self._pacer:
            self._pacer.wait()
        items: list[Any] = [_to_item(request) for request in requests]
        try:
            answer = self._client.create_standby_workspaces(PrimaryRegion=self._primary_region, StandbyWorkspaces=items)
            return _match(requests, answer)
        except ClientError as problem:
            return self._client_error(requests, problem)
        except ParamValidationError as problem:
            return CallRefused(Refusal(Kind.OTHER, *failure(problem)), declared=True)
        except NEVER_SENT as problem:
            return CallRefused(Refusal(Kind.UNREACHABLE, *failure(problem)), declared=False)
        except (BotoCoreError, OSError) as problem:
            return _all(requests, Uncertain(*failure(problem)))
        except Exception:
            # botocore's parser gives up the whole answer for one entry that is not of the service's form.
            why = "CreateStandbyWorkspaces answered, and its answer cannot be read"
            return _all(requests, Uncertain("MalformedAnswer", why))

    def _client_error(
        self, requests: Sequence[StandbyRequest], problem: ClientError
    ) -> dict[WorkspaceId, Outcome] | CallRefused:
        code, message = error_of(problem)
        status = status_of(problem)
        kind = kind_of(code, message, status)
        # A throttle is refused before any work, whatever its HTTP status; another 5xx, or what says that the service
        # failed, may follow an effect.
        if kind is Kind.INTERNAL or (kind is not Kind.THROTTLED and not 400 <= status < 500):
            return _all(requests, Uncertain(code, message))
        declared = kind not in (Kind.THROTTLED, Kind.UNREACHABLE)
        return CallRefused(Refusal(kind, code, message), declared=declared)


def _to_item(request: StandbyRequest) -> dict[str, Any]:
    item: dict[str, Any] = {
        "PrimaryWorkspaceId": request.primary_id,
        "DirectoryId": request.dr_directory,
        "DataReplication": request.data_replication,
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(request.tags.items())],
    }
    if request.volume_encryption_key is not None:
        item["VolumeEncryptionKey"] = request.volume_encryption_key
    return item


def _match(requests: Sequence[StandbyRequest], answer: Mapping[str, Any]) -> dict[WorkspaceId, Outcome]:
    outcomes: dict[WorkspaceId, Outcome] = _all(
        requests, Uncertain("NotInAnswer", "CreateStandbyWorkspaces did not speak of this primary", answered=True)
    )
    for entry in entries(answer, "FailedStandbyRequests"):
        request = entry.get("StandbyWorkspaceRequest")
        primary_id = string(request, "PrimaryWorkspaceId") if isinstance(request, Mapping) else None
        if primary_id is not None and primary_id in outcomes:
            outcomes[WorkspaceId(primary_id)] = _failed_item(entry)
    by_user = {(user_key(one.user_name), one.dr_directory): one.primary_id for one in requests}
    for entry in entries(answer, "PendingStandbyRequests"):
        place = (user_key(string(entry, "UserName") or ""), DirectoryId(string(entry, "DirectoryId") or ""))
        standby_id = string(entry, "WorkspaceId")
        if place in by_user and standby_id is not None and is_workspace_id(standby_id):
            outcomes[by_user[place]] = Pending(WorkspaceId(standby_id), string(entry, "State"))
    return outcomes


def _failed_item(entry: Mapping[str, Any]) -> Outcome:
    code, said = string(entry, "ErrorCode") or "Unknown", words(entry, "ErrorMessage") or ""
    kind = kind_of(code, said)
    # A service that failed at an item is no surer of it than one that failed at a call.
    return Uncertain(code, said, answered=True) if kind is Kind.INTERNAL else Refusal(kind, code, said)


def _all(requests: Iterable[StandbyRequest], outcome: Outcome) -> dict[WorkspaceId, Outcome]:
    return {request.primary_id: outcome for request in requests}
