"""The pause switch of a pair: what it says, and switching it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cli.answers import Answer, Column, Table, text, time
from cli.changing import Ways, by_whom, counted, tallied
from cli.problems import Status
from standby.core.model import Status as RowStatus
from standby.core.reasons import Reason

if TYPE_CHECKING:
    from cli.ledger import Ledger
    from cli.running import Run

PAUSE = "PAUSE"
Item = Mapping[str, Any]

_COLUMNS = (
    text("stack"),
    Column("paused", "Paused", lambda value: "yes" if value else "no"),
    text("by", "By"),
    time("at", "At"),
    text("because"),
    text("held", "Held by the pause"),
    text("held_otherwise", "Held otherwise"),
)


def switch_of(ledger: Ledger) -> Item:
    """The row of the pause switch; empty if nobody has used it."""
    return next(iter(ledger.get([(PAUSE, PAUSE)])), {})


def is_paused(item: Item) -> bool:
    """Whether a switch's row says that nothing is to be created; a row without the word does."""
    return bool(item) and item.get("paused", True) is not False


def switch(run: Run, *, on: bool, ways: Ways) -> Status:
    """Switch the pause of the pair on or off; say what the ledger has afterwards."""
    pair, ledger, protect = run.pair, run.ledger(run.pair), run.protect(run.pair)
    before = switch_of(ledger)
    was_so = is_paused(before) is on
    if on:
        # At once: to pause costs nothing and can be taken back. What is held is counted afterwards.
        protect.ask("pause", ways.because, dry_run=ways.dry_run)
    waiting, held = _held(ledger)
    if not on:
        if waiting and not was_so and not ways.dry_run:
            row = _row(pair.stack, before, waiting, held)
            what = f"Let {counted(waiting, 'WorkSpace')} get standbys"
            ways.ask(run, what, waiting, Table("switch", _COLUMNS, [row]))
        protect.ask("resume", ways.because, dry_run=ways.dry_run)
    present = switch_of(ledger)
    rows = [_row(pair.stack, present, waiting, held)]
    sentences = [_sentence(present, on=on, was_so=was_so, dry_run=ways.dry_run)]
    sentences += _about_held(waiting, held, is_on=is_paused(present))
    answer = Answer([Table("switch", _COLUMNS, rows)], ways.facts(pair), closing=lambda: sentences)
    answer.found = lambda: is_paused(present) is not on and not ways.dry_run
    answer.next = "`standby resume` ends the pause." if is_paused(present) else "`standby status`"
    return run.of_ledgers(answer, [ledger])


def _held(ledger: Ledger) -> tuple[int, Counter[str]]:
    """How many desktops the pause holds, and how many are held for other reasons."""
    held = Counter(str(row.get("reason_code")) for row in ledger.by_status(RowStatus.HELD))
    return held.pop(Reason.PAUSED, 0), held


def _row(stack: str, item: Item, waiting: int, held: Mapping[str, int]) -> dict[str, Any]:
    done = "paused" if is_paused(item) else "resumed"
    by = {"by": item.get(f"{done}_by"), "at": item.get(f"{done}_at"), "because": item.get("because")}
    return {"stack": stack, "paused": is_paused(item), **by, "held": waiting, "held_otherwise": sum(held.values())}


def _sentence(item: Item, *, on: bool, was_so: bool, dry_run: bool) -> str:
    done = "paused" if on else "resumed"
    said = f"{done} {by_whom(item, done)}".rstrip()
    if dry_run:
        return f"It is {said} already." if was_so and item else f"It would be {done}."
    if is_paused(item) is not on:
        return f"It is not {done}: somebody else has switched it since."
    if was_so:
        return f"It was {said}, already. Nothing was changed." if item else "It was not paused. Nothing was changed."
    return f"It is {said}."


def _about_held(waiting: int, held: Mapping[str, int], *, is_on: bool) -> list[str]:
    words = []
    if is_on:
        words.append(
            f"No standby is created. {counted(waiting, 'desktop')} {'is' if waiting == 1 else 'are'} held by it."
        )
    elif waiting:
        words.append(f"{counted(waiting, 'desktop')} that it held get their standbys, a few at a time.")
    return [*words, f"Held for other reasons: {tallied(held)}."] if held else words
