"""`standby failover-list`: during an outage, list who can work and who cannot, from the DR Region alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Output
from cli.problems import Problem, Status
from cli.running import Run, needs

if TYPE_CHECKING:
    from cli.aws import Aws
    from cli.ledger import Ledger
    from cli.tags import Problems
    from standby.aws.workspaces import WorkSpaces
    from standby.core.model import Unknown, Workspace, WorkspaceId
    from standby.ledger.table import Item

_AT_ONCE = 100  # rows: four calls of DescribeWorkspaces, one of the Tagging API
_HEADINGS = {"user_name": "User", "standby_state": "Standby state", "data": "Data"}
_IDS = ("primary_id", "standby_id", "primary_directory_id", "dr_directory_id", "status", "reason_code")
Directory = Annotated[str | None, typer.Option(help="Only desktops of this directory, in either Region.")]
User = Annotated[
    str | None, typer.Option(metavar="PATTERN", help="Only desktops of these users. * and ? are wildcards.")
]
Tag = Annotated[
    str | None,
    typer.Option(metavar="KEY=VALUE", help="Only desktops whose standby has this tag. * and ? are wildcards."),
]
Live = Annotated[
    bool, typer.Option("--live/--no-live", help="Read each standby's state from AWS, or read only the ledger.")
]
Words = Annotated[bool, typer.Option("--words", help="Only print the message to send to users.")]


def work(
    run: Run,
    directory: Directory = None,
    user: User = None,
    tag: Tag = None,
    live: Live = True,
    words: Words = False,
) -> Status:
    """List who can work on a standby now, and who cannot.

    \b
    Examples
      standby failover-list --stack Standby-us-east-1-us-west-2
      standby failover-list --output csv > failover.csv
      standby failover-list --user 'exec-*' --tag Department=Trading
      standby failover-list --words

    The command reads only the DR Region: the replica of the ledger, and WorkSpaces. It calls WorkSpaces once a second
    for 25 standbys, so 5,000 standbys take 200 seconds; --no-live takes a few seconds. Name the pair with --stack, or
    its DR Region with --region, so that no other Region is called. Without either option, the command searches all
    Regions for DR Regions at the same time. It names each Region that does not answer within a few seconds, and the
    exit status is 4. Do not use credentials that come from the lost Region.
    """
    from cli.answers import Answer, Table, text
    from cli.failover import WORDS, Chosen, Count, Work
    from cli.ledger import Ledger
    from cli.listing import known_in_either
    from cli.pairs import dr_pairs
    from cli.tags import Problems

    if words:
        return run.give(Answer(facts={"words": WORDS}, screen=lambda _: print(WORDS, end="")))
    needs(tag is None or tag.partition("=")[1], "BadTag", f"--tag {tag} is not KEY=VALUE.", "Write --tag KEY=VALUE.")
    chosen, count, problems = Chosen(directory, user), Count(), Problems()
    pairs, unseen = dr_pairs(run.options, run.aws)
    views = [(Ledger(aws, pair), aws) for pair, aws in pairs]
    if directory is not None:
        known_in_either([ledger for ledger, _ in views], directory)

    def rows() -> Iterator[dict[str, Any]]:
        for ledger, aws in views:
            listing = _Listing(run, ledger, aws, tag, problems, live=live)
            items = (item for item in ledger.by_status() if chosen.has(item))
            for row in _as_far_as_it_goes(listing.rows(items), ledger, len(views), answer.missing):
                count.add(row)
                yield {"stack": ledger.pair.stack, **row}
            if listing.untagged:
                answer.missing.append(
                    f"{ledger.pair.stack}: {listing.untagged} desktops without a standby are left out, because their"
                    " tags are in the primary Region."
                )
        if unknown := count.works[Work.UNKNOWN]:
            answer.missing.append(f"For {unknown} desktops, it is not known whether their users can work.")
        answer.missing += [f"{said}." for said in problems.said]
        facts["counts"] = {str(one): many for one, many in count.works.items()}

    facts: dict[str, Any] = {"live": live}
    names: tuple[str, ...] = ("user_name", "can_work", "standby_state", "data", "why")
    if run.options.output is not Output.TABLE:
        names = (*names[:3], "data_as_of", "data_age_hours", "data_replication", "why", *_IDS)
    several = ("stack",) if len(views) > 1 else ()
    columns = [text(name, _HEADINGS.get(name, "")) for name in (*several, *names)]
    table = Table("desktops", columns, rows(), empty="0 desktops.")
    answer = Answer([table], facts=facts, closing=count.sentences, missing=unseen)
    answer.found = lambda: bool(count.works[Work.NO])
    answer.source_region = ", ".join(dict.fromkeys(ledger.region for ledger, _ in views))
    answer.cautions += [_caution(ledger) for ledger, _ in views]
    answer.next = "`standby failover-list --words` prints the message to send to users."
    if unseen:
        region = views[0][0].region
        answer.next = f"`standby failover-list --region {region}` calls no other Region."
    return run.give(answer)


def _as_far_as_it_goes(
    rows: Iterable[dict[str, Any]], ledger: Ledger, pairs: int, missing: list[str]
) -> Iterator[dict[str, Any]]:
    """The rows of a pair. With several pairs, a ledger that cannot be read does not hide the rows of the others."""
    try:
        yield from rows
    except Problem as problem:
        if pairs == 1:
            raise
        missing.append(f"The list of {ledger.pair.stack} is incomplete: {problem}")


class _Listing:
    """Lists the desktops of one pair."""

    def __init__(self, run: Run, ledger: Ledger, aws: Aws, tag: str | None, problems: Problems, *, live: bool) -> None:
        self._run, self._ledger, self._aws, self._live = run, ledger, aws, live
        self._tag, self._problems = tag, problems
        self.untagged = 0

    def rows(self, items: Iterable[Item]) -> Iterator[dict[str, Any]]:
        """The rows of the answer, one batch at a time."""
        from cli.asking import progress
        from cli.failover import row
        from standby.aws.workspaces import WorkSpaces

        region, items, done = self._ledger.region, iter(items), 0
        workspaces = WorkSpaces(self._aws.client("workspaces", region), self._run.pacer())
        directories = self._directories(workspaces) if self._live else {}
        with progress(f"Reading standbys in {region}") as report_progress:
            while batch := list(islice(items, _AT_ONCE)):
                batch = self._tagged(batch) if self._tag is not None else batch
                ids = [one["standby_id"] for one in batch if one.get("standby_id")]
                seen: Mapping[WorkspaceId, Workspace | Unknown] = workspaces.describe(ids) if self._live else {}
                for one in batch:
                    standby = seen.get(one.get("standby_id", ""))
                    yield row(one, standby, directories, self._run.now, live=self._live)
                report_progress(done := done + len(batch))

    def _directories(self, workspaces: WorkSpaces) -> dict[str, str | None]:
        """The registration state of each DR directory, as far as it is known."""
        from standby.core.model import DirectoryId, Unknown, batches

        kept = self._ledger.kept_settings()
        mapped = sorted({one.dr_directory for one in kept.settings.directories.values()}) if kept else []
        found: dict[DirectoryId, str | None] = {}
        for batch in batches(mapped):
            states = workspaces.registrations(batch)
            if isinstance(states, Unknown):
                said = f"It is not known whether the DR directories are registered: {states.code}: {states.message}"
                self._problems.problem(said.rstrip("."))
            else:
                found |= states
        return {str(one): state for one, state in found.items()}

    def _tagged(self, batch: Sequence[Item]) -> list[Item]:
        """The rows whose standby has the tag. Rows without a standby are left out: their tags are not known."""
        from cli.failover import has_tag
        from cli.tags import reader

        ids = [one["standby_id"] for one in batch if one.get("standby_id")]
        self.untagged += len(batch) - len(ids)
        tags = reader(self._aws, self._run.clock, self._ledger.pair, self._ledger.region, self._problems).read(ids)
        found = {one: dict(of_it) for one, of_it in tags.items()}
        return [one for one in batch if has_tag(found.get(one.get("standby_id", ""), {}), self._tag or "")]


def _caution(ledger: Ledger) -> str:
    return (
        f"The ledger was read from its replica in {ledger.region}, not from {ledger.pair.region}. Changes made in the"
        " last seconds before an outage may be missing."
    )
