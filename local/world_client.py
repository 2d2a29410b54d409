"""A client of the control URL, with a world's verbs."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from local.connections import ConnectionFault
from local.workspaces import Fault


class ControlError(Exception):
    """The control URL refused a request; the text is its own."""


class WorldClient:
    """The world of an embedded cloud, from outside its process.

    Parameters
    ----------
    control_url : str
        Such as ``http://127.0.0.1:4566/_standby/``.
    """

    def __init__(self, control_url: str) -> None:
        self._url = control_url
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    # --- what there is

    def snapshot(self) -> dict[str, Any]:
        """Return ``now``, ``primaries``, ``standbys``, ``duplicates``, ``settings``, and how many calls and events."""
        found: dict[str, Any] = self._get("snapshot")
        return found

    def primaries(self) -> list[dict[str, Any]]:
        """Return the live primaries, each with its attributes."""
        found: list[dict[str, Any]] = self.snapshot()["primaries"]
        return found

    def standbys(self) -> list[dict[str, Any]]:
        """Return the live standbys, those in ERROR included, each with its attributes."""
        found: list[dict[str, Any]] = self.snapshot()["standbys"]
        return found

    def duplicates(self) -> list[list[str]]:
        """Return the primaries and users with more than one live standby."""
        found: list[list[str]] = self.snapshot()["duplicates"]
        return found

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the call log from number ``since``."""
        found: list[dict[str, Any]] = self._get(f"calls?since={since}")
        return found

    def trail(self, since: int = 0) -> list[dict[str, Any]]:
        """Return CloudTrail's events from number ``since``."""
        found: list[dict[str, Any]] = self._get(f"trail?since={since}")
        return found

    def now(self) -> str:
        """Return the world's time, ISO 8601."""
        return str(self._get("clock")["now"])

    def functions(self) -> list[dict[str, Any]]:
        """Return the processes that run functions: ``function`` (its name), ``pid``, and ``busy`` (at work)."""
        found: list[dict[str, Any]] = self._get("functions")
        return found

    def held(self) -> list[dict[str, Any]]:
        """Return the requests that a fault of the connection holds.

        Each has ``service``, ``operation``, ``region``, ``kind``, ``function``, and ``pids`` of the function's
        processes that are at work: one of them sent it.
        """
        found: list[dict[str, Any]] = self._get("held")
        return found

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that may still hit, those of connections too."""
        return [*self._get("faults"), *self._get("connection_faults")]

    def outages(self) -> dict[str, bool]:
        """Return the Regions that are lost, each with whether it is silent."""
        found: dict[str, bool] = self._get("outages")
        return found

    def notices(self, since: int = 0) -> list[dict[str, Any]]:
        """Return what was published to topics after the first ``since`` messages."""
        found: list[dict[str, Any]] = self._get(f"notices?since={since}")
        return found

    # --- what can be done to it

    def advance(self, seconds: float) -> str:
        """Set the world's clock forward and return its new time; the emulator's own clock stays."""
        return str(self._post("clock", advance_seconds=seconds)["now"])

    def change(self, **settings: Any) -> dict[str, Any]:
        """Change settings, such as ``strict=True``, and return all."""
        changed: dict[str, Any] = self._post("settings", **settings)
        return changed

    def inject(self, fault: Fault) -> None:
        """Add a fault, which cannot have a ``when``."""
        if fault.when is not None:
            raise ValueError("a condition cannot be sent; use skip, user, primary_id or principal")
        sent = {name: getattr(fault, name) for name in fault.__dataclass_fields__ if name not in ("when", "hits")}
        if fault.until is not None:
            sent["until"] = fault.until.isoformat()
        self._post("faults", **sent)

    def disturb(self, fault: ConnectionFault) -> None:
        """Add a fault of the connection."""
        self._post("connection_faults", **{name: value for name, value in vars(fault).items() if name != "hits"})

    def lose(self, region: str, *, silent: bool = False) -> None:
        """Lose a Region: its services reset connections, or never answer; none of its functions runs."""
        self._post("outage", region=region, silent=silent)

    def bring_back(self, region: str) -> None:
        """End the outage of a Region."""
        self._post("end_outage", region=region)

    def release(self) -> int:
        """Release all held requests, and return their number."""
        return int(self._post("release")["released"])

    def clear_faults(self) -> None:
        """Remove all faults, including those of connections, and release all held requests."""
        self._post("clear_faults")

    def add_directory(self, region: str, directory_id: str, users: list[str], **kinds: str) -> None:
        """Register a directory, or add users to one."""
        self._post("add_directory", region=region, directory_id=directory_id, users=users, **kinds)

    def remove_user(self, region: str, directory_id: str, user: str) -> None:
        """Take a user out of a directory."""
        self._post("remove_user", region=region, directory_id=directory_id, user=user)

    def set_directory(self, region: str, directory_id: str, **states: Any) -> None:
        """Set the ``state`` of a directory's registration, its ``status``, its ``settings``, or its ``addresses``."""
        self._post("set_directory", region=region, directory_id=directory_id, **states)

    def set_state(self, workspace_id: str, state: str, **error: str) -> None:
        """Put a WorkSpace into a state, with ``error_code`` and ``error_message``."""
        self._post("set_state", workspace_id=workspace_id, state=state, **error)

    def terminate(self, workspace_id: str) -> None:
        """Begin to terminate a WorkSpace without an event."""
        self._post("terminate", workspace_id=workspace_id)

    def fail_standby_of(self, user: str, **error: str) -> None:
        """Let a user's standbys end in ERROR, with ``error_code`` and ``error_message``."""
        self._post("fail_standby_of", user=user, **error)

    def spare_standby_of(self, user: str) -> None:
        """Let a user's standbys end in ERROR no longer."""
        self._post("spare_standby_of", user=user)

    def connect(self, workspace_id: str) -> None:
        """Let the user of a WorkSpace log in now."""
        self._post("connect", workspace_id=workspace_id)

    def freeze_replication(self, standby_id: str) -> None:
        """Let no further copy of data reach a standby."""
        self._post("freeze_replication", standby_id=standby_id)

    def redeliver(self, event_id: str) -> None:
        """Let CloudTrail deliver one of its events again."""
        self._post("redeliver", event_id=event_id)

    def fire_schedules(self) -> int:
        """Let every EventBridge schedule fire now; return how many there are."""
        return int(self._post("fire_schedules")["fired"])

    def set_txt(self, name: str, values: list[str], ttl: int = 60) -> None:
        """Set what the name server answers to a question for the TXT record of a name; nothing removes it."""
        self._post("set_txt", name=name, values=values, ttl=ttl)

    def confirm(self) -> list[str]:
        """Confirm every subscription by mail that waits for it, and return the addresses."""
        confirmed: list[str] = self._post("confirm")["confirmed"]
        return confirmed

    def add_key(self, region: str, key_id: str) -> None:
        """Make a KMS key of an id."""
        self._post("add_key", region=region, key_id=key_id)

    def load_items(self, table: str, path: Path) -> int:
        """Put the items of a file, one a line, into a table, past its stream; return how many they are."""
        return int(self._post("load_items", table=table, file=str(path.resolve()))["loaded"])

    def _get(self, path: str) -> Any:
        return self._send(urllib.request.Request(self._url + path))  # noqa: S310 - http, on loopback

    def _post(self, path: str, **body: Any) -> Any:
        return self._send(urllib.request.Request(self._url + path, json.dumps(body).encode(), method="POST"))  # noqa: S310

    def _send(self, request: urllib.request.Request) -> Any:
        try:
            with self._opener.open(request, timeout=600) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(json.loads(error.read())["error"]) from None
