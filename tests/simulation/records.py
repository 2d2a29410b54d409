"""What a run of the simulation shows at the public seams: transitions, AWS calls, final rows."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from standby.core.reasons import Reason
from tests.simulation.simulation import AWAY, DR, HOME, PRIMARY, Simulation

# The services whose calls are compared by operation and Region.
COUNTED = ("workspaces", "resourcegroupstaggingapi", "service-quotas")
# Attributes of a row that are compared by whether they are set; then those compared by value, with what most have.
TIMES = ("first_seen_at", "requested_at", "protected_at", "changed_at")
_USUAL: Mapping[str, Any] = {
    "status": "PROTECTED",
    "reason_code": "STANDBY_READY",
    "message": f"… <standby> in {DR} is AVAILABLE.",
    "primary_region": PRIMARY,
    "primary_state": "AVAILABLE",
    "primary_directory_id": HOME,
    "dr_region": DR,
    "dr_directory_id": AWAY,
    "user_name": "<user>",
    "user_key": "<user>",
    "standby_id": "<standby>",
    "standby_state": "AVAILABLE",
    "replication": "NO_REPLICATION",
    "cause_type": "watch",
    "created_by": "arn:aws:iam::123456789012:user/operator",
    "principal": None,
    "error_code": None,
    "error_message": None,
}
VALUES = tuple(_USUAL)
USUAL = {**_USUAL, **dict.fromkeys(TIMES, True)}
_ID = re.compile(r"\bws-[0-9a-z]{8,63}\b")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?UTC|Z|\+00:00)?)?")

# Status before, None for a row's first event; status after; reason code.
Edge = tuple[str | None, str, str]
Row = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """What one run showed: transitions, calls by API and Region, calls of the ledger by operation, final rows."""

    edges: frozenset[Edge]
    calls: Mapping[str, int]
    ledger: Mapping[str, int]
    rows: Mapping[str, Row]


def observe(run: Simulation) -> Record:
    """What a run that is over has shown."""
    events = [event for story in run.audit.stories.values() for event in story]
    calls, ledger = Counter[str](), Counter[str]()
    for call, count in run.audit.calls.items():
        if call.service == "dynamodb":
            ledger[call.operation] += count
        elif call.service in COUNTED:
            calls[f"{call.operation} {call.region}"] += count
    names = _names(run)
    return Record(
        frozenset((event.get("from_status"), event["status"], event["reason_code"]) for event in events),
        calls,
        ledger,
        {names[one]: _row(run, one, row, names) for one, row in run.audit.rows.items()},
    )


def _names(run: Simulation) -> dict[str, str]:
    """Names for the ids in the rows: ids are drawn, and the draws change with the number of calls."""
    found = set(run.audit.rows)
    for row in run.audit.rows.values():
        found.update(_ID.findall(json.dumps([row.get(name) for name in VALUES])))
    named: defaultdict[str, list[str]] = defaultdict(list)
    for one in sorted(found, key=lambda one: run.world.workspace(one).number):
        desktop = run.world.workspace(one)
        kind = "standby of " if desktop.is_standby else ""
        where = "" if desktop.directory_id in (HOME, AWAY) else f" in {desktop.directory_id}"
        named[f"{kind}{desktop.user_key}{where}"].append(one)
    return {
        one: name if number == 1 else f"{name} #{number}"
        for name, ids in named.items()
        for number, one in enumerate(ids, start=1)
    }


def _row(run: Simulation, one: str, row: Mapping[str, Any], names: Mapping[str, str]) -> Row:
    desktop = run.world.workspace(one)

    def name_of(found: re.Match[str]) -> str:
        if found[0] == one:
            return "<primary>"
        return "<standby>" if run.world.workspace(found[0]).primary_id == one else names[found[0]]

    def plain(value: Any) -> Any:
        return _TIME.sub("<time>", _ID.sub(name_of, value)) if isinstance(value, str) else value

    kept = {name: plain(row.get(name)) for name in VALUES} | {name: row.get(name) is not None for name in TIMES}
    for name, user in (("user_name", desktop.user_name), ("user_key", desktop.user_key)):
        kept[name] = "<user>" if row.get(name) == user else row.get(name)
    # The sentence is its reason code's, and said once, there; whom it is about are attributes of the row.
    kept["message"] = kept["message"].replace(Reason(row["reason_code"]).meaning.sentence, "…", 1)
    kept["message"] = re.sub(r"… (User|Directory|DR directory|DR Region): [^.]*\.", "…", kept["message"])
    return kept
