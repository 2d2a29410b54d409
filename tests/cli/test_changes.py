"""Changes of the ledger, as commands show them."""

import pytest

from cli.changes import subject, what


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
