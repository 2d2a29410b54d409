"""Accept the existing fleet of a directory: show the plan of the last sweep, ask for confirmation, and record it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cli import finding
from cli.answers import Answer, Table, text
from cli.asking import MANY
from cli.changing import Ways, by_whom, counted, in_sentences
from cli.problems import Status
from cli.running import start_a_sweep

if TYPE_CHECKING:
    from cli.ledger import Ledger
    from cli.running import Run

Item = Mapping[str, Any]


_COLUMNS = tuple(
    map(
        text,
        (
            "directory_id",
            "dr_directory_id",
            "would_get",
            "has",
            "cannot",
            "excluded",
            "monthly_cost",
            "not_priced",
            "room",
            "accepted",
            "accepted_at",
            "accepted_by",
            "because",
        ),
    )
)


def accept_directories(run: Run, words: Sequence[str], ways: Ways) -> Status:
    """Accept directories that are not accepted yet; answer with what the ledger then has for each."""
    pair, protect, ledger = run.pair, run.protect(run.pair), run.ledger(run.pair)
    found = finding.baselines(ledger, words)
    planned = [protect.ask("accept", ways.because, dry_run=True, directory_id=one) for one in found]
    todo = [one for one, decisions in zip(found, planned, strict=True) if any(d.action != "NONE" for d in decisions)]
    plans = {one: _planned(_row(one, item)) for one, item in found.items()}
    counts = [_plan_of(found[one]).get("would_get") for one in todo]
    known = [one for one in counts if isinstance(one, int)]
    # An unknown number counts as a large one.
    count = sum(known) if len(known) == len(counts) else MANY + 1
    facts = {**ways.facts(pair), "already_accepted": [one for one in found if one not in todo]}
    follows, cautions = "The next sweep processes its desktops", list[str]()
    if todo and not ways.dry_run:
        token = todo[0] if len(todo) == 1 else str(count)
        ways.ask(
            run,
            f"Accept {', '.join(todo)}: standbys for {counted(count, 'WorkSpace')}",
            count,
            [plans[one] for one in todo],
            token=token,
            always_shown=True,
        )
        for one in todo:
            protect.ask("accept", ways.because, directory_id=one)
        follows, cautions = _begin(run, ledger)
    present = finding.baselines(ledger, list(found))
    rows = [_row(one, item) for one, item in present.items()]
    sentences = [_sentence(one, item, follows if one in todo else "") for one, item in present.items()]
    if ways.dry_run:
        sentences = [f"{plans[one]} {sentence}" for one, sentence in zip(present, sentences, strict=True)]
    answer = Answer([Table("directories", _COLUMNS, rows)], facts, screen=in_sentences(sentences), cautions=cautions)
    answer.next = "`standby status` shows the progress."
    if todo and ways.dry_run:
        answer.next = "run the command again without --dry-run."
    return run.of_ledgers(answer, [ledger])


def _plan_of(item: Item) -> Item:
    found = item.get("plan")
    return found if isinstance(found, Mapping) else {}


def _row(directory: str, item: Item) -> dict[str, Any]:
    plan = _plan_of(item)
    left_out = {name: _total(plan.get(name)) for name in ("cannot", "excluded")}
    not_priced = plan.get("not_priced") or {}
    return {
        "directory_id": directory,
        "dr_directory_id": item.get("dr_directory_id"),
        **{name: plan.get(name) for name in ("would_get", "has", "monthly_cost", "quota", "standbys", "room")},
        **left_out,
        "not_priced": ", ".join(f"{count} {name}" for name, count in not_priced.items()),
        **{name: item.get(name) for name in ("accepted", "accepted_at", "accepted_by", "because")},
    }


def _total(counts: object) -> int | None:
    return sum(counts.values()) if isinstance(counts, Mapping) else None


def _planned(row: Item) -> str:
    """What the last sweep counted, in sentences."""
    directory = f"Directory {row['directory_id']} (DR directory {row['dr_directory_id']})"
    if row["would_get"] is None:
        return f"{directory}: no complete sweep has counted its desktops yet."
    gets = f"{counted(row['would_get'], 'desktop')} would get a standby"
    others = f"already protected: {row['has']}, cannot have one: {row['cannot']}, excluded: {row['excluded']}"
    words = f"{directory}: {gets} ({others})."
    if row["monthly_cost"] is not None:
        words += f" They cost about USD {row['monthly_cost']} a month; data replication and hours of use are extra."
    if row["not_priced"]:
        words += f" Not priced: {row['not_priced']}."
    if row["room"] is None:
        return f"{words} The quota of standbys is not known."
    return f"{words} The quota has room for {row['room']:,}."


def _begin(run: Run, ledger: Ledger) -> tuple[str, list[str]]:
    """Start a sweep for the accepted desktops; return what happens next, and cautions if the sweep cannot start now.

    Only one sweep runs at a time. A sweep that is already running may have passed the directory.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from cli.aws import sentence

    pair = ledger.pair
    machine = pair.outputs.get("SweepStateMachineArn", "")
    follows = "The next sweep processes its desktops"
    if not machine:
        return follows, []
    client = run.aws.client("stepfunctions", pair.region, once=True)
    try:
        if client.list_executions(stateMachineArn=machine, statusFilter="RUNNING", maxResults=1)["executions"]:
            words = "A sweep is running. If it has already passed the directory, another sweep is needed."
            return "This sweep or the next one processes its desktops", [f"{words} {start_a_sweep(ledger)}"]
        client.start_execution(stateMachineArn=machine, name=f"accept-{uuid.uuid4()}", input="{}")
    except (ClientError, BotoCoreError) as problem:
        return follows, [f"The sweep could not be started: {sentence(problem)} {start_a_sweep(ledger)}"]
    return "A sweep was started and processes its desktops", []


def _sentence(directory: str, item: Item, follows: str) -> str:
    if item.get("accepted") is not True:
        return f"{directory} is not accepted."
    by = f" {by_whom(item, 'accepted')}".rstrip()
    if not follows:
        return f"{directory} was already accepted{by}. Nothing was changed."
    return f"{directory} was accepted{by}. {follows}. Their standbys are created a few at a time."
