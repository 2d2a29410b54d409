"""DescribeWorkspaces: by id, and by user in a directory; what is unknown is said to be, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from standby.model import DirectoryId, Unknown, Workspace, WorkspaceId, user_key
from standby.service.answers import error_of, failure, read_workspace, status_of
from standby.service.refusals import Kind, kind_of

if TYPE_CHECKING:
    from mypy_boto3_workspaces import WorkSpacesClient

    from standby.clock import Pacer

T = TypeVar("T")

BATCH = 25  # ids of one DescribeWorkspaces, items of one CreateStandbyWorkspaces
# Of 25 ids, or of one user's desktops: pages may be short or empty, but what has more than so many never ends.
_MOST_PAGES = 50


@dataclass(frozen=True)
class Described:
    """What DescribeWorkspaces said: the WorkSpaces found, and for which ids there was no usable answer, and why."""

    found: Mapping[WorkspaceId, Workspace]
    unknown: Mapping[WorkspaceId, Unknown]


@dataclass(frozen=True)
class DrLook:
    """The desktops of a user in the DR directory; `complete` if every page was read.

    `trouble` if what kept it from being complete is the Region's, and not this user's.
    """

    desktops: tuple[Workspace, ...]
    complete: bool
    problem: str = ""
    trouble: bool = False


@dataclass(frozen=True)
class Page:
    """A page of a directory: what could be read of it, the token of the next page, and whether all could be read."""

    workspaces: tuple[Workspace, ...]
    following: str | None
    is_whole: bool


class Primaries:
    """Reads WorkSpaces of one Region. The client must not repeat calls by itself: the next look is the retry.

    Parameters
    ----------
    has_time
        Whether there is time for another call; what there is none for is unknown.
    tagged
        Adds to WorkSpaces the tags that the selection asks for.
    """

    def __init__(
        self,
        client: WorkSpacesClient,
        pacer: Pacer | None = None,
        has_time: Callable[[], bool] = lambda: True,
        tagged: Callable[[Sequence[Workspace]], Sequence[Workspace]] = lambda found: found,
    ) -> None:
        self._tagged = tagged
        self._client = client
        self._pacer = pacer
        self._has_time = has_time

    def describe(self, ids: Sequence[WorkspaceId]) -> Described:
        """Describe WorkSpaces by id, each once, 25 a call.

        An id in neither mapping was not in an answer that came whole.
        """
        found: dict[WorkspaceId, Workspace] = {}
        unknown: dict[WorkspaceId, Unknown] = {}
        for batch in batches(list(dict.fromkeys(ids))):
            if self._has_time():
                self._describe_batch(batch, found, unknown)
            else:
                unknown |= dict.fromkeys(batch, Unknown("NoTime", "there was no time left to ask"))
        return Described({one.id: one for one in self._tagged(list(found.values()))}, unknown)

    def _describe_batch(
        self, ids: Sequence[WorkspaceId], found: dict[WorkspaceId, Workspace], unknown: dict[WorkspaceId, Unknown]
    ) -> None:
        told: defaultdict[WorkspaceId, set[Workspace]] = defaultdict(set)
        problem = self._ask(ids, told)
        # One that is told of twice, and differently, is not told of.
        found |= {one: next(iter(ways)) for one, ways in told.items() if len(ways) == 1}
        if len(ids) > 1 and problem is not None and problem.of_one:
            # One that the service does not like, or that cannot be read, must not hide the others.
            rest = [one for one in ids if one not in found]
            for part in halves(rest) if len(rest) > 1 else [rest] if rest else []:
                self._describe_batch(part, found, unknown)
        elif problem is not None:
            unknown |= {one: problem.why for one in ids if one not in found}
        else:
            unknown |= {one: _UNREADABLE for one, ways in told.items() if len(ways) > 1}

    def _ask(self, ids: Sequence[WorkspaceId], told: defaultdict[WorkspaceId, set[Workspace]]) -> _Problem | None:
        """Put into `told` what DescribeWorkspaces says of each id; None if the answer came whole."""
        spoilt = False
        try:
            for entry in self._pages(WorkspaceIds=list(ids)):
                workspace = read_workspace(entry)
                if workspace is None or workspace.id not in ids:
                    spoilt = True
                else:
                    told[workspace.id].add(workspace)
        except ClientError as problem:
            of_one = _is_about_an_item(problem)
            return _Problem(Unknown(*error_of(problem), refused_alone=of_one), of_one=of_one)
        except (BotoCoreError, OSError, MalformedAnswer) as problem:
            return _Problem(Unknown(*failure(problem)), of_one=False)
        except Exception:
            # botocore's parser gives up the whole answer for one entry that is not of the service's form.
            return _Problem(_UNREADABLE, of_one=True)
        return _Problem(_UNREADABLE, of_one=False) if spoilt else None

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
                        return incomplete(_UNREADABLE.message, trouble=False)
                    if _is_in(workspace, directory, user_name):
                        desktops[workspace.id] = workspace
            except ClientError as problem:
                return incomplete(": ".join(error_of(problem)), trouble=not _is_about_an_item(problem))
            except (BotoCoreError, OSError, MalformedAnswer) as problem:
                return incomplete(": ".join(failure(problem)), trouble=True)
            except Exception:
                return incomplete(_UNREADABLE.message, trouble=False)
        return DrLook(tuple(desktops.values()), complete=True)

    def page(self, directory: DirectoryId, token: str | None) -> Page | Unknown:
        """One page of a directory's WorkSpaces, and how to go on."""
        try:
            entries, told = self._call({"DirectoryId": directory}, token)
            following = _token_after(token, told)
        except ClientError as problem:
            return Unknown(*error_of(problem))
        except (BotoCoreError, OSError, MalformedAnswer) as problem:
            return Unknown(*failure(problem))
        except Exception:
            return _UNREADABLE
        read = [read_workspace(entry) for entry in entries]
        here = [one for one in read if one is not None and one.directory_id in (directory, None)]
        return Page(tuple(self._tagged(here)), following, is_whole=None not in read)

    def _pages(self, **arguments: Any) -> Iterator[object]:
        token: str | None = None
        for _ in range(_MOST_PAGES):
            if token and not self._has_time():
                raise MalformedAnswer("there was no time left for the next page")
            entries, following = self._call(arguments, token)
            yield from entries
            token = _token_after(token, following)
            if token is None:
                return
        raise MalformedAnswer(f"DescribeWorkspaces gave more than {_MOST_PAGES} pages")

    def _call(self, arguments: Mapping[str, Any], token: str | None) -> tuple[list[object], object]:
        """The entries of a page, and what the answer says of the next one's token."""
        if self._pacer:
            self._pacer.wait()
        request: Any = {**arguments, **({"NextToken": token} if token else {})}
        answer = self._client.describe_workspaces(**request)
        entries: Any = answer.get("Workspaces")
        if not isinstance(entries, list):
            raise MalformedAnswer("DescribeWorkspaces answered without a list of WorkSpaces")
        return entries, answer.get("NextToken")


def _token_after(token: str | None, following: object) -> str | None:
    """The token of the next page; None after the last."""
    if not following:
        return None
    if not isinstance(following, str):
        raise MalformedAnswer("DescribeWorkspaces gave something else than a token for the next page")
    if following == token:
        raise MalformedAnswer("DescribeWorkspaces gave the same page's token twice")
    return following


def _is_in(workspace: Workspace, directory: DirectoryId, user_name: str) -> bool:
    """Whether a WorkSpace is this user's in this directory; what an answer does not say may be so."""
    is_elsewhere = workspace.directory_id is not None and workspace.directory_id != directory
    is_anothers = workspace.user_name is not None and user_key(workspace.user_name) != user_key(user_name)
    return not is_elsewhere and not is_anothers


class MalformedAnswer(Exception):
    """An answer that is not of the service's form."""


@dataclass(frozen=True)
class _Problem:
    """Why an answer did not come whole; `of_one` if one of the ids alone can be the cause."""

    why: Unknown
    of_one: bool


_UNREADABLE = Unknown("MalformedAnswer", "DescribeWorkspaces answered with an entry that cannot be read")


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Lists of at most 25."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def halves(items: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """Both halves of two or more items."""
    middle = len(items) // 2
    return items[:middle], items[middle:]


def _spellings(user_name: str) -> dict[str, None]:
    return dict.fromkeys((user_name, user_name.lower(), user_name.upper(), user_name.title(), user_name.capitalize()))


def _is_about_an_item(problem: ClientError) -> bool:
    """Whether a call was refused for what it asked for, rather than for the Region's state or the caller's rights."""
    status = status_of(problem)
    kind = kind_of(*error_of(problem), status)
    return 400 <= status < 500 and kind not in (Kind.THROTTLED, Kind.UNREACHABLE, Kind.INTERNAL, Kind.DENIED)
