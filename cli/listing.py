"""The answer of `standby list`: the selected rows, the total, and the next command."""

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
    """Answer with the selected rows; the parameters are the options of the command."""
    selection = Selection(
        statuses=tuple(code_of(RowStatus, one, "status") for one in statuses),
        reasons=tuple(code_of(Reason, one, "reason code") for one in reasons),
        directories=tuple(known_directories(run.ledgers, directories)),
        **more,
    )
    for word in (one for one in selection.users if not is_pattern(one)):
        if not any(ledger.find(word) for ledger in run.ledgers):
            raise no_such_desktop(run.ledgers, word)
    usual: tuple[str, ...] = _NAMED if selection.named else _USUAL
    usual = _DRIFTING if selection.drift else _STALE if selection.stale else usual
    wanted = chosen(columns, (*usual, "act_on") if selection.needs_action else usual)
    counted = _Counted(run, selection, ("stack", *wanted) if columns else ())
    table = Table("desktops", columns_of(run, wanted), counted.rows(), empty="")
    answer = Answer([table], facts=counted.facts, closing=counted.sentences, next=_next(selection))
    answer.found = lambda: selection.needs_action and counted.facts["count"] > 0
    return run.of_ledgers(answer)


@dataclass
class _Counted:
    """The rows, counted while they are read, and the total; limited to some attributes if `names` are given."""

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
        """The total: as the last complete sweeps counted it, or else the number of rows in the ledger.

        If all counted desktops are selected, the rows are counted: some desktops may be newer than the sweep.
        """
        if not self.selection.words:
            return self.facts["count"]
        counted = [swept(ledger, self.run.now) for ledger in self.run.ledgers]
        total = sum(one for one in counted if one is not None)
        if None in counted or total <= self.facts["count"] > 0:
            total = sum(rows_of(ledger) for ledger in self.run.ledgers)
            self.counted_by = "Rows in the ledger now"
        # Desktops that no longer exist are not in the total, but can be selected.
        return max(total, self.facts["count"])

    def sentences(self) -> list[str]:
        count, of, words = self.facts["count"], self.facts["of"], self.selection.words
        if self.selection.named:
            return [f"{self.ready} of {count} {'desktop' if count == 1 else 'desktops'} with a ready standby."]
        desktops = f"{of} {'desktop' if of == 1 else 'desktops'}"
        return [f"{count} of {desktops} {words}. {self.counted_by}: {of}." if words else f"{desktops}."]


def swept(ledger: Ledger, now: datetime) -> int | None:
    """How many desktops the last complete sweeps counted; None if a directory had no complete sweep for days."""
    kept = ledger.kept_settings()
    days = last_days(ledger, kept.settings.directories, now) if kept else {}
    counts = [number(day, "primaries") for day in days.values()]
    return sum(one for one in counts if one is not None) if counts and None not in counts else None


def rows_of(ledger: Ledger) -> int:
    """How many desktops in the ledger still exist."""
    codes = {f":code{number}": str(reason) for number, reason in enumerate(sorted(NOT_OURS))}
    return ledger.count(Only(f"NOT reason_code IN ({', '.join(codes)})", {}, codes))


def no_such_desktop(ledgers: Sequence[Ledger], word: str) -> Problem:
    """The Problem for an id or a user name that no desktop has, with the nearest match."""
    with progress("Searching for the nearest match"):
        near = next((one for ledger in ledgers if (one := nearest(ledger, [word]).get(word))), "")
    hint = f"Did you mean {near}? " if near else ""
    if is_workspace_id(primary_id := word.strip()):
        words = f"The ledger has no primary or standby {primary_id}."
        fix = (
            f"{hint}The event of a new desktop can take some minutes. `standby protect {primary_id}` does not wait for"
            " the event."
        )
        return Problem("NoSuchDesktop", words, fix)
    name = word.strip()
    words = f"The ledger has no desktop of user {name}." if name else "The user name is empty."
    return Problem("NoSuchDesktop", words, f"{hint}`standby list` lists all desktops.")


def known_directories(ledgers: Sequence[Ledger], words: Sequence[str]) -> list[str]:
    """The directories that words name; Problem with the nearest match if one is not, and was never, mapped.

    Before the first sweep no directory is known, and each word is accepted.
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
        said = f"{word} is the DR directory of {own}." if own else f"No sweep has seen directory {word}."
        hint = f"Did you mean {own or near[0]}? " if own or near else ""
        raise Problem("NoSuchDirectory", said, f"{hint}Mapped directories: {', '.join(sorted(mapped))}.")
    return found


def known_in_either(ledgers: Sequence[Ledger], word: str) -> None:
    """Raise a Problem, with the nearest match, if a word is not a mapped directory in either Region."""
    kept = [one for ledger in ledgers if (one := ledger.kept_settings())]
    mapped = {own: entry.dr_directory for one in kept for own, entry in one.settings.directories.items()}
    if word not in mapped.values():
        known_directories(ledgers, [word])


def _next(selection: Selection) -> str:
    if selection.needs_action:
        return "`standby show ID` shows what to do for a desktop; `standby explain REASON_CODE` explains a reason."
    if len(selection.named) == 1:
        return f"`standby show {shlex.quote(selection.named[0])}` shows the reason, the next step and the history."
    return "`standby show USER` shows the reason, the next step and the history of a desktop."
