"""What `standby list` answers: the rows that are selected, of how many, and what comes next."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cli.answers import Answer, Table
from cli.asking import progress, until_first
from cli.figures import last_days, number
from cli.finding import code_of, nearest
from cli.ledger import Ledger, Only
from cli.problems import Problem, Status
from cli.rows import chosen, shown
from cli.rows import columns as columns_of
from cli.selecting import Selection, is_pattern
from standby.core.model import DirectoryId, is_workspace_id
from standby.core.model import Status as RowStatus
from standby.core.reasons import NOT_OURS, Reason
from standby.ledger.sweeps import BASELINE, directory_key

if TYPE_CHECKING:
    from cli.running import Run

_USUAL = ("primary_id", "user_name", "status", "reason_code", "changed_at")
_NAMED = ("user_name", "primary_id", "status", "reason_code", "standby_id")
_DRIFTING = ("primary_id", "user_name", "standby_id", "drift")
_STALE = ("primary_id", "user_name", "standby_id", "stale_since")


def listed(
    run: Run, *, statuses: Sequence[str], reasons: Sequence[str], directories: Sequence[str], columns: str, **more: Any
) -> Status:
    """Answer with the rows that are selected; the options are those of the command."""
    selection = Selection(
        statuses=tuple(code_of(RowStatus, one, "status") for one in statuses),
        reasons=tuple(code_of(Reason, one, "reason code") for one in reasons),
        directories=tuple(known_directories(run.ledgers, directories)),
        **more,
    )
    for word in (one for one in selection.users if not is_pattern(one)):
        if not any(ledger.find(word) for ledger in run.ledgers):
            raise nobody(run.ledgers, word)
    usual = _NAMED if selection.named else _USUAL
    wanted = chosen(columns, _DRIFTING if selection.drift else _STALE if selection.stale else usual)
    counted = _Counted(run, selection, ("stack", *wanted) if columns else ())
    table = Table("desktops", columns_of(run, wanted), counted.rows(), empty="")
    answer = Answer([table], facts=counted.facts, closing=counted.sentences, next=_next(selection))
    answer.found = lambda: selection.needs_action and counted.facts["count"] > 0
    return run.of_ledgers(answer)


@dataclass
class _Counted:
    """Rows, counted as they are read, and of how many they are; with some attributes alone if these are named."""

    run: Run
    selection: Selection
    names: Sequence[str]
    facts: dict[str, int] = field(default_factory=lambda: {"count": 0, "of": 0})
    ready: int = 0
    counted_by: str = "Counted by the last complete sweeps"

    def rows(self) -> Iterator[dict[str, Any]]:
        found = ((ledger, item) for ledger in self.run.ledgers for item in self.selection.rows(ledger))
        for ledger, item in until_first("Reading the ledger", found):
            self.facts["count"] += 1
            self.ready += item.get("status") == RowStatus.PROTECTED
            row = shown(item, ledger)
            yield {name: row.get(name) for name in self.names} if self.names else row
        self.facts["of"] = self._of()

    def _of(self) -> int:
        """Of how many: as the last complete sweeps counted them, or, where that cannot be, as the ledger has rows.

        "24 of 24" is counted again: there may be desktops that are newer than the sweep.
        """
        if not self.selection.words:
            return self.facts["count"]
        counted = [swept(ledger, self.run.now) for ledger in self.run.ledgers]
        total = sum(one for one in counted if one is not None)
        if None in counted or total <= self.facts["count"] > 0:
            total = sum(rows_of(ledger) for ledger in self.run.ledgers)
            self.counted_by = "Rows that the ledger has now"
        # Those that are gone are in no such number, and can be selected.
        return max(total, self.facts["count"])

    def sentences(self) -> list[str]:
        count, of, words = self.facts["count"], self.facts["of"], self.selection.words
        if self.selection.named:
            return [f"{self.ready} of {count} {'desktop' if count == 1 else 'desktops'} with a standby that is ready."]
        desktops = f"{of} {'desktop' if of == 1 else 'desktops'}"
        return [f"{count} of {desktops} {words}. {self.counted_by}: {of}." if words else f"{desktops}."]


def swept(ledger: Ledger, now: datetime) -> int | None:
    """How many desktops the last complete sweeps have counted; None if a directory had none for days."""
    kept = ledger.kept_settings()
    days = last_days(ledger, kept.settings.directories, now) if kept else {}
    counts = [number(day, "primaries") for day in days.values()]
    return sum(one for one in counts if one is not None) if counts and None not in counts else None


def rows_of(ledger: Ledger) -> int:
    """Of how many desktops the ledger has rows, those that are gone left out."""
    codes = {f":code{number}": str(reason) for number, reason in enumerate(sorted(NOT_OURS))}
    return ledger.count(Only(f"NOT reason_code IN ({', '.join(codes)})", {}, codes))


def nobody(ledgers: Sequence[Ledger], word: str) -> Problem:
    """The Problem that an id, or a user's name, names no desktop, with the nearest match."""
    with progress("Looking for the nearest match"):
        near = next((one for ledger in ledgers if (one := nearest(ledger, [word]).get(word))), "")
    hint = f"Did you mean {near}? " if near else ""
    if is_workspace_id(primary_id := word.strip()):
        words = f"The ledger knows no primary and no standby {primary_id}."
        fix = f"{hint}A new desktop's event can take some minutes; `standby protect {primary_id}` need not wait for it."
        return Problem("NoSuchDesktop", words, fix)
    named = word.strip() or "An empty name"
    return Problem("NoSuchDesktop", f"{named} names no desktop in the ledger.", f"{hint}`standby list` lists all.")


def known_directories(ledgers: Sequence[Ledger], words: Sequence[str]) -> list[str]:
    """The directories that words name: such as are mapped, or were; Problem with the nearest match if one is neither.

    Before the first sweep nothing is known of directories: then a word is taken as it is.
    """
    kept = [one for ledger in ledgers if words and (one := ledger.kept_settings())]
    mapped = {own: entry.dr_directory for one in kept for own, entry in one.settings.directories.items()}
    found = [word.strip().lower() for word in words]
    if not mapped:
        return found
    for word in found:
        if word in mapped or any(ledger.get([(directory_key(DirectoryId(word)), BASELINE)]) for ledger in ledgers):
            continue
        near = difflib.get_close_matches(word, mapped, n=1, cutoff=0.6)
        own = next((one for one, dr_directory in mapped.items() if dr_directory == word), "")
        said = f"{word} is the DR directory of {own}." if own else f"No sweep has seen a directory {word}."
        hint = f"Did you mean {own or near[0]}? " if own or near else ""
        raise Problem("NoSuchDirectory", said, f"{hint}Mapped are {', '.join(sorted(mapped))}.")
    return found


def known_in_either(ledgers: Sequence[Ledger], word: str) -> None:
    """Raise a Problem, with the nearest match, if a word is no mapped directory of either Region."""
    kept = [one for ledger in ledgers if (one := ledger.kept_settings())]
    mapped = {own: entry.dr_directory for one in kept for own, entry in one.settings.directories.items()}
    if word not in mapped.values():
        known_directories(ledgers, [word])


def _next(selection: Selection) -> str:
    if selection.needs_action:
        return "`standby show ID` says what to do about one; `standby explain REASON_CODE` says it of its reason."
    if len(selection.named) == 1:
        return f"`standby show {shlex.quote(selection.named[0])}` says more: why, what is next, and its history."
    return "`standby show USER` says more of one: why, what is next, and its history."
