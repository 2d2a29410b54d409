"""The front door of the model: calls, faults, the clock, the record, and the verbs of a test."""

import functools
import threading
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.workspaces import (
    describe,
    directories,
    modifications,
    primaries,
    redirection,
    standbys,
    surroundings,
    trail,
    validate,
)
from local.workspaces.clock import Clock, ManualClock, OffsetClock
from local.workspaces.context import Context, Operation
from local.workspaces.errors import ServiceError, TransportFault
from local.workspaces.estate import Directory, Estate, Workspace
from local.workspaces.faults import LATE, UNREACHED, UNREADABLE, Fault, Faults
from local.workspaces.settings import Settings
from local.workspaces.throttle import Throttle

OPERATIONS: dict[str, Operation] = {
    **{name: functools.partial(directories.modify, name) for name in directories.SETTINGS},
    "AssociateConnectionAlias": redirection.associate_connection_alias,
    "AssociateIpGroups": directories.associate_ip_groups,
    "CreateConnectionAlias": redirection.create_connection_alias,
    "CreateIpGroup": directories.create_ip_group,
    "CreateStandbyWorkspaces": standbys.create_standby_workspaces,
    "CreateTags": surroundings.create_tags,
    "CreateWorkspaceBundle": surroundings.create_workspace_bundle,
    "CreateWorkspaces": primaries.create_workspaces,
    "DeleteConnectionAlias": redirection.delete_connection_alias,
    "DeleteTags": surroundings.delete_tags,
    "DescribeConnectionAliasPermissions": redirection.describe_connection_alias_permissions,
    "DescribeConnectionAliases": redirection.describe_connection_aliases,
    "DescribeIpGroups": directories.describe_ip_groups,
    "DescribeTags": surroundings.describe_tags,
    "DescribeWorkspaceBundles": surroundings.describe_workspace_bundles,
    "DescribeWorkspaceDirectories": directories.describe_workspace_directories,
    "DescribeWorkspaces": describe.describe_workspaces,
    "DescribeWorkspacesConnectionStatus": describe.describe_workspaces_connection_status,
    "DisassociateConnectionAlias": redirection.disassociate_connection_alias,
    "DisassociateIpGroups": directories.disassociate_ip_groups,
    "GetResources": surroundings.get_resources,
    "MigrateWorkspace": modifications.migrate_workspace,
    "ModifyWorkspaceProperties": modifications.modify_workspace_properties,
    "StartWorkspaces": primaries.start_workspaces,
    "StopWorkspaces": primaries.stop_workspaces,
    "TerminateWorkspaces": primaries.terminate_workspaces,
}


@dataclass(frozen=True)
class Call:
    """One call, as it went: ``outcome`` is ``ok``, an error's code, or the kind of a fault of the transport."""

    at: datetime
    region: str
    operation: str
    params: dict[str, Any]
    outcome: str
    principal: str


class World:
    """WorkSpaces in all Regions of one account. It may be called from several threads.

    Parameters
    ----------
    clock : Clock, optional
        Where time comes from; a :class:`ManualClock` unless given.
    account : str
        The account's id.
    seed : int
        Ids, orders and ragged pages repeat for the same seed and the same calls.
    **settings
        Any attribute of :class:`Settings`.
    """

    def __init__(
        self, clock: Clock | None = None, *, account: str = "123456789012", seed: int = 0, **settings: Any
    ) -> None:
        self.clock: Clock = clock or ManualClock()
        self.account = account
        self.settings = Settings(**settings)
        self.calls: list[Call] = []
        self.trail: list[dict[str, Any]] = []
        self._estate = Estate(account, self.settings, seed)
        self._faults = Faults()
        self._throttle = Throttle()
        self._subscribers: list[trail.Subscriber] = []
        self._lock = threading.RLock()

    # --- calls

    def call(self, region: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
        """Make a call and return its answer, shaped as botocore parses it.

        Raises
        ------
        ServiceError
            The service answered with an error.
        TransportFault
            An injected fault left the caller without a readable answer.
        """
        with self._lock:
            who = principal or f"arn:aws:iam::{self.account}:user/operator"
            outcome = "ok"
            try:
                return self._serve(region, operation, params, who)
            except ServiceError as error:
                outcome = error.code
                raise
            except TransportFault as fault:
                outcome = fault.kind
                raise
            finally:
                self.calls.append(Call(self.clock.now(), region, operation, params, outcome, who))

    def _serve(self, region: str, operation: str, params: dict[str, Any], who: str) -> dict[str, Any]:
        now = self.settle()
        fault = self._faults.of_call(region, operation, params, who, now)
        if fault is not None and fault.kind in UNREACHED:
            fault.hits += 1
            if fault.kind == LATE:
                due = now + timedelta(seconds=fault.delay_seconds)
                self._estate.later(due, lambda at: self._serve_late(region, operation, params, who, at))
            raise TransportFault(fault.kind)
        try:
            if self.settings.throttling:
                # The Tagging API's own limit is not documented; it is none of WorkSpaces'.
                bucket = f"{region} tags" if operation in validate.OF_TAGGING else region
                self._throttle.take(bucket, now, self.settings.calls_per_second)
            if fault is not None:
                fault.hits += 1
                _refuse(fault, who, operation)
            validate.check(operation, params)
            answer = self._operate(region, operation, params, who, now)
            if fault is not None:
                _fail_after(fault)
        except ServiceError as error:
            self._record(region, operation, params, who, None, (error.code, error.message))
            raise
        self._record(region, operation, params, who, answer, None)
        if fault is not None and fault.kind in UNREADABLE:
            raise TransportFault(fault.kind)
        return {} if fault is not None and fault.kind == "empty" else answer

    def _serve_late(self, region: str, operation: str, params: dict[str, Any], who: str, now: datetime) -> None:
        """Let a call take effect whose caller no longer gets an answer."""
        outcome = "ok"
        try:
            validate.check(operation, params)
            answer = self._operate(region, operation, params, who, now)
            self._record(region, operation, params, who, answer, None)
        except ServiceError as error:
            outcome = error.code
            self._record(region, operation, params, who, None, (error.code, error.message))
        self.calls.append(Call(now, region, operation, params, outcome, who))

    def _operate(self, region: str, operation: str, params: dict[str, Any], who: str, now: datetime) -> dict[str, Any]:
        if operation not in OPERATIONS:
            raise ServiceError("UnknownOperationException", f"The model of WorkSpaces has no {operation}")

        def item_fault(kind: str, user: str, workspace_id: str | None) -> Fault | None:
            return self._faults.of_item(kind, region, operation, who, now, user, workspace_id)

        return OPERATIONS[operation](Context(self._estate, region, params, now, item_fault))

    def record_denial(
        self, region: str, operation: str, params: dict[str, Any], principal: str, error: ServiceError
    ) -> None:
        """Record a call that IAM refused before it came to the service."""
        with self._lock:
            self.calls.append(Call(self.clock.now(), region, operation, params, error.code, principal))
            self._record(region, operation, params, principal, None, (error.code, error.message))

    # --- CloudTrail

    def subscribe(self, subscriber: trail.Subscriber) -> None:
        """Let ``subscriber`` be called with each event that CloudTrail delivers.

        With a delay, events are delivered by the first call or :meth:`settle` after they are due.
        """
        self._subscribers.append(subscriber)

    def _record(
        self,
        region: str,
        operation: str,
        params: dict[str, Any],
        who: str,
        answer: dict[str, Any] | None,
        error: tuple[str, str] | None,
    ) -> None:
        if operation not in trail.RECORDED:
            return
        event = trail.event(self._estate, region, operation, params, who, self.seen(self.clock.now()), answer, error)
        self.trail.append(event)
        due = self.clock.now() + timedelta(seconds=self.settings.trail_delay_seconds)
        for _ in range(self.settings.trail_copies):
            self._estate.later(due, lambda _: self.deliver(event))
        self.settle()

    def deliver(self, event: dict[str, Any]) -> None:
        """Hand an event to the subscribers, as CloudTrail does."""
        for subscriber in self._subscribers:
            subscriber(event)

    # --- time

    def seen(self, moment: datetime) -> datetime:
        """Return a moment of the world's clock as answers and events show it."""
        return self.clock.seen(moment) if isinstance(self.clock, OffsetClock) else moment

    def settle(self) -> datetime:
        """Let everything happen that is due, and return the present."""
        with self._lock:
            now = self.clock.now()
            self._estate.settle(now)
            return now

    def next_happening(self) -> datetime | None:
        """Return when something happens next by itself, for those who move the clock."""
        with self._lock:
            return self._estate.next_happening()

    # --- what a test does

    def add_directory(
        self,
        region: str,
        directory_id: str,
        users: list[str],
        *,
        directory_type: str = "AD_CONNECTOR",
        workspace_type: str = "PERSONAL",
    ) -> Directory:
        """Register a directory, or add users to one that is there."""
        with self._lock:
            directory = self._estate.directories.setdefault(
                (region, directory_id), Directory(directory_id, region, {}, directory_type, workspace_type)
            )
            directory.users.update({user.casefold(): user for user in users})
            directory.used_at = directory.used_at or self.clock.now()
            return directory

    def set_directory(
        self,
        region: str,
        directory_id: str,
        *,
        state: str | None = None,
        status: str | None = None,
        settings: dict[str, Any] | None = None,
        addresses: int | None = None,
    ) -> None:
        """Set the state of a directory's registration with WorkSpaces, its status in Directory Service, its settings.

        In no state but REGISTERED, and with no status but ACTIVE, can anything be created in it. The status (such as
        IMPAIRED or INOPERABLE) is not shown by DescribeWorkspaceDirectories. Settings are members of its answer, such
        as SamlProperties or DnsIpAddresses. ``addresses`` is how many WorkSpaces its subnets have room for.
        """
        wrong = validate.broken_shape("WorkspaceDirectory", settings or {})
        unknown = set(settings or {}) - set(validate.service_model().shape_for("WorkspaceDirectory").members)  # type: ignore[attr-defined]
        if wrong or unknown:
            raise ValueError(f"settings cannot be {settings}: {'; '.join([*wrong, *sorted(unknown)])}")
        states = validate.service_model().shape_for("WorkspaceDirectoryState").enum  # type: ignore[attr-defined]
        if state is not None and state not in states:
            raise ValueError(f"there is no state {state!r} of a directory; there are {', '.join(states)}")
        with self._lock:
            directory = self._estate.directories[region, directory_id]
            directory.status = status or directory.status
            directory.settings |= settings or {}
            directory.addresses = directory.addresses if addresses is None else addresses
            if state is not None:
                directory.register(state, self.settle())

    def remove_user(self, region: str, directory_id: str, user: str) -> None:
        """Take a user out of a directory."""
        with self._lock:
            self._estate.directories[region, directory_id].users.pop(user.casefold(), None)

    def inject(self, fault: Fault) -> None:
        """Add a fault; the first that matches a call is the one it meets."""
        with self._lock:
            self._faults.inject(fault)

    def clear_faults(self) -> None:
        """Take back all faults."""
        with self._lock:
            self._faults.clear()

    def faults(self) -> list[Fault]:
        """Return the faults that may still hit."""
        with self._lock:
            return self._faults.present(self.clock.now())

    def set_state(
        self, workspace_id: str, state: str, error_code: str | None = None, error_message: str | None = None
    ) -> None:
        """Put a WorkSpace into a state, where it stays (PENDING never boots, TERMINATED is gone).

        In ERROR and UNHEALTHY, the error is what DescribeWorkspaces says of it.
        """
        with self._lock:
            self.settle()
            workspace = self._estate.workspaces[workspace_id]
            self._estate.set_state(workspace, state)
            workspace.error_code, workspace.error_message = error_code, error_message

    def terminate(self, workspace_id: str) -> None:
        """Begin to terminate a WorkSpace without a call, and so without an event."""
        with self._lock:
            self._estate.terminate(self._estate.workspaces[workspace_id], self.settle())

    def fail_standby_of(self, user: str, error_code: str | None = None, error_message: str | None = None) -> None:
        """Let the standbys of a user that are still PENDING, and all later ones, end in ERROR, for this reason."""
        with self._lock:
            self.settle()
            self._estate.failing_users[user.casefold()] = error_code, error_message

    def spare_standby_of(self, user: str) -> None:
        """Let the standbys of a user end in ERROR no longer; those that have stay so."""
        with self._lock:
            self._estate.failing_users.pop(user.casefold(), None)

    def connect(self, workspace_id: str) -> None:
        """Let the user of a WorkSpace log in now."""
        with self._lock:
            self._estate.workspaces[workspace_id].last_connected_at = self.settle()

    def freeze_replication(self, standby_id: str) -> None:
        """Let no further copy of a primary's data reach a standby."""
        with self._lock:
            self._estate.workspaces[standby_id].replication_frozen_at = self.settle()

    # --- what a test looks at

    def workspace(self, workspace_id: str) -> Workspace:
        """Return a WorkSpace, gone or not; raise ``KeyError`` for one that never was."""
        with self._lock:
            self.settle()
            return self._estate.workspaces[workspace_id]

    def primaries(self) -> list[Workspace]:
        """Return the live WorkSpaces that are not standbys, in the order of creation."""
        return [workspace for workspace in self._live() if not workspace.is_standby]

    def standbys(self) -> list[Workspace]:
        """Return the live standbys, those in ERROR included, in the order of creation."""
        return [workspace for workspace in self._live() if workspace.is_standby]

    def directories(self, region: str) -> list[Directory]:
        """Return the directories of a Region, registered or not."""
        with self._lock:
            self.settle()
            return [directory for (where, _), directory in self._estate.directories.items() if where == region]

    def free_addresses(self, directory: Directory) -> int:
        """Return how many further WorkSpaces the subnets of a directory have room for."""
        with self._lock:
            return self._estate.free_addresses(directory)

    def standbys_of(self, primary_id: str) -> list[Workspace]:
        """Return the live standbys of one primary."""
        with self._lock:
            self.settle()
            return self._estate.live_standbys(primary_id)

    def duplicates(self) -> list[tuple[str, ...]]:
        """Return the primaries with more than one live standby, and the users with more than one in a directory.

        Each is ``("primary", id, standby, standby, …)`` or ``("user", directory, user, standby, standby, …)``.
        """
        groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for standby in self.standbys():
            groups["primary", standby.primary_id or ""].append(standby.workspace_id)
            if not standby.is_decoupled:
                groups["user", standby.directory_id, standby.user_key].append(standby.workspace_id)
        return [(*group, *ids) for group, ids in groups.items() if len(ids) > 1]

    def _live(self) -> list[Workspace]:
        with self._lock:
            self.settle()
            return self._estate.live()


def _refuse(fault: Fault, who: str, operation: str) -> None:
    match fault.kind:
        case "throttle":
            raise ServiceError(
                fault.code or "ThrottlingException", fault.message or "Rate exceeded", fault.status or 400
            )
        case "refuse":
            message = fault.message or f"User: {who} is not authorized to perform: workspaces:{operation}"
            raise ServiceError(fault.code or "AccessDeniedException", message, fault.status or 400)
        case "error_before":
            raise _server_error(fault)


def _fail_after(fault: Fault) -> None:
    if fault.kind == "error_after":
        raise _server_error(fault)


def _server_error(fault: Fault) -> ServiceError:
    code = fault.code or "InternalServerException"
    return ServiceError(code, fault.message or "The service failed.", fault.status or 500)
