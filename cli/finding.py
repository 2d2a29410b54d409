"""Find what the arguments of a command name: desktops, users, directories, codes. An unknown name is an error.

The error suggests the nearest match, because a typing error is the likeliest cause. At most 5,000 rows are read for
that, so in a larger ledger the suggestion may be missing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cli.problems import Problem
from standby.core.model import Status, WorkspaceId, is_workspace_id, user_key
from standby.core.reasons import NOT_OURS, Reason
from standby.core.row import Kind

if TYPE_CHECKING:
    from cli.ledger import Ledger

Item = Mapping[str, Any]
Code = TypeVar("Code", bound=StrEnum)

_DIRECTORY: Final = re.compile(r"d-[0-9a-f]{8,63}")
_MOST_READ: Final = 5000  # rows, for the nearest match
_NEAR: Final = 0.6
_NEAR_ID: Final = 0.8  # all ids have the same beginning, and any two share some characters
_MOST_NAMED: Final = 5


@dataclass(frozen=True)
class Found:
    """The rows that words name, each once and in the words' order, and ids that the ledger does not know."""

    rows: list[Item]
    unknown: list[WorkspaceId] = field(default_factory=list)


def desktops(
    ledger: Ledger,
    words: Sequence[str],
    *,
    fits: Callable[[Item], bool] = lambda _: True,
    what: str = "desktop",
    takes_unknown: bool = False,
) -> Found:
    """The present rows that ids of primaries, ids of standbys and user names refer to.

    Parameters
    ----------
    fits, what
        Which rows are acceptable, and what they are called in an error.
    takes_unknown
        A WorkSpace id that the ledger does not know is accepted.

    Raises
    ------
    Problem
        A word matches no desktop, or more than one. The message lists all such words.
    """
    rows: dict[str, Item] = {}
    unknown: dict[WorkspaceId, None] = {}
    wrong: dict[str, str] = {}
    for word in dict.fromkeys(one.strip() for one in words):
        found = rows_of(ledger, word)
        meant = [row for row in found if fits(row)]
        if not is_workspace_id(word):
            # A user's former desktops are used only if the user has no other.
            meant = [row for row in meant if row.get("status") != Status.PRIMARY_GONE] or meant
        if len(meant) == 1:
            rows |= {row["pk"]: row for row in meant}
        elif meant:
            wrong[word] = f"{word} has {len(meant)} {what}s: {_listed(meant)}. Name one by its id."
        elif found:
            article = "an" if what.startswith("o") else "a"
            wrong[word] = f"{word} is not {article} {what}: {_listed(found)}."
        elif takes_unknown and is_workspace_id(word):
            unknown[WorkspaceId(word)] = None
        else:
            wrong[word] = ""
    if wrong:
        raise _refused(ledger, wrong, what)
    return Found(list(rows.values()), list(unknown))


def is_desktop(row: Item) -> bool:
    """Whether the desktop of a row still exists, as far as the ledger knows."""
    return row.get("status") != Status.PRIMARY_GONE


def is_orphan(row: Item) -> bool:
    """Whether a row is an orphan: the primary no longer exists, but its standby does."""
    return row.get("status") == Status.PRIMARY_GONE and row.get("reason_code") == Reason.ORPHANED


def is_or_was_orphan(row: Item) -> bool:
    """Whether a row is an orphan, or was one until its standby was terminated."""
    was = row.get("status") == Status.PRIMARY_GONE and Kind.STANDBY_TERMINATED in (row.get("conditions") or {})
    return was or is_orphan(row)


def rows_of(ledger: Ledger, word: str) -> Sequence[Item]:
    """The present rows that one word refers to; empty if there are none."""
    found = ledger.find(word)
    if not any(row.get("reason_code") in NOT_OURS for row in found):
        return found
    # A standby that was once recorded as a primary has its own row.
    primaries = ledger.states(list(ledger.primaries_of([word.strip()]).values()))
    return list(primaries.values()) or found


def not_found(ledger: Ledger, words: Iterable[str], what: str = "desktop") -> Problem:
    """The Problem for words that match nothing, with the nearest match of each."""
    return _refused(ledger, dict.fromkeys(words, ""), what)


def _refused(ledger: Ledger, wrong: Mapping[str, str], what: str) -> Problem:
    unknown = [word for word, problem in wrong.items() if not problem]
    near = nearest(ledger, unknown)
    sentences = [problem or _no_such(word, near.get(word), what) for word, problem in wrong.items()]
    code = "NoSuchDesktop" if unknown else "NotMeant"
    return Problem(code, " ".join(sentences), "Nothing was changed. `standby list` lists all desktops.")


def _no_such(word: str, near: str | None, what: str) -> str:
    hint = f" Did you mean {near}?" if near else ""
    if not word:
        return f"An empty argument names no {what}."
    return f"The ledger has no {what} {word}.{hint}"


def nearest(ledger: Ledger, words: Sequence[str]) -> dict[str, str]:
    """The id or user name nearest to each word, if one is near enough."""
    best = {word: (_NEAR_ID if user_key(word).startswith("ws-") else _NEAR, "") for word in words if word}
    if not best:
        return {}
    rows = chain(ledger.uncovered(), ledger.by_status(Status.PROTECTED, Status.PRIMARY_GONE))
    for name in _names(islice(rows, _MOST_READ)):
        for word, (ratio, _) in best.items():
            if (found := _likeness(_bare(word), name, ratio)) > ratio:
                best[word] = found, name
    return {word: name for word, (_, name) in best.items() if name}


def _names(rows: Iterable[Item]) -> Iterator[str]:
    for row in rows:
        for name in ("primary_id", "standby_id", "user_name"):
            if isinstance(value := row.get(name), str):
                yield value


def _bare(word: str) -> str:
    """A user name without its domain, e.g. `alice` for `CORP\\alice` and `alice@corp.example`."""
    return word.rpartition("\\")[2].partition("@")[0] or word


def _likeness(word: str, name: str, least: float) -> float:
    """The similarity of two names, from 0 to 1; 0 if it is below `least`."""
    match = difflib.SequenceMatcher(None, user_key(word), user_key(name), autojunk=False)
    is_near = match.real_quick_ratio() > least and match.quick_ratio() > least
    return match.ratio() if is_near else 0.0


def _listed(rows: Sequence[Item]) -> str:
    named = [f"{row['pk']} is {row.get('status')} ({row.get('reason_code')})" for row in rows[:_MOST_NAMED]]
    return ", ".join(named) + (f", and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else "")


# Directories


def is_directory(word: str) -> bool:
    """Whether a word has the form of a directory id."""
    return _DIRECTORY.fullmatch(word.strip().lower()) is not None


def baselines(ledger: Ledger, words: Sequence[str]) -> dict[str, Item]:
    """The rows that sweeps keep of directories, by id; Problem if no sweep has seen a directory."""
    wanted = list(dict.fromkeys(word.strip().lower() for word in words))
    items = ledger.get([(f"SWEEP#{one}", "BASELINE") for one in wanted])
    found = {str(item["pk"]).partition("#")[2]: item for item in items}
    if missing := [one for one in wanted if one not in found]:
        problems = " ".join(_no_directory(ledger, one) for one in missing)
        raise Problem("NoSuchDirectory", problems, "Nothing was changed.")
    return {one: found[one] for one in wanted}


def _no_directory(ledger: Ledger, word: str) -> str:
    rows = chain(ledger.uncovered(), ledger.by_status(Status.PROTECTED))
    dr_directories = {
        str(row["primary_directory_id"]): row.get("dr_directory_id")
        for row in islice(rows, _MOST_READ)
        if row.get("primary_directory_id")
    }
    if own := next((one for one, dr_directory in dr_directories.items() if dr_directory == word), None):
        return f"{word} is the DR directory of {own}. Use {own} instead."
    near = difflib.get_close_matches(word, dr_directories, n=1, cutoff=_NEAR)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"No sweep has seen directory {word}.{hint}"


# Codes


def spelled(word: str) -> str:
    """A word as a code is spelled, e.g. `USER_NOT_FOUND` for `user-not-found`."""
    return word.strip().upper().replace("-", "_")


def code_of(kind: type[Code], word: str, what: str) -> Code:
    """The member of an enum that a word names, in any case; Problem with the nearest match if there is none."""
    known = {str(one): one for one in kind}
    given = spelled(word)
    if given in known:
        return known[given]
    near = difflib.get_close_matches(given, known, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]}? " if near else ""
    listed = f"Valid values: {', '.join(known)}." if len(known) <= 15 else "`standby explain` lists all codes."
    raise Problem("NoSuchCode", f"There is no {what} {word.strip()}.", f"{hint}{listed}")
