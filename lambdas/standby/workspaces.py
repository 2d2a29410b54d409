"""The gateway to Amazon WorkSpaces: describes, and creates standbys; typed answers in place of botocore's dicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProxyConnectionError,
)

from standby.model import DirectoryId, Region, Related, Workspace, WorkspaceId, user_key
from standby.refusals import Kind, kind_of

if TYPE_CHECKING:
    from mypy_boto3_workspaces import WorkSpacesClient

    from standby.clock import Pacer

T = TypeVar("T")

BATCH = 25  # ids of one DescribeWorkspaces, items of one CreateStandbyWorkspaces

# Nothing of these left this machine, so nothing can have been created.
_NEVER_SENT = (
    EndpointConnectionError,
    ConnectTimeoutError,
    ProxyConnectionError,
    NoCredentialsError,
)


@dataclass(frozen=True)
class Described:
    """What DescribeWorkspaces said: the WorkSpaces found, and for which ids there was no usable answer, and why."""

    found: Mapping[WorkspaceId, Workspace]
    unknown: Mapping[WorkspaceId, tuple[str, str]]


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
    """The service may or may not have created."""

    code: str
    message: str


Outcome = Pending | Refusal | Uncertain


@dataclass(frozen=True)
class CallRefused:
    """The whole call was refused; `declared` if by an error that one of its items alone can have caused."""

    refusal: Refusal
    declared: bool


@dataclass(frozen=True)
class DrLook:
    """The desktops of a user in the DR directory; `complete` if every page was read."""

    desktops: tuple[Workspace, ...]
    complete: bool
    problem: str = ""


class Primaries:
    """Reads WorkSpaces of one Region. The client must not repeat calls by itself: the next look is the retry."""

    def __init__(self, client: WorkSpacesClient, pacer: Pacer | None = None) -> None:
        self._client = client
        self._pacer = pacer

    def describe(self, ids: Sequence[WorkspaceId]) -> Described:
        """Describe WorkSpaces by id, 25 a call. An id in neither mapping was not in an answer that came whole."""
        found: dict[WorkspaceId, Workspace] = {}
        unknown: dict[WorkspaceId, tuple[str, str]] = {}
        for batch in batches(ids):
            self._describe_batch(batch, found, unknown)
        return Described(found, unknown)

    def _describe_batch(
        self,
        ids: Sequence[WorkspaceId],
        found: dict[WorkspaceId, Workspace],
        unknown: dict[WorkspaceId, tuple[str, str]],
    ) -> None:
        pages = self._pages(WorkspaceIds=list(ids))
        try:
            for entry in pages:
                if workspace := read_workspace(entry):
                    found[workspace.id] = workspace
        except ClientError as problem:
            code, message = _error(problem)
            if code in ("InvalidParameterValuesException", "ValidationException") and len(ids) > 1:
                # One id that the service does not like must not hide the others.
                for half in halves(ids):
                    self._describe_batch(half, found, unknown)
                return
            unknown |= {one: (code, message) for one in ids if one not in found}
        except (BotoCoreError, MalformedAnswer) as problem:
            unknown |= {one: (type(problem).__name__, str(problem)) for one in ids if one not in found}

    def look_for_user(self, directory: DirectoryId, user_name: str) -> DrLook:
        """The desktops of a user in a directory, whatever the case of the name.

        Whether the service's UserName filter minds the case is not documented, so the usual spellings are asked for.
        """
        desktops: dict[WorkspaceId, Workspace] = {}
        for name in dict.fromkeys((user_name, user_name.lower(), user_name.upper())):
            try:
                for entry in self._pages(DirectoryId=directory, UserName=name):
                    workspace = read_workspace(entry)
                    if workspace is None:
                        return DrLook(tuple(desktops.values()), complete=False, problem="an entry without an id")
                    if workspace.user_name is None or user_key(workspace.user_name) == user_key(user_name):
                        desktops[workspace.id] = workspace
            except (ClientError, BotoCoreError, MalformedAnswer) as problem:
                return DrLook(tuple(desktops.values()), complete=False, problem=str(problem))
        return DrLook(tuple(desktops.values()), complete=True)

    def _pages(self, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        token: str | None = None
        while True:
            if self._pacer:
                self._pacer.wait()
            if token:
                arguments["NextToken"] = token
            answer = self._client.describe_workspaces(**arguments)
            entries = answer.get("Workspaces")
            if not isinstance(entries, list):
                raise MalformedAnswer("DescribeWorkspaces answered without a list of WorkSpaces")
            yield from entries
            following = answer.get("NextToken")
            if not following:
                return
            if following == token:
                raise MalformedAnswer("DescribeWorkspaces gave the same page's token twice")
            token = following


class MalformedAnswer(Exception):
    """An answer that is not of the service's form."""


class Standbys(Primaries):
    """The DR Region: looks there, and the one call that creates.

    The client must be made with `total_max_attempts=1`: botocore cannot repeat throttles alone, and any other repeat
    may create a second standby.
    """

    def __init__(self, client: WorkSpacesClient, primary_region: Region, pacer: Pacer | None = None) -> None:
        super().__init__(client, pacer)
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
            return CallRefused(Refusal(Kind.OTHER, "ParamValidationError", str(problem)), declared=True)
        except _NEVER_SENT as problem:
            return CallRefused(Refusal(Kind.UNREACHABLE, type(problem).__name__, str(problem)), declared=False)
        except Exception as problem:
            return _all(requests, Uncertain(type(problem).__name__, str(problem)))

    def _client_error(
        self, requests: Sequence[StandbyRequest], problem: ClientError
    ) -> dict[WorkspaceId, Outcome] | CallRefused:
        code, message = _error(problem)
        status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        kind = kind_of(code, message)
        # A throttle is refused before any work, whatever its HTTP status; another 5xx may follow an effect.
        if kind is not Kind.THROTTLED and not 400 <= status < 500:
            return _all(requests, Uncertain(code, message))
        declared = kind not in (Kind.THROTTLED, Kind.UNREACHABLE)
        return CallRefused(Refusal(kind, code, message), declared=declared)


def batches(ids: Sequence[WorkspaceId]) -> Iterator[Sequence[WorkspaceId]]:
    """Lists of at most 25."""
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def halves(items: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """Both halves of two or more items."""
    middle = len(items) // 2
    return items[:middle], items[middle:]


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
        requests, Uncertain("NotInAnswer", "CreateStandbyWorkspaces answered, and did not speak of this primary")
    )
    for entry in answer.get("FailedStandbyRequests") or []:
        primary_id = (entry.get("StandbyWorkspaceRequest") or {}).get("PrimaryWorkspaceId")
        if primary_id in outcomes:
            code, message = str(entry.get("ErrorCode") or "Unknown"), str(entry.get("ErrorMessage") or "")
            outcomes[primary_id] = Refusal(kind_of(code, message), code, message)
    by_user = {(user_key(one.user_name), one.dr_directory): one.primary_id for one in requests}
    for entry in answer.get("PendingStandbyRequests") or []:
        place = (user_key(str(entry.get("UserName") or "")), entry.get("DirectoryId"))
        matched = by_user.get(place)
        if matched is not None and entry.get("WorkspaceId"):
            outcomes[matched] = Pending(WorkspaceId(entry["WorkspaceId"]), entry.get("State"))
    return outcomes


def _all(requests: Iterable[StandbyRequest], outcome: Outcome) -> dict[WorkspaceId, Outcome]:
    return {request.primary_id: outcome for request in requests}


def _error(problem: ClientError) -> tuple[str, str]:
    error = problem.response.get("Error", {})
    return error.get("Code") or "Unknown", error.get("Message") or str(problem)


def read_workspace(entry: Mapping[str, Any]) -> Workspace | None:
    """A WorkSpace of an answer; None if it lacks an id."""
    if not entry.get("WorkspaceId"):
        return None
    properties = entry.get("WorkspaceProperties") or {}
    return Workspace(
        id=WorkspaceId(entry["WorkspaceId"]),
        directory_id=entry.get("DirectoryId"),
        user_name=entry.get("UserName"),
        state=entry.get("State"),
        compute_type=properties.get("ComputeTypeName"),
        operating_system=properties.get("OperatingSystemName"),
        root_encrypted=bool(entry.get("RootVolumeEncryptionEnabled")),
        user_encrypted=bool(entry.get("UserVolumeEncryptionEnabled")),
        related=tuple(
            Related(WorkspaceId(other["WorkspaceId"]), other.get("Region"), other.get("State"), other.get("Type"))
            for other in entry.get("RelatedWorkspaces") or []
            if other.get("WorkspaceId")
        ),
        replication=tuple(
            (WorkspaceId(one["StandbyWorkspaceId"]), one.get("DataReplication", ""))
            for one in entry.get("StandbyWorkspacesProperties") or []
            if one.get("StandbyWorkspaceId")
        ),
    )
