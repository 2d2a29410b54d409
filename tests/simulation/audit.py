"""What must hold after every step, and at the end."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from local.workspaces import World
from standby.core.model import OPEN, Status, from_text
from standby.core.settings import Settings
from tests.simulation.account import Invocation
from tests.simulation.conclusions import Conclusions
from tests.simulation.counters import Counters, Coverages
from tests.simulation.creates import INVOCATION, Creates
from tests.simulation.faults import Call

# WorkSpaces' API gives an account 2 calls a second; the product may take three quarters of that.
MOST_CALLS, WINDOW = 450, timedelta(minutes=5)
# An open row is looked at a schedule and a poll after it is due; and the functions' own retries take their time.
GRACE = timedelta(minutes=3)
# The longest that a reason has a row wait, an encrypted root volume, and clocks that are off.
FARTHEST = timedelta(minutes=45 + 5)
# A request that is sent may take as long: connect and read time-outs.
CALL_TAKES = timedelta(seconds=35)
# A round of watch asks four shards and for what is held; the first one asks the shards again if it finds nothing.
MOST_QUERIES = 5


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item as DynamoDB has it on the wire, in plain values."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "M":
        return plain(content)
    if kind == "N":
        return float(content) if "." in content else int(content)
    return None if kind == "NULL" else content


class Auditor:
    """Watches the ledger's stream and the service's calls. `violations` is empty as long as all is well."""

    def __init__(self, world: World, settings: Settings, watch_every: timedelta, now: Callable[[], datetime]) -> None:
        self.violations: list[str] = []
        self.rows: dict[str, dict[str, Any]] = {}
        self.stories: dict[str, list[dict[str, Any]]] = defaultdict(list)
        # Notices that are due for no single primary: of what holds everybody, and of a directory's fleet.
        self.of_the_pair: Counter[str] = Counter()
        self.paused_since: datetime | None = None
        self.observes_since: datetime | None = None
        self.clocks_off = timedelta(0)
        self.conclusions = Conclusions(world, now)
        # Of these a standby was taken away by hand, so that PROTECTED may be out of date.
        self.broken: set[str] = set()
        self.calls: Counter[Call] = Counter()
        self.creates = Creates(world)
        self.coverages = Coverages()
        self.struck: list[tuple[datetime, Call, str]] = []
        self._world = world
        self._settings = self._before = settings
        self._overdue = watch_every + settings.poll_interval + GRACE
        self._now = now
        self._counters = Counters()
        self._looked: dict[str, datetime] = {}
        self._queries: Counter[Invocation] = Counter()
        self._calls_seen = 0
        self._recent: dict[str, deque[datetime]] = defaultdict(deque)
        self._touched = False
        self._written: dict[str, dict[str, Any]] = {}
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

    def saw_call(self, call: Call, request: dict[str, Any], fault: str | None, invocation: Invocation) -> None:
        """A call, as an invocation makes it."""
        self.calls[call] += 1
        now = self._now()
        if fault is not None:
            self.struck.append((now, call, fault))
        elif call.function == "watch" and call.operation == "Query":
            most = MOST_QUERIES * (1 if invocation.event["round"] else 2)
            self._queries[invocation] += 1
            self._must(self._queries[invocation] <= most, f"{self._queries[invocation]} queries in a round of watch")
        if call.service != "workspaces":
            return
        self._must(call.operation != "TerminateWorkspaces", f"the product terminates {request}")
        if call.function == "protect":
            self._looked |= dict.fromkeys(request.get("WorkspaceIds", ()), now)
        for item in request.get("StandbyWorkspaces", ()):
            ends = self.rows.get(item["PrimaryWorkspaceId"], {}).get("claim_expires_at")
            is_long = ends is not None and from_text(ends) + self.clocks_off >= now + CALL_TAKES
            self._must(is_long, f"{item['PrimaryWorkspaceId']} is requested with a claim that ends at {ends}")
        self.creates.sent(request.get("StandbyWorkspaces", ()))
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
        # A row and its event are of one transaction, so they are seen together.
        for one, row in self._written.items():
            story = len(self.stories[one])
            self._must(
                row["version"] == story, f"{one} is of version {row['version']}, and its story has {story} events"
            )
        self._written.clear()

    def _saw_item(self, new: dict[str, Any], old: dict[str, Any] | None) -> None:
        pk, sk = new["pk"], new["sk"]
        if pk.startswith("SWEEP#"):
            self.conclusions.saw_scan(new)
        if sk == "STATE":
            self._saw_state(new, old)
        elif sk.startswith("EVENT#") and pk.startswith(("HOLD#", "FLEET#")):
            self.of_the_pair[pk] += bool(new.get("notice"))
        elif sk.startswith("EVENT#"):
            self._saw_event(new, old)
        elif pk.startswith("COVERAGE#"):
            self._are_wrong(self.coverages.saw_figures(new, old))
        elif sk == "LAST":
            self._are_wrong(self.coverages.saw_scan(new))
        elif pk.startswith("CLAIM#"):
            self._are_wrong(self._counters.saw_claim(new, self.rows))
        elif pk.startswith("COUNTER#"):
            self._counters.kept[pk] = new["taken"]

    def _saw_state(self, new: dict[str, Any], old: dict[str, Any] | None) -> None:
        one = new["pk"]
        self.rows[one] = self._written[one] = new
        self._must(new["version"] == (old["version"] if old else 0) + 1, f"{one}: version {new['version']} skips")
        self._counters.saw_state(new, old)
        self._are_wrong(self.conclusions.concluded(new, old))
        standby = new.get("standby_id")
        if standby is not None:
            whose = self._world.workspace(standby).primary_id
            self._must(whose == one, f"{one} names {standby}, which is the standby of {whose}")
        if new["status"] == Status.PROTECTED and one not in self.broken:
            self._must(self._has_been_ready(standby), f"{one} is PROTECTED by {standby}, which is no standby of it")

    def _saw_event(self, new: dict[str, Any], old: dict[str, Any] | None) -> None:
        one, story = new["pk"], self.stories[new["pk"]]
        self._must(old is None, f"{one}: event {new['sk']} was overwritten")
        story.append(new)
        self._are_wrong(self._counters.saw_event(new, story[-2] if len(story) > 1 else {}, self._in_force()))
        self._must(new["version"] == len(story), f"{one}: event {new['version']} is the {len(story)}th of its story")
        state = self.rows.get(one, {})
        beside = {name for name in state if not name.startswith("ix_")} - {"sk"}
        different = [name for name in beside if state[name] != new.get(name)]
        self._must(not different, f"{one}: event {new['sk']} and its row differ in {different}")
        before = story[-2]["status"] if len(story) > 1 else None
        self._must(new.get("from_status") == before, f"{one}: event {new['sk']} comes from {new.get('from_status')}")

    def _has_been_ready(self, standby_id: str | None) -> bool:
        return any(one.workspace_id == standby_id and one.state != "PENDING" for one in self._world.standbys())

    # After each step

    def after_step(self) -> None:
        """Check what has changed since the last step."""
        if self._touched:
            self._touched = False
            self._are_wrong(self._counters.differ(self.rows))
        calls, self._calls_seen = self._world.calls[self._calls_seen :], len(self._world.calls)
        for call in calls:
            if call.operation == "CreateStandbyWorkspaces":
                items, wanted = call.params["StandbyWorkspaces"], self._unwanted()
                judged = self.creates.took_effect(call.at, items, self._settings, self._allowed_since, wanted)
                self._are_wrong(judged)

    def crashed(self, crashes: list[str]) -> None:
        """What went out of handlers that is no word about the ledger or AWS: nobody thought of it."""
        self._are_wrong(crashes)
        crashes.clear()

    def check_rows(self) -> None:
        """No row PROTECTED by nothing, no open one that nobody looks at, while no fault keeps functions from it."""
        now = self._now()
        self._are_wrong(self.conclusions.out_of_date(self.rows, self.struck))
        if any(now - at < self._overdue * 2 for at, call, _ in self.struck[-50:] if call.service != "workspaces"):
            return
        for one, row in self.rows.items():
            if Status(row["status"]) not in OPEN:
                continue
            due = from_text(row["due_at"]) if "due_at" in row else from_text(row["changed_at"])
            last = max(due, self._looked.get(one, due), from_text(row["changed_at"]))
            told = f"{one} is {row['status']}, due {due}"
            self._must(now - last <= self._overdue, f"{told}, and not looked at since {last}")
            self._must(due - now <= FARTHEST, told)

    def _must(self, holds: bool, otherwise: str) -> None:
        # Kept, not raised: the product may catch what is raised inside one of its calls.
        if not holds:
            self.violations.append(f"{self._now()}: {otherwise}")

    def _are_wrong(self, found: Iterable[str]) -> None:
        self.violations += [f"{self._now()}: {wrong}" for wrong in found]

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
    code = event.get("notice_code")
    if code is None:
        return str(event["reason_code"])
    # Of which somebody called TerminateWorkspaces last, or the new id.
    meant = ("MIGRATED",) if code == "MIGRATED" else ("PRIMARY_TERMINATED", "STANDBY_TERMINATED")
    found = [one for kind, one in event["conditions"].items() if kind in meant]
    return f"{code} of {max(found, key=lambda one: one['last'])['note'].split()[0]}"


def noted(row: dict[str, Any], kind: str) -> str | None:
    """What a row's condition notes, "" if nothing; None if it does not last."""
    found = row.get("conditions", {}).get(kind)
    return None if found is None else found.get("note", "")
