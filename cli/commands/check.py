"""`standby check`: validate a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.commands.init import DEFAULT, PathArgument, named
from cli.problems import Status
from cli.running import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config import Configuration
    from infra.config_rules import Caution


def work(run: Run, path: PathArgument = DEFAULT) -> Status:
    """Validate a configuration file and print every mistake.

    \b
    Examples
      standby check
      standby check my-standby.yaml --output json

    All mistakes are listed at once, each with its line and what to write instead. The exit status is then 1. A caution
    is about a value that is allowed but probably not intended.
    """
    from cli.answers import Answer, Table, text
    from infra.config_file import ConfigurationError, load_with_cautions

    columns = [text(one) for one in ("kind", "line", "path", "problem", "advice")]
    try:
        configuration, cautions = load_with_cautions(path, run.now.date())
    except ConfigurationError as failure:
        said = str(failure)
        rows = [
            {"kind": "mistake", "line": one.line, "path": one.path, "problem": one.problem, "advice": one.advice}
            for one in failure.mistakes
        ]
        answer = Answer([Table("findings", columns, rows)], {"file": str(path), "valid": False}, found=lambda: True)
        answer.screen = lambda console: console.print(said, soft_wrap=True)
        answer.next = f"correct the file, then run `standby check{named(path)}` again."
        return run.give(answer)
    rows = [{"kind": "caution", "line": one.line, "path": one.path, "problem": one.message} for one in cautions]
    answer = Answer(
        [Table("findings", columns, rows)], {"file": str(path), "valid": True, "pairs": _pairs(configuration)}
    )
    lines = _lines(path, configuration, cautions)
    answer.screen = lambda console: console.print("\n".join(lines), soft_wrap=True)
    answer.next = _next(path, cautions)
    return run.give(answer)


def _pairs(configuration: Configuration) -> list[dict[str, Any]]:
    from infra.selection_rules import in_words

    return [
        {
            "stack": pair.stack_name,
            "primary_region": pair.primary_region,
            "dr_region": pair.dr_region,
            "directories": sorted(pair.directories),
            "who": in_words(pair),
        }
        for pair in configuration.pairs
    ]


def _lines(path: Path, configuration: Configuration, cautions: Sequence[Caution]) -> list[str]:
    from cli.changing import counted
    from infra.odd_text import printable

    directories = sum(len(pair.directories) for pair in configuration.pairs)
    pairs = counted(len(configuration.pairs), "pair")
    lines = [f"Caution: {caution}" for caution in cautions]
    lines.append(f"{path} is valid: {pairs} of Regions, {counted(directories, 'directory', 'directories')}.")
    found = _pairs(configuration)
    return [*lines, *(printable(f"{one['primary_region']} to {one['dr_region']}: {one['who']}.") for one in found)]


def _next(path: Path, cautions: Sequence[Caution]) -> str:
    if any(caution.stops for caution in cautions):
        return f"replace the example's ids and addresses with your own, then run `standby check{named(path)}` again."
    from cli.pairs import for_make

    config = for_make(path)
    seen = "read the cautions above. " if cautions else ""
    return f"{seen}`make synth{config}` writes the templates offline; `make deploy{config}` deploys them."
