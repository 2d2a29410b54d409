"""The rows that sweeps keep in the ledger beside the primaries' rows. Each sweep overwrites them.

For the pair: the settings of the last sweep (`SETTINGS`). With them, readers of the ledger in either Region know which
directories are mapped, and what an edited configuration would change.

For a directory: its baseline (which desktops existed before it was watched, and whether a person accepted them), how
its last scan ended, what the scan has seen, and a row for each day's figures, which is never removed.

One listing does not decide a baseline: an outage can answer with empty lists, and a WorkSpace that moves between two
pages is on neither. It takes two complete scans without a doubt. Every desktop that they, or earlier scans, find is
part of the existing fleet.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from standby.core.change import Fleet
from standby.core.conclusions import DR_SIDE, OWN, Scan
from standby.core.coverage import COPIES, OLDEST, OLDEST_ONES, PROTECTED_NEEDS_ACTION, UNCONFIRMED, Coverage
from standby.core.model import DirectoryId, Status, WorkspaceId, day_of, from_text, to_text
from standby.core.plan import under
from standby.core.settings import Settings
from standby.core.upkeep import ON_PCOIP
from standby.ledger.table import Item, Table, Write

SETTINGS = "SETTINGS"
BASELINE = "BASELINE"
LAST = "LAST"
_NOT_MAPPED = "-"  # the DR directory of a directory that is not mapped
_NO_WORD = "-"
# The counts in a day's row, besides those by status.
_COUNTED = ("drifted", "stale", PROTECTED_NEEDS_ACTION, UNCONFIRMED, *ON_PCOIP)
# Ids in one item of at most 400 KB, even if each id has a word of its own.
MOST_IDS = 5000
# A directory's last row counts for this many days. Three intervals without a sweep cause an alarm before that.
DAYS_BACK = 3


def directory_key(directory: DirectoryId) -> str:
    """The partition key of the rows that sweeps keep about a directory."""
    return f"SWEEP#{directory}"


def coverage_key(directory: DirectoryId) -> str:
    """The partition key of a directory's rows for each day."""
    return f"COVERAGE#{directory}"


def day_key(now: datetime) -> str:
    """The sort key of a UTC day, for example `DAY#2026-03-03`."""
    return f"DAY#{day_of(now)}"


def mapping_number(baseline: Item) -> int:
    """The number of the mapping of a baseline's row: 1 for the first, one more for each other DR directory."""
    number = baseline.get("mapping")
    return number if isinstance(number, int) else 1


@dataclass
class Sweeps:
    """Reads and writes these rows.

    Rows that were kept while a directory had another DR directory than in `dr_directories` are ignored.
    """

    table: Table
    dr_directories: Mapping[DirectoryId, DirectoryId]

    # The settings

    def keep_settings(self, settings: Settings, now: datetime) -> None:
        """Keep the settings of this sweep, and since when sweeps use them; they are written when they change."""
        text = json.dumps(settings.to_document(), sort_keys=True)
        known = {"config_digest": settings.config_digest, "version": settings.version, "noted_at": to_text(now)}
        item = {"pk": SETTINGS, "sk": SETTINGS, "settings_json": text, **known}
        self.table.put(item, "attribute_not_exists(pk) OR settings_json <> :text", {":text": text})

    # The baseline

    def baseline(self, directory: DirectoryId) -> Item:
        """The row of a directory's baseline; empty if there is none."""
        return self.table.get(directory_key(directory), BASELINE) or {}

    def fleet(self, directory: DirectoryId) -> Fleet:
        """What is known about a directory's existing fleet."""
        item = self.baseline(directory)
        if not self._is_of_dr_directory(item, directory):
            return Fleet(is_known=False, is_accepted=False)
        return Fleet("taken_at" in item, item.get("accepted", False) is True)

    def progress(self, directory: DirectoryId) -> dict[str, int]:
        """How many desktops of a directory's existing fleet are at each stage, as far as its row can be read."""
        found = self.baseline(directory).get("progress")
        counts = found if isinstance(found, Mapping) else {}
        return {stage: count for stage, count in counts.items() if isinstance(count, int)}

    def unregistered(self, directory: DirectoryId) -> dict[DirectoryId, str]:
        """The directory or its DR directory, if the last sweep did not find it registered, and since which run."""
        found = self.baseline(directory).get("unregistered")
        return {DirectoryId(one): str(run) for one, run in found.items()} if isinstance(found, Mapping) else {}

    def begin(self, directory: DirectoryId) -> None:
        """Note the DR directory of a baseline. If it had another one, or was not mapped, the baseline begins again."""
        key, item, dr_directory = directory_key(directory), self.baseline(directory), self.dr_directories[directory]
        former = item.get("dr_directory_id")
        if former is None:
            self.table.set(key, BASELINE, {"dr_directory_id": dr_directory})
        elif former != dr_directory:
            anew = {"pk": key, "sk": BASELINE, "dr_directory_id": dr_directory, "accepted": False}
            anew["mapping"] = mapping_number(item) + 1
            self.table.put(anew, "dr_directory_id = :former", {":former": former})

    def take(self, directory: DirectoryId, run: str, now: datetime) -> None:
        """Note a complete scan; the second one completes the baseline. An earlier acceptance stays."""
        key, item = directory_key(directory), self.baseline(directory)
        if "taken_at" in item:
            return
        if "first_run" not in item:
            self.table.set(key, BASELINE, {"first_run": run})
        elif item["first_run"] != run:  # else it is a part that is repeated
            self.table.set(key, BASELINE, {"taken_at": to_text(now)}, "attribute_not_exists(taken_at)")

    def forget(self, directory: DirectoryId) -> None:
        """Note that a directory is no longer mapped. If it is mapped again, its desktops are an existing fleet."""
        is_there = "(attribute_exists(taken_at) OR attribute_exists(dr_directory_id)) AND dr_directory_id <> :none"
        self.table.set(
            directory_key(directory), BASELINE, {"dr_directory_id": _NOT_MAPPED}, is_there, {":none": _NOT_MAPPED}
        )

    def accepted(self, directory: DirectoryId, **attributes: Any) -> Write:
        """The write that accepts a directory's existing fleet with its present DR directory, unless it is accepted."""
        given = {"accepted": True, **attributes}
        return Write(
            key={"pk": directory_key(directory), "sk": BASELINE},
            update="SET " + ", ".join(f"{name} = :{name}" for name in given),
            condition="dr_directory_id = :dr_directory AND (attribute_not_exists(accepted) OR accepted <> :accepted)",
            values={f":{name}": value for name, value in given.items()}
            | {":dr_directory": self.dr_directories[directory]},
        )

    def set(self, directory: DirectoryId, attributes: Mapping[str, Any]) -> None:
        """Keep attributes beside a directory's baseline, such as the plan and the progress of its existing fleet."""
        self.table.set(directory_key(directory), BASELINE, attributes)

    # A scan

    def keep(self, directory: DirectoryId, side: str, number: int, run: str, seen: Mapping[WorkspaceId, str]) -> int:
        """Keep what a run has seen of a directory's side as parts from `number` on: ids, each with a word or none.

        They are stored as lines that begin with the word, because a fleet has few different words. Returns how many
        parts it took.
        """
        items = list(seen.items())
        starts = range(0, max(len(items), 1), MOST_IDS)
        for part, start in enumerate(starts, number):
            text = _lines(items[start : start + MOST_IDS])
            self.table.put({"pk": directory_key(directory), "sk": f"{side}#{part:05d}", "run": run, "seen": text})
        return len(starts)

    def recall(self, directory: DirectoryId, side: str, parts: int, run: str) -> dict[WorkspaceId, str] | None:
        """Everything that a run has seen of a side; None if a part is missing or of another run."""
        keys = [(directory_key(directory), f"{side}#{number:05d}") for number in range(parts)]
        found = self.table.get_many(keys)
        if len(found) != parts or any(item.get("run") != run or "seen" not in item for item in found):
            return None
        lines = [line.split() for item in found for line in str(item["seen"]).splitlines() if line.strip()]
        return {WorkspaceId(one): "" if word == _NO_WORD else word for word, *ids in lines for one in ids}

    def note(self, directory: DirectoryId, scan: Scan) -> None:
        """Note how the scan of a directory and its DR directory ended."""
        item = {
            "pk": directory_key(directory),
            "sk": LAST,
            "dr_directory_id": self.dr_directories[directory],
            "complete": not scan.problem,
        }
        known = {name: value for name, value in vars(scan).items() if value is not None}
        item |= {name: to_text(value) if isinstance(value, datetime) else value for name, value in known.items()}
        self.table.put(item)

    def last(self, directory: DirectoryId) -> Scan | None:
        """The last scan that ended; None if there was none, or its row cannot be read."""
        item = self.table.get(directory_key(directory), LAST)
        if item is None or not self._is_of_dr_directory(item, directory):
            return None
        try:
            return Scan(
                run=item["run"],
                began_at=from_text(item["began_at"]),
                ended_at=from_text(item["ended_at"]),
                parts={side: int(item["parts"][side]) for side in (DR_SIDE, OWN)},
                problem=item["problem"],
                before=item.get("before"),
                sizes={side: int(count) for side, count in item.get("sizes", {}).items()},
                doubted_since=from_text(item["doubted_since"]) if "doubted_since" in item else None,
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    def _is_of_dr_directory(self, item: Item, directory: DirectoryId) -> bool:
        return bool(item.get("dr_directory_id", self.dr_directories[directory]) == self.dr_directories[directory])

    # The figures of a day

    def keep_coverage(
        self, directory: DirectoryId, found: Coverage, scan: Scan, more: Mapping[str, Any] | None = None
    ) -> None:
        """Keep the figures of a complete scan as its day's row, unless a later scan has written it.

        `more` has further attributes: what standbys cost, and the configuration that was used. The row lists the ends
        of all complete scans of its day: who was covered at a time is known as of the last scan before it.
        """
        at = to_text(scan.ended_at)
        before = self.table.get(coverage_key(directory), day_key(scan.ended_at)) or {}
        # A repeated part of the same run is not another scan.
        again = before.get("scanned_at") if before.get("run") == scan.run else None
        scans = [one for one in _names(before.get("scans")) if one < at and one != again]
        item = {
            "pk": coverage_key(directory),
            "sk": day_key(scan.ended_at),
            "directory_id": directory,
            "dr_directory_id": self.dr_directories[directory],
            "day": at[:10],
            "primaries": found.primaries,
            "eligible": found.eligible,
            "protected": found.protected,
            "reported": found.by_status.get(Status.REPORTED, 0),
            "excluded": found.by_status.get(Status.EXCLUDED, 0),
            "ineligible": found.by_status.get(Status.INELIGIBLE, 0),
            "by_status": found.by_status,
            "coverage_percent": found.percent,
            "coverage_of_all_percent": found.percent_of_all,
            **{name: found.counts.get(name, 0) for name in _COUNTED},
            OLDEST: found.counts.get(OLDEST),
            "copies": under(found.counts, COPIES),
            "oldest_copies": under(found.counts, OLDEST_ONES),
            **(more or {}),
            "complete": True,
            "began_at": to_text(scan.began_at),
            "scanned_at": at,
            "scans": [*scans, at],
            "run": scan.run,
        }
        self.table.put(item, "attribute_not_exists(pk) OR scanned_at <= :at", {":at": at})

    def add_to_day(self, directory: DirectoryId, scan: Scan, attributes: Mapping[str, Any]) -> None:
        """Add attributes to the day's row of a complete scan, if the row is still that scan's."""
        self.table.set(coverage_key(directory), day_key(scan.ended_at), attributes, "run = :run", {":run": scan.run})

    def last_days(self, now: datetime) -> tuple[dict[DirectoryId, Coverage], list[str]]:
        """The figures of each directory's last complete scan in the last `DAYS_BACK` days, and problems with rows."""
        found: dict[DirectoryId, Coverage] = {}
        problems: list[str] = []
        for days in range(DAYS_BACK + 1):
            day = day_key(now - timedelta(days=days))
            wanted = [(coverage_key(directory), day) for directory in self.dr_directories if directory not in found]
            for item in self.table.get_many(wanted):
                directory = DirectoryId(item["pk"].partition("#")[2])
                if item.get("dr_directory_id", self.dr_directories[directory]) != self.dr_directories[directory]:
                    continue
                try:
                    found[directory] = _read_day(item, now)
                except (KeyError, TypeError, ValueError, AttributeError) as problem:
                    problems.append(
                        f"The coverage row {item['pk']} {item['sk']} cannot be read ({problem!r}) and is not counted"
                    )
        return found, problems


def _names(found: object) -> list[str]:
    """The texts in a list; empty if it is not a list: a person may have edited the row."""
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _lines(seen: Iterable[tuple[WorkspaceId, str]]) -> str:
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for one, word in seen:
        lines[word or _NO_WORD].append(one)
    return "\n".join(" ".join([word, *ids]) for word, ids in lines.items())


def _read_day(item: Mapping[str, Any], now: datetime) -> Coverage:
    counts = {f"status/{status}": int(count) for status, count in item["by_status"].items()}
    counts |= {name: int(item[name]) for name in (*_COUNTED, OLDEST) if item.get(name) is not None}
    return Coverage(counts, now - from_text(item["scanned_at"]))
