"""Properties and how many cases each gets: a few, the same each time, for `make test`; as many as asked for otherwise.

A test module states each property with `@holds_for(share, **strategies)`; the shares of all add up to one. A case is an
example whose body ran to its end: what Hypothesis rejected before, or a body gave up with `assume`, does not count.
"""

import functools
import math
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hypothesis
from hypothesis import HealthCheck, given
from hypothesis.strategies import SearchStrategy

FEW = 200  # what the quick run's 15 seconds hold
CASES = "FUZZ_CASES"

Body = Callable[..., None]


@dataclass(frozen=True)
class Property:
    """Something that holds whatever comes in; `share` is its part of all cases."""

    body: Body
    share: float
    strategies: dict[str, SearchStrategy[Any]]

    @property
    def name(self) -> str:
        """Its test's name."""
        return self.body.__name__

    def test(self, cases: int) -> Callable[[], None]:
        """A test of it with its share of so many cases, at least one."""
        examples = max(1, math.ceil(cases * self.share))
        return hypothesis.settings(max_examples=examples)(given(**self.strategies)(self._counted()))

    def _counted(self) -> Body:
        @functools.wraps(self.body)
        def run(**drawn: Any) -> None:
            self.body(**drawn)
            executed[self.name] += 1

        return run


PROPERTIES: list[Property] = []
executed: Counter[str] = Counter()


def holds_for(share: float, **strategies: SearchStrategy[Any]) -> Callable[[Body], Callable[[], None]]:
    """State a property."""

    def state(body: Body) -> Callable[[], None]:
        stated = Property(body, share, strategies)
        PROPERTIES.append(stated)
        return stated.test(int(os.environ.get(CASES) or FEW))

    return state


def load_profile() -> None:
    """The profile that this process's properties are tested with; before they are stated."""
    everywhere: dict[str, Any] = {
        "deadline": None,
        "print_blob": True,
        "database": None,
        "report_multiple_bugs": False,  # each costs a search of its own
        # An example here is a whole document, and what it takes to make one is known.
        "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    }
    hypothesis.settings.register_profile("repeatable", derandomize=True, **everywhere)
    hypothesis.settings.register_profile("searching", **everywhere)
    hypothesis.settings.load_profile("searching" if os.environ.get(CASES) else "repeatable")
