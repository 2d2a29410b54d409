"""The only check that writes: it requests a standby for a primary, and then a second one. It terminates nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cli.aws import Aws, asked
from cli.problems import Problem
from standby.aws.call import Pacer
from standby.aws.workspaces import StandbyRequest, Standbys
from standby.clock import Clock
from standby.core.model import DirectoryId, Region, WorkspaceId
from standby.core.outcomes import Created, Pending, Refusal, Refused
from tools.ask_aws.checks import Check, Finding, Verdict, as_assumed, differs, terminate
from tools.ask_aws.place import CALLS_PER_SECOND

if TYPE_CHECKING:
    from tools.ask_aws.place import Desktop, Place

_NO_PRIMARY: Final = "NoPrimary"
END_IT: Final = "Terminate the standby if it is not needed."
ASKS: Final = "Does the service refuse a second standby for a primary?"
COST: Final = (
    "Each standby costs a monthly fee (seen in us-east-1: USD 3.25 to 5.75, by bundle) and an hourly rate while it is "
    "used, until you terminate it. This check terminates nothing."
)


def primary_of(place: Place, primary_id: WorkspaceId) -> Desktop:
    """The primary to write for.

    Raises
    ------
    Problem
        It is none, or has a standby already.
    """
    region = place.pair.primary_region
    with asked(f"{primary_id} cannot be described in {region}"):
        found = place.by_id(region, [primary_id]).get(primary_id)
    if found is None:
        raise Problem(_NO_PRIMARY, f"{region} has no WorkSpace {primary_id}.")
    if found.read.primary is not None:
        raise Problem(_NO_PRIMARY, f"{primary_id} is itself a standby.")
    if found.read.standbys:
        raise Problem(
            _NO_PRIMARY, f"{primary_id} has a standby, {found.read.standbys[0].id}. Take a primary without one."
        )
    if found.read.directory_id not in place.pair.directories:
        raise Problem(
            _NO_PRIMARY, f"{primary_id} is of {found.read.directory_id}, which {place.pair.stack_name} does not map."
        )
    return found


def plan(place: Place, primary: Desktop) -> str:
    """What will be done, and what it costs."""
    pair = place.pair
    dr_directory = pair.directories[str(primary.read.directory_id)].dr_directory
    return (
        f"This calls CreateStandbyWorkspaces in {pair.dr_region} twice in a row for {primary.read.id} "
        f"({primary.read.user_name}, {primary.read.state}), into {dr_directory}. AWS creates one standby or two. "
        f"{COST} "
        f"If the product is deployed for this pair, pause it first with `standby pause`."
    )


def second_request(place: Place, primary: Desktop) -> tuple[Check, Finding]:
    """Request a standby, and a second one."""
    question = Check(
        "second-request", ASKS, "No", "CreateStandbyWorkspaces, twice", lambda _: _requested(place, primary)
    )
    return question, question.find(place)


def _requested(place: Place, primary: Desktop) -> Finding:
    pair = place.pair
    mapping = pair.directories[str(primary.read.directory_id)]
    request = StandbyRequest(
        primary_id=primary.read.id,
        user_name=primary.read.user_name or "",
        dr_directory=DirectoryId(mapping.dr_directory),
        volume_encryption_key=mapping.volume_encryption_key if primary.read.is_encrypted else None,
        data_replication="NO_REPLICATION",
        tags=dict(pair.tags),
    )
    client = Aws().client("workspaces", pair.dr_region, once=True)
    standbys = Standbys(client, Pacer(Clock(), CALLS_PER_SECOND, burst=2), primary_region=Region(pair.primary_region))
    first = _outcome(standbys, request)
    if not isinstance(first, Pending):
        text = f"The first request made none ({_words(first)}), so nothing is known about a second."
        return Finding(
            Verdict.FAILED, text, f"Look at {primary.read.id} and its user in {pair.dr_region}, and try again."
        )
    second = _outcome(standbys, request)
    first_is = f"The first standby is {first.standby_id}."
    end_first = terminate(pair.dr_region, first.standby_id)
    match second:
        case Pending(standby_id=same) if same == first.standby_id:
            return as_assumed(f"It answers with the same standby again. {first_is}", END_IT, end_first)
        case Pending():
            end_second = terminate(pair.dr_region, second.standby_id)
            text = f"It made a second one, {second.standby_id}. {first_is}"
            return as_assumed(text, "TERMINATE BOTH, or keep one.", end_second, end_first)
        case Refused(kind=Refusal.EXISTS):
            return as_assumed(f"It refuses: {_words(second)}. {first_is}", END_IT, end_first)
        case Refused(kind=Refusal.UNREACHABLE):
            text = f"The second request was not sent ({_words(second)}), so nothing is known about it. {first_is}"
            advice = f"Look at the network, and try again with another primary. {END_IT}"
            return Finding(Verdict.FAILED, text, advice, (end_first,))
        case Refused():
            text = f"It refuses, {_words(second)}, which the product takes for {second.kind}. {first_is}"
            return differs(text, f"Note the code and its words. {END_IT}", end_first)
        case _:
            text = f"The second request gave no clear answer ({_words(second)}); there may be two. {first_is}"
            advice = f"Look at {primary.read.id} in {pair.dr_region}. {END_IT}"
            return Finding(Verdict.FAILED, text, advice, (end_first,))


def _outcome(standbys: Standbys, request: StandbyRequest) -> Created:
    answered = standbys.create([request])
    return answered if isinstance(answered, Refused) else answered[request.primary_id]


def _words(outcome: Created) -> str:
    return outcome.standby_id if isinstance(outcome, Pending) else f"{outcome.code}: {outcome.message}"
