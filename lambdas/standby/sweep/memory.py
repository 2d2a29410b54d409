"""What a sweep has seen, and what it has come to: rows of the ledger beside the primaries', written over each time.

A directory's scan may take many invocations, and what it has seen is too much for a state of the machine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from standby.clock import from_text, to_text
from standby.ledger.table import Table
from standby.model import DirectoryId, WorkspaceId
from standby.sweep.baseline import directory_key

LAST = "LAST"
MISSED = "MISSED"
# The two sides of a directory's scan.
PARTNER, OWN = "partner", "own"
_NO_WORD = "-"
# Of one item, which holds 400 KB: also where each id had a word of its own.
MOST_IDS = 5000


@dataclass(frozen=True)
class Missed:
    """Which WorkSpaces a complete sweep has missed of a row: its primary, its standby, or both."""

    run: str
    ids: frozenset[WorkspaceId]


@dataclass(frozen=True)
class Scan:
    """How the scan of a directory ended: without a `problem` it was complete. `parts` are those kept of each side.

    `before` is the run of the last complete scan before it; `sizes` are how many WorkSpaces each side had in the last
    complete one, `doubted_since` since when its scans show none, or far fewer than before. `ended_at` is known of one
    that was read.
    """

    run: str
    began_at: datetime
    parts: dict[str, int]
    problem: str
    counts: dict[str, int]
    before: str | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    doubted_since: datetime | None = None
    ended_at: datetime | None = None


class SweepMemory:
    """Reads and writes it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def keep(self, directory: DirectoryId, side: str, number: int, run: str, seen: Mapping[WorkspaceId, str]) -> int:
        """Keep what a run has seen of a directory's side as parts from `number` on: ids, and a word of each, or none.

        They stand in lines that begin with the word, of which a fleet has few. Returns how many parts it took.

        Raises
        ------
        LedgerUnavailable
            It is not kept, so the part has to be scanned again.
        """
        items = list(seen.items())
        starts = range(0, max(len(items), 1), MOST_IDS)
        for part, start in enumerate(starts, number):
            text = _lines(items[start : start + MOST_IDS])
            self._table.put({"pk": directory_key(directory), "sk": f"{side}#{part:05d}", "run": run, "seen": text})
        return len(starts)

    def recall(self, directory: DirectoryId, side: str, parts: int, run: str) -> dict[WorkspaceId, str] | None:
        """All that a run has seen of a side; None if a part is missing or another run's: then nothing is concluded.

        Raises
        ------
        LedgerUnavailable
            Not known.
        """
        keys = [(directory_key(directory), f"{side}#{number:05d}") for number in range(parts)]
        found = self._table.get_many(keys)
        if len(found) != parts or any(item["run"] != run for item in found):
            return None
        lines = [line.split() for item in found for line in str(item["seen"]).splitlines()]
        return {WorkspaceId(one): "" if word == _NO_WORD else word for word, *ids in lines for one in ids}

    def note(self, directory: DirectoryId, partner: DirectoryId, scan: Scan, now: datetime) -> None:
        """Note how the scan of a directory and its partner ended."""
        self._table.put(
            {
                "pk": directory_key(directory),
                "sk": LAST,
                "partner": partner,
                "run": scan.run,
                "began_at": to_text(scan.began_at),
                "ended_at": to_text(now),
                "complete": not scan.problem,
                "problem": scan.problem,
                "parts": scan.parts,
                "counts": scan.counts,
                "sizes": scan.sizes,
                **({"before": scan.before} if scan.before else {}),
                **({"doubted_since": to_text(scan.doubted_since)} if scan.doubted_since else {}),
            }
        )

    def last(self, directory: DirectoryId, partner: DirectoryId) -> Scan | None:
        """The last scan of a directory that ended; None if there was none, or it was with another partner.

        Raises
        ------
        LedgerUnavailable
            Not known.
        """
        item = self._table.get(directory_key(directory), LAST)
        if item is None or item.get("partner", partner) != partner:
            return None
        return Scan(
            item["run"],
            from_text(item["began_at"]),
            {side: int(count) for side, count in item["parts"].items()},
            item["problem"],
            item["counts"],
            item.get("before"),
            {side: int(count) for side, count in item.get("sizes", {}).items()},
            from_text(item["doubted_since"]) if "doubted_since" in item else None,
            from_text(item["ended_at"]),
        )

    def missed(self, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Missed]:
        """The last run that missed something of each of the primaries of which any did, and what.

        Raises
        ------
        LedgerUnavailable
            Not known.
        """
        found = self._table.get_many([(f"{MISSED}#{one}", MISSED) for one in ids])
        # A version that did not note what was missed has missed nothing for certain.
        return {
            WorkspaceId(item["pk"].partition("#")[2]): Missed(item["run"], frozenset(item.get("missed", ())))
            for item in found
        }

    def note_missed(self, primary_id: WorkspaceId, missed: Missed, now: datetime) -> None:
        """Note what a complete sweep has missed of a primary's row."""
        ids = sorted(missed.ids)
        self._table.put(
            {"pk": f"{MISSED}#{primary_id}", "sk": MISSED, "run": missed.run, "missed": ids, "at": to_text(now)}
        )


def _lines(seen: Iterable[tuple[WorkspaceId, str]]) -> str:
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for one, word in seen:
        lines[word or _NO_WORD].append(one)
    return "\n".join(" ".join([word, *ids]) for word, ids in lines.items())
