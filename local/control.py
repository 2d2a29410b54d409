"""The control URL: read and change the world of the embedded cloud, as JSON.

:data:`VERBS` lists it all; the URL itself answers with it.
"""

import dataclasses
import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from local.connections import ConnectionFault, Connections
from local.nameserver import NameServer
from local.notices import Notices
from local.outages import Outages
from local.workspaces import Fault, OffsetClock, ServiceError, Workspace, World

PREFIX = "/_standby/"
VERBS = """\
GET (below /_standby/)
  snapshot           primaries, standbys and duplicates as the service knows them, and the settings
  calls?since=N      the log of calls, with their outcome and caller
  trail?since=N      CloudTrail's events
  clock, settings, faults, connection_faults
  functions          the processes that run Lambda functions: name, pid, and whether it is at work
  outages            the Regions that are lost
  notices?since=N    what was published to topics
  held               the requests that are held, each with the pids of the processes that may have sent it
POST, with a JSON object (below /_standby/)
  clock              {"advance_seconds": 3600}: the world's clock; the emulator's own stays
  settings           {"strict": true, ...}: any attribute of local.workspaces.Settings
  faults             {"operation": ..., "kind": ...}: any attribute of local.workspaces.Fault but "when"
  connection_faults  {"service": "dynamodb", "operation": "TransactWriteItems", "kind": "cut_after", ...}: any attribute
                     of local.connections.ConnectionFault; cut_before and cut_after reset the connection, hold_before
                     and hold_after keep the caller waiting (so that it can be killed; held has its pid), denied is
                     the refusal of a service control policy
  release            {}: all held requests continue
  outage             {"region"}: its services reset connections, or, with "silent": true, never answer
  end_outage         {"region"}
  clear_faults       {}: removes both kinds of faults, releases held requests, and ends every outage
  add_directory      {"region", "directory_id", "users": [...]}
  remove_user        {"region", "directory_id", "user"}
  set_directory      {"region", "directory_id"} with "state" (of its registration), "status" (in Directory Service),
                     "settings" (members of DescribeWorkspaceDirectories), "addresses" (room for so many WorkSpaces)
  set_state          {"workspace_id", "state"}, with "error_code" and "error_message" in ERROR and UNHEALTHY
  terminate          {"workspace_id"}
  fail_standby_of    {"user"}: the user's standbys end in ERROR, with "error_code" and "error_message"
  spare_standby_of   {"user"}: ends fail_standby_of
  connect            {"workspace_id"}: the user logs in now
  freeze_replication {"standby_id"}: no further copy of data arrives
  redeliver          {"event_id"}: CloudTrail delivers an event again
  fire_schedules     {}: every EventBridge schedule fires now
  set_txt            {"name", "values": [...], "ttl": 60}: the name server's TXT record; [] removes it
  confirm            {}: confirms every pending e-mail subscription
  add_key            {"region", "key_id"}: a KMS key of that id
  load_items         {"table", "file"}: puts the items of a file (JSON of DynamoDB, one a line) into a table, in all
                     Regions that have it; its stream does not notice
"""


class BadRequestError(Exception):
    """A request to the control URL that names nothing there, or is wrong; its text says what would be right."""


@dataclasses.dataclass(frozen=True)
class Emulator:
    """What the control URL can do to the emulator itself.

    Attributes
    ----------
    fire_schedules : callable
        Lets every EventBridge schedule fire now, and returns how many did.
    functions : callable
        Returns the processes that run functions, each with ``function``, ``pid`` and ``busy``.
    confirm : callable
        Confirms every subscription that waits for it, and returns the addresses.
    add_key : callable
        Makes a KMS key, given a Region and an id.
    load_items : callable
        Puts items into a table, given its name and a file, and returns how many.
    """

    fire_schedules: Callable[[], int]
    functions: Callable[[], list[dict[str, Any]]]
    confirm: Callable[[], list[str]]
    add_key: Callable[[str, str], None]
    load_items: Callable[[str, str], int]


class Control:
    """Answers the control URL.

    Parameters
    ----------
    world : World
        What is controlled.
    connections : Connections
        The faults of the connections to it.
    outages : Outages
        The Regions that are lost.
    notices : Notices
        What was published to topics.
    names : NameServer
        What answers questions for TXT records.
    emulator : Emulator
        Everything else.
    """

    def __init__(
        self,
        world: World,
        connections: Connections,
        outages: Outages,
        notices: Notices,
        names: NameServer,
        emulator: Emulator,
    ) -> None:
        self._world = world
        self._connections = connections
        self._outages = outages
        self._functions = emulator.functions
        self._shows: dict[str, Callable[[dict[str, str]], Any]] = {
            "": lambda _: {"help": VERBS.splitlines()},
            "snapshot": lambda _: snapshot(world),
            "calls": lambda query: [_plain(call) for call in world.calls[int(query.get("since", 0)) :]],
            "trail": lambda query: world.trail[int(query.get("since", 0)) :],
            "clock": lambda _: {"now": _plain(world.clock.now())},
            "settings": lambda _: _plain(world.settings),
            "faults": lambda _: [_show_fault(fault) for fault in world.faults()],
            "connection_faults": lambda _: [_show_fault(fault) for fault in connections.faults()],
            "functions": lambda _: emulator.functions(),
            "outages": lambda _: outages.lost(),
            "notices": lambda query: [_plain(one) for one in notices.since(int(query.get("since", 0)))],
            "held": lambda _: self._show_held(),
        }
        self._acts: dict[str, Callable[..., Any]] = {
            "clock": self._advance,
            "settings": self._change,
            "faults": self._inject,
            "connection_faults": lambda **fault: connections.inject(ConnectionFault(**fault)),
            "outage": lambda region, silent=False: outages.begin(region, silent=silent),
            "end_outage": lambda region: outages.end(region),
            "release": lambda: {"released": connections.release()},
            "clear_faults": self._clear_faults,
            "add_directory": self._add_directory,
            "remove_user": world.remove_user,
            "set_directory": world.set_directory,
            "set_state": world.set_state,
            "terminate": world.terminate,
            "fail_standby_of": world.fail_standby_of,
            "spare_standby_of": world.spare_standby_of,
            "connect": world.connect,
            "freeze_replication": world.freeze_replication,
            "redeliver": self._redeliver,
            "fire_schedules": lambda: {"fired": emulator.fire_schedules()},
            "set_txt": names.set_txt,
            "confirm": lambda: {"confirmed": emulator.confirm()},
            "add_key": emulator.add_key,
            "load_items": lambda table, file: {"loaded": emulator.load_items(table, file)},
        }

    def answer(self, method: str, target: str, body: dict[str, Any]) -> Any:
        """Answer a request.

        Parameters
        ----------
        method : str
            GET shows, POST acts.
        target : str
            The path below :data:`PREFIX`, with its query.
        body : dict
            The object that was posted.

        Raises
        ------
        BadRequestError
            Naming what is wrong.
        """
        parts = urlsplit(target)
        verbs = self._acts if method == "POST" else self._shows
        if parts.path not in verbs:
            raise BadRequestError(f"{method} {PREFIX}{parts.path} is nothing; there are {', '.join(sorted(verbs))}")
        try:
            if method == "POST":
                inspect.signature(self._acts[parts.path]).bind(**body)
                return self._acts[parts.path](**body) or {}
            return self._shows[parts.path]({name: values[-1] for name, values in parse_qs(parts.query).items()})
        except (TypeError, ValueError, OSError, ServiceError) as error:
            raise BadRequestError(str(error)) from error
        except KeyError as error:
            raise BadRequestError(f"there is no {error}") from error

    def _advance(self, advance_seconds: float) -> dict[str, Any]:
        if not isinstance(self._world.clock, OffsetClock):
            raise BadRequestError("this world's clock is moved by its owner")
        self._world.clock.advance(advance_seconds)
        return {"now": _plain(self._world.settle())}

    def _change(self, **choices: Any) -> Any:
        self._world.settings.change(**choices)
        return _plain(self._world.settings)

    def _inject(self, **fault: Any) -> None:
        if fault.get("until") is not None:
            fault["until"] = datetime.fromisoformat(fault["until"])
        self._world.inject(Fault(**fault))

    def _clear_faults(self) -> None:
        self._world.clear_faults()
        self._connections.clear()
        self._outages.end()

    def _show_held(self) -> list[dict[str, Any]]:
        busy = [process for process in self._functions() if process["busy"]]
        return [
            {
                "service": held.request.service,
                "operation": held.request.operation,
                "region": held.request.region,
                "kind": held.kind,
                "function": held.request.function,
                "pids": [process["pid"] for process in busy if process["function"] == held.request.function],
            }
            for held in self._connections.held()
        ]

    def _add_directory(self, region: str, directory_id: str, users: list[str], **kinds: str) -> None:
        self._world.add_directory(region, directory_id, users, **kinds)

    def _redeliver(self, event_id: str) -> None:
        for event in self._world.trail:
            if event["id"] == event_id:
                self._world.deliver(event)
                return
        raise KeyError(event_id)


def snapshot(world: World) -> dict[str, Any]:
    """Return what there is in a world, counted by the service and not by its customer."""
    return {
        "now": _plain(world.clock.now()),
        "primaries": [_show(workspace) for workspace in world.primaries()],
        "standbys": [_show(workspace) for workspace in world.standbys()],
        "duplicates": world.duplicates(),
        "settings": _plain(world.settings),
        "calls": len(world.calls),
        "events": len(world.trail),
    }


def _show(workspace: Workspace) -> dict[str, Any]:
    hidden = ("number", "plan", "boots_to")
    return {name: value for name, value in _plain(workspace).items() if name not in hidden and value is not None}


def _show_fault(fault: Fault | ConnectionFault) -> dict[str, Any]:
    shown = {name: getattr(fault, name) for name in fault.__dataclass_fields__ if name != "when"}
    return {name: _plain(value) for name, value in shown.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
