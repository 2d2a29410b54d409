"""The pause switch of a pair: what it says, and switching it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cli.answers import Answer, Table, text
from cli.changing import Ways, by_whom, counted, in_sentences, tallied
from cli.problems import Status
from standby.core.model import Status as RowStatus
from standby.core.reasons import Reason
from standby.core.row import PAUSE
from standby.ledger.ledger import is_on

if TYPE_CHECKING:
    from cli.ledger import Ledger
    from cli.running import Run

Item = Mapping[str, Any]

_COLUMNS = tuple(map(text, ("stack", "paused", "by", "at", "because", "held", "held_otherwise")))


def switch_of(ledger: Ledger) -> dict[str, Any] | None:
    """The row of the pause switch; None if nobody has used it."""
    return next(iter(ledger.get([(PAUSE, PAUSE)])), None)


def switch(run: Run, *, on: bool, ways: Ways) -> Status:
    """Switch the pause of the pair on or off; say what the ledger has afterwards."""
    pair, ledger, protect = run.pair, run.ledger(run.pair), run.protect(run.pair)
    before = switch_of(ledger)
    was_so = is_on(before) is on
    if on:
        # At once: to pause costs nothing and can be taken back. What is held is counted afterwards.
        protect.ask("pause", ways.because, dry_run=ways.dry_run)
    waiting, held = _held(ledger)
    if not on:
        if waiting and not was_so and not ways.dry_run:
            plan = [
                f"It is paused {by_whom(before or {}, 'paused')}".rstrip() + ".",
                *_about_held(waiting, held, is_on=True),
            ]
            ways.ask(run, f"Let {counted(waiting, 'WorkSpace')} get standbys", waiting, plan)
        protect.ask("resume", ways.because, dry_run=ways.dry_run)
    present = switch_of(ledger)
    rows = [_row(pair.stack, present, waiting, held)]
    sentences = [_sentence(present, on=on, was_so=was_so, dry_run=ways.dry_run)]
    sentences += _about_held(waiting, held, is_on=is_on(present))
    answer = Answer([Table("switch", _COLUMNS, rows)], ways.facts(pair), screen=in_sentences(sentences))
    answer.found = lambda: is_on(present) is not on and not ways.dry_run
    answer.next = "`standby resume` ends the pause." if is_on(present) else "`standby status`"
    return run.of_ledgers(answer, [ledger])


def _held(ledger: Ledger) -> tuple[int, Counter[str]]:
    """How many desktops the pause holds, and how many are held for other reasons."""
    held = Counter(str(row.get("reason_code")) for row in ledger.by_status(RowStatus.HELD))
    return held.pop(Reason.PAUSED, 0), held


def _row(stack: str, item: dict[str, Any] | None, waiting: int, held: Mapping[str, int]) -> dict[str, Any]:
    done = "paused" if is_on(item) else "resumed"
    found = item or {}
    by = {"by": found.get(f"{done}_by"), "at": found.get(f"{done}_at"), "because": found.get("because")}
    return {"stack": stack, "paused": is_on(item), **by, "held": waiting, "held_otherwise": sum(held.values())}


def _sentence(item: dict[str, Any] | None, *, on: bool, was_so: bool, dry_run: bool) -> str:
    done = "paused" if on else "resumed"
    if dry_run:
        return f"It is {done} already." if was_so else f"It would be {done}."
    if is_on(item) is not on:
        return f"It is not {done}: somebody else has switched it since."
    if was_so:
        said = f"It was {done} already, {by_whom(item or {}, done)}".rstrip(", ") if item else "It was not paused"
        return f"{said}. Nothing was changed."
    return f"It is {done} {by_whom(item or {}, done)}".rstrip() + "."


def _about_held(waiting: int, held: Mapping[str, int], *, is_on: bool) -> list[str]:
    words = []
    if is_on:
        words.append(
            f"No standby is created. {counted(waiting, 'desktop')} {'is' if waiting == 1 else 'are'} held by it."
        )
    elif waiting:
        words.append(f"{counted(waiting, 'desktop')} that it held get their standbys, a few at a time.")
    return [*words, f"Held for other reasons: {tallied(held)}."] if held else words
