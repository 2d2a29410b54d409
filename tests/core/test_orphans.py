"""What is said of a standby whose primary is gone: which it is, what it costs, and what it is worth to a successor."""

from decimal import Decimal
from typing import Any

from standby.core.orphans import orphaned
from standby.core.reasons import Reason
from standby.core.row import Kind
from tests.core import cases
from tests.core.cases import DESKTOP, OTHER, STANDBY, case, lasting, row, standby, table, with_one

COSTS = "It costs about USD 4.10 a month; data replication and hours of use are extra."
UNPRICED = "Its monthly cost is not known: no price is configured for"
WAS_MIGRATED = with_one(conditions=lasting(Kind.MIGRATED, note=OTHER))
MIGRATED = (
    f" The primary was migrated and is now {OTHER}. Standby {STANDBY} belongs to the old id: it holds data from before"
    f" the migration, and no user is redirected to it. While it exists, {OTHER} gets no standby."
)


@table(
    "of shown compute_type says",
    ("its own type", with_one(), standby(), "POWER", f"{STANDBY}. {UNPRICED} POWER in us-west-2."),
    ("its row's", with_one(), None, None, f"{STANDBY}. {COSTS}"),
    ("another one", with_one(), standby(id=DESKTOP), None, f"{DESKTOP}. {COSTS}"),
    ("new to the row", row(), standby(), None, f"{STANDBY}. {COSTS}"),
    ("no row", None, standby(), None, f"{STANDBY}. {UNPRICED} a desktop of unknown compute type in us-west-2."),
    ("other Region", with_one(dr_region="eu"), None, None, f"{STANDBY}. {UNPRICED} STANDARD in eu."),
    ("migrated", WAS_MIGRATED, None, None, f"{STANDBY}. {COSTS}{MIGRATED}"),
)
def test_what_is_said_of_an_orphan(of: Any, shown: Any, compute_type: str | None, says: str) -> None:
    change = orphaned(case(of, None, cases.BY_SWEEP, prices={"STANDARD": Decimal("4.10")}), shown, compute_type)
    assert cases.outcome(change) == "PRIMARY_GONE ORPHANED"
    assert change.message == f"{Reason.ORPHANED.meaning.sentence} The standby is {says}"
