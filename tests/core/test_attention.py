"""What a person has to act on, as a table."""

from standby.core.attention import needs_action
from tests.core.cases import table


@table(
    "row conditions expected",
    ("is notified", "FAILED STANDBY_IN_ERROR", "", True),
    ("cannot have one, and a person can change it", "INELIGIBLE SECONDARY_EXISTS", "", True),
    ("AWS does not offer it", "INELIGIBLE OPERATING_SYSTEM", "", False),
    ("goes on", "WAITING PRIMARY_PENDING", "", False),
    ("the next day brings it", "HELD DAILY_CAP", "", False),
    ("held until a person acts", "HELD QUOTA_REACHED", "", True),
    ("only reported", "REPORTED EXISTING_FLEET", "", False),
    ("protected", "PROTECTED STANDBY_READY", "COPIED PCOIP", False),
    ("drifts", "PROTECTED STANDBY_READY", "DRIFT", True),
    ("stale", "PROTECTED STANDBY_READY", "COPIED STALE", True),
    ("has two", "PROTECTED STANDBY_READY", "DOUBLED", True),
    ("an orphan", "PRIMARY_GONE ORPHANED", "GONE", True),
    ("an orphan that is kept", "PRIMARY_GONE ORPHANED", "GONE KEPT", False),
    ("gone, and drifted once", "PRIMARY_GONE PRIMARY_TERMINATED", "DRIFT", False),
    ("never returned", "PRIMARY_GONE NEVER_RETURNED", "TROUBLE", False),
    ("of a later version", "PARKED A_NEW_REASON", "", False),
)
def test_what_needs_a_person(row: str, conditions: str, expected: bool) -> None:
    status, reason = row.split(" ")
    assert needs_action(status, reason, conditions.split()) is expected
