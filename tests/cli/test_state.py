"""What holds a pair's requests back, as a table."""

from typing import Any

import pytest

from cli.state import State
from tests.component.estate import HOME, settings


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"settings": settings(mode="observe")}, "OBSERVE_MODE"),
        ({"pause": {"paused": True}}, "PAUSED"),
        ({"pause": {"pk": "PAUSE"}}, "PAUSED"),
        ({"pause": {"paused": False}}, None),
        ({"holds": {None: "QUOTA_REACHED"}}, "QUOTA_REACHED"),
        ({"holds": {HOME: "DIRECTORY_REFUSED"}}, "DIRECTORY_REFUSED"),
        ({"holds": {"d-9067000000": "DIRECTORY_REFUSED"}}, None),
        ({"new_today": 200}, "DAILY_CAP"),
        ({"standbys": 5000}, "CEILING"),
        ({"new_today": None, "standbys": None}, None),
    ],
)
def test_requests_are_held_for_the_first_reason_that_holds_them(given: dict[str, Any], expected: str | None) -> None:
    usual: dict[str, Any] = {"settings": settings(), "new_today": 0, "standbys": 0}
    found = State(**usual | given).held(HOME)
    assert (found[0] if found else None) == expected
