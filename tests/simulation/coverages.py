"""Whether the figures of coverage can be, and are those of complete scans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

Item = Mapping[str, Any]


class Coverages:
    """Follows the rows of coverage, and how scans end. `written` has those of a directory, each as it was written."""

    def __init__(self) -> None:
        self.written: dict[str, list[Item]] = defaultdict(list)
        # The scan of each directory whose figures were written last: its run, and when it ended. A part that is done
        # again, because its first invocation did not live to say so, is another scan of the same run.
        self._counted_scans: dict[str, tuple[str, str]] = {}

    def saw_figures(self, new: Item, old: Item | None) -> Iterator[str]:
        """A directory's coverage of a day, which only a later complete scan writes over."""
        directory, day = new["pk"].partition("#")[2], new["sk"].partition("#")[2]
        self.written[directory].append(new)
        self._counted_scans[directory] = new["run"], new["scanned_at"]
        primaries, eligible, protected = (new[name] for name in ("primaries", "eligible", "protected"))
        if not primaries >= eligible >= protected >= 0:
            yield f"coverage cannot be {new}"
        if new["scanned_at"][:10] != day:
            yield f"coverage of another day: {new}"
        if old is not None and old["scanned_at"] > new["scanned_at"]:
            yield f"older coverage was written over {old}"

    def saw_scan(self, last: Item) -> Iterator[str]:
        """How a scan has ended."""
        is_counted = self._counted_scans.get(last["pk"].partition("#")[2]) == (last["run"], last["ended_at"])
        if is_counted and not last["complete"]:
            yield f"figures of a scan that is not complete: {last}"
