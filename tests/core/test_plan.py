"""What standbys cost, to the cent and never 0 for what has no price; what those for an existing fleet would mean."""

from decimal import Decimal
from typing import Any

from standby.core.model import Region, Unknown
from standby.core.plan import STAGES, Cost, accepted, monthly_cost, monthly_of, plan, progress
from tests.core.cases import DR, HOME, THROTTLED, settings, table

PRICES = {"STANDARD": Decimal("4.10"), "POWER": Decimal("5.75")}
EXTRA = "a month; data replication and hours of use are extra."
UNPRICED = "Its monthly cost is not known: no price is configured for"
OTHERS, NAMED = {"VALUE": 4, "PERFORMANCE": 3}, "Not priced: 3 PERFORMANCE, 4 VALUE."


@table(
    "desktops amount priced not_priced says",
    ("sum", {"STANDARD": 3, "POWER": 2}, "23.80", 5, {}, f"That costs about USD 23.80 {EXTRA}"),
    ("large", {"POWER": 20_000}, "115000", 20_000, {}, f"That costs about USD 115,000.00 {EXTRA}"),
    ("some are not priced", {"STANDARD": 1, **OTHERS}, "4.10", 1, OTHERS, f"That costs about USD 4.10 {EXTRA} {NAMED}"),
    ("none is priced", {"VALUE": 60}, "0", 0, {"VALUE": 60}, "Not priced: 60 VALUE."),
    ("nobody", {}, "0", 0, {}, ""),
)
def test_what_a_fleet_costs(desktops: Any, amount: str, priced: int, not_priced: Any, says: str) -> None:
    found = monthly_cost(PRICES, desktops)
    assert (found, str(found)) == (Cost(Decimal(amount), priced, not_priced), says)
    assert found.is_known is (desktops != {"VALUE": 60})


@table(
    "region compute_type says",
    ("priced", DR, "STANDARD", f"It costs about USD 4.10 {EXTRA}"),
    ("not priced", DR, "VALUE", f"{UNPRICED} VALUE in us-west-2."),
    ("type unknown", DR, None, f"{UNPRICED} a desktop of unknown compute type in us-west-2."),
    ("other Region", "eu-west-1", "STANDARD", f"{UNPRICED} STANDARD in eu-west-1."),
)
def test_one_standbys_cost_in_a_sentence(region: Region, compute_type: str | None, says: str) -> None:
    assert monthly_of(settings(prices=PRICES), region, compute_type) == says


def test_every_stage_is_named() -> None:
    nothing = dict.fromkeys(STAGES, 0)
    assert progress({"stage/waiting": 3, "wants/STANDARD": 9, "drifted": 1}) == nothing | {"waiting": 3}


# The plan

HOW, IN_TURN = "Nothing is created before it is accepted: do this.", accepted()
COUNTS = {"wants/STANDARD": 30, "wants/PERFORMANCE": 1, "status/PROTECTED": 1, "stage/reported": 31}
COUNTS |= {"cannot/OPERATING_SYSTEM": 1}


def planned(counts: dict[str, int], quota: int | Unknown = 50, standbys: int = 1, *, is_accepted: bool = False) -> Any:
    return plan(HOME, counts, quota, standbys, settings(prices=PRICES), IN_TURN if is_accepted else HOW)


def test_a_plan_has_all_its_figures_and_says_them() -> None:
    message = (
        f"Directory {HOME}: 31 desktops would get a standby, 1 have one, 1 cannot have one (1 OPERATING_SYSTEM). That"
        f" costs about USD 123.00 {EXTRA} Not priced: 1 PERFORMANCE. Quota L-9A67B5CB in us-west-2 is 50. 1"
        f" standbys count towards it: room for 49 more. {HOW}"
    )
    whole: dict[str, Any] = {"would_get": 31, "has": 1, "cannot": {"OPERATING_SYSTEM": 1}, "excluded": {}}
    whole |= {"monthly_cost": "123.00", "not_priced": {"PERFORMANCE": 1}, "quota": 50, "standbys": 1, "room": 49}
    assert planned(COUNTS) == whole | {"message": message}


NO_QUOTA = "could not be read (ThrottlingException: Rate exceeded). 7 standbys count towards it."


@table(
    "quota standbys known room says",
    ("just enough", 50, 19, 50, 31, "is 50. 19 standbys count towards it: room for 31 more. Nothing"),
    (
        "too few",
        50,
        20,
        50,
        30,
        "is 50. 20 standbys count towards it: room for 30 more. Request a higher quota first. Nothing",
    ),
    (
        "below what there is",
        5,
        20,
        5,
        0,
        "is 5. 20 standbys count towards it: room for 0 more. Request a higher quota first.",
    ),
    ("not known", THROTTLED, 7, None, None, f"Quota L-9A67B5CB in us-west-2 {NO_QUOTA}"),
)
def test_the_room_for_them_is_said(quota: Any, standbys: int, known: Any, room: int | None, says: str) -> None:
    found = planned(COUNTS, quota, standbys)
    assert (found["quota"], found["standbys"], found["room"]) == (known, standbys, room)
    assert says in found["message"]


LEFT_OUT = {"cannot/OPERATING_SYSTEM": 2, "cannot/COMPUTE_TYPE": 1, "excluded/EXCLUDED_BY_RULE": 3}
CANNOT = "3 cannot have one (1 COMPUTE_TYPE, 2 OPERATING_SYSTEM), 3 are excluded (3 EXCLUDED_BY_RULE)."
NOBODY = "0 cannot have one."


@table(
    "counts begins ends",
    ("nobody", {}, "0 desktops would get a standby, 0 have one, 0 cannot have one.", NOBODY),
    ("all have one", {"status/PROTECTED": 4}, "0 desktops would get a standby, 4 have one, 0", NOBODY),
    ("left out", LEFT_OUT, "0 desktops would get a standby, 0 have one, 3", CANNOT),
    ("accepted", {"wants/STANDARD": 1}, "1 desktop would get a standby, 0 have one, 0 cannot", IN_TURN),
)
def test_what_is_said_of_a_fleet(counts: dict[str, int], begins: str, ends: str) -> None:
    message = planned(counts, is_accepted=True)["message"]
    assert message.startswith(f"Directory {HOME}: {begins}")
    assert message.endswith(ends)


def test_who_accepted_is_said_where_it_is_known() -> None:
    assert IN_TURN == "The fleet is accepted. Its standbys are created a few at a time."
    assert accepted(" by al") == "The fleet was accepted by al. Its standbys are created a few at a time."


def test_an_amount_is_kept_only_where_something_has_a_price() -> None:
    amounts = [planned(counts)["monthly_cost"] for counts in ({"wants/VALUE": 1}, {}, {"wants/POWER": 2})]
    assert amounts == [None, None, "11.50"]
