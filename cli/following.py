"""`standby status --follow`: redraw the overview at a terminal; write a line for each change to a pipe.

A change is an event of the ledger. The index of a day's events is slightly delayed, so each reading overlaps the
previous one, and each event is shown once.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

from cli import times
from cli.answers import console, one_line, say
from cli.changes import change_of, line_of
from cli.options import Output
from cli.problems import Problem
from cli.reporting import answer_of, overviews
from standby.core.model import to_text

if TYPE_CHECKING:
    from cli.ledger import Ledger
    from cli.running import Run

_OVERLAP: Final = timedelta(seconds=20)
_LAST: Final = 5  # changes below the overview


@dataclass
class Changes:
    """The changes of a pair since a moment, each once."""

    ledger: Ledger
    since: datetime
    _seen: dict[tuple[str, str], str] = field(default_factory=dict)

    def until(self, now: datetime) -> Iterator[dict[str, Any]]:
        """The changes since the last reading, in order."""
        start = max(self.since - _OVERLAP, now - timedelta(days=1))
        days = dict.fromkeys((f"{start:%Y-%m-%d}", f"{now:%Y-%m-%d}"))
        for day in days:
            for item in self.ledger.of_day(day, since=to_text(start)):
                key = str(item["pk"]), str(item["sk"])
                if key not in self._seen:
                    self._seen[key] = str(item["at"])
                    yield change_of(item, self.ledger)
        self._seen = {key: at for key, at in self._seen.items() if at >= to_text(now - 2 * _OVERLAP)}
        self.since = now

    def skip(self, now: datetime) -> None:
        """Mark all present changes as seen."""
        for _ in self.until(now):
            pass


def follow(run: Run, every: float) -> NoReturn:
    """Update until the command is interrupted."""
    if run.options.query:
        raise Problem("QueryOfChanges", "--query and --follow cannot be combined.", "Leave out one of the two options.")
    is_drawn = sys.stdout.isatty() and run.options.output is Output.TABLE
    found = [Changes(ledger, run.now) for ledger in run.ledgers]
    for one in found:
        one.skip(run.now)
    draw = _drawer(run, found) if is_drawn else _writer(run, found)
    while True:
        draw(run.clock.now())
        sys.stdout.flush()
        run.clock.sleep(every)


def _drawer(run: Run, found: list[Changes]) -> Callable[[datetime], None]:
    """A function that draws the overview in place, with the last changes."""
    last: list[str] = []
    screen = console(run.options)

    def draw(now: datetime) -> None:
        last.extend(line_of(change) for one in found for change in one.until(now))
        del last[:-_LAST]
        answer = answer_of(overviews(run, now), now)
        screen.file.write("\033[H\033[J")  # home, and clear what is below
        assert answer.screen is not None  # noqa: S101 (status has one)
        answer.screen(screen)
        for line in (*answer.missing, *(ledger.caution for ledger in run.ledgers if ledger.caution)):
            screen.print(line)
        for line in ["", "Last changes:", *last] if last else []:
            screen.print(line, overflow="ellipsis", no_wrap=True)
        screen.print(f"\nAs of {times.local(now)}. Press Ctrl-C to stop.")

    return draw


def _writer(run: Run, found: list[Changes]) -> Callable[[datetime], None]:
    """A function that writes a line for each change, in the form that the options name."""
    form = run.options.output
    table = csv.writer(sys.stdout, lineterminator="\n")
    names = (
        "at",
        "stack",
        "primary_id",
        "user_name",
        "from_status",
        "status",
        "reason_code",
        "cause_type",
        "principal",
    )
    if form is Output.CSV:
        table.writerow(names)
    say("Writing a line for each change. Press Ctrl-C to stop.")

    def write(now: datetime) -> None:
        for change in (change for one in found for change in one.until(now)):
            if form is Output.JSON:
                print(json.dumps(change, ensure_ascii=False))
            elif form is Output.CSV:
                table.writerow([change.get(name) for name in names])
            else:
                print(one_line(line_of(change)))

    return write
