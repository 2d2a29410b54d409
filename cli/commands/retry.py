"""`standby retry`: try again to create standbys that could not be created."""

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
        list[str] | None, typer.Argument(metavar="[ID|USER]…", help="Ids of desktops, or user names.")
    ] = None,
    reason: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE|TEXT",
            help="A reason code selects all desktops that have it. Any other text is your reason for the retry, e.g. a"
            " change number; it is recorded with your identity. Give the option twice to use both.",
        ),
    ] = None,
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="Select all desktops with this status.")] = None,
    override: OverrideNames = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
) -> Status:
    """Try again to create standbys that could not be created. Remove the cause first.

    \b
    Examples
      standby retry ws-1abc2def3
      standby retry --reason USER_NOT_FOUND --reason CHG-4711
      standby retry --status FAILED --dry-run

    Name the desktops, or select them by their present reason code or status. The command first shows what the protect
    function decides, then asks for confirmation.
    """
    from cli import finding
    from cli.requesting import chosen, overrides, request_standbys

    codes, text = _separated(reason or [])
    ways, names = Ways("retry", text, dry_run, yes, confirm), overrides(override)
    ledger = run.ledger(run.pair)
    if desktops:
        if codes or status:
            raise Problem(
                "TwoChoices",
                "Named desktops cannot be combined with --status or --reason CODE.",
                "Either name the desktops or select them.",
            )
        return request_standbys(run, finding.desktops(ledger, desktops, fits=finding.is_desktop), names, ways)
    if not codes and not status:
        raise Problem(
            "NoChoice", "No desktops are selected.", "Name desktops, or use --status STATUS or --reason CODE."
        )
    return request_standbys(run, chosen(ledger, status, codes), names, ways)


def _separated(given: list[str]) -> tuple[list[str], str | None]:
    """Separate the values of --reason into reason codes and the one text that is not a code."""
    from cli import finding
    from standby.core.reasons import Reason

    codes, texts = list[str](), list[str]()
    for one in given:
        # A text that is written like a code is meant as one: a misspelt code is not recorded as a reason.
        if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", one.strip()) or finding.spelled(one) in set(map(str, Reason)):
            codes.append(finding.code_of(Reason, one, "reason code"))
        else:
            texts.append(one)
    if len(texts) > 1:
        raise Problem("TwoReasons", f"{' and '.join(texts)} are not reason codes.", "Give only one text as --reason.")
    return codes, texts[0] if texts else None
