"""Regions that are lost: nothing there answers, no function runs, and what would be delivered there waits.

The control URL stays, and so does what the other Regions have.
"""

import contextvars
import threading
from collections.abc import Callable
from typing import Any


class Outages:
    """Which Regions are lost. It may be called from several threads."""

    def __init__(self) -> None:
        self._silent: dict[str, bool] = {}
        self._ended = threading.Condition()

    def begin(self, region: str, *, silent: bool = False) -> None:
        """Lose a Region: connections to it are reset, or, when it is silent, stay open without an answer."""
        with self._ended:
            self._silent[region] = silent

    def end(self, region: str | None = None) -> None:
        """Bring a Region back, or all of them."""
        with self._ended:
            for lost in list(self._silent) if region is None else [region]:
                self._silent.pop(lost, None)
            self._ended.notify_all()

    def lost(self) -> dict[str, bool]:
        """Return the Regions that are lost, each with whether it is silent."""
        with self._ended:
            return dict(self._silent)

    def wait(self, region: str) -> None:
        """Wait until a Region is not lost."""
        with self._ended:
            self._ended.wait_for(lambda: region not in self._silent)

    def when_back(self, region: str, call: Callable[..., Any], *arguments: Any) -> None:
        """Make a call, at once or, in another thread, when its Region is back."""
        if region not in self.lost():
            call(*arguments)
            return

        def wait_and_call() -> None:
            self.wait(region)
            call(*arguments)

        threading.Thread(target=contextvars.copy_context().run, args=(wait_and_call,), daemon=True).start()
