"""Runs that are one and the same up to a moment: simulated once until then, and from there each in a forked process."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

from tests.simulation.faults import Call, OneFault


class Parted(BaseException):
    """All have gone on, each in its process, and have answered: nothing is left to do for the one that they left.

    No Exception: no handler of the product may take it for one of AWS's.
    """


class Parting:
    """Lets nothing go wrong until its call is made; then the faults that may meet it are met, each in a process.

    `answers` are what the processes had to say, in the faults' order; None from one that ended without a word. `mine`
    is which fault is this process's, `at` the moment at which the runs have parted; None where they have not.
    """

    def __init__(self, call: Call, faults: Sequence[OneFault]) -> None:
        self.answers: list[Any] = []
        self.mine: int | None = None
        self.at: datetime | None = None
        self._call = call
        self._faults = faults
        self._out = -1

    @property
    def met(self) -> OneFault | None:
        """The fault of this process; None where the runs have not parted yet."""
        return self._faults[self.mine] if self.mine is not None else None

    def fault(self, call: Call, now: datetime) -> str | None:
        """What happens to a call.

        Raises
        ------
        Parted
            In the process that waited for the others.
        """
        if self.mine is None and call == self._call:
            self.at = now
            self._part()
        return self.met.fault(call, now) if self.met else None

    def _part(self) -> None:
        for number in range(len(self._faults)):
            reading, writing = os.pipe()
            process = os.fork()
            if process == 0:
                os.close(reading)
                self.mine, self._out = number, writing
                return
            os.close(writing)
            with os.fdopen(reading, "rb") as answer:
                said = answer.read()
            os.waitpid(process, 0)
            self.answers.append(pickle.loads(said) if said else None)  # noqa: S301 (of our own process)
        raise Parted

    def say(self, answer: Any) -> NoReturn:
        """Answer, in a process that has gone on, and end it: nothing else of it is anybody's."""
        try:
            with os.fdopen(self._out, "wb") as out:
                pickle.dump(answer, out)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
