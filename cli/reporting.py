"""The answer of `standby status`: the overview of every pair, as tables in data and as text on a screen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from cli.answers import Answer, Table, put_indented, put_line, text, time
from cli.asking import progress
from cli.figures import last_rows
from cli.ledger import Only
from cli.overview import Directory, Overview, as_of, bar, live_by_directory, overview
from cli.problems import Status
from cli.state import state_of
from standby.core.model import Status as RowStatus
from standby.core.reasons import NOT_OURS, Reason

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from cli.finding import Item
    from cli.ledger import Ledger
    from cli.running import Run

_COLUMNS = (
    text("stack"),
    text("directory_id", "Directory"),
    text("dr_directory_id", "DR directory"),
    text("eligible"),
    text("protected"),
    text("coverage_percent", "%"),
    text("waiting"),
    time("waiting_since", "Waiting since"),
    text("held"),
    text("needs_action", "Need action"),
    text("reported"),
    text("excluded"),
    text("ineligible"),
    text("drifted"),
    text("stale"),
    text("oldest_copy_seconds"),
    text("orphans"),
    text("orphans_monthly_cost"),
    text("standbys_monthly_cost"),
    text("pcoip_primaries"),
    text("pcoip_standbys"),
    time("scanned_at", "Last complete sweep"),
    text("complete"),
)
_PAIR_COLUMNS = (text("stack"), text("mode"), text("paused"))


def report(run: Run) -> Status:
    """Answer with the overview of every pair."""
    with progress("Reading the ledger"):
        found = overviews(run, run.now)
    return run.of_ledgers(answer_of(found, run.now))


def overviews(run: Run, now: datetime) -> list[Overview]:
    """Read every pair's overview."""
    return [_read(ledger, now) for ledger in run.ledgers]


def _read(ledger: Ledger, now: datetime) -> Overview:
    state = state_of(ledger, now)
    live = live_by_directory(open_rows(ledger))
    return overview(ledger.pair.stack, state, last_rows(ledger, state.directories, now), live, now)


def open_rows(ledger: Ledger) -> Iterator[Item]:
    """The rows of uncovered desktops and of orphans."""
    orphaned = Only("reason_code = :orphaned", {}, {":orphaned": str(Reason.ORPHANED)})
    rows = chain(ledger.uncovered(), ledger.by_status(RowStatus.PRIMARY_GONE, only=orphaned))
    return (item for item in rows if item.get("reason_code") not in NOT_OURS)


def answer_of(found: Sequence[Overview], now: datetime) -> Answer:
    """The answer for some pairs."""
    directories = [one.row(pair.stack) for pair in found for one in pair.directories]
    needing = sum(pair.needing for pair in found)
    answer = Answer(
        [
            Table("directories", _COLUMNS, directories),
            Table("pairs", _PAIR_COLUMNS, [pair.row() for pair in found]),
        ],
        screen=_screen(found, now),
        found=lambda: needing > 0,
        missing=[problem for pair in found for problem in pair.problems],
    )
    if needing:
        answer.next = "`standby list --needs-action` lists what needs action."
    elif any(pair.reported for pair in found):
        answer.next = "`standby plan` shows the cost and the time of standbys for the reported desktops."
    else:
        answer.next = "`standby list --uncovered` lists desktops without a ready standby, and why."
    return answer


def _screen(found: Sequence[Overview], now: datetime) -> Callable[[Console], None]:
    def show(screen: Console) -> None:
        for pair in found:
            put_line(pair.verdict, screen)
            for one in pair.directories:
                put_line("", screen)
                _show(one, screen, now)
            lines = list(pair.lines())
            if lines:
                put_line("", screen)
            for line in lines:
                put_line(line, screen)

    return show


def _show(one: Directory, screen: Console, now: datetime) -> None:
    to = f" to {one.dr_directory}" if one.dr_directory else ""
    put_line(f"{one.id}{to}" if one.is_mapped else f"Not mapped: {one.id}", screen)
    if one.is_mapped and one.day:
        _show_bar(one, screen, now)
    for line in one.lines():
        put_indented(line, screen)


def _show_bar(one: Directory, screen: Console, now: datetime) -> None:
    from rich.text import Text

    eligible, protected = int(one.day.get("eligible", 0)), int(one.day.get("protected", 0))
    percent = f" ({one.day.get('coverage_percent')} %)" if eligible else ""
    words = f"{protected} of {eligible} eligible desktops are protected{percent}"
    words = f"{words}, {as_of(one.scanned_at, now)}"
    if not sys.stdout.isatty():
        put_indented(words, screen)
        return
    # Reported desktops do not count as eligible, but they have no standby either.
    wanted = eligible + one.live.by_status[RowStatus.REPORTED]
    full, rest = bar(protected, wanted, min(40, max(screen.width - 4, 10)), _marks())
    colour = "yellow" if one.is_old or protected < wanted else "green"
    screen.print(Text.assemble("  ", (full, colour), (rest, "dim")))
    put_indented(words, screen)


def _marks() -> tuple[str, str]:
    """The characters of a bar, as far as the terminal can show them."""
    try:
        "█░".encode(sys.stdout.encoding or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return "#", "."
    return "█", "░"
