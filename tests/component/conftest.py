"""An estate for each test; what a test wants otherwise, it configures."""

import pytest

from tests.component.estate import Estate


@pytest.fixture
def found() -> Estate:
    return Estate()
