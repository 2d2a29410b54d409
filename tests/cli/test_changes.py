"""Changes of the ledger, as commands show them."""

from typing import Any

import pytest

from cli.changes import subject, what


def test_a_condition_that_needs_action_is_named() -> None:
    change: dict[str, Any] = {"primary_id": "ws-1abc2def3", "from_status": "PROTECTED", "status": "PROTECTED"}
    change |= {"reason_code": "STANDBY_READY", "act_on": ["STALE"]}
    assert what(change) == "PROTECTED (STANDBY_READY, STALE)"
    change |= {"status": "FAILED", "reason_code": "STANDBY_IN_ERROR", "act_on": ["STANDBY_IN_ERROR"]}
    assert what(change) == "PROTECTED → FAILED (STANDBY_IN_ERROR)"


@pytest.mark.parametrize(
    ("key", "about", "said"),
    [
        ("ws-1abc2def3", "ws-1abc2def3", "WAITING → HELD (PAUSED)"),
        ("PAUSE", "the pair", "PAUSED"),
        ("HOLD#PAUSED", "the pair", "PAUSED"),
        ("SWEEP#d-906732325d", "d-906732325d", "PAUSED"),
        ("FLEET#d-906732325d#NO_USER", "d-906732325d", "PAUSED"),
    ],
)
def test_a_change_is_of_a_desktop_a_directory_or_the_pair(key: str, about: str, said: str) -> None:
    change = {"primary_id": key, "from_status": "WAITING", "status": "HELD", "reason_code": "PAUSED"}
    assert (subject(key), what(change)) == (about, said)
