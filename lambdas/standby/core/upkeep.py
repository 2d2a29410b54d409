"""What a sweep observes of a protected primary's standby: its health, its drift, and the age of its data. Pure.

A standby that was ready and becomes unhealthy counts as failed when two sweeps in a row have found it so: before that,
the service may repair it. Drift and old data change no status. Only the data replication of a standby can be modified;
any other drift lasts until the standby is created again, or until AWS updates it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from standby.core.change import Case, Change, say
from standby.core.model import REPLICATED, UNWELL_STANDBY, Related, Status, Workspace, from_text, to_text, user_key
from standby.core.plan import UNKNOWN_TYPE
from standby.core.reasons import REPLACED, Reason
from standby.core.row import Kind, Row

# Two sweeps that a person starts within minutes count as one.
_LEAST = timedelta(minutes=30)
# Sweeps that must find a standby unhealthy before it counts as failed.
UNWELL_SWEEPS = 2
_PROPERTIES = ("compute_type", "operating_system", "protocols", "root_volume_gib", "user_volume_gib")
REPLICATION = "data_replication"
_SWITCH = (
    "Data replication can be changed in place, from the primary (ModifyWorkspaceProperties). No termination is needed."
)
_ANEW = f"The other properties of a standby cannot be changed. To correct them, {REPLACED}"
# Its last day. https://docs.aws.amazon.com/workspaces/latest/adminguide/workspaces-pcoip-end-of-support.html
PCOIP_ENDS = date(2027, 10, 31)
PCOIP_NOTICE = PCOIP_ENDS - timedelta(days=92)  # a quarter of a year ahead
# The counts of primaries and of standbys that use PCoIP.
ON_PCOIP = ("pcoip_primaries", "pcoip_standbys")
# A standby without a copy of the data: the first copy is still to come, or none is to come.
AWAITED, NOT_COPIED = "awaited", "none"
_TYPE_OF_STANDBY = re.compile(r"\bcompute_type [^;]*≠([^; ]+)")
_WORD = re.compile(r"[A-Za-z0-9_.,+-]+")


def fares(case: Case, change: Change) -> Change:
    """The change that was decided; or, if nothing else follows, that a protected primary's standby is unhealthy."""
    seen, standby = case.shown, _standby(case, change)
    if seen is None or standby is None or standby.state not in UNWELL_STANDBY:
        return change
    if not change.is_nothing or any(one.is_healthy for one in seen.standbys):
        return change
    apart = min(_LEAST, case.settings.sweep_interval / 2)
    found = case.record(Status.PROTECTED, Reason.STANDBY_UNWELL, standby.described, standby=standby)
    found = found.observe(Kind.UNWELL, True, case.now, apart=apart)
    if found.new is not None and found.new.conditions[Kind.UNWELL].times >= UNWELL_SWEEPS:
        return case.record(Status.FAILED, Reason.STANDBY_UNHEALTHY, standby.described, standby=standby)
    return found


def annotate(case: Case, change: Change) -> Change:
    """The change, with the drift and the age of the data of a protected primary's standby, if a sweep decides."""
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
    """What to do about a drift: data replication is changed in place, anything else needs a new standby."""
    names = {one.partition(" ")[0] for one in differs.split("; ")}
    return " ".join([_SWITCH] * (REPLICATION in names) + [_ANEW] * bool(names - {REPLICATION}))


def type_of_standby(primary: str | None, differs: str | None) -> str:
    """The compute type that a standby is priced by: its primary's, unless the drift `differs` names another one."""
    own = _TYPE_OF_STANDBY.search(differs or "")
    return own[1] if own else primary or UNKNOWN_TYPE


def uses_pcoip(protocols: Sequence[str]) -> bool | None:
    """Whether one of the protocols is PCoIP; None if no protocol is known."""
    return "PCOIP" in protocols if any(protocols) else None


def end_of_pcoip(counts: Mapping[str, int], now: datetime) -> str:
    """When PCoIP ends, or ended, and how many desktops still use it, in sentences; empty if none is known to use it."""
    primaries, standbys = (counts.get(name, 0) for name in ON_PCOIP)
    when = f"PCoIP {'ends' if now.date() <= PCOIP_ENDS else 'ended'} on {PCOIP_ENDS}."
    used = f"Primaries that use it: {primaries}. Standbys that use it: {standbys}."
    return say(Reason.PCOIP_ENDS, f"{when} {used}") if primaries or standbys else ""


def copy_age(case: Case, change: Change) -> timedelta | None:
    """The age of the data on a protected primary's standby; None if it has no replication, or the age is not known."""
    seen, standby = case.shown, _standby(case, change)
    if seen is None or standby is None or change.new is None:
        return None
    return _copy(case, change.new, seen.recovery_snapshot_of(standby.id)).age


def copied(case: Case, change: Change) -> timedelta | str | None:
    """The age of the copy on a protected primary's standby, `AWAITED` or `NOT_COPIED`; None if it is not known.

    Unlike `copy_age`, this has no age for a copy that was never made.
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
    """The standby that the change is about, if its primary is protected and returns it."""
    seen, new = case.shown, change.new
    if case.fleet is None or seen is None or new is None or change.status is not Status.PROTECTED:
        return None
    return next((one for one in seen.standbys if one.id == new.standby_id), None)


@dataclass(frozen=True)
class _Copy:
    """The last copy. `age` is None without replication; `is_due` and `is_stale` can be unknown (None)."""

    made_at: datetime | None
    age: timedelta | None
    is_stale: bool | None
    is_due: bool | None


def _copy(case: Case, row: Row, made_at: datetime | None) -> _Copy:
    """The last copy of a primary's data on a standby; `made_at` is its time as the service returns it now.

    AWS copies a primary's data every 12 hours, so the data is 12 to 24 hours old. Before the first copy, the age is
    counted from when a sweep first found the standby protected with replication configured. This gives the first copy
    the same time, whenever replication is turned on. If AWS returns no time at all, a copy is awaited: AWS may return
    nothing if nothing is replicated.
    """
    wanted, noted = case.mapped.data_replication if case.mapped else None, row.note(Kind.COPIED)
    before = from_text(noted) if noted else None
    if REPLICATION in (row.note(Kind.DRIFT) or "") or wanted not in (REPLICATED, None):
        # Without replication no copy can be old; an earlier copy stays noted.
        return _Copy(before, None, is_stale=False, is_due=None if noted else False)
    if wanted is None or (made_at is None and noted is not None):
        return _Copy(before, None, is_stale=None, is_due=None)
    age = max(case.now - (made_at or row.since(Kind.COPIED) or case.now), timedelta(0))
    return _Copy(made_at, age, is_stale=age > case.settings.rpo, is_due=True)


def digest(workspace: Workspace) -> str:
    """The compared properties of a WorkSpace as one word, separated by slashes; an unknown property is empty.

    For example `STANDARD/WINDOWS_SERVER_2022/PCOIP/80/50/NO_REPLICATION`. The last one is of a standby. The word is
    empty if no property is known.
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
    known = [word if word and _WORD.fullmatch(word) else "" for word in words]
    return "/".join(known) if any(known) else ""


def word(workspace: Workspace) -> str:
    """What a scan notes of a WorkSpace in the DR directory: its digest, and its user's hash if it may be no standby.

    A desktop without a known relation may be the user's own, or a standby that is not related yet.
    """
    if workspace.user_name is None or any(other.is_known for other in workspace.related):
        return digest(workspace)
    return f"{digest(workspace) or '/' * len(_PROPERTIES)}/{user_hash(workspace.user_name)}"


def user_hash(user_name: str) -> str:
    """The hash of a user name, for example `@3610a686`. Two users may have the same hash, which only costs a lookup."""
    return f"@{zlib.crc32(user_key(user_name).encode()):08x}"


def hash_in(seen_as: str) -> str:
    """The hash of a user that a word ends with; empty if it has none."""
    last = seen_as.rpartition("/")[2]
    return last if last.startswith("@") else ""


def hashed_users(words: Iterable[str]) -> frozenset[str]:
    """The hashes of users in some words."""
    return frozenset(found for one in words if (found := hash_in(one)))


def drift(
    primary: Workspace, standby: str, *, wanted: str | None, replication: str | None, before: str | None
) -> str | None:
    """How a standby differs, e.g. `compute_type STANDARD≠VALUE; data_replication PRIMARY_AS_SOURCE≠NO_REPLICATION`.

    The primary's value, or the configured value, comes first. None if no difference is known. `standby` is the
    standby's `digest`. `wanted` is the configured data replication, `replication` the one that the primary returns: if
    it returns none, the standby's own value counts. `before` is the previous result, which stays for properties that
    are not known now: unknown neither begins nor ends a drift.
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
