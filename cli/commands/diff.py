"""`standby diff`: show what an edited configuration would change, and for which desktops, before it is deployed."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import times
from cli.problems import Problem, Status
from cli.running import Run, sourced, start_a_sweep

if TYPE_CHECKING:
    from rich.console import Console

    from cli.differences import Edited, Tags
    from cli.ledger import Ledger
    from cli.tags import Problems
    from infra.config import Configuration
    from infra.config import Pair as ConfiguredPair
    from standby.core.row import Row
    from standby.core.settings import Settings

_FIRST = 20  # desktops of a group that a terminal shows
_AT_ONCE = 100  # rows whose tags are asked for together
AskTags = Annotated[
    bool, typer.Option("--tags", help="Read each desktop's tags from AWS if a rule that differs needs them.")
]


def work(run: Run, tags: AskTags = False) -> Status:
    """Show what the edited configuration would change, and for which desktops.

    \b
    Examples
      standby diff
      standby diff --config new.yaml --output csv > diff.csv
      standby diff --tags

    The file is --config, or standby.yaml. It is compared with the settings that the last sweep used. Sweeps save their
    settings in the ledger, so the command only needs permission to read the ledger, in either Region. The exit status
    is 1 if anything changes. This command deploys nothing.
    """
    from cli.answers import Answer, Table, put_line, put_table, text
    from cli.asking import progress
    from cli.differences import Group, first_of_each
    from cli.pairs import CONFIGURATION, for_make
    from cli.tags import Problems

    configuration, problems = _configuration(run), Problems()
    compared = [_compared(run, configuration, pair) for pair in configuration.pairs]
    facts: dict[str, Any] = {}
    several = [text("stack")] if len(compared) > 1 else []
    keys = [{"stack": one.stack, **dataclasses.asdict(key)} for one in compared for key in one.keys]
    of_keys = [text("key"), text("deployed"), text("edited"), text("effect", "Effect")]
    none = ("Not known.", "Not known.") if any(one.missing for one in compared) else ("No key differs.", "None.")
    if not any(one.ledger for one in compared):
        none = ("Nothing is deployed to compare with.", "None.")
    edited = Table("keys", [*several, *of_keys], keys, title="Keys that differ", empty=none[0])

    def rows() -> Iterator[dict[str, Any]]:
        for one in compared:
            for row in one.rows(run, problems if tags else None):
                yield {"stack": one.stack, **row}
            facts.setdefault("pairs", []).append(one.facts())
            if unknown := one.difference.counts[Group.TAGS_NOT_KNOWN]:
                answer.missing.append(f"{one.stack}: {unknown} desktops {Group.TAGS_NOT_KNOWN.sentence}.")
        answer.missing += [f"Some tags could not be read: {said}." for said in problems.said]

    columns = [text("change"), text("primary_id", "Primary"), text("user_name", "User"), text("status"), text("detail")]
    more = [text("primary_directory_id"), text("reason_code"), text("standby_id")]
    desktops = Table("desktops", [*several, *columns, *more], rows())

    def screen(console: Console) -> None:
        put_table(edited, console)
        put_line("", console)
        shown = desktops.rows
        if sys.stdout.isatty():
            with progress("Reading the ledger"):
                shown = first_of_each(desktops.rows, _FIRST, lambda row: f"{row['stack']}{row['change']}")
        title = "Desktops that change"
        put_table(Table("desktops", [*several, *columns], shown, title=title, empty=none[1]), console)

    answer = Answer([desktops, edited], facts=facts, screen=screen)
    answer.closing = lambda: [said for one in compared for said in one.closing(_FIRST if sys.stdout.isatty() else None)]
    answer.found = lambda: not all(one.is_deployed for one in compared)
    for one in compared:
        answer.missing += one.missing
        answer.cautions += one.cautions
    config = for_make(run.options.config or CONFIGURATION)
    answer.next = f"`make deploy{config}` lists the resources that change, asks for confirmation, and deploys."
    return run.give(sourced(answer, [one.ledger for one in compared if one.ledger is not None]))


@dataclasses.dataclass
class _Compared:
    """A pair in the file, compared with what is deployed of it; `ledger` is None if the pair is not deployed."""

    stack: str
    ledger: Ledger | None
    old: Settings
    new: Settings
    now: datetime
    is_deployed: bool = False
    missing: list[str] = dataclasses.field(default_factory=list)
    cautions: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        from cli.differences import Difference

        self.difference = Difference(self.old, self.new)

    @functools.cached_property
    def keys(self) -> list[Edited]:
        """The keys that differ."""
        from cli.differences import edited_keys

        return [] if self.missing else list(edited_keys(self.old, self.new))

    def rows(self, run: Run, problems: Problems | None) -> Iterator[dict[str, Any]]:
        """The desktops that change. Tags are read if `problems` is given; it collects what cannot be read."""
        from cli.differences import needs_tags
        from cli.tags import reader

        if self.ledger is None or self.missing:
            return
        asks = problems is not None and needs_tags(self.old, self.new)
        found = self._readable()
        while batch := list(islice(found, _AT_ONCE)):
            tags: Tags = {}
            if asks and problems is not None:
                pair = self.ledger.pair
                tags = reader(run.aws, run.clock, pair, pair.region, problems).read([row.primary_id for row in batch])
            for row in batch:
                if change := self.difference.of(row, tags):
                    yield change

    def _readable(self) -> Iterator[Row]:
        from standby.core.row import Row, read_row

        assert self.ledger is not None  # noqa: S101 (the caller has checked it)
        unreadable = 0
        for item in self.ledger.by_status():
            row = read_row(item)
            if isinstance(row, Row):
                yield row
            else:
                unreadable += 1
        if unreadable:
            self.cautions.append(f"{self.stack}: {unreadable} rows are left out. This version cannot read them.")

    def facts(self) -> dict[str, Any]:
        """What JSON adds about the pair; complete once its rows are read."""
        counts = {str(group): count for group, count in sorted(self.difference.counts.items())}
        return {"stack": self.stack, "desktops": self.difference.rows, "changes": counts, "says": self._says()}

    def closing(self, shown: int | None) -> list[str]:
        """How many desktops are in each group, the cost, and which limits are too low, as sentences."""
        lines = []
        for group, count in sorted(self.difference.counts.items()):
            rest = f" ({count - shown} more: --output csv)" if shown is not None and count > shown else ""
            lines.append(f"{group}: {count} of {self.difference.rows} desktops {group.sentence}{rest}.")
        return lines + self._says()

    def _says(self) -> list[str]:
        return self.difference.costs() + self._caps()

    def _caps(self) -> list[str]:
        from cli.differences import caps
        from standby.core.model import day_of
        from standby.ledger.ledger import COUNTER, QUOTA, TOTAL, day_counter, known_quota

        if self.ledger is None or self.missing:
            return []
        today = day_counter(day_of(self.now))
        found = {item["pk"]: item for item in self.ledger.get([(TOTAL, COUNTER), (today, COUNTER), (QUOTA, QUOTA)])}
        standbys, made = (int(found.get(key, {}).get("taken", 0)) for key in (TOTAL, today))
        return caps(self.old, self.new, standbys, made, known_quota(found.get(QUOTA), self.now))


def _configuration(run: Run) -> Configuration:
    """The configuration file; Problem if it does not exist or has mistakes."""
    from cli.pairs import CONFIGURATION
    from infra.config_file import ConfigurationError, load

    file = run.options.config or CONFIGURATION
    try:
        found = load(file)
    except ConfigurationError as problem:
        fix = f"Run `standby check {file}`." if file.exists() else "Pass the edited file with --config."
        raise Problem("BadConfiguration", f"{file} cannot be used: {problem}", fix) from None
    if run.options.stack is not None:
        chosen = [pair for pair in found.pairs if pair.stack_name == run.options.stack]
        if not chosen:
            names = ", ".join(pair.stack_name for pair in found.pairs)
            raise Problem("NoStack", f"{file} has no pair {run.options.stack}.", f"Its pairs are: {names}.")
        found = found.model_copy(update={"pairs": chosen})
    return found


def _compared(run: Run, configuration: Configuration, pair: ConfiguredPair) -> _Compared:
    """Compare a pair in the file with what the ledger says is deployed."""
    from cli.pairs import pairs_of
    from standby.core.settings import Settings

    stack, new = pair.stack_name, Settings.from_document(configuration.settings(pair))
    try:
        (deployed,) = pairs_of(dataclasses.replace(run.options, stack=stack, region=None), run.aws)
    except Problem as problem:
        if problem.code != "NoStack":
            raise
        said = f"{stack} is not deployed. After deployment, existing desktops are reported until they are accepted."
        return _Compared(stack, None, new, new, run.now, cautions=[said])
    ledger = run.ledger(deployed)
    kept = ledger.kept_settings()
    if kept is None:
        said = (
            f"{stack}: the deployed settings are not known, because no sweep of this version has saved them yet."
            f" {start_a_sweep(ledger)}"
        )
        return _Compared(stack, ledger, new, new, run.now, missing=[said])
    found = _Compared(stack, ledger, kept.settings, new, run.now)
    digest = deployed.outputs.get("ConfigDigest", kept.config_digest)
    if digest != kept.config_digest and digest != new.config_digest:
        found.cautions.append(
            f"{stack}: the file is compared with the settings of the sweep at {times.local(kept.noted_at)}. Another"
            " configuration was deployed after that sweep. The next sweep saves it."
        )
    elif digest == new.config_digest:
        found.is_deployed = True
        found.cautions.append(f"{stack}: this configuration is deployed.")
    elif not found.keys:
        found.cautions.append(
            f"{stack}: only keys differ that affect no decision about a desktop: notification, alarms, encryption,"
            " network, roles or names. A deployment lists the resources that change."
        )
    return found
