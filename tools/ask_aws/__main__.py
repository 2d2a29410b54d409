"""`make ask-aws`: run the checks, print each finding, and write all findings as JSON."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.aws import Aws, asked
from cli.problems import Problem
from infra.config_file import ConfigurationError, load
from standby.core.model import WorkspaceId, is_workspace_id
from tools.ask_aws import CHECKS, report, writing
from tools.ask_aws.place import Account, Place, today

if TYPE_CHECKING:
    from infra.config import Pair
    from tools.ask_aws.place import Desktop

HELP: Final = "Check undocumented behaviour of AWS in a live account. Read-only, unless --write is given."
_WRONG: Final = "WrongUse"
WRITTEN: Final = Path("build/ask-aws.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks; 0 if every finding is as assumed or unknown."""
    parser = argparse.ArgumentParser(prog="ask-aws", description=HELP)
    parser.add_argument(
        "--config", type=Path, default=Path("standby.yaml"), metavar="PATH", help="default: %(default)s"
    )
    parser.add_argument("--output", type=Path, default=WRITTEN, metavar="PATH", help="default: %(default)s")
    parser.add_argument("--write", action="store_true", help="request a standby for --primary, and then a second one")
    parser.add_argument(
        "--primary", type=WorkspaceId, metavar="ws-…", help="the primary for --write; it must not have a standby"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation before writing")
    try:
        return _run(parser.parse_args(arguments))
    except (Problem, ConfigurationError) as problem:
        print(problem, file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
    return 1


def _run(options: argparse.Namespace) -> int:
    if bool(options.write) != bool(options.primary):
        raise Problem(_WRONG, "--write and --primary ws-… must be used together.")
    if options.primary and not is_workspace_id(options.primary):
        raise Problem(_WRONG, f"{options.primary} is not a WorkSpace id. Write an id like ws-1abc2def3.")
    places = [Place(pair, _account(pair)) for pair in load(options.config).pairs]
    written_for = _written_for(places, options.primary) if options.write else None
    if written_for and not _agreed(*written_for, yes=options.yes):
        raise Problem(_WRONG, "Nothing was written.")
    return _check(places, written_for, options.output)


def _account(pair: Pair) -> Account:
    with asked("AWS cannot be called"):
        found = Aws().client("sts", pair.primary_region).get_caller_identity()["Account"]
    if pair.account not in (None, found):
        raise Problem(
            _WRONG,
            f"These credentials belong to account {found}. {pair.stack_name} is configured for {pair.account}.",
        )
    return Account(str(found))


def _written_for(places: list[Place], primary_id: WorkspaceId) -> tuple[Place, Desktop]:
    """The pair and the primary to write for."""
    refusals = []
    for place in places:
        try:
            return place, writing.primary_of(place, primary_id)
        except Problem as refused:
            refusals.append(str(refused))
    raise Problem(_WRONG, "\n".join(refusals))


def _agreed(place: Place, primary: Desktop, *, yes: bool) -> bool:
    print(report.wrapped(writing.plan(place, primary), _width()), flush=True)
    if yes:
        return True
    try:
        return input("Type yes to continue: ").strip().lower() == "yes"
    except EOFError:
        return False


def _width() -> int:
    """The terminal's columns."""
    return shutil.get_terminal_size((report.WIDEST, 24)).columns


def _check(places: list[Place], written_for: tuple[Place, Desktop] | None, output: Path) -> int:
    rows: list[report.Row] = []
    width = _width()

    def show(row: report.Row) -> None:
        rows.append(row)
        print(report.lines(row, width), flush=True)

    for place in places:
        print(f"\n{place.pair.stack_name}, at one call a second\n", flush=True)
        for check in CHECKS:
            show(report.Row(place.pair.stack_name, check, check.find(place)))
        if written_for and written_for[0] is place:
            show(report.Row(place.pair.stack_name, *writing.second_request(*written_for)))
    report.write(output, places[0].account.id, today(), rows)
    print(f"\nAll findings are in {output}.\n" + report.wrapped(report.totals(rows), width))
    return 0 if all(row.finding.verdict.is_good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
