"""What the tables of the pure core are made of: one primary with its row, what was seen of it, and who looks at it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from standby.core import model
from standby.core.change import Case, Change, Effect, Fleet
from standby.core.model import Cause, DirectoryId, Lookup, Region, Related, Status, Unknown, Workspace, WorkspaceId
from standby.core.reasons import Reason
from standby.core.row import Condition, Kind, Row, claim_key
from standby.core.settings import Directory, Settings

PRIMARY, DR = Region("us-east-1"), Region("us-west-2")
HOME, AWAY = DirectoryId("d-906732325d"), DirectoryId("d-926722edaf")
ELSEWHERE = DirectoryId("d-90elsewhere")  # another pair's
UNMAPPED = DirectoryId("d-90unmapped0")  # nobody's
STACK = "Standby-us-east-1-us-west-2"
ONE, OTHER = WorkspaceId("ws-1primary1"), WorkspaceId("ws-2primary2")
STANDBY, DESKTOP = WorkspaceId("ws-8standby8"), WorkspaceId("ws-9desktop9")
USER = "Al"
CLAIM = claim_key(AWAY, USER)
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(days=1)  # when a row was written, unless told
NONE: Mapping[Kind, Condition] = {}

HELPDESK = "arn:aws:iam::123456789012:role/helpdesk"
BY_EVENT = Cause(model.EVENT, "event-1", principal=HELPDESK, created_by=HELPDESK, names_new=True)
BY_WATCH = Cause(model.WATCH, "round-1", execution_arn="arn:watch")
BY_SWEEP = Cause(model.SWEEP, "run-1", execution_arn="arn:sweep")
BY_HAND = Cause("manual", "ticket-1")
KNOWN = Fleet(is_known=True, is_accepted=False)  # the baseline is taken
FOUND = Fleet(is_known=False, is_accepted=False)  # a sweep sees it for the first time
ACCEPTED = Fleet(is_known=False, is_accepted=True)

THROTTLED = Unknown("ThrottlingException", "Rate exceeded")
REFUSED_ALONE = Unknown("ValidationException", "not this one", refused_alone=True)
MOVED: dict[str, Any] = {"directories": {HOME: Directory(UNMAPPED)}}  # with another DR directory
NOT_MAPPED: dict[str, Any] = {"directories": {}}


def table(names: str, *rows: tuple[Any, ...]) -> pytest.MarkDecorator:
    """A test for each row: what the row is called, and the values of the names."""
    return pytest.mark.parametrize(names.split(), [pytest.param(*values, id=str(name)) for name, *values in rows])


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def ago(**duration: float) -> datetime:
    """So long before `NOW`."""
    return NOW - timedelta(**duration)


def settings(**changes: Any) -> Settings:
    """The default configuration, with one directory mapped, and one that is another pair's."""
    given: dict[str, Any] = {"directories": {HOME: Directory(AWAY)}, "elsewhere": {ELSEWHERE: "Standby-other"}}
    return Settings(stack=STACK, primary_region=PRIMARY, dr_region=DR, **(given | changes))


def seen(*related: Related, **changes: Any) -> Workspace:
    """A primary as DescribeWorkspaces shows it: ready, eligible and mapped, unless told."""
    given: dict[str, Any] = {"id": ONE, "directory_id": HOME, "user_name": USER, "state": "AVAILABLE"}
    given |= {"compute_type": "STANDARD", "operating_system": "WINDOWS_SERVER_2022"}
    return Workspace(related=related, **(given | changes))


def standby(state: str | None = "AVAILABLE", id: WorkspaceId = STANDBY) -> Related:  # noqa: A002
    """A standby in a primary's RelatedWorkspaces."""
    return Related(id, DR, state, "STANDBY")


def has(state: str = "AVAILABLE") -> Workspace:
    """A primary that shows a standby in a state."""
    return seen(standby(state))


def desktop(
    state: str = "AVAILABLE",
    id: WorkspaceId = DESKTOP,  # noqa: A002
    *,
    of: WorkspaceId | None = None,
    over: WorkspaceId | None = None,
) -> Workspace:
    """A desktop of the user in the DR directory; the standby `of` a primary, or the primary `over` a standby, if so."""
    relation = of or over
    related = (Related(relation, PRIMARY, "AVAILABLE", "PRIMARY" if of else "STANDBY"),) if relation else ()
    return Workspace(id, AWAY, USER, state, related=related)


def shows(*desktops: Workspace, problem: str = "") -> Lookup:
    """What a lookup in the DR directory found; not complete if there was a problem."""
    return Lookup(desktops, not problem, problem)


def lasting(kind: Kind, since: datetime = BEFORE, last: datetime | None = None, **more: Any) -> dict[Kind, Condition]:
    """A condition; several make a row's conditions: `lasting(Kind.UNCLEAR) | lasting(Kind.ABSENT)`."""
    return {kind: Condition(since, last or since, **more)}


def all_lasting(*kinds: Kind) -> dict[Kind, Condition]:
    return {kind: Condition(BEFORE, BEFORE) for kind in kinds}


def row(state: str = "WAITING READY", **changes: Any) -> Row:
    """A row of the primary, written a day ago, in the mapped directory; its status and its reason in one word."""
    status, reason = state.split()
    given: dict[str, Any] = {"primary_id": ONE, "primary_region": PRIMARY, "dr_region": DR, "message": "as it was"}
    given |= {"status": Status(status), "reason": Reason(reason), "cause_type": "event", "cause_id": "event-0"}
    given |= {"version": 3, "first_seen_at": BEFORE, "changed_at": BEFORE, "primary_state": "AVAILABLE"}
    given |= {"primary_directory_id": HOME, "dr_directory_id": AWAY, "user_name": USER, "compute_type": "STANDARD"}
    return Row(**(given | changes))


def claimed(reason: str = "CLAIM_TAKEN", *, taken: datetime = BEFORE, **changes: Any) -> Row:
    """A row whose standby may have been requested: claimed at a moment, for the two minutes of a lease."""
    given = {"claim_key": CLAIM, "claim_expires_at": taken + minutes(2), "counted_day": "2026-03-02"}
    return row(f"CLAIMED {reason}", **({"changed_at": taken} | given | changes))


def with_one(state: str = "PROTECTED STANDBY_READY", **changes: Any) -> Row:
    """A row that names a standby that was requested here."""
    given: dict[str, Any] = {"standby_id": STANDBY, "standby_state": "AVAILABLE", "requested_at": BEFORE}
    return row(state, **(given | {"claim_key": CLAIM, "counted_day": "2026-03-02"} | changes))


def case(
    row: Row | None = None,
    seen: Workspace | Unknown | None = None,
    cause: Cause = BY_WATCH,
    fleet: Fleet | None = None,
    now: datetime = NOW,
    **configured: Any,
) -> Case:
    """All that a decision rests on; what is configured besides the default stands in keywords."""
    return Case(ONE, row, seen, cause, now, settings(**configured), fleet)


def new(change: Change) -> Row:
    """The next row, of a change that has one."""
    assert change.new is not None
    return change.new


def outcome(change: Change) -> str:
    """A change in a line: `WAITING READY`, `REQUEST CLAIMED READY`, or `= HELD PAUSED` where nothing is written."""
    found = f"{change.status} {change.reason}"
    if change.effect is not Effect.NOTHING:
        return f"{change.effect} {found}"
    writes = change.new is not None and change.new is not change.old and change.new.differs_from(change.old)
    return found if writes else f"= {found}"


def facts(found: object, names: Iterable[str]) -> dict[str, Any]:
    """Some of what a row says, to be compared with what is expected of just that."""
    return {name: getattr(found, name) for name in names}
