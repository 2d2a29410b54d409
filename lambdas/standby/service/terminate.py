"""TerminateWorkspaces: the one call that destroys, every outcome it can have, and what is asked before it.

Which Region's endpoint terminates a standby is not documented; it is sent to the one that the standby is in, as
CreateStandbyWorkspaces is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from standby.model import Unknown, WorkspaceId
from standby.service.answers import entries, error_of, failure, status_of, string, words
from standby.service.create import NEVER_SENT, Refusal, Uncertain
from standby.service.describe import Primaries
from standby.service.refusals import Kind, kind_of
from standby.texts import legible

if TYPE_CHECKING:
    from mypy_boto3_workspaces import WorkSpacesClient

    from standby.clock import Pacer


# Of a WorkSpace that is stopped the state is UNKNOWN.
# https://docs.aws.amazon.com/workspaces/latest/api/API_WorkspaceConnectionStatus.html
_CONNECTION_STATES = ("CONNECTED", "DISCONNECTED", "UNKNOWN")


@dataclass(frozen=True)
class Accepted:
    """The service terminates it."""


@dataclass(frozen=True)
class Use:
    """Whether a user is connected to a desktop, and when one last was; None if never, as far as the service knows."""

    is_connected: bool
    last: datetime | None


Outcome = Accepted | Refusal | Uncertain


class OrphanedStandbys(Primaries):
    """The DR Region, as far as orphans are concerned. The client must be made with `total_max_attempts=1`."""

    def __init__(
        self, client: WorkSpacesClient, pacer: Pacer | None = None, has_time: Callable[[], bool] = lambda: True
    ) -> None:
        super().__init__(client, pacer, has_time)

    def tags(self, standby_id: WorkspaceId) -> dict[str, str] | Unknown:
        """The tags of a standby."""
        listed = self._ask_for("TagList", lambda: self._client.describe_tags(ResourceId=standby_id))
        if isinstance(listed, Unknown):
            return listed
        return {str(one.get("Key")): str(one.get("Value", "")) for one in listed}

    def use(self, standby_id: WorkspaceId) -> Use | Unknown:
        """Who uses a standby: DescribeWorkspacesConnectionStatus, which speaks of WorkSpaces of its own Region."""
        listed = self._ask_for(
            "WorkspacesConnectionStatus",
            lambda: self._client.describe_workspaces_connection_status(WorkspaceIds=[standby_id]),
        )
        if isinstance(listed, Unknown):
            return listed
        told = [one for one in listed if one.get("WorkspaceId") == standby_id]
        if not told:
            return Unknown("NotInAnswer", "DescribeWorkspacesConnectionStatus does not speak of the standby")
        state, last = told[0].get("ConnectionState"), told[0].get("LastKnownUserConnectionTimestamp")
        is_moment = last is None or (isinstance(last, datetime) and last.tzinfo is not None)
        # One was asked about: what else is there may speak of it too.
        if len(listed) > 1 or state not in _CONNECTION_STATES or not is_moment:
            why = f"DescribeWorkspacesConnectionStatus does not say clearly whether somebody is connected ({state})"
            return Unknown("MalformedAnswer", legible(why, 200))
        return Use(state == "CONNECTED", last)

    def terminate(self, standby_id: WorkspaceId) -> Outcome:
        """Send one TerminateWorkspaces for one standby."""
        self._wait()
        try:
            answer = self._client.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": standby_id}])
            return _outcome(standby_id, answer)
        except ClientError as problem:
            return _client_error(problem)
        except ParamValidationError as problem:
            return Refusal(Kind.OTHER, *failure(problem))
        except NEVER_SENT as problem:
            return Refusal(Kind.UNREACHABLE, *failure(problem))
        except (BotoCoreError, OSError) as problem:
            return Uncertain(*failure(problem))
        except Exception:
            # botocore's parser gives up the whole answer for one entry that is not of the service's form.
            return Uncertain("MalformedAnswer", "TerminateWorkspaces answered, and its answer cannot be read")

    def _ask_for(self, member: str, call: Callable[[], Any]) -> list[Mapping[str, Any]] | Unknown:
        """The list that an answer has as a member: an answer without it says nothing."""
        self._wait()
        try:
            answer = call()
        except ClientError as problem:
            return Unknown(*error_of(problem))
        except (BotoCoreError, OSError) as problem:
            return Unknown(*failure(problem))
        except Exception:
            return Unknown("MalformedAnswer", f"the service answered with {member} that cannot be read")
        listed = answer.get(member)
        if not isinstance(listed, list):
            return Unknown("MalformedAnswer", f"the service answered without {member}")
        if not all(isinstance(one, Mapping) for one in listed):
            return Unknown("MalformedAnswer", f"the service answered with {member} of which not all can be read")
        return listed

    def _wait(self) -> None:
        if self._pacer:
            self._pacer.wait()


def _outcome(standby_id: WorkspaceId, answer: Mapping[str, Any]) -> Outcome:
    """What an answer says; one that does not list what failed, or lists something else, leaves it open."""
    failed = answer.get("FailedRequests")
    if not isinstance(failed, list):
        return Uncertain("NotInAnswer", "TerminateWorkspaces did not say what became of the standby", answered=True)
    for entry in entries(answer, "FailedRequests"):
        if string(entry, "WorkspaceId") == standby_id:
            code, said = string(entry, "ErrorCode") or "Unknown", words(entry, "ErrorMessage") or ""
            kind = kind_of(code, said)
            return Uncertain(code, said, answered=True) if kind is Kind.INTERNAL else Refusal(kind, code, said)
    if failed:
        return Uncertain("NotInAnswer", "TerminateWorkspaces spoke of another WorkSpace", answered=True)
    return Accepted()


def _client_error(problem: ClientError) -> Outcome:
    code, message = error_of(problem)
    status = status_of(problem)
    kind = kind_of(code, message, status)
    # As for CreateStandbyWorkspaces: a throttle is refused before any work, another 5xx may follow an effect.
    if kind is Kind.INTERNAL or (kind is not Kind.THROTTLED and not 400 <= status < 500):
        return Uncertain(code, message)
    return Refusal(kind, code, message)
