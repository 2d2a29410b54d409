"""The options that every command has, and `command`, which makes a Typer command of a function that has a subject."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer


class Output(StrEnum):
    """Forms of an answer."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every command is told: where to look, and in which form to answer."""

    profile: Annotated[str | None, typer.Option(help="A profile of the AWS CLI.", envvar="AWS_PROFILE")] = None
    region: Annotated[
        str | None, typer.Option(help="The Region in which to look for stacks. Default: AWS_REGION, or the profile's.")
    ] = None
    stack: Annotated[str | None, typer.Option(help="The pair's stack, for example Standby-us-east-1-us-west-2.")] = None
    config: Annotated[
        Path | None,
        typer.Option(help="The configuration file that names the pairs. Default: standby.yaml, if it is there."),
    ] = None
    output: Annotated[Output, typer.Option("--output", "-o", help="The form of the answer.")] = Output.TABLE
    query: Annotated[str | None, typer.Option(help="A JMESPath expression; shows that part of --output json.")] = None
    no_color: Annotated[bool, typer.Option("--no-color", help="Show no colours. NO_COLOR does the same.")] = False
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Exit with 0 instead of 1 where something was found.")
    ] = False


Work = Callable[..., IntEnum]


def command(
    app: typer.Typer, run: Callable[[Work, Options, dict[str, Any]], int], name: str, **more: Any
) -> Callable[[Work], Work]:
    """Make a command of a function whose first parameter is what `run` makes of the options.

    The function's other parameters are the command's own; its docstring is the help, examples first. `run` calls the
    function and returns the exit status.
    """

    def add(work: Work) -> Work:
        hints = get_type_hints(work, include_extras=True)
        own = [one.replace(annotation=hints[one.name]) for one in inspect.signature(work).parameters.values()][1:]
        shared_hints = get_type_hints(Options, include_extras=True)
        shared = [
            inspect.Parameter(
                one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=shared_hints[one.name]
            )
            for one in fields(Options)
        ]

        def invoke(**given: Any) -> None:
            options = Options(**{one.name: given.pop(one.name) for one in fields(Options)})
            raise typer.Exit(run(work, options, given))

        parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own] + shared
        invoke.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        invoke.__annotations__ = {one.name: one.annotation for one in parameters}
        app.command(name, help=inspect.getdoc(work), **more)(invoke)
        return work

    return add
