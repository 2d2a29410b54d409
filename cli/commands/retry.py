"""`standby retry`: another try for desktops whose standby could not be made."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from cli.changing import Confirm, DryRun, OverrideNames, Ways, Yes
from cli.problems import Problem, Status
from cli.running import Run


def work(
    run: Run,
    desktops: Annotated[
        list[str] | None, typer.Argument(metavar="[ID|USER]…", help="Ids of desktops, or users' names.")
    ] = None,
    reason: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE|TEXT",
            help="A reason code: all desktops that have it. Any other text is why you do it, e.g. a change number; it"
            " is recorded with your identity. May be given twice.",
        ),
    ] = None,
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="All desktops that have this status.")] = None,
    override: OverrideNames = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
) -> Status:
    """Try again where a standby could not be made. Remove the cause first.

    \b
    Examples
      standby retry ws-1abc2def3
      standby retry --reason USER_NOT_FOUND --reason CHG-4711
      standby retry --status FAILED --dry-run

    Desktops are named, or chosen by the reason code or the status that they have now. What protect decides is shown
    first; it is asked before anything is done.
    """
    from cli import finding
    from cli.requesting import chosen, overrides, request_standbys

    codes, text = _told_apart(reason or [])
    ways, names = Ways("retry", text, dry_run, yes, confirm), overrides(override)
    ledger = run.ledger(run.pair)
    if desktops:
        if codes or status:
            raise Problem("TwoChoices", "Desktops are named and chosen at once.", "Name them, or choose them.")
        return request_standbys(run, finding.desktops(ledger, desktops, fits=finding.is_desktop), names, ways)
    if not codes and not status:
        raise Problem("NoChoice", "No desktop is named.", "Name them, or use --status or --reason CODE.")
    return request_standbys(run, chosen(ledger, status, codes), names, ways)


def _told_apart(given: list[str]) -> tuple[list[str], str | None]:
    """The reason codes in some texts, and the one text that is none."""
    from cli import finding
    from standby.core.reasons import Reason

    codes, texts = list[str](), list[str]()
    for one in given:
        # What is written like a code is meant as one: a misspelt code is no reason to record.
        if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", one.strip()) or finding.spelled(one) in set(map(str, Reason)):
            codes.append(finding.code_of(Reason, one, "reason code"))
        else:
            texts.append(one)
    if len(texts) > 1:
        raise Problem("TwoReasons", f"{' and '.join(texts)} are no reason codes.", "Give one text.")
    return codes, texts[0] if texts else None
