"""When WorkSpaces' users were connected last, by DescribeWorkspacesConnectionStatus; only with `unused_days`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from standby.model import Login, WorkspaceId
from standby.service.answers import error_of, failure, string
from standby.service.describe import MalformedAnswer, batches

if TYPE_CHECKING:
    from mypy_boto3_workspaces import WorkSpacesClient

    from standby.clock import Clock, Pacer
    from standby.ledger.recorder import Telemetry


class LoginReader:
    """Reads last logins, 25 ids a call. The client must not repeat calls by itself."""

    def __init__(
        self,
        client: WorkSpacesClient,
        pacer: Pacer,
        clock: Clock,
        has_time: Callable[[], bool],
        telemetry: Telemetry,
    ) -> None:
        self._client = client
        self._pacer = pacer
        self._clock = clock
        self._has_time = has_time
        self._telemetry = telemetry

    def read(self, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Login]:
        """The last login of each. One that no answer spoke of is not known, which is not the same as never."""
        found: dict[WorkspaceId, Login] = {}
        for batch in batches(ids):
            if self._has_time():
                found |= self._ask(batch)
        unknown = len(set(ids) - set(found))
        if unknown:
            self._telemetry.gauge("LoginsUnknown", unknown)
        return {one: login for one, login in found.items() if one in ids}

    def _ask(self, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Login]:
        self._pacer.wait()
        try:
            answer: Any = self._client.describe_workspaces_connection_status(WorkspaceIds=list(ids))
            return self._logins(_listed(answer))
        except ClientError as problem:
            code, message = error_of(problem)
        except (BotoCoreError, OSError, MalformedAnswer) as problem:
            code, message = failure(problem)
        except Exception:
            code, message = "MalformedAnswer", "DescribeWorkspacesConnectionStatus gave an answer that cannot be read"
        told = f"The last logins of {len(ids)} WorkSpaces could not be read, so none of them counts as unused: "
        self._telemetry.problem(f"{told}{code}: {message}", error_code=code)
        return {}

    def _logins(self, listed: Sequence[object]) -> dict[WorkspaceId, Login]:
        """The logins in an answer. An entry that cannot be read hides only its own."""
        told = [self._login(entry) for entry in listed]
        if None in told:
            what = f"{told.count(None)} entries of DescribeWorkspacesConnectionStatus cannot be read"
            self._telemetry.problem(f"{what}, so nobody of them counts as unused")
        return dict(one for one in told if one is not None)

    def _login(self, entry: object) -> tuple[WorkspaceId, Login] | None:
        """Whose login an entry tells, and when it was; None if it cannot be read."""
        one = string(entry, "WorkspaceId") if isinstance(entry, Mapping) else None
        if one is None or not isinstance(entry, Mapping):
            return None
        at = entry.get("LastKnownUserConnectionTimestamp")
        if entry.get("ConnectionState") == "CONNECTED":
            return WorkspaceId(one), Login(self._clock.now())
        if at is not None and not (isinstance(at, datetime) and at.tzinfo):
            return None
        return WorkspaceId(one), Login(at)


def _listed(answer: Mapping[str, Any]) -> list[Any]:
    listed = answer.get("WorkspacesConnectionStatus")
    if not isinstance(listed, list):
        raise MalformedAnswer("DescribeWorkspacesConnectionStatus answered without a list")
    return listed
