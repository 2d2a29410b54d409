"""What must hold after every step, and at the end."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase as fnmatch
from typing import Any

from local.workspaces import Workspace, World
from standby.clock import from_text
from standby.ledger.claims import TOTAL, day_counter
from standby.model import OPEN, Status
from standby.reasons import Reason
from standby.selection import Rules
from standby.settings import Settings
from tests.simulation.conclusions import Conclusions
from tests.simulation.faults import Call
from tests.simulation.terminations import TERMINATE, Terminations

# WorkSpaces' API gives an account 2 calls a second; the product may take three quarters of that.
MOST_CALLS, WINDOW = 450, timedelta(minutes=5)
# An open row is looked at a schedule and a poll after it is due; and the functions' own retries take their time.
GRACE = timedelta(minutes=3)
# What a pause cannot stop any more: a request that was checked and is being sent.
IN_FLIGHT = timedelta(seconds=60)
# What an invocation has begun with (its settings, tags that it has read), it goes by to its end.
INVOCATION = timedelta(minutes=5)
_PRINCIPAL_OF_PRODUCT = "assumed-role"


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item as DynamoDB has it on the wire, in plain values."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "N":
        return float(content) if "." in content else int(content)
    return None if kind == "NULL" else content


class Auditor:
    """Watches the ledger's stream and the service's calls. `violations` is empty as long as all is well.

    Parameters
    ----------
    watch_every
        The period of the watcher's schedule.
    """

    def __init__(self, world: World, settings: Settings, watch_every: timedelta, now: Callable[[], datetime]) -> None:
        self.violations: list[str] = []
        self.rows: dict[str, dict[str, Any]] = {}
        self.stories: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.paused_since: datetime | None = None
        self.observes_since: datetime | None = None
        self.terminations = Terminations(world, now)
        self.conclusions = Conclusions(world, now)
        # Of these a standby was taken away by hand, so that PROTECTED may be out of date.
        self.broken: set[str] = set()
        self.calls: Counter[Call] = Counter()
        # Whether a standby was asked for where there was one: only then does it matter what the service permits.
        self.asked_twice = False
        self.struck: list[tuple[datetime, Call, str]] = []
        self._world = world
        self._settings = self._before = settings
        self._overdue = watch_every + settings.poll_interval + GRACE
        self._now = now
        # A directory's coverage rows, each as it was written.
        self.figures: dict[str, list[dict[str, Any]]] = defaultdict(list)
        # The scan of each directory whose figures were written last: its run, and when it ended. A part that is done
        # again, because its first invocation did not live to say so, is another scan of the same run.
        self._counted_scans: dict[str, tuple[str, str]] = {}
        self._claims: dict[str, str] = {}
        self._counted: Counter[str] = Counter()
        self._counters: dict[str, int] = {}
        # The day of which a primary has a place that nothing came of yet.
        self._places: dict[str, str] = {}
        self._looked: dict[str, datetime] = {}
        self._calls_seen = 0
        self._recent: dict[str, deque[datetime]] = defaultdict(deque)
        self._touched = False
        self._allowed_since = datetime.min.replace(tzinfo=UTC)

    def allow(self, settings: Settings) -> None:
        """Take what is deployed now for what is to hold."""
        self._before, self._settings = self._settings, settings
        self._allowed_since = self._now()

    def _in_force(self) -> list[Settings]:
        """The settings that an invocation may have now."""
        is_new = self._now() < self._allowed_since + INVOCATION
        return [self._before, self._settings] if is_new else [self._settings]

    def _unwanted(self) -> list[tuple[datetime | None, str]]:
        """Since when a person wants nothing to be changed, and why."""
        return [(self.paused_since, "paused"), (self.observes_since, "only observing")]

    # What is seen

    def saw_call(self, call: Call, request: dict[str, Any], fault: str | None) -> None:
        """A call, as its process makes it."""
        self.calls[call] += 1
        now = self._now()
        if fault is not None:
            self.struck.append((now, call, fault))
        if call.service != "workspaces":
            return
        if call.operation == TERMINATE:
            for wrong in self.terminations.sent(request, self._in_force(), self._unwanted()):
                self._must(False, wrong)
        for one in request.get("WorkspaceIds", ()):
            self._looked[one] = now
        for item in request.get("StandbyWorkspaces", ()):
            self.asked_twice = self.asked_twice or self._has_one(item)
        recent = self._recent[call.region]
        recent.append(now)
        while recent[0] <= now - WINDOW:
            recent.popleft()
        self._must(len(recent) <= MOST_CALLS, f"{len(recent)} calls in {WINDOW} in {call.region}")

    def saw_records(self, records: Iterable[dict[str, Any]]) -> None:
        """What was just written to the ledger."""
        for record in records:
            change = record["dynamodb"]
            if "NewImage" not in change:
                self._must(False, f"something was deleted from the ledger: {change['Keys']}")
                continue
            self._saw_item(plain(change["NewImage"]), plain(change["OldImage"]) if change.get("OldImage") else None)
            self._touched = True

    def _saw_item(self, new: dict[str, Any], old: dict[str, Any] | None) -> None:
        pk, sk = new["pk"], new["sk"]
        if pk.startswith("SWEEP#"):
            self.conclusions.saw_scan(new)
        if sk == "STATE":
            self._saw_state(new, old)
        elif sk.startswith("EVENT#") and not pk.startswith(("HOLD#", "FLEET#")):
            self._saw_event(new, old)
        elif pk.startswith("COVERAGE#"):
            self._saw_figures(new, old)
        elif sk == "LAST":
            is_counted = self._counted_scans.get(pk.partition("#")[2]) == (new["run"], new["ended_at"])
            self._must(new["complete"] or not is_counted, f"figures of a scan that is not complete: {new}")
        elif pk.startswith("CLAIM#"):
            self._claims[pk] = new["primary_id"]
        elif pk.startswith("COUNTER#"):
            self._counters[pk] = new["taken"]
        elif pk.startswith("ORPHAN#"):
            self.terminations.saw_memory(new)

    def _saw_state(self, new: dict[str, Any], old: dict[str, Any] | None) -> None:
        one = new["pk"]
        self.rows[one] = new
        self._must(new["version"] == (old["version"] if old else 0) + 1, f"{one}: version {new['version']} skips")
        self._counted[TOTAL] += ("claim_key" in new) - ("claim_key" in (old or {}))
        for wrong in self.conclusions.concluded(new, old):
            self._must(False, wrong)
        if new["status"] == Status.PROTECTED and one not in self.broken:
            standby = new.get("standby_id")
            self._must(self._is_live(standby), f"{one} is PROTECTED by {standby}, which is not")

    def _saw_event(self, new: dict[str, Any], old: dict[str, Any] | None) -> None:
        one, story = new["pk"], self.stories[new["pk"]]
        self._must(old is None, f"{one}: event {new['sk']} was overwritten")
        story.append(new)
        self.terminations.saw_event(new)
        self._saw_place(new, story[-2] if len(story) > 1 else {})
        self._must(new["version"] == len(story), f"{one}: event {new['version']} is the {len(story)}th of its story")
        state = self.rows.get(one, {})
        beside = {name for name in state if not name.startswith("ix_")} - {"sk"}
        different = [name for name in beside if state[name] != new.get(name)]
        self._must(not different, f"{one}: event {new['sk']} and its row differ in {different}")
        before = story[-2]["status"] if len(story) > 1 else None
        self._must(new.get("from_status") == before, f"{one}: event {new['sk']} comes from {new.get('from_status')}")

    def _saw_place(self, new: dict[str, Any], before: dict[str, Any]) -> None:
        """Count a day's new standbys as the story tells it: a claim takes a place, and what came of it keeps it."""
        one, had = new["pk"], self._places.get(new["pk"])
        if new["reason_code"] == Reason.CLAIM_TAKEN and new["claim_expires_at"] != before.get("claim_expires_at"):
            has = self._places[one] = new["day"]
            if has != had:
                most = max(one.max_new_standbys_per_day for one in self._in_force())
                self._counted[day_counter(has)] += 1
                self._counted[day_counter(had or has)] -= had is not None
                counted = self._counted[day_counter(has)]
                self._must(counted <= most, f"{counted} new standbys on {has}, {most} is the most")
        elif new["status"] != Status.CLAIMED and had is not None:
            del self._places[one]
            self._counted[day_counter(had)] -= "standby_id" not in new

    def _saw_figures(self, new: dict[str, Any], old: dict[str, Any] | None) -> None:
        """A directory's coverage of a day, which only a later complete scan writes over."""
        directory, day = new["pk"].partition("#")[2], new["sk"].partition("#")[2]
        self.figures[directory].append(new)
        self._counted_scans[directory] = new["run"], new["scanned_at"]
        primaries, eligible, protected = (new[name] for name in ("primaries", "eligible", "protected"))
        self._must(primaries >= eligible >= protected >= 0, f"coverage cannot be {new}")
        self._must(new["scanned_at"][:10] == day, f"coverage of another day: {new}")
        self._must(old is None or old["scanned_at"] <= new["scanned_at"], f"older coverage was written over {old}")

    def _has_one(self, item: dict[str, Any]) -> bool:
        user = self._world.workspace(item["PrimaryWorkspaceId"]).user_key
        here = [one for one in self._live_in(item["DirectoryId"]) if one.user_key == user]
        return bool(here or self._world.standbys_of(item["PrimaryWorkspaceId"]))

    def _live_in(self, directory: str) -> list[Workspace]:
        live = [*self._world.primaries(), *self._world.standbys()]
        return [one for one in live if one.directory_id == directory]

    def _is_live(self, standby_id: str | None) -> bool:
        return any(one.workspace_id == standby_id for one in self._world.standbys())

    # After each step

    def after_step(self) -> None:
        """Check what has changed since the last step."""
        if self._touched:
            self._touched = False
            self._check_counters()
        calls, self._calls_seen = self._world.calls[self._calls_seen :], len(self._world.calls)
        for call in calls:
            is_own = _PRINCIPAL_OF_PRODUCT in call.principal
            if call.operation == TERMINATE and is_own:
                for wrong in self.terminations.took_effect(call, self._in_force(), self._counters):
                    self._must(False, wrong)
            if call.operation == "CreateStandbyWorkspaces":
                self._check_create(call.at, call.params["StandbyWorkspaces"])
                if is_own:
                    self.terminations.saw_requested(call.params["StandbyWorkspaces"])
                    for item in call.params["StandbyWorkspaces"]:
                        counted = item["PrimaryWorkspaceId"] in self._places
                        self._must(counted, f"a create that no day's counter has: {item}")

    def _check_counters(self) -> None:
        for counter in (TOTAL, *[one for one in self._counted if one != TOTAL]):
            found = self._counters.get(counter, 0)
            self._must(found == self._counted[counter], f"{counter} is {found} and counts {self._counted[counter]}")
        for key, holder in self._claims.items():
            agrees = holder == "-" or self.rows.get(holder, {}).get("claim_key") == key
            self._must(agrees, f"{key} is {holder}'s, whose row denies it")

    def _check_create(self, at: datetime, items: list[dict[str, Any]]) -> None:
        self._must(not self._world.duplicates(), f"two standbys: {self._world.duplicates()}")
        for since, what in self._unwanted():
            self._must(since is None or at < since + IN_FLIGHT, f"a create at {at}, {what} since {since}")
        for item in items:
            primary = self._world.workspace(item["PrimaryWorkspaceId"])
            self._must(primary.primary_id is None, f"a standby for a standby: {item}")
            windows = primary.properties["OperatingSystemName"].startswith("WINDOWS")
            self._must(windows, f"a standby for a Linux desktop: {item}")
            self._must(primary.directory_id in self._settings.directories, f"its directory is not mapped: {item}")
            rule = self._rule_against(primary, at)
            self._must(rule is None, f"a standby for a desktop that {rule} excludes: {item}")

    def _rule_against(self, primary: Workspace, at: datetime) -> str | None:
        """What has excluded a primary for so long that whoever creates must know; judged without the product's code."""
        if at < self._allowed_since + INVOCATION:
            return None
        late = timedelta(seconds=self._world.settings.tag_lag_seconds) + INVOCATION
        found = [self._excluding(primary, tags) for tags in (primary.tags, primary.tags_known_after(late, at))]
        return found[0] if all(found) else None

    def _excluding(self, primary: Workspace, tags: dict[str, str]) -> str | None:
        def is_meant(rules: Rules) -> bool:
            return (
                primary.directory_id in rules.directories
                or any(fnmatch(primary.user_name.casefold(), glob.casefold()) for glob in rules.users)
                or any(fnmatch(tags.get(key, ""), glob) and key in tags for key, glob in rules.tags.items())
            )

        include, exclude = self._settings.selection.include, self._settings.selection.exclude
        if is_meant(exclude):
            return "exclude"
        return "include" if include and not is_meant(include) else None

    def check_rows(self) -> None:
        """No row PROTECTED by nothing, no open one that nobody looks at, while no fault keeps functions from it."""
        now = self._now()
        self.terminations.look()
        for wrong in self.conclusions.out_of_date(self.rows, self.struck):
            self._must(False, wrong)
        if any(now - at < self._overdue * 2 for at, call, _ in self.struck[-50:] if call.service != "workspaces"):
            return
        for one, row in self.rows.items():
            if Status(row["status"]) not in OPEN:
                continue
            due = from_text(row["due_at"]) if "due_at" in row else from_text(row["changed_at"])
            last = max(due, self._looked.get(one, due), from_text(row["changed_at"]))
            told = f"{one} is {row['status']}, due {due}"
            self._must(now - last <= self._overdue, f"{told}, and not looked at since {last}")
            self._must(due - now <= timedelta(hours=1), told)

    def _must(self, holds: bool, otherwise: str) -> None:
        # Kept, not raised: the product may catch what is raised inside one of its calls.
        if not holds:
            self.violations.append(f"{self._now()}: {otherwise}")

    # At the end

    @property
    def open_rows(self) -> list[str]:
        """Primaries whose rows are open."""
        return [one for one, row in self.rows.items() if Status(row["status"]) in OPEN]

    def told(self) -> list[tuple[str, str]]:
        """(primary, reason) of each event that is to be told to a person."""
        return [(one, _code(event)) for one, story in self.stories.items() for event in story if event.get("notice")]


def _code(event: dict[str, Any]) -> str:
    """What an event's notice is about; a remark's is about one WorkSpace."""
    if code := event.get("notice_code"):
        return f"{code} of {event.get('terminated_id')}"
    return str(event["reason_code"])
