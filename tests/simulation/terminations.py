"""What must hold of each termination by the product: it is the one thing that nothing brings back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from local.workspaces import Call as Reached
from local.workspaces import Workspace, World
from standby.settings import STACK_TAG, Settings

TERMINATE = "TerminateWorkspaces"
AHEAD = timedelta(hours=24)
# What was checked, and is being sent, cannot be stopped any more.
IN_FLIGHT = timedelta(seconds=60)
# How often the primaries are looked for: what is older than the auditor knows is older still.
_LOOK_EVERY = timedelta(minutes=5)
# Since when a person wants none, None if they do not mind; and why.
Unwanted = Sequence[tuple[datetime | None, str]]


class Terminations:
    """Judges each call as it is sent, and counts those that took effect, without the product's own code."""

    def __init__(self, world: World, now: Callable[[], datetime]) -> None:
        self._world = world
        self._now = now
        self._requested: set[str] = set()
        self._alive: dict[str, datetime] = {}
        self._announced: dict[str, tuple[datetime, str]] = {}
        self._kept: dict[str, datetime] = {}
        self._claimed_on: dict[str, str] = {}
        self._sent: dict[str, str] = {}
        self._done: dict[str, set[str]] = defaultdict(set)

    # What is seen

    def saw_requested(self, items: list[dict[str, Any]]) -> None:
        """The product asked the service for standbys."""
        self._requested |= {item["PrimaryWorkspaceId"] for item in items}

    def saw_event(self, event: Mapping[str, Any]) -> None:
        """An event of a primary's story."""
        one, standby = event["pk"], str(event.get("standby_id"))
        match event["reason_code"]:
            case "TERMINATION_ANNOUNCED" if event.get("notice") and standby in event["message"]:
                self._announced.setdefault(one, (self._now(), standby))
            case "TERMINATION_CLAIMED" if event.get("claim_owner") and "error_code" not in event:
                self._claimed_on[standby] = event["changed_at"][:10]
            case "TERMINATION_CALLED_OFF" | "PRIMARY_TERMINATED" | "ORPHANED":
                self._announced.pop(one, None)

    def saw_memory(self, item: Mapping[str, Any]) -> None:
        """What is known of an orphan; a person may have set `kept` there."""
        one = item["pk"].partition("#")[2]
        if item.get("kept", False) is False:
            self._kept.pop(one, None)
        else:
            self._kept.setdefault(one, self._now())

    def look(self) -> None:
        """See who is there; asked every few minutes."""
        self._alive |= {one.workspace_id: self._now() for one in self._world.primaries()}

    # What must hold

    def sent(self, request: Mapping[str, Any], settings: list[Settings], unwanted: Unwanted) -> Iterator[str]:
        """What is wrong with a call that is sent now, by each of the settings that may be in force."""
        for item in request["TerminateWorkspaceRequests"]:
            standby_id = item["WorkspaceId"]
            self._sent[standby_id] = self._claimed_on.get(standby_id, "never")
            wrong = [list(self._against(standby_id, one, unwanted)) for one in settings]
            if all(wrong):
                yield f"the product terminates {standby_id}: {'; '.join(wrong[-1])}"

    def took_effect(self, call: Reached, settings: list[Settings], counters: Mapping[str, int]) -> Iterator[str]:
        """What is wrong with a call of the product's that the service has taken."""
        most = max(one.max_terminations_per_day for one in settings)
        for item in call.params["TerminateWorkspaceRequests"]:
            standby_id = item["WorkspaceId"]
            if standby_id not in self._sent:
                yield f"{standby_id} was terminated, and nobody was seen to send it"
                continue
            # A request of the old day's last second counts for the day whose place it took.
            day = self._sent[standby_id]
            if not self._world.workspace(standby_id).is_live:
                self._done[day].add(standby_id)
            done, counted = len(self._done[day]), counters.get(f"COUNTER#TERMINATIONS#{day}", 0)
            if not done <= min(most, counted):
                yield f"{done} terminated on {day}, {counted} are counted, {most} is the most"

    def _against(self, standby_id: str, settings: Settings, unwanted: Unwanted) -> Iterator[str]:
        """All that speaks against terminating a WorkSpace now."""
        now, found = self._now(), self._world.workspace(standby_id)
        one = found.primary_id
        if settings.orphans != "terminate":
            yield "nobody has opted in"
        for since, what in (*unwanted, (self._kept.get(one or ""), "kept")):
            if since is not None and now >= since + IN_FLIGHT:
                yield f"it is {what} since {since}"
        if one is None:
            yield "it is no standby"
            return
        yield from self._against_orphan(one, found, settings)
        used = found.last_connected_at
        if used is not None and IN_FLIGHT < now - used < settings.orphan_age:
            yield f"its user worked on it at {used}"

    def _against_orphan(self, one: str, found: Workspace, settings: Settings) -> Iterator[str]:
        """What speaks against terminating a standby of this primary."""
        now = self._now()
        if self._world.workspace(one).is_live:
            yield f"its primary {one} is there"
        alive = self._alive.get(one, now)
        if now - alive + _LOOK_EVERY < settings.orphan_age:
            yield f"its primary was there at {alive}"
        if one not in self._requested or found.tags.get(STACK_TAG) != settings.stack:
            yield "this stack did not make it"
        told, which = self._announced.get(one, (now, "nothing"))
        if which != found.workspace_id or now - told < AHEAD:
            yield f"what was announced is {which}, at {told}"
        if found.data_replication != "NO_REPLICATION" and not settings.terminate_replicated:
            yield "its data is replicated"
