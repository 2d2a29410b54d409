"""Read and change the pause switch of a pair."""

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
    """The row of the pause switch; None if it was never used."""
    return next(iter(ledger.get([(PAUSE, PAUSE)])), None)


def switch(run: Run, *, on: bool, ways: Ways) -> Status:
    """Pause or resume the pair; answer with what the ledger then has."""
    pair, ledger, protect = run.pair, run.ledger(run.pair), run.protect(run.pair)
    before = switch_of(ledger)
    was_so = is_on(before) is on
    if on:
        # Without confirmation: a pause costs nothing and can be reversed. Held desktops are counted afterwards.
        protect.ask("pause", ways.because, dry_run=ways.dry_run)
    waiting, held = _held(ledger)
    if not on:
        if waiting and not was_so and not ways.dry_run:
            plan = [
                f"The pair was paused {by_whom(before or {}, 'paused')}".rstrip() + ".",
                *_about_held(waiting, held, is_on=True),
            ]
            ways.ask(run, f"Create standbys for {counted(waiting, 'WorkSpace')}", waiting, plan)
        protect.ask("resume", ways.because, dry_run=ways.dry_run)
    present = switch_of(ledger)
    rows = [_row(pair.stack, present, waiting, held)]
    sentences = [_sentence(present, on=on, was_so=was_so, dry_run=ways.dry_run)]
    sentences += _about_held(waiting, held, is_on=is_on(present))
    answer = Answer([Table("switch", _COLUMNS, rows)], ways.facts(pair), screen=in_sentences(sentences))
    answer.found = lambda: is_on(present) is not on and not ways.dry_run
    answer.next = "`standby resume` ends the pause." if is_on(present) else "`standby status` shows the coverage."
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
        if was_so:
            return "The pair is already paused." if on else "The pair is not paused."
        return f"The pair would be {done}."
    if is_on(item) is not on:
        return f"The pair is not {done}: someone else changed the switch in the meantime."
    if was_so:
        said = f"The pair was already {done} {by_whom(item, done)}".rstrip() if item else "The pair was not paused"
        return f"{said}. Nothing was changed."
    return f"The pair was {done} {by_whom(item or {}, done)}".rstrip() + "."


def _about_held(waiting: int, held: Mapping[str, int], *, is_on: bool) -> list[str]:
    words = []
    if is_on:
        words.append(f"No standbys are created. The pause holds {counted(waiting, 'desktop')}.")
    elif waiting:
        words.append(f"The pause held {counted(waiting, 'desktop')}. Their standbys are created a few at a time.")
    return [*words, f"Held for other reasons: {tallied(held)}."] if held else words
