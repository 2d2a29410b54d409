"""The options that every command has, and `command`, which registers a function as a Typer command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer


class Output(StrEnum):
    """The forms of an answer."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of every command: which pairs to read, and the form of the answer."""

    profile: Annotated[str | None, typer.Option(help="The AWS CLI profile to use.", envvar="AWS_PROFILE")] = None
    region: Annotated[
        str | None,
        typer.Option(help="The Region to search for stacks. Default: AWS_REGION, or the Region of the profile."),
    ] = None
    stack: Annotated[str | None, typer.Option(help="The pair's stack, for example Standby-us-east-1-us-west-2.")] = None
    config: Annotated[
        Path | None,
        typer.Option(help="The configuration file that names the pairs. Default: standby.yaml, if it exists."),
    ] = None
    output: Annotated[Output, typer.Option("--output", "-o", help="The output format.")] = Output.TABLE
    query: Annotated[str | None, typer.Option(help="A JMESPath expression that selects a part of --output json.")] = (
        None
    )
    no_color: Annotated[
        bool, typer.Option("--no-color", help="Do not use colours. The variable NO_COLOR does the same.")
    ] = False
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Use exit status 0 instead of 1.")] = False


Work = Callable[..., IntEnum]


def command(
    app: typer.Typer, run: Callable[[Work, Options, dict[str, Any]], int], name: str, **more: Any
) -> Callable[[Work], Work]:
    """Register a function as a command. `run` calls the function and returns the exit status.

    The first parameter of the function is the run that `run` creates from the options. The other parameters are the
    command's own options and arguments. The docstring is the help text, examples first.
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
