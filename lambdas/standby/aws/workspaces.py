"""DescribeWorkspaces by id, by user and by page; and CreateStandbyWorkspaces, the one call that creates.

Unknown results are `Unknown`, with the reason. A value that does not have the documented form counts as missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from standby.aws.call import MALFORMED, MOST_OF_A_MESSAGE, MOST_OF_A_NAME, call, kind_of
from standby.core.model import (
    UNWELL_STANDBY,
    DirectoryId,
    Lookup,
    Region,
    Related,
    Unknown,
    Workspace,
    WorkspaceId,
    batches,
    halves,
    is_workspace_id,
    legible,
    user_key,
)
from standby.core.outcomes import Answer, Created, Pending, Refusal, Refused, Unclear

if TYPE_CHECKING:
    from mypy_boto3_workspaces import WorkSpacesClient

    from standby.aws.call import Pacer

# The most pages for 25 ids, or for one user's desktops. Pages may be short or empty; more pages than this never end.
_MOST_PAGES = 50
_DESCRIBE = "DescribeWorkspaces"
Problem = Refused | Unclear


@dataclass(frozen=True)
class Page:
    """A page of a directory: the readable WorkSpaces, the token of the next page, and whether all could be read."""

    workspaces: tuple[Workspace, ...]
    following: str | None
    is_whole: bool


@dataclass
class WorkSpaces:
    """Reads WorkSpaces of one Region. The client must not retry calls: the next round is the retry.

    If there is no time (`has_time`), the result is unknown. `tagged` adds the tags that the selection needs. `trouble`:
    a lookup or a request found that the Region does not answer, or throttles.
    """

    client: WorkSpacesClient
    pacer: Pacer
    has_time: Callable[[], bool] = lambda: True
    tagged: Callable[[Sequence[Workspace]], Sequence[Workspace]] = lambda found: found
    trouble: bool = False

    def describe(self, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Workspace | Unknown]:
        """Describe WorkSpaces by id, each once, 25 a call.

        An id that is not in the result was missing from a complete answer.
        """
        found: dict[WorkspaceId, Workspace] = {}
        unknown: dict[WorkspaceId, Unknown] = {}
        for batch in batches(list(dict.fromkeys(ids))):
            if self.has_time():
                self._describe_batch(batch, found, unknown)
            else:
                unknown |= dict.fromkeys(batch, Unknown("NoTime", "there was no time left for the call"))
        return {one.id: one for one in self.tagged(list(found.values()))} | unknown

    def _describe_batch(
        self, ids: Sequence[WorkspaceId], found: dict[WorkspaceId, Workspace], unknown: dict[WorkspaceId, Unknown]
    ) -> None:
        returned: defaultdict[WorkspaceId, set[Workspace]] = defaultdict(set)
        problem = self._pages(returned, WorkspaceIds=list(ids))
        is_spoilt = any(one not in ids for one in returned)
        # A WorkSpace that is returned twice with different values counts as not returned.
        found |= {one: next(iter(ways)) for one, ways in returned.items() if one in ids and len(ways) == 1}
        if len(ids) > 1 and problem is not None and _is_about_an_item(problem):
            # One id that the service refuses, or an entry that cannot be read, must not hide the others.
            rest = [one for one in ids if one not in found]
            for part in halves(rest) if len(rest) > 1 else [rest] if rest else []:
                self._describe_batch(part, found, unknown)
        elif problem is not None or is_spoilt:
            why = problem or _SPOILT
            refused_alone = isinstance(why, Refused) and _is_about_an_item(why)
            unknown |= {one: Unknown(why.code, why.message, refused_alone) for one in ids if one not in found}
        else:
            unknown |= {one: Unknown(_SPOILT.code, _SPOILT.message) for one, ways in returned.items() if len(ways) > 1}

    def lookup_user(self, directory: DirectoryId, user_name: str) -> Lookup:
        """Look up the desktops of a user in a directory; the name is not case-sensitive.

        It is not documented whether the service's UserName filter is, so the usual spellings are requested.
        """
        returned: defaultdict[WorkspaceId, set[Workspace]] = defaultdict(set)
        if self.trouble:
            return Lookup((), complete=False, problem="The DR Region did not answer.")
        problem: Problem | None = None
        for name in _spellings(user_name):
            problem = self._pages(returned, DirectoryId=directory, UserName=name)
            if problem is not None:
                self.trouble = not (problem == _SPOILT or _is_about_an_item(problem))
                break
        here = [one for ways in returned.values() for one in ways if _is_in(one, directory, user_name)]
        if problem is None:
            return Lookup(tuple({one.id: one for one in here}.values()), complete=True)
        return Lookup(tuple(here), complete=False, problem=f"{problem.code}: {problem.message}")

    def page(self, directory: DirectoryId, token: str | None) -> Page | Unknown:
        """One page of a directory's WorkSpaces, with the token of the next; or why it is unknown."""
        answer = self._call({"DirectoryId": directory}, token)
        if isinstance(answer, Problem):
            return Unknown(answer.code, answer.message)
        listed, following = answer
        read = [read_workspace(entry) for entry in listed]
        here = [one for one in read if one is not None and one.directory_id in (directory, None)]
        return Page(tuple(self.tagged(here)), following, is_whole=None not in read)

    def registrations(self, directories: Sequence[DirectoryId]) -> dict[DirectoryId, str | None] | Unknown:
        """The registration states of at most 25 directories; None for one that a complete answer does not contain."""
        self.pacer.wait()
        answer = call(self.client.describe_workspace_directories, DirectoryIds=list(directories))
        if isinstance(answer, Problem):
            return Unknown(answer.code, answer.message)
        listed, following = answer.body.get("Directories"), answer.body.get("NextToken")
        states = {string(one, "DirectoryId"): string(one, "State") for one in entries(answer.body, "Directories")}
        is_whole = isinstance(listed, list) and len(states) == len(listed) and None not in states.values()
        if not is_whole or following or not states.keys() <= set(directories):
            return Unknown(MALFORMED, "DescribeWorkspaceDirectories gave an incomplete answer")
        return {one: states.get(one) for one in directories}

    def _pages(self, returned: defaultdict[WorkspaceId, set[Workspace]], **arguments: Any) -> Problem | None:
        """Add to `returned` what all pages contain about each WorkSpace; None if complete, else the problem."""
        token: str | None = None
        is_spoilt = False
        for number in range(_MOST_PAGES):
            if number and not self.has_time():
                return Unclear(MALFORMED, "there was no time left for the next page")
            answer = self._call(arguments, token)
            if isinstance(answer, Problem):
                return answer
            listed, token = answer
            for entry in listed:
                workspace = read_workspace(entry)
                is_spoilt = is_spoilt or workspace is None
                if workspace is not None:
                    returned[workspace.id].add(workspace)
            if token is None:
                return _SPOILT if is_spoilt else None
        return Unclear(MALFORMED, f"{_DESCRIBE} returned more than {_MOST_PAGES} pages")

    def _call(self, arguments: Mapping[str, Any], token: str | None) -> tuple[list[object], str | None] | Problem:
        """The entries of a page, and the token of the next; an answer without a list of WorkSpaces is a problem."""
        self.pacer.wait()
        answer = call(self.client.describe_workspaces, **arguments, **({"NextToken": token} if token else {}))
        if isinstance(answer, Problem):
            return answer
        listed, following = answer.body.get("Workspaces"), answer.body.get("NextToken") or None
        if not isinstance(listed, list):
            return Unclear(MALFORMED, f"{_DESCRIBE} gave an answer without a list of WorkSpaces")
        if not isinstance(following, str | None):
            return Unclear(MALFORMED, f"{_DESCRIBE} gave a token for the next page that is not text")
        if following and following == token:
            return Unclear(MALFORMED, f"{_DESCRIBE} gave the token of the same page twice")
        return listed, following


_SPOILT = Unclear(MALFORMED, f"{_DESCRIBE} gave an answer with an entry that cannot be read")


def _is_in(workspace: Workspace, directory: DirectoryId, user_name: str) -> bool:
    """Whether a WorkSpace may be this user's in this directory; a missing value counts as a match."""
    is_elsewhere = workspace.directory_id is not None and workspace.directory_id != directory
    is_anothers = workspace.user_name is not None and user_key(workspace.user_name) != user_key(user_name)
    return not is_elsewhere and not is_anothers


def _spellings(user_name: str) -> dict[str, None]:
    return dict.fromkeys((user_name, user_name.lower(), user_name.upper(), user_name.title(), user_name.capitalize()))


def _is_about_an_item(problem: Problem) -> bool:
    """Whether a call failed because of its items, not because of the Region's state or the caller's permissions."""
    if isinstance(problem, Refused):
        return problem.kind not in (Refusal.THROTTLED, Refusal.UNREACHABLE, Refusal.DENIED)
    # An answer came, and botocore's parser rejected it because of one entry.
    return isinstance(problem, Unclear) and problem.answered


# The outcome of a primary that is in none of the answer's lists.
LEFT_OUT: Created = Unclear(
    "NotInAnswer", "the answer of CreateStandbyWorkspaces does not contain this primary", answered=True
)


@dataclass(frozen=True)
class StandbyRequest:
    """One item of a CreateStandbyWorkspaces call."""

    primary_id: WorkspaceId
    user_name: str
    dr_directory: DirectoryId
    volume_encryption_key: str | None
    data_replication: str
    tags: Mapping[str, str]


@dataclass
class Standbys(WorkSpaces):
    """Access to the DR Region: lookups, and the one call that creates.

    The client must have `total_max_attempts=1`: botocore cannot retry throttles only, and any other retry may create a
    second standby.
    """

    primary_region: Region = field(kw_only=True)

    def create(self, requests: Sequence[StandbyRequest]) -> dict[WorkspaceId, Created] | Refused:
        """Send one CreateStandbyWorkspaces call; returns an outcome for each item, or the refusal of the whole call.

        It takes at most 25 items, and each user and directory once. The answer does not name the primaries of pending
        standbys, so they are matched by user and directory. An item in neither of the answer's lists is unclear.
        """
        self.pacer.wait()
        items: list[Any] = [_to_item(request) for request in requests]
        outcome = call(
            self.client.create_standby_workspaces, PrimaryRegion=self.primary_region, StandbyWorkspaces=items
        )
        match outcome:
            case Answer(body):
                return _match(requests, body)
            case Unclear():
                self.trouble = self.trouble or not outcome.answered
                return {request.primary_id: outcome for request in requests}
            case Refused(kind):
                self.trouble = self.trouble or kind in (Refusal.THROTTLED, Refusal.UNREACHABLE)
                return outcome


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


def _match(requests: Sequence[StandbyRequest], answer: Mapping[str, Any]) -> dict[WorkspaceId, Created]:
    outcomes = {request.primary_id: LEFT_OUT for request in requests}
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


def _failed_item(entry: Mapping[str, Any]) -> Created:
    code, said = string(entry, "ErrorCode") or "Unknown", words(entry, "ErrorMessage") or ""
    kind = kind_of(code, said)
    # After an internal failure for an item, its effect is as unclear as after one for a call.
    return Unclear(code, said, answered=True) if kind is Refusal.INTERNAL else Refused(kind, code, said)


def read_workspace(entry: object) -> Workspace | None:
    """A WorkSpace of an answer; None if it has no valid id: the service refuses a whole call with an invalid one.

    Other values that do not have the documented form count as missing.
    """
    if not isinstance(entry, Mapping):
        return None
    workspace_id = string(entry, "WorkspaceId")
    related = _related(entry.get("RelatedWorkspaces"))
    encrypted = [entry.get(f"{volume}VolumeEncryptionEnabled") or False for volume in ("Root", "User")]
    if workspace_id is None or not is_workspace_id(workspace_id):
        return None
    if related is None or not all(isinstance(one, bool) for one in encrypted):
        return None
    directory_id, state = string(entry, "DirectoryId"), string(entry, "State")
    error = (string(entry, "ErrorCode") or "Unknown", words(entry, "ErrorMessage") or "")
    properties = entry.get("WorkspaceProperties")
    properties = properties if isinstance(properties, Mapping) else {}
    copied = entry.get("DataReplicationSettings")
    copied = copied if isinstance(copied, Mapping) else {}
    listed = [(string(one, "StandbyWorkspaceId"), one) for one in entries(entry, "StandbyWorkspacesProperties")]
    standbys = [(WorkspaceId(standby_id), one) for standby_id, one in listed if standby_id]
    return Workspace(
        id=WorkspaceId(workspace_id),
        directory_id=DirectoryId(directory_id) if directory_id else None,
        user_name=string(entry, "UserName"),
        name=string(entry, "WorkspaceName"),
        state=state,
        compute_type=string(properties, "ComputeTypeName"),
        operating_system=string(properties, "OperatingSystemName"),
        root_gib=_size(properties.get("RootVolumeSizeGib")),
        user_gib=_size(properties.get("UserVolumeSizeGib")),
        protocols=_names(properties.get("Protocols")),
        root_encrypted=encrypted[0],
        user_encrypted=encrypted[1],
        volume_encryption_key=string(entry, "VolumeEncryptionKey"),
        nested_virtualization=properties.get("NestedVirtualizationEnabled") is True,
        related=related,
        replication=tuple((standby_id, string(one, "DataReplication") or "") for standby_id, one in standbys),
        snapshots=tuple((one, taken) for one, of in standbys if (taken := _moment(of.get("RecoverySnapshotTime")))),
        data_replication=string(copied, "DataReplication"),
        copied_at=_moment(copied.get("RecoverySnapshotTime")),
        error=error if state in UNWELL_STANDBY and error != ("Unknown", "") else None,
    )


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _names(listed: object) -> tuple[str, ...]:
    """A list of names in an answer; empty if any entry is not a name: a part of the list would be another list."""
    names = listed if isinstance(listed, list) else []
    return tuple(names) if all(isinstance(one, str) for one in names) else ()


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


def _related(listed: object) -> tuple[Related, ...] | None:
    """The relations in an answer; None if they cannot be read.

    A broken list must not count as an empty one, because that would mean a primary without a standby.
    """
    if not isinstance(listed or [], list):
        return None
    read = [_relation(one) for one in (listed if isinstance(listed, list) else ())]
    related = tuple(one for one in read if one is not None)
    return related if len(related) == len(read) or any(one.is_known for one in related) else None


def _relation(other: object) -> Related | None:
    if not isinstance(other, Mapping):
        return None
    related_id, kind, region = string(other, "WorkspaceId"), string(other, "Type"), string(other, "Region")
    if not is_workspace_id(related_id) or kind is None:
        return None
    return Related(WorkspaceId(related_id or ""), Region(region) if region else None, string(other, "State"), kind)


def string(entry: Mapping[str, Any], name: str) -> str | None:
    """A name in an entry; None if it is missing, or not valid as a name."""
    value = entry.get(name)
    if not isinstance(value, str) or legible(value, MOST_OF_A_NAME) != value:
        return None
    return value or None


def words(entry: Mapping[str, Any], name: str) -> str | None:
    """A text in an entry, cut to what a row of the ledger should hold; None if it is missing."""
    value = entry.get(name)
    return legible(value, MOST_OF_A_MESSAGE) if isinstance(value, str) and value else None


def entries(entry: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of a list in an entry; empty if it is missing, or not a list."""
    value = entry.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
