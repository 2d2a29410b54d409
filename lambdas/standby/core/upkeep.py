"""What a sweep says of a protected primary's standby: whether it is well, what it is, and how old its data is. Pure.

A standby that was ready once and is unwell counts as lost when two sweeps have seen it so, with none in between that
saw it well: until then it may be the service that puts it right. Drift and old data change no status. Of a standby only
data replication can be modified: one that differs else stays so until it is made anew, or AWS brings it along.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from standby.core.change import Case, Change, say
from standby.core.model import REPLICATED, UNWELL_STANDBY, Related, Status, Workspace, from_text, to_text, user_key
from standby.core.reasons import REPLACED, Reason
from standby.core.row import Kind, Row

# Two sweeps that somebody starts within minutes are one look.
_LEAST = timedelta(minutes=30)
# Sweeps that must have seen a standby unwell before it counts as lost.
UNWELL_LOOKS = 2
_PROPERTIES = ("compute_type", "operating_system", "protocols", "root_volume_gib", "user_volume_gib")
REPLICATION = "data_replication"
_SWITCH = "Replication is switched in place, from the primary (ModifyWorkspaceProperties); no termination is needed."
_ANEW = f"Anything else of a standby cannot be changed: {REPLACED}"
# Its last day. https://docs.aws.amazon.com/workspaces/latest/adminguide/workspaces-pcoip-end-of-support.html
PCOIP_ENDS = date(2027, 10, 31)
PCOIP_NOTICE = PCOIP_ENDS - timedelta(days=92)  # a quarter of a year ahead
# What is counted of primaries and of standbys that use it.
ON_PCOIP = ("pcoip_primaries", "pcoip_standbys")
# What is said of a standby that holds no copy: the first one is still to come, or none is to come.
AWAITED, NOT_COPIED = "awaited", "none"
_WORD = re.compile(r"[A-Za-z0-9_.,+-]+")


def fares(case: Case, change: Change) -> Change:
    """What was decided; or that the standby of a protected primary, of which nothing else is to be said, is unwell."""
    seen, standby = case.shown, _standby(case, change)
    if seen is None or standby is None or standby.state not in UNWELL_STANDBY:
        return change
    if not change.is_nothing or any(one.is_healthy for one in seen.standbys):
        return change
    apart = min(_LEAST, case.settings.sweep_interval / 2)
    found = case.record(Status.PROTECTED, Reason.STANDBY_UNWELL, standby.described, standby=standby)
    found = found.observe(Kind.UNWELL, True, case.now, apart=apart)
    if found.new is not None and found.new.conditions[Kind.UNWELL].times >= UNWELL_LOOKS:
        return case.record(Status.FAILED, Reason.STANDBY_UNHEALTHY, standby.described, standby=standby)
    return found


def annotate(case: Case, change: Change) -> Change:
    """The change, with what a sweep observes of a protected primary's standby: drift, and the age of its data."""
    seen, standby = case.shown, _standby(case, change)
    if seen is None or standby is None or change.new is None or case.fleet is None:
        return change
    base = change.new
    shape = case.fleet.shapes.get(standby.id, "")
    found = drift(
        seen,
        shape,
        wanted=case.mapped.data_replication if case.mapped else None,
        replication=seen.replication_of(standby.id),
        before=base.note(Kind.DRIFT),
    )
    new = base.observe(Kind.DRIFT, found is not None, case.now, note=found)
    theirs = f"{shape}//".split("/")[_PROPERTIES.index("protocols")]
    new = new.observe(Kind.STANDBY_PCOIP, uses_pcoip(theirs.split(",")), case.now)
    if standby.id in case.fleet.shapes:
        new = new.without(Kind.STANDBY_MISSED)
    copy = _copy(case, new, seen.recovery_snapshot_of(standby.id))
    new = new.observe(Kind.STALE, copy.is_stale, case.now)
    # The time of a copy changes twice a day: it is noted with what it changes, or a fleet's history would be of it.
    is_news = copy.made_at is not None and (not new.note(Kind.COPIED) or new.has(Kind.STALE) != base.has(Kind.STALE))
    note = to_text(copy.made_at) if copy.made_at and is_news else None
    new = new.observe(Kind.COPIED, copy.is_due, case.now, note=note)
    words = f" It differs: {found}. {advice(found)}" if found else ""
    if copy.is_stale:
        words += f" Its data is of {to_text(copy.made_at)}." if copy.made_at else " No copy of the data is known."
    if change.new is change.old and new.conditions == change.new.conditions:
        return change
    return change.having(new, f"{change.message}{words}")


def advice(differs: str) -> str:
    """What to do about a drift: data replication is switched in place, all else only a new standby has."""
    names = {one.partition(" ")[0] for one in differs.split("; ")}
    return " ".join([_SWITCH] * (REPLICATION in names) + [_ANEW] * bool(names - {REPLICATION}))


def uses_pcoip(protocols: Sequence[str]) -> bool | None:
    """Whether one of the protocols is PCoIP; None where none is told."""
    return "PCOIP" in protocols if any(protocols) else None


def end_of_pcoip(counts: Mapping[str, int], now: datetime) -> str:
    """When PCoIP ends, or ended, and how many still use it, in sentences; empty if none is known to."""
    primaries, standbys = (counts.get(name, 0) for name in ON_PCOIP)
    when = f"It {'ends' if now.date() <= PCOIP_ENDS else 'ended'} on {PCOIP_ENDS}."
    used = f"Primaries that use it: {primaries}. Standbys that use it: {standbys}."
    return say(Reason.PCOIP_ENDS, f"{when} {used}") if primaries or standbys else ""


def copy_age(case: Case, change: Change) -> timedelta | None:
    """How old the data on a protected primary's standby is; None where there is to be none, or it is not known."""
    seen, standby = case.shown, _standby(case, change)
    if seen is None or standby is None or change.new is None:
        return None
    return _copy(case, change.new, seen.recovery_snapshot_of(standby.id)).age


def copied(case: Case, change: Change) -> timedelta | str | None:
    """How old the copy on a protected primary's standby is, `AWAITED` or `NOT_COPIED`; None where it is not known.

    Unlike `copy_age`, nothing stands here for a copy that was never made.
    """
    seen, standby = case.shown, _standby(case, change)
    if seen is None or standby is None or change.new is None:
        return None
    copy = _copy(case, change.new, seen.recovery_snapshot_of(standby.id))
    if copy.is_stale is None:
        return None
    if copy.age is None:
        return NOT_COPIED
    return AWAITED if copy.made_at is None else copy.age


def _standby(case: Case, change: Change) -> Related | None:
    """The standby that the change is about, if it is a protected primary's, and shown."""
    seen, new = case.shown, change.new
    if case.fleet is None or seen is None or new is None or change.status is not Status.PROTECTED:
        return None
    return next((one for one in seen.standbys if one.id == new.standby_id), None)


@dataclass(frozen=True)
class _Copy:
    """What is known of the last copy: `age` None where there is to be none; `is_due` and `is_stale` None: not known."""

    made_at: datetime | None
    age: timedelta | None
    is_stale: bool | None
    is_due: bool | None


def _copy(case: Case, row: Row, made_at: datetime | None) -> _Copy:
    """The last copy of a primary's data on a standby; `made_at` is what the service returns now.

    AWS copies a primary's data every 12 hours, so that what is there is 12 to 24 hours old. Before the first copy, its
    age is counted from when a sweep first found the standby protected and replication configured, and not shown as
    anything else: that is the first copy's grace, whenever replication is turned on. What is not told at all is awaited
    like a copy: AWS may show nothing where nothing is replicated.
    """
    wanted, noted = case.mapped.data_replication if case.mapped else None, row.note(Kind.COPIED)
    before = from_text(noted) if noted else None
    if REPLICATION in (row.note(Kind.DRIFT) or "") or wanted not in (REPLICATED, None):
        # It has no copy to be old; that one was made once stays noted.
        return _Copy(before, None, is_stale=False, is_due=None if noted else False)
    if wanted is None or (made_at is None and noted is not None):
        return _Copy(before, None, is_stale=None, is_due=None)
    age = max(case.now - (made_at or row.since(Kind.COPIED) or case.now), timedelta(0))
    return _Copy(made_at, age, is_stale=age > case.settings.rpo, is_due=True)


def digest(workspace: Workspace) -> str:
    """What is compared of a WorkSpace as one word, with nothing between two strokes where it is not told.

    E.g. `STANDARD/WINDOWS_SERVER_2022/PCOIP/80/50/NO_REPLICATION`, the last a standby's own; empty if nothing is told.
    """
    words = [
        workspace.compute_type,
        workspace.operating_system,
        # WSP is the former name of DCV.
        ",".join(sorted({"DCV": "WSP"}.get(one, one) for one in workspace.protocols)),
        workspace.root_gib and str(workspace.root_gib),
        workspace.user_gib and str(workspace.user_gib),
        workspace.data_replication,
    ]
    told = [word if word and _WORD.fullmatch(word) else "" for word in words]
    return "/".join(told) if any(told) else ""


def word(workspace: Workspace) -> str:
    """What a scan notes of a WorkSpace in the DR directory: its digest, and a mark of its user if it may be no standby.

    A desktop without a relation that is known may be the user's own, or a standby that is not related yet.
    """
    if workspace.user_name is None or any(other.is_known for other in workspace.related):
        return digest(workspace)
    return f"{digest(workspace) or '/' * len(_PROPERTIES)}/{user_mark(workspace.user_name)}"


def user_mark(user_name: str) -> str:
    """A user as a word without blanks, e.g. `@3610a686`; two may have the same, which only costs a lookup."""
    return f"@{zlib.crc32(user_key(user_name).encode()):08x}"


def mark_in(seen_as: str) -> str:
    """The mark of a user that a word ends with; empty if it has none."""
    mark = seen_as.rpartition("/")[2]
    return mark if mark.startswith("@") else ""


def marked_users(words: Iterable[str]) -> frozenset[str]:
    """The marks of users that some words have."""
    return frozenset(mark for one in words if (mark := mark_in(one)))


def drift(
    primary: Workspace, standby: str, *, wanted: str | None, replication: str | None, before: str | None
) -> str | None:
    """In what a standby differs, e.g. `compute_type STANDARD≠VALUE; data_replication PRIMARY_AS_SOURCE≠NO_REPLICATION`.

    The primary's value, or the configured one, comes first; None if nothing is known to differ. `standby` is its
    `digest`; `wanted` and `replication` are the data replication that is configured, and that the primary shows: where
    it shows none, as AWS may where there is none, the standby's own word counts. What this was `before` stands for what
    is not told now: unknown is no drift, and no end of it.
    """
    ours = [*digest(primary).split("/"), *[""] * len(_PROPERTIES)]
    theirs = [*standby.split("/"), *[""] * (len(_PROPERTIES) + 1)]
    compared = dict(zip(_PROPERTIES, zip(ours, theirs, strict=False), strict=False))
    compared[REPLICATION] = (wanted or "", replication or theirs[len(_PROPERTIES)])
    known = {entry.partition(" ")[0]: entry for entry in before.split("; ")} if before else {}
    found: list[str] = []
    for name, (one, other) in compared.items():
        if not (one and other):
            found += [known[name]] if name in known else []
        elif one != other:
            found.append(f"{name} {one}≠{other}")
    return "; ".join(sorted(found)) or None
