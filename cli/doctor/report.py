"""What doctor found, for a person and for a program."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cli.doctor.findings import Check, Finding, Status, counted

if TYPE_CHECKING:
    from rich.console import Console

# Longer lines are hard to read.
_WIDEST: Final = 110
_NARROW: Final = 60
# What a group's line begins with: the first that one of its findings has.
_HEADS: Final = {
    Status.PROBLEM: "PROBLEM",
    Status.WARNING: "WARNING",
    Status.NOT_ALLOWED: "NOT SEEN",
    Status.NO_ANSWER: "NOT SEEN",
    Status.OK: "OK",
    Status.CANNOT_TELL: "UNKNOWN",
}
_EXPANDED: Final = (Status.PROBLEM, Status.WARNING)


@dataclass(frozen=True)
class Found:
    """A finding, and what it is about."""

    stack: str
    group: str
    check: Check
    finding: Finding

    @property
    def row(self) -> dict[str, Any]:
        """As data."""
        return {
            "stack": self.stack,
            "group": self.group,
            "check": self.check.name,
            "status": str(self.finding.status),
            "finding": self.finding.what,
            "why": self.check.why,
            "fix": self.finding.fix,
            "commands": list(self.finding.commands),
        }


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many have which status, the worst first."""
    number = Counter(one.status for one in findings)
    return {str(status): number[status] for status in _HEADS}


def closing(findings: Sequence[Finding]) -> str:
    """All of it in a sentence."""
    number = Counter(one.status for one in findings)
    bad = " and ".join(_number(status, number[status]) for status in _EXPANDED if number[status]) or "No problem"
    if unseen := sum(not one.status.is_seen for one in findings):
        return f"{bad} in what was seen; {unseen} of {counted(len(findings), 'finding')} could not be seen."
    return f"{bad} in {counted(len(findings), 'finding')}."


def missing(found: Sequence[Found]) -> list[str]:
    """What could not be seen, in sentences, and which policy has the rights that are missing."""
    unseen = [one for one in found if not one.finding.status.is_seen]
    sentences = list(dict.fromkeys(f"{one.finding.what} {one.finding.fix}".rstrip() for one in unseen))
    lacking = [one.stack for one in unseen if one.finding.status is Status.NOT_ALLOWED and not _is_forbidden(one)]
    if lacking:
        policies = " or ".join(dict.fromkeys(f"{stack}-reader" for stack in lacking))
        sentences.append(f"The policy {policies} has these rights; `standby doctor --policy` prints all of them.")
    return sentences


def _is_forbidden(one: Found) -> bool:
    """Whether a policy denies it, so that another one that allows it does not help."""
    return one.finding.fix.endswith("Ask who manages it.")


def screen(found: Sequence[Found], *, verbose: bool) -> Callable[[Console], None]:
    """What shows a line for each group, and then what needs attention, or everything."""

    def show(console: Console) -> None:
        for stack in dict.fromkeys(one.stack for one in found):
            of_stack = [one for one in found if one.stack == stack]
            _write(console, stack, "bold")
            for group in dict.fromkeys(one.group for one in of_stack):
                _show_group(group, [one.finding for one in of_stack if one.group == group], console)
            _write(console, "")
            for status in _HEADS:
                for one in of_stack:
                    if one.finding.status is status and (verbose or status in _EXPANDED):
                        _show_finding(one, console)

    return show


def _show_group(group: str, findings: Sequence[Finding], console: Console) -> None:
    numbers = {status: number for status, number in counts(findings).items() if number}
    head = _HEADS[Status(next(iter(numbers)))]
    margin = " " * (24 if console.width >= _NARROW else 10)
    _wrap(
        console,
        f"{head:<10}{group:<14}",
        ", ".join(_number(status, number) for status, number in numbers.items()),
        margin,
    )


def _number(status: str, number: int) -> str:
    return counted(number, status) if status in _EXPANDED else f"{number} {status}"


def _show_finding(one: Found, console: Console) -> None:
    finding, head = one.finding, f"{_HEADS[one.finding.status]:<10}"
    if finding.status is Status.OK:
        _wrap(console, head, f"{one.group}, {one.check.name}: {finding.what}", " " * len(head))
        return
    _write(console, f"{head}{one.group}, {one.check.name}")
    for label, words in (("  ", finding.what), ("  Why: ", one.check.why), ("  Fix: ", finding.fix)):
        if words:
            _wrap(console, label, words, " " * len(label))
    for command in finding.commands:
        _write(console, f"    {command}")
    _write(console, "")


def _wrap(console: Console, first: str, words: str, others: str) -> None:
    """Write words in lines that fit a terminal; a pipe gets one line."""
    lines = textwrap.wrap(
        words,
        min(console.width, _WIDEST) if console.is_terminal else console.width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        _write(console, line)


def _write(console: Console, line: str, style: str = "") -> None:
    """Write a line whole, however long, so that a command can be copied."""
    from rich.text import Text

    from cli.answers import coloured, one_line

    shown = Text(one_line(line), style=style)
    head = line.split(" ")[0]
    if head in _HEADS.values():
        shown = Text.assemble(coloured(head), one_line(line[len(head) :]))
    console.print(shown, soft_wrap=True)
