"""The row of a desktop as commands show it: its attributes under the ledger's names, and their columns."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cli.answers import Column, text, time
from cli.conditions import advice_of
from cli.options import Output
from cli.problems import Problem
from standby.core.attention import causes
from standby.core.reasons import meaning_of
from standby.core.row import Kind

if TYPE_CHECKING:
    from cli.finding import Item
    from cli.ledger import Ledger
    from cli.running import Run

# Attributes of the table, not of the desktop.
_INNER: Final = ("pk", "sk", "change_id", "user_key", "claim_key", "claim_expires_at", "counted_day", "execution_arn")


def _listed(value: Any) -> str:
    return ", ".join(value) if isinstance(value, Mapping | list) else "" if value is None else str(value)


def _yes(value: Any) -> str:
    return "" if value is None else "yes" if value else "no"


COLUMNS: Final = {
    column.name: column
    for column in (
        text("stack"),
        text("primary_id", "Primary"),
        text("user_name", "User"),
        text("status"),
        text("reason_code", "Reason"),
        time("changed_at", "Since"),
        text("standby_id", "Standby"),
        text("message"),
        Column("act_on", "Act on", _listed),
        text("advice", "What to do"),
        text("primary_directory_id", "Directory"),
        text("primary_region", "Region"),
        text("primary_state", "Primary state"),
        text("dr_region", "DR Region"),
        text("dr_directory_id", "DR directory"),
        text("standby_state", "Standby state"),
        text("replication"),
        text("compute_type", "Compute type"),
        Column("conditions", "Conditions", _listed),
        text("drift", "Differs in"),
        time("stale_since", "Stale since"),
        time("first_seen_at", "First seen"),
        time("requested_at", "Requested"),
        time("protected_at", "First protected"),
        time("due_at", "Due"),
        time("deadline_at", "Deadline"),
        text("created_by", "Created by"),
        text("cause_type", "Cause"),
        text("cause_id", "Cause id"),
        text("principal", "Caused by"),
        text("error_code", "AWS error code"),
        text("error_message", "AWS error message"),
        Column("existing", "Existing fleet", _yes),
        text("migrated_from", "Migrated from"),
        text("version"),
    )
}


def shown(item: Item, ledger: Ledger) -> dict[str, Any]:
    """A row of the ledger for data output, with the pair's name, the advice, and the notes of conditions."""
    own = {name: value for name, value in item.items() if name not in _INNER and not name.startswith("ix_")}
    lasting = item.get("conditions") or {}
    made = {
        "act_on": to_act_on(item),
        "advice": " ".join(advice(item).values()),
        "drift": lasting.get(Kind.DRIFT, {}).get("note"),
        "stale_since": lasting.get(Kind.STALE, {}).get("since"),
    }
    return {"stack": ledger.pair.stack} | own | made


def to_act_on(item: Item) -> list[str]:
    """What a person has to act on: the reason code, or kinds of conditions; empty if no action is needed."""
    return causes(str(item.get("status")), str(item.get("reason_code")), dict(kinds(item)))


def advice(item: Item) -> dict[str, str]:
    """What to do, by the reason code or the kind of condition that it is about.

    A desktop that needs no action has only the advice of its reason.
    """
    code, lasting = str(item.get("reason_code")), dict(kinds(item))
    return {
        one: meaning_of(one).advice if one == code else advice_of(one, lasting[one].get("note"))
        for one in to_act_on(item) or [code]
    }


def chosen(names: str, default: Sequence[str]) -> list[str]:
    """The column names in a comma-separated text; Problem if one is not known."""
    wanted = [one.strip().lower().replace("-", "_") for one in names.split(",") if one.strip()]
    for one in wanted:
        if one not in COLUMNS:
            near = difflib.get_close_matches(one, COLUMNS, n=1, cutoff=0.4)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise Problem("NoSuchColumn", f"There is no column {one}.", f"{hint}Columns: {', '.join(COLUMNS)}.")
    return wanted or list(default)


def columns(run: Run, names: Sequence[str]) -> list[Column]:
    """The columns with some names; the stack is added in data output, and on a screen with several pairs."""
    is_needed = run.options.output is not Output.TABLE or len(run.pairs) > 1
    return [COLUMNS[name] for name in (*(["stack"] if is_needed and "stack" not in names else []), *names)]


def kinds(item: Item) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The conditions of a row of any version, by kind."""
    found = item.get("conditions")
    for kind, one in (found if isinstance(found, Mapping) else {}).items():
        if isinstance(one, Mapping):
            yield str(kind), one
