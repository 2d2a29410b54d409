"""Request standbys for selected desktops, as an event does: used by `accept`, `protect` and `retry`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cli import finding
from cli.answers import Answer, Column, Table, text
from cli.asking import progress
from cli.changing import Ways, counted, tallied
from cli.explaining import terminate_command
from cli.problems import Problem, Status
from standby.core.model import BATCH, OPEN, Override
from standby.core.model import Status as RowStatus
from standby.core.reasons import Reason

if TYPE_CHECKING:
    from cli.ledger import Ledger
    from cli.protect import Decision
    from cli.running import Run

Item = Mapping[str, Any]


# The statuses that satisfy a request: the standby is ready or in progress.
_WELL: Final = frozenset({RowStatus.PROTECTED, *OPEN})
# The standby exists and is not ready: no other is requested while it does.
_IN_THE_WAY: Final = frozenset({Reason.STANDBY_IN_ERROR, Reason.STANDBY_UNHEALTHY, Reason.STANDBY_NOT_READY})
# If the ledger does not know an id either, these decisions mean that there is no such desktop.
_NAMES_NOTHING: Final = frozenset({Reason.NOT_VISIBLE_YET, Reason.NOT_IN_LEDGER, Reason.NEVER_RETURNED})
_ACTIONS: Final = {
    "NONE": "none",
    "RECORD": "record it",
    "LOOK": "lookup in the DR directory, then request",
    "REQUEST": "request the standby",
}
_FIRST: Final = (text("primary_id", "Primary"), text("user_name", "User"))
_LAST: Final = (text("reason_code", "Reason"), text("message", "Details"))
_PLANNED: Final = (
    *_FIRST,
    Column("action", "Action", lambda value: _ACTIONS.get(value, str(value))),
    text("status", "New status"),
    *_LAST,
)
_DONE: Final = (*_FIRST, text("status"), text("standby_id", "Standby"), *_LAST)


def overrides(given: str | None) -> list[str]:
    """The names in `--override`; Problem if one is not known."""
    words = [one for one in (given or "").split(",") if one.strip()]
    return [str(one) for one in dict.fromkeys(finding.code_of(Override, word, "override") for word in words)]


def request_standbys(run: Run, found: finding.Found, override: Sequence[str], ways: Ways) -> Status:
    """Let protect reconcile desktops; answer with what the ledger then has for each.

    A dry run comes first: it returns the plan, and finds ids that do not exist.
    """
    protect, ledger = run.protect(run.pair), run.ledger(run.pair)
    users = {str(row["pk"]): row.get("user_name") for row in found.rows}
    ids = [*users, *found.unknown]
    more: dict[str, Any] = {"override": list(override)} if override else {}
    if not ids:
        return run.of_ledgers(Answer([Table("desktops", _PLANNED, [], empty="0 desktops match.")]), [ledger])
    with progress(f"Checking {counted(len(ids), 'desktop')}"):
        planned = protect.ask("reconcile", ways.because, dry_run=True, workspace_ids=ids, **more)
    if absent := [one.subject for one in planned if one.subject in found.unknown and one.reason_code in _NAMES_NOTHING]:
        raise finding.not_found(ledger, absent)
    todo = [one.subject for one in planned if _leads_on(one)]
    in_the_way = _in_the_way(planned, found.rows)
    facts = {**ways.facts(run.pair), "override": list(override)}
    rows = [_row(one, users.get(one.subject), one.status, one.reason_code, one.message) for one in planned]
    plan = Table("desktops", _PLANNED, rows)
    if ways.dry_run or not todo:
        answer = _answer(plan, facts, would=True)
        if lookups := sum(one.action == "LOOK" for one in planned):
            answer.cautions.append(
                f"No lookup was made in the DR directory. For {counted(lookups, 'desktop')}, a lookup comes first and"
                " decides whether a standby is requested."
            )
        answer.next = answer.next or ("run the command again without --dry-run." if todo else "")
        if not todo:
            answer.cautions.append("protect would do nothing for these desktops now. Nothing was changed.")
        answer.cautions += in_the_way
        return run.give(answer)
    ways.ask(run, f"Request standbys for {counted(len(todo), 'WorkSpace')}", len(todo), plan)
    done: list[Decision] = []
    problem: Problem | None = None
    with progress(f"Requesting {counted(len(todo), 'standby')}"):
        try:
            protect.ask("reconcile", ways.because, done=done, workspace_ids=todo, **more)
        except Problem as failed:
            problem = failed
            if not done:
                raise
    # The answer shows what the ledger has now, not what was decided.
    present = ledger.states([one.subject for one in done])
    left = [one for one in planned if one.subject not in todo]
    shown = [*(_read_back(one, present.get(one.subject)) for one in done)]
    shown += [_row(one, users.get(one.subject), one.status, one.reason_code, one.message) for one in left]
    answer = _answer(Table("desktops", _DONE, shown), facts, would=False)
    answer.cautions += in_the_way
    status = run.of_ledgers(answer, [ledger])
    if problem is not None:
        words = f"{len(todo) - len(done)} of {counted(len(todo), 'desktop')} were not processed. {problem.message}"
        raise Problem(problem.code, words, problem.fix, problem.status)
    return status


def _leads_on(decision: Decision) -> bool:
    """Whether a request helps a desktop; a held desktop is then tried first."""
    if decision.action in ("LOOK", "REQUEST") or decision.status == RowStatus.HELD:
        return True
    return decision.action == "RECORD" and decision.status in _WELL


def _in_the_way(planned: Iterable[Decision], rows: Iterable[Item]) -> list[str]:
    """Which standbys have to be terminated before others can be requested, with the command, in a sentence."""
    kept = {one.subject for one in planned if one.action == "NONE" and one.reason_code in _IN_THE_WAY}
    by_region: dict[str, list[str]] = {}
    for row in rows:
        if row["pk"] in kept and row.get("standby_id"):
            by_region.setdefault(str(row.get("dr_region")), []).append(str(row["standby_id"]))
    return [
        "No other standby is requested while the failed one exists. Terminate"
        f" {', '.join(ids[:BATCH])} in {region} first, if nobody needs its data:"
        f" {terminate_command(region, ' '.join(ids[:BATCH]))}"
        for region, ids in by_region.items()
    ]


def _row(one: Decision, user: object, status: object, reason: object, message: object) -> dict[str, Any]:
    return {
        "primary_id": one.subject,
        "user_name": user,
        "action": one.action,
        "status": status,
        "standby_id": None,
        "reason_code": reason,
        "message": message,
    }


def _read_back(one: Decision, item: Item | None) -> dict[str, Any]:
    if item is None or not one.is_recorded:
        user = item.get("user_name") if item else None
        return _row(one, user, item.get("status") if item else None, one.reason_code, one.message)
    found = _row(one, item.get("user_name"), item.get("status"), item.get("reason_code"), item.get("message"))
    return found | {"standby_id": item.get("standby_id")}


def _answer(table: Table, facts: Mapping[str, Any], *, would: bool) -> Answer:
    rows: list[Any] = list(table.rows)
    is_well = [row["status"] in _WELL for row in rows]
    return Answer(
        [table],
        facts,
        closing=lambda: [_sum(rows, would=would)],
        found=lambda: not all(is_well),
        next=_next(rows, would=would),
    )


def _sum(rows: Sequence[Item], *, would: bool) -> str:
    well = Counter(str(row["status"]) for row in rows if row["status"] in _WELL)
    others = Counter(
        f"{row['status'] or 'unknown'} ({row['reason_code']})" for row in rows if row["status"] not in _WELL
    )
    words = f"{'Would be protected' if would else 'Protected'} or in progress: {sum(well.values()):,} of {len(rows):,}"
    words += f" ({tallied(well)})." if well else "."
    return f"{words} Others: {tallied(others)}." if others else words


_OVERRIDABLE: Final = {
    Reason.EXCLUDED_BY_RULE: Override.EXCLUDED,
    Reason.NOT_INCLUDED: Override.EXCLUDED,
    Reason.DAILY_CAP: Override.DAILY_CAP,
    Reason.CEILING: Override.CEILING,
}


def _next(rows: Iterable[Item], *, would: bool) -> str:
    """The next command: for desktops that get no standby what helps, otherwise how to see the progress."""
    listed = list(rows)
    codes = [row["reason_code"] for row in listed if row["status"] not in _WELL]
    if Reason.PAUSED in codes:
        return "`standby resume` lets standbys be created again."
    if names := list(dict.fromkeys(str(_OVERRIDABLE[one]) for one in codes if one in _OVERRIDABLE)):
        # PowerShell reads a comma outside of quotation marks as a list.
        given = names[0] if len(names) == 1 else f"'{','.join(names)}'"
        return f"add --override {given} to request their standbys anyway."
    if codes:
        return f"`standby explain {codes[0]}` shows what to do."
    if would:
        return ""
    if len(listed) == 1:
        return f"`standby show {listed[0]['primary_id']}` shows the progress."
    return "`standby status` shows the progress."


# A desktop that has a standby, or no longer exists, cannot be retried.
_TRIED: Final = tuple(one for one in RowStatus if one not in (RowStatus.PROTECTED, RowStatus.PRIMARY_GONE))


def chosen(ledger: Ledger, status: str | None, codes: Sequence[str]) -> finding.Found:
    """The desktops with a status, with one of some reason codes, or with both."""
    statuses = [finding.code_of(RowStatus, status, "status")] if status else list(_TRIED)
    if wrong := [one for one in statuses if one not in _TRIED]:
        raise Problem("NothingToRetry", f"{wrong[0]} desktops cannot be retried.", f"Use one of: {', '.join(_TRIED)}.")
    # There can be many rows: only the needed attributes are kept.
    rows: list[Item] = [
        {name: row.get(name) for name in ("pk", "user_name", "standby_id", "dr_region")}
        for row in ledger.by_status(*statuses)
        if not codes or row.get("reason_code") in codes
    ]
    return finding.Found(rows)
