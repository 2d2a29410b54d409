"""The findings of doctor, for a screen and for data output."""

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
# The first word of a group's line, in order of precedence.
_HEADS: Final = {
    Status.PROBLEM: "PROBLEM",
    Status.WARNING: "WARNING",
    Status.NOT_ALLOWED: "NOT READ",
    Status.NO_ANSWER: "NOT READ",
    Status.OK: "OK",
    Status.UNKNOWN: "UNKNOWN",
}
_EXPANDED: Final = (Status.PROBLEM, Status.WARNING)


@dataclass(frozen=True)
class Found:
    """A finding, with its pair, group and check."""

    stack: str
    group: str
    check: Check
    finding: Finding

    @property
    def row(self) -> dict[str, Any]:
        """The finding for data output."""
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
    """The number of findings by status, the worst first."""
    number = Counter(one.status for one in findings)
    return {str(status): number[status] for status in _HEADS}


def closing(findings: Sequence[Finding]) -> str:
    """The result in a sentence."""
    number = Counter(one.status for one in findings)
    bad = " and ".join(_number(status, number[status]) for status in _EXPANDED if number[status]) or "No problem"
    if unseen := sum(not one.status.is_seen for one in findings):
        return f"{bad} in what was read. {unseen} of {counted(len(findings), 'finding')} could not be read."
    return f"{bad} in {counted(len(findings), 'finding')}."


def missing(found: Sequence[Found]) -> list[str]:
    """What could not be read, in sentences, and the policy that grants the missing permissions."""
    unseen = [one for one in found if not one.finding.status.is_seen]
    sentences = list(dict.fromkeys(f"{one.finding.what} {one.finding.fix}".rstrip() for one in unseen))
    lacking = [one.stack for one in unseen if one.finding.status is Status.NOT_ALLOWED and not _is_forbidden(one)]
    if lacking:
        policies = " or ".join(dict.fromkeys(f"{stack}-reader" for stack in lacking))
        sentences.append(
            f"The policy {policies} grants these permissions. `standby doctor --policy` prints all of them."
        )
    return sentences


def _is_forbidden(one: Found) -> bool:
    """Whether a policy denies it explicitly, so that a policy that allows it does not help."""
    return one.finding.fix.endswith("Ask its administrator.")


def screen(found: Sequence[Found], *, verbose: bool) -> Callable[[Console], None]:
    """A function that writes a line for each group, then problems and warnings, or with `verbose` all findings."""

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
    """Write text in lines that fit a terminal; write one line to a pipe."""
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
    """Write a line without breaking it, so that a command can be copied."""
    from rich.text import Text

    from cli.answers import coloured, one_line

    shown = Text(one_line(line), style=style)
    head = line.split(" ")[0]
    if head in _HEADS.values():
        shown = Text.assemble(coloured(head), one_line(line[len(head) :]))
    console.print(shown, soft_wrap=True)
