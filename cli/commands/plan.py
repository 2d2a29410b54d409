"""`standby plan`: show the cost, limits and time of standbys for existing fleets, and which users are inactive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.problems import Problem, Status
from cli.running import Run, sourced, start_a_sweep

if TYPE_CHECKING:
    from rich.console import Console

    from cli.answers import Answer
    from cli.ledger import Kept, Ledger
    from cli.plans import Uncovered
    from cli.unused import User

# Columns from which figures stand in a table.
_WIDE = 60
Directory = Annotated[str | None, typer.Argument(metavar="[DIRECTORY]", help="Only this directory.")]
Unused = Annotated[
    int | None,
    typer.Option("--unused", metavar="DAYS", min=1, help="List users who have not logged in for this many days."),
]


def work(run: Run, directory: Directory = None, unused: Unused = None) -> Status:
    """Show the cost, the limits and the time of standbys for existing desktops.

    \b
    Examples
      standby plan
      standby plan d-906732325d --output json
      standby plan --unused 90 > unused.txt     lines for `exclude: users:`

    Each complete sweep counts a directory's fleet until the fleet is accepted. Costs are computed from `prices` in the
    configuration; data replication and hours of use are extra. --unused reads the last login of each desktop in the
    primary Region, with one call a second for 25 desktops. Excluding a user terminates no standby.
    """
    from cli.listing import known_directories

    ledgers = _ledgers(run)
    kept = {ledger.pair.stack: ledger.kept_settings() for ledger in ledgers}
    if directory is not None:
        (directory,) = known_directories(ledgers, [directory])
        ledgers = [one for one in ledgers if _maps(kept[one.pair.stack], directory)]
        if not ledgers:
            fix = "Add it to standby.yaml and deploy. If it is already deployed, wait for the next sweep."
            raise Problem("NotMapped", f"{directory} is not mapped, as far as the last sweep knows.", fix)
    if unused is not None:
        return _unused(run, ledgers, directory, unused)
    return run.of_ledgers(_plans(run, ledgers, kept, directory), ledgers)


def _ledgers(run: Run) -> list[Ledger]:
    try:
        return run.ledgers
    except Problem as problem:
        if problem.code == "NoStack" and problem.status is Status.WRONG_USE:
            problem.fix += (
                " The first sweep writes the plan, so deploy first: run `standby check` and `make deploy`. No standby"
                " is created for existing desktops until you accept them."
            )
        raise


def _maps(kept: Kept | None, directory: str) -> bool:
    return kept is not None and directory in kept.settings.directories


def _plans(run: Run, ledgers: list[Ledger], kept: dict[str, Kept | None], directory: str | None) -> Answer:
    from cli import plans
    from cli.answers import Answer, Table, put_line, put_table, text, time

    found: list[dict[str, Any]] = []
    missing: list[str] = []
    waiting: list[dict[str, Any]] = []
    for ledger in ledgers:
        settings = kept[ledger.pair.stack]
        if settings is None:
            missing.append(
                f"{ledger.pair.stack}: its directories are not known, because no sweep has saved its settings yet."
                f" {start_a_sweep(ledger)}"
            )
            continue
        chosen = [one for one in settings.settings.directories if directory in (None, one)]
        now = plans.uncovered(ledger.uncovered())
        for one in _read(run, ledger, settings, chosen, now):
            found.append({"stack": ledger.pair.stack, **one})
            if one["state"] == plans.NOT_SWEPT:
                missing.append(f"{one['directory_id']}: no complete sweep has counted it yet. {start_a_sweep(ledger)}")
        waiting += [
            {"stack": ledger.pair.stack, "directory_id": where, "status": status, "reason_code": why, "desktops": count}
            for (where, status, why), count in sorted(now.counts.items())
            if directory in (None, where)
        ]

    def screen(console: Console) -> None:
        for one in found:
            settings = kept[one["stack"]]
            title = f"Directory {one['directory_id']} → {one['dr_directory_id']}: {plans.STATES[one['state']]}"
            if len(ledgers) > 1:
                title = f"{one['stack']}: {title}"
            if one["state"] == plans.NOT_SWEPT or settings is None:
                put_line(title, console)
            else:
                _put_figures(title, plans.figures(one, settings.settings), console)
            put_line("", console)
        put_table(uncovered, console)

    several = [text("stack")] if len(ledgers) > 1 else []
    total = sum(one.get("desktops") or 0 for one in found)
    uncovered = Table(
        "uncovered",
        [*several, text("directory_id", "Directory"), text("status"), text("reason_code", "Reason"), text("desktops")],
        waiting,
        title="Not covered now",
        empty=f"0 of {total} desktops." if total else "The ledger has no uncovered desktop.",
    )
    names = ("directory_id", "dr_directory_id", "state", "would_get", "has", "cannot", "excluded", "remaining")
    more = ("monthly_cost", "not_priced", "quota", "standbys", "room", "per_day", "days", "hours")
    columns = [text("stack"), *(text(name) for name in (*names, *more, "pcoip_primaries", "pcoip_standbys"))]
    directories = Table("directories", [*columns, time("counted_at", "Counted at")], found)
    reported = [one["directory_id"] for one in found if one["state"] == plans.REPORTED]
    follow = "`standby doctor` checks that sweeps run." if missing else "`standby status` shows the coverage."
    if reported:
        follow = f"`standby accept {reported[0]}` accepts that fleet."
    return Answer(
        [directories, uncovered],
        screen=screen,
        closing=lambda: _closing(found, kept),
        missing=missing,
        next=follow,
    )


def _put_figures(title: str, rows: list[dict[str, Any]], console: Console) -> None:
    from cli.answers import Table, put_line, put_table, text

    if console.width >= _WIDE:
        columns = [text("figure"), text("value"), text("basis", "Based on")]
        put_table(Table("figures", columns, rows, title=title), console)
        return
    put_line(title, console)
    for row in rows:
        basis = f" ({row['basis']})" if row["basis"] else ""
        put_line(f"{row['figure']}: {row['value']}{basis}", console)


def _read(run: Run, ledger: Ledger, kept: Kept, chosen: list[Any], now: Uncovered) -> Iterator[dict[str, Any]]:
    """The plans of directories, from the rows that sweeps write and the present rows of uncovered desktops."""
    from cli import plans
    from standby.ledger.ledger import COUNTER, QUOTA, TOTAL, known_quota
    from standby.ledger.sweeps import BASELINE, DAYS_BACK, coverage_key, day_key, directory_key

    days = [day_key(run.now - timedelta(days=back)) for back in range(DAYS_BACK + 1)]
    keys = [(TOTAL, COUNTER), (QUOTA, QUOTA)]
    keys += [(directory_key(one), BASELINE) for one in chosen]
    keys += [(coverage_key(one), day) for one in chosen for day in days]
    items = {(item["pk"], item["sk"]): item for item in ledger.get(keys)}
    standbys = int(items.get((TOTAL, COUNTER), {}).get("taken", 0))
    limits = plans.Limits(known_quota(items.get((QUOTA, QUOTA)), run.now), standbys)
    for one in chosen:
        last = next((found for day in days if (found := items.get((coverage_key(one), day)))), None)
        baseline = items.get((directory_key(one), BASELINE), {})
        yield plans.of_directory(one, kept.settings, baseline, last, limits, now.left.get(one, {}))


def _closing(found: list[dict[str, Any]], kept: dict[str, Kept | None]) -> list[str]:
    """Sentences about all plans together: they share the daily cap, and they age."""
    from cli import plans, times

    said = []
    for stack, one in kept.items():
        counted = [plan for plan in found if plan["stack"] == stack and plan.get("remaining")]
        if one is not None and len(counted) > 1:
            whole = plans.time_for(sum(plan["remaining"] for plan in counted), one.settings)
            said.append(f"Together, {whole.count} desktops of {len(counted)} directories take {whole}.")
    if ages := [plan["counted_at"] for plan in found if plan.get("counted_at")]:
        said.append(
            f"Counted by the sweep at {times.local(min(ages))}. Only what remains and what is not covered is as of now."
        )
    return said


def _unused(run: Run, ledgers: list[Ledger], directory: str | None, days: int) -> Status:
    from cli import times
    from cli.answers import Answer, Table, text, time
    from cli.unused import found as found_of
    from cli.unused import lines

    counts: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    for ledger in ledgers:
        stack, users = ledger.pair.stack, _users(run, ledger)
        counts[stack] = sum(directory is None or directory in one.directories for one in users)
        rows += [{"stack": stack, **row} for row in found_of(users, directory, run.now, timedelta(days=days))]

    def screen(_: Console) -> None:
        # Printed unchanged: a wrapped line could not be pasted.
        for stack, count in counts.items():
            theirs = [row for row in rows if row["stack"] == stack]
            print(f"# {stack}, as of {times.local(run.now)}", *lines(theirs, days, count), sep="\n")

    columns = [text("kind"), text("user_name", "User"), text("primary_ids"), text("directory_ids")]
    columns += [time("last_connected_at", "Last login"), time("first_seen_at", "Known since")]
    table = Table("users", [text("stack"), *columns] if len(ledgers) > 1 else columns, rows)
    answer = Answer([table], facts={"users_counted": sum(counts.values()), "days": days}, screen=screen)
    answer.cautions.append("Excluding a user terminates no standby. An existing standby remains and is still billed.")
    answer.next = "`standby diff` shows what the edited configuration would change."
    return run.give(sourced(answer, ledgers))


def _users(run: Run, ledger: Ledger) -> list[User]:
    """The users of a pair's desktops, with their last logins as AWS reports them.

    If AWS reports nothing about one of a user's desktops, the user is unknown.
    """
    from cli.asking import progress
    from cli.unused import User
    from standby.core.model import is_unassigned, user_key

    users: dict[str, User] = {}
    with progress(f"Reading last logins in {ledger.pair.region}"):
        for statuses in _statuses(run, ledger.pair.region):
            by_id = {str(one.get("WorkspaceId")): one for one in statuses}
            for primary_id, row in ledger.states(list(by_id)).items():
                name = row.get("user_name")
                if _is_a_desktop(row) and name and not is_unassigned(name):
                    users.setdefault(user_key(name), User(name)).add(row, by_id[primary_id])
        for one in users.values():
            # A rule for a user applies to all desktops of that user.
            theirs = {row["pk"] for row in ledger.of_user(one.name) if _is_a_desktop(row)}
            one.is_unknown |= not theirs <= set(one.ids)
    return list(users.values())


def _is_a_desktop(row: Any) -> bool:
    from standby.core.reasons import NOT_OURS

    return row.get("status") != "PRIMARY_GONE" and row.get("reason_code") not in NOT_OURS


def _statuses(run: Run, region: str) -> Iterator[list[dict[str, Any]]]:
    """The pages of DescribeWorkspacesConnectionStatus."""
    from botocore.exceptions import BotoCoreError, ClientError

    from cli.aws import unseen

    client, pacer, token = run.aws.client("workspaces", region), run.pacer(), None
    while True:
        pacer.wait()
        try:
            answer = client.describe_workspaces_connection_status(**({"NextToken": token} if token else {}))
        except (ClientError, BotoCoreError) as problem:
            raise unseen(f"Last logins in {region} cannot be read", problem) from None
        yield answer.get("WorkspacesConnectionStatus", [])
        token = answer.get("NextToken")
        if not token:
            return
