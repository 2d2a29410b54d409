"""Virtual time: tasks that run one at a time, and give way at each wait and each AWS call, in a seeded order."""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from greenlet import GreenletExit, greenlet

from local.workspaces import ManualClock


@dataclass(eq=False)
class Task:
    """A strand of work; `owner` is whatever runs it (a function's process, say)."""

    owner: Any
    strand: greenlet
    ticket: int = 0
    is_over: bool = False
    woken: bool = field(default=False, init=False)


class Scheduler:
    """Runs tasks at their times; tasks that are due at the same instant run in an order drawn from `dice`.

    `clock` is moved on as tasks come due, and never waited for. `after_step` is called each time a task has given way:
    nothing else runs meanwhile.
    """

    def __init__(self, clock: ManualClock, dice: random.Random, after_step: Callable[[], None] = lambda: None) -> None:
        self.clock = clock
        self.steps = 0
        self._dice = dice
        self._after_step = after_step
        self._due: list[tuple[datetime, float, int, Task, int]] = []
        self._numbers = itertools.count()
        self._hub = greenlet.getcurrent()
        self._running: Task | None = None
        # All that were begun: a killed process must not come to its `finally`, so nothing may unwind it before the end.
        self._tasks: list[Task] = []
        self._is_closed = False

    def now(self) -> datetime:
        return self.clock.now()

    @property
    def current(self) -> Task:
        """The task that runs; an error if none does."""
        if self._running is None:
            raise RuntimeError("no task runs now")
        return self._running

    def spawn(self, work: Callable[[], object], owner: Any = None, delay: float = 0.0) -> Task:
        """Begin a task, `delay` seconds from now."""
        task = Task(owner, greenlet(work, parent=self._hub))
        self._tasks.append(task)
        self._push(task, delay)
        return task

    def close(self) -> None:
        """Unwind all tasks: a strand that stands still keeps everything that it knows, and is never collected."""
        self._is_closed = True
        for task in self._tasks:
            task.is_over = True
            self._running = task
            task.strand.throw(GreenletExit)
        self._running = None
        self._tasks.clear()
        self._due.clear()

    def sleep(self, seconds: float) -> None:
        """Let the running task wait."""
        self._push(self.current, seconds if seconds > 0 else 0.0)
        self._give_way()

    def park(self, seconds: float | None = None) -> bool:
        """Let the running task wait to be woken; False if `seconds` passed before."""
        task = self.current
        task.woken = False
        if seconds is None:
            task.ticket += 1
        else:
            self._push(task, seconds)
        self._give_way()
        return task.woken

    def wake(self, task: Task) -> None:
        """Let a parked task go on."""
        if not task.is_over:
            task.woken = True
            self._push(task, 0.0)

    def kill(self, task: Task) -> None:
        """End a task where it stands: it runs no further line. The running task does not come back from this."""
        task.is_over = True
        task.ticket += 1
        if task is self._running:
            self._give_way()

    def run(self, until: datetime, enough: Callable[[], bool] = lambda: False) -> None:
        """Run what is due up to a time, or until there is `enough`, which is asked after each step."""
        due = self._due
        while due and due[0][0] <= until:
            moment, _, _, task, ticket = heapq.heappop(due)
            if task.is_over or ticket != task.ticket:
                continue
            self.clock.move_to(moment)
            self._running = task
            try:
                task.strand.switch()
            finally:
                self._running = None
            if task.strand.dead:
                task.is_over = True
                self._tasks.remove(task)
            self.steps += 1
            self._after_step()
            if enough():
                return
        self.clock.move_to(until)

    def _push(self, task: Task, delay: float) -> None:
        task.ticket += 1
        at = self.clock.now() + timedelta(seconds=delay)
        heapq.heappush(self._due, (at, self._dice.random(), next(self._numbers), task, task.ticket))

    def _give_way(self) -> None:
        if self._is_closed:
            raise GreenletExit
        self._hub.switch()
