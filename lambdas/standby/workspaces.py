"""The gateway to Amazon WorkSpaces: describes, and creates standbys; typed answers in place of botocore's dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProxyConnectionError,
)

from standby.model import DirectoryId, Region, Related, Unknown, Workspace, WorkspaceId, user_key
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
    unknown: Mapping[WorkspaceId, Unknown]


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
    """The desktops of a user in the DR directory; `complete` if every page was read.

    `trouble` if what kept it from being complete is the Region's, and not this user's.
    """

    desktops: tuple[Workspace, ...]
    complete: bool
    problem: str = ""
    trouble: bool = False


class Primaries:
    """Reads WorkSpaces of one Region. The client must not repeat calls by itself: the next look is the retry.

    Parameters
    ----------
    has_time
        Whether there is time for another call; what there is none for is unknown.
    """

    def __init__(
        self, client: WorkSpacesClient, pacer: Pacer | None = None, has_time: Callable[[], bool] = lambda: True
    ) -> None:
        self._client = client
        self._pacer = pacer
        self._has_time = has_time

    def describe(self, ids: Sequence[WorkspaceId]) -> Described:
        """Describe WorkSpaces by id, 25 a call. An id in neither mapping was not in an answer that came whole."""
        found: dict[WorkspaceId, Workspace] = {}
        unknown: dict[WorkspaceId, Unknown] = {}
        for batch in batches(ids):
            if self._has_time():
                self._describe_batch(batch, found, unknown)
            else:
                unknown |= dict.fromkeys(batch, Unknown("NoTime", "there was no time left to ask"))
        return Described(found, unknown)

    def _describe_batch(
        self, ids: Sequence[WorkspaceId], found: dict[WorkspaceId, Workspace], unknown: dict[WorkspaceId, Unknown]
    ) -> None:
        try:
            spoilt = False
            for entry in self._pages(WorkspaceIds=list(ids)):
                workspace = read_workspace(entry)
                if workspace is None:
                    spoilt = True
                else:
                    found[workspace.id] = workspace
            if spoilt:
                why = Unknown("MalformedAnswer", "DescribeWorkspaces answered with an entry that cannot be read")
                unknown |= {one: why for one in ids if one not in found}
        except ClientError as problem:
            code, message = _error(problem)
            if _is_about_an_item(problem) and len(ids) > 1:
                # One id that the service does not like must not hide the others.
                for half in halves(ids):
                    self._describe_batch(half, found, unknown)
                return
            why = Unknown(code, message, refused_alone=_is_about_an_item(problem))
            unknown |= {one: why for one in ids if one not in found}
        except Exception as problem:
            unknown |= {one: Unknown(type(problem).__name__, str(problem)) for one in ids if one not in found}

    def look_for_user(self, directory: DirectoryId, user_name: str) -> DrLook:
        """The desktops of a user in a directory, whatever the case of the name.

        Whether the service's UserName filter minds the case is not documented, so the usual spellings are asked for.
        """
        desktops: dict[WorkspaceId, Workspace] = {}

        def incomplete(problem: str, *, trouble: bool) -> DrLook:
            return DrLook(tuple(desktops.values()), complete=False, problem=problem, trouble=trouble)

        for name in _spellings(user_name):
            try:
                for entry in self._pages(DirectoryId=directory, UserName=name):
                    workspace = read_workspace(entry)
                    if workspace is None:
                        return incomplete("an entry without an id", trouble=False)
                    if workspace.user_name is None or user_key(workspace.user_name) == user_key(user_name):
                        desktops[workspace.id] = workspace
            except ClientError as problem:
                return incomplete(str(problem), trouble=not _is_about_an_item(problem))
            except Exception as problem:
                return incomplete(f"{type(problem).__name__}: {problem}", trouble=True)
        return DrLook(tuple(desktops.values()), complete=True)

    def _pages(self, **arguments: Any) -> Iterator[object]:
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
        # A throttle is refused before any work, whatever its HTTP status; another 5xx, or what says that the service
        # failed, may follow an effect.
        if kind is Kind.INTERNAL or (kind is not Kind.THROTTLED and not 400 <= status < 500):
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
    for entry in _entries(answer, "FailedStandbyRequests"):
        request = entry.get("StandbyWorkspaceRequest")
        primary_id = _string(request, "PrimaryWorkspaceId") if isinstance(request, Mapping) else None
        if primary_id is not None and primary_id in outcomes:
            code, message = _string(entry, "ErrorCode") or "Unknown", _string(entry, "ErrorMessage") or ""
            outcomes[WorkspaceId(primary_id)] = Refusal(kind_of(code, message), code, message)
    by_user = {(user_key(one.user_name), one.dr_directory): one.primary_id for one in requests}
    for entry in _entries(answer, "PendingStandbyRequests"):
        place = (user_key(_string(entry, "UserName") or ""), DirectoryId(_string(entry, "DirectoryId") or ""))
        standby_id = _string(entry, "WorkspaceId")
        if place in by_user and standby_id is not None:
            outcomes[by_user[place]] = Pending(WorkspaceId(standby_id), _string(entry, "State"))
    return outcomes


def _spellings(user_name: str) -> dict[str, None]:
    return dict.fromkeys((user_name, user_name.lower(), user_name.upper(), user_name.title(), user_name.capitalize()))


def _is_about_an_item(problem: ClientError) -> bool:
    """Whether a call was refused for what it asked for, rather than for the Region's state or the caller's rights."""
    status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    kind = kind_of(*_error(problem))
    return 400 <= status < 500 and kind not in (Kind.THROTTLED, Kind.UNREACHABLE, Kind.INTERNAL, Kind.DENIED)


def _all(requests: Iterable[StandbyRequest], outcome: Outcome) -> dict[WorkspaceId, Outcome]:
    return {request.primary_id: outcome for request in requests}


def _error(problem: ClientError) -> tuple[str, str]:
    error = problem.response.get("Error", {})
    return error.get("Code") or "Unknown", error.get("Message") or str(problem)


def read_workspace(entry: object) -> Workspace | None:
    """A WorkSpace of an answer; None if it lacks an id. What is not of the service's form counts as not told."""
    if not isinstance(entry, Mapping):
        return None
    workspace_id = _string(entry, "WorkspaceId")
    # A broken list of relations must not pass for an empty one: that would be a primary without a standby.
    if workspace_id is None or not isinstance(entry.get("RelatedWorkspaces") or [], list):
        return None
    directory_id = _string(entry, "DirectoryId")
    properties = entry.get("WorkspaceProperties")
    properties = properties if isinstance(properties, Mapping) else {}
    return Workspace(
        id=WorkspaceId(workspace_id),
        directory_id=DirectoryId(directory_id) if directory_id else None,
        user_name=_string(entry, "UserName"),
        state=_string(entry, "State"),
        compute_type=_string(properties, "ComputeTypeName"),
        operating_system=_string(properties, "OperatingSystemName"),
        root_encrypted=bool(entry.get("RootVolumeEncryptionEnabled")),
        user_encrypted=bool(entry.get("UserVolumeEncryptionEnabled")),
        related=tuple(
            Related(WorkspaceId(related_id), _region(other), _string(other, "State"), _string(other, "Type"))
            for other in _entries(entry, "RelatedWorkspaces")
            if (related_id := _string(other, "WorkspaceId"))
        ),
        replication=tuple(
            (WorkspaceId(standby_id), _string(one, "DataReplication") or "")
            for one in _entries(entry, "StandbyWorkspacesProperties")
            if (standby_id := _string(one, "StandbyWorkspaceId"))
        ),
    )


def _string(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    return value if isinstance(value, str) and value else None


def _region(entry: Mapping[str, Any]) -> Region | None:
    value = _string(entry, "Region")
    return Region(value) if value else None


def _entries(entry: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = entry.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
