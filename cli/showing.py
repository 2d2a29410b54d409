"""The answer of `standby show`: the status of a desktop, the reason, the next step, and its history."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from cli import times
from cli.answers import Answer, Table, put_indented, put_line
from cli.asking import progress
from cli.changes import change_of, what
from cli.conditions import INNER, words_of
from cli.deciding import NEXT, NO, YES, Rule, Step, named, recorded
from cli.explaining import terminate_command
from cli.finding import rows_of
from cli.listing import no_such_desktop
from cli.orphan_checks import strange
from cli.people import who
from cli.problems import Problem, Status
from cli.rows import advice, columns, kinds, shown, to_act_on
from cli.state import State, state_of
from standby.core.change import PREVIOUS
from standby.core.model import OPEN
from standby.core.model import Status as RowStatus
from standby.core.reasons import meaning_of
from standby.core.row import Row, read_row

if TYPE_CHECKING:
    from rich.console import Console

    from cli.finding import Item
    from cli.ledger import Ledger
    from cli.running import Run

_USUAL: Final = ("primary_id", "user_name", "status", "reason_code", "changed_at", "standby_id", "dr_region", "message")
_MARKS: Final = {YES: "yes", NO: "no", NEXT: "next"}


@dataclass
class Shown:
    """One desktop, with everything that is shown about it."""

    ledger: Ledger
    row: Item
    step: Step
    held: str
    history: list[dict[str, Any]] = field(default_factory=list)
    is_cut: bool = False

    @property
    def needs_action(self) -> bool:
        """Whether the desktop needs action."""
        return bool(to_act_on(self.row))

    def data(self) -> dict[str, Any]:
        """The desktop for data output."""
        step = self.step
        return {
            **shown(self.row, self.ledger),
            "meaning": meaning_of(str(self.row.get("reason_code"))).sentence,
            "needs_action": self.needs_action,
            "next": {
                "decided_now": step.is_now,
                "action": step.action,
                "status": step.status,
                "reason_code": step.reason_code,
                "message": step.message,
                "sentence": step.sentence(self.row),
                "held": self.held or None,
                "rules": step.rules(str(self.row.get("reason_code"))),
            },
            "history": self.history,
        }


def show(run: Run, word: str, most: int) -> Status:
    """Answer with the desktops that an id or a user name refers to."""
    with progress("Reading the ledger"):
        found = [(ledger, row) for ledger in run.ledgers for row in rows_of(ledger, word)]
    if not found:
        raise no_such_desktop(run.ledgers, word)
    cautions: list[str] = []
    states = {ledger.pair.stack: state_of(ledger, run.now) for ledger, _ in found}
    steps = _steps(run, found, states, cautions)
    desktops = [
        Shown(ledger, row, steps[row["pk"]], _held(row, states[ledger.pair.stack]), *_history(ledger, row["pk"], most))
        for ledger, row in found
    ]
    answer = Answer(
        [Table("desktops", columns(run, _USUAL), [one.data() for one in desktops])],
        screen=_screen(desktops, names_stack=len(run.pairs) > 1),
        found=lambda: any(one.needs_action for one in desktops),
        cautions=cautions,
        next=_next(desktops),
    )
    return run.of_ledgers(answer, list({id(one.ledger): one.ledger for one in desktops}.values()))


def _history(ledger: Ledger, pk: str, most: int) -> tuple[list[dict[str, Any]], bool]:
    """The last changes of a desktop, the earliest first, and whether there are earlier ones."""
    newest = ledger.history(pk, newest_first=True)
    last = list(islice(newest, most or None))
    return [change_of(item, ledger) for item in reversed(last)], next(newest, None) is not None


# The next step


def _held(row: Item, state: State) -> str:
    """What holds the request for a desktop, in a sentence; empty if nothing does, or no request is due."""
    is_pending = row.get("status") in (*OPEN, RowStatus.HELD) and not row.get("standby_id")
    found = state.held(str(row.get("primary_directory_id"))) if is_pending else None
    return f"Requests are held: {found[0]}, {found[1]}." if found else ""


def _steps(
    run: Run, found: Sequence[tuple[Ledger, Item]], states: Mapping[str, State], cautions: list[str]
) -> dict[str, Step]:
    """The next step of each desktop: decided now if the caller may invoke protect, otherwise as the ledger has it."""
    steps: dict[str, Step] = {row["pk"]: recorded(row) for _, row in found}
    for ledger in {id(ledger): ledger for ledger, _ in found}.values():
        ids = [str(row["pk"]) for one, row in found if one is ledger]
        try:
            steps |= _decided(run, ledger, states[ledger.pair.stack], ids)
        except Problem as problem:
            why = f"{problem.message} {problem.fix}".strip()
            cautions.append(f"The next step is shown as the ledger has it, because it could not be decided now. {why}")
    return steps


def _decided(run: Run, ledger: Ledger, state: State, ids: Sequence[str]) -> dict[str, Step]:
    """What protect decides now, in a dry run."""
    if ledger.region != ledger.pair.region:
        raise Problem("NoAnswer", f"{ledger.pair.region} does not answer.", "")
    if ledger.pair.outdated:
        raise Problem("OldVersion", ledger.pair.outdated, "")
    if state.settings is None:
        # A version that does not save its settings does not know dry runs either, and would act on its decision.
        raise Problem("OldVersion", "No sweep of this version has run yet.", "Try again after the next sweep.")
    with progress("Reading the next step"):
        decisions = run.protect(ledger.pair).ask("reconcile", "standby show", dry_run=True, workspace_ids=list(ids))
    return {one.subject: Step(one.action, one.status, one.reason_code, one.message, is_now=True) for one in decisions}


# A screen


def _screen(desktops: Sequence[Shown], *, names_stack: bool) -> Callable[[Console], None]:
    def show_all(screen: Console) -> None:
        for number, one in enumerate(desktops):
            if number:
                put_line("", screen)
            _show(one, screen, f" of {one.ledger.pair.stack}" if names_stack else "")

    return show_all


def _show(one: Shown, screen: Console, stack: str) -> None:
    row = one.row
    user = row.get("user_name") or "User not known"
    where = row.get("primary_directory_id") or "a directory that is not known yet"
    put_line(f"{user}: {row['pk']} in {where}{stack}", screen)
    put_indented(f"{row.get('status')} ({row.get('reason_code')}) since {times.local(row.get('changed_at'))}", screen)
    put_indented(times.within(str(row.get("message") or "")), screen)
    for about, words in _advice(row).items():
        # The reason is on the line above; a condition is named.
        is_reason = about == str(row.get("reason_code"))
        put_indented(f"What to do{'' if is_reason else f' about {about}'}: {words}", screen)
    for line in _facts(row):
        put_indented(line, screen)
    lasting = [words_of(kind, condition) for kind, condition in kinds(row) if kind not in INNER]
    _section("Conditions", lasting, screen)
    _section("Next step" if one.step.is_now else "Next step, as the ledger has it", _step_lines(one), screen)
    primary_id = row["pk"]
    cut = [f"Earlier changes are not shown. `standby show {primary_id} --history 0` shows all."] * one.is_cut
    _section("History", [*cut, *(line for change in one.history for line in _change_lines(change))], screen)


def _advice(row: Item) -> dict[str, str]:
    """What to do about a desktop in sentences, by the reason or the condition that it is about."""
    found, read = advice(row), read_row(row)
    if isinstance(read, Row) and read.is_orphan and read.standby_id and (why := strange(read)):
        command = terminate_command(str(read.dr_region), read.standby_id)
        keep = "To keep it, run `standby keep ID`."
        found[str(read.reason)] = f"{why} If nobody needs the data on it, run `{command}`. {keep}"
    return {about: named(words, row) for about, words in found.items()}


def _section(title: str, lines: Iterable[str], screen: Console) -> None:
    for number, line in enumerate(lines):
        if number == 0:
            put_line(title, screen)
        put_indented(line.lstrip(), screen, 2 + len(line) - len(line.lstrip()))


def _facts(row: Item) -> Iterator[str]:
    if row.get("standby_id"):
        known = [f"{row['standby_id']} in {row.get('dr_region')}", row.get("standby_state"), row.get("replication")]
        yield f"Standby: {', '.join(str(part) for part in known if part)}"
    if row.get("created_by"):
        yield f"Created by {who(row['created_by'])}"
    for name, label in (("requested_at", "Standby requested"), ("protected_at", "First protected")):
        if row.get(name):
            yield f"{label} {times.local(row[name])}"
    if row.get("error_code"):
        yield f"AWS error: {row['error_code']}: {row.get('error_message')}"


def _step_lines(one: Shown) -> Iterator[str]:
    step = one.step
    yield step.sentence(one.row)
    if one.held:
        yield one.held
    rules = {rule["rule"]: rule["result"] for rule in step.rules(str(one.row.get("reason_code")))}
    if rules[Rule.NONE_YET] == NO:
        rules = {}  # it has a standby: the rules for a request say nothing new
    elif one.row.get("status") == RowStatus.REPORTED:
        del rules[Rule.ACCEPTED]  # it would hold only because a person requests it
    for rule, result in rules.items():
        if mark := _MARKS.get(result):
            yield f"  {mark:4}  {rule}"
    if step.is_now and step.message and step.message != one.row.get("message"):
        yield f"  {times.within(step.message)}"


def _change_lines(change: Mapping[str, Any]) -> Iterator[str]:
    yield f"{times.local(change.get('at'))}  {what(change)}"
    reason = f", because of {change['because']}" if change.get("because") else ""
    yield f"  by {change['by']}{reason}"
    sentence = meaning_of(str(change.get("reason_code"))).sentence
    # The previous message is in the history already.
    message = str(change.get("message") or "").partition(PREVIOUS)[0]
    if detail := " ".join(message.replace(sentence, "").split()):
        yield f"  {times.within(detail)}"


def _next(desktops: Sequence[Shown]) -> str:
    if codes := [code for one in desktops for code in to_act_on(one.row)]:
        return f"`standby explain {codes[0]}` shows what to do, with commands."
    whom = shlex.quote(str(desktops[0].row.get("user_name") or desktops[0].row["pk"]))
    return f"`standby audit --user {whom}` shows the changes of a period."
