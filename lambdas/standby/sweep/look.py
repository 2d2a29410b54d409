"""What a sweep does with the WorkSpaces of a page: decides for each, records what changed, and adds it up."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from standby.decisions.annotate import StandbyTally, annotate
from standby.decisions.decision import Action, Decision
from standby.ledger.ledger import Unreadable
from standby.ledger.recorder import Recorder
from standby.model import DirectoryId, Workspace, WorkspaceId
from standby.settings import Settings
from standby.sweep.baseline import BaselineMemory
from standby.sweep.coverage import UNREADABLE
from standby.sweep.fleet import counted, decide_in_fleet
from standby.sweep.place import Place
from standby.sweep.plan import tally


@dataclass
class Sums:
    """What the pages of a directory add up to so far: `counts`, `standbys` and `tally` of its `Place`."""

    counts: Counter[str]
    standbys: StandbyTally
    plan: Counter[str]

    @classmethod
    def of(cls, place: Place) -> Sums:
        """What a place has."""
        return cls(Counter(place.counts), StandbyTally(**place.standbys), Counter(place.tally))

    def put_into(self, place: Place) -> Place:
        """The place that has it."""
        standbys = {name: count for name, count in dataclasses.asdict(self.standbys).items() if count is not None}
        return dataclasses.replace(place, counts=dict(self.counts), standbys=standbys, tally=dict(self.plan))


class FleetLook:
    """Looks at a directory's primaries, page by page."""

    def __init__(self, recorder: Recorder, baselines: BaselineMemory, settings: Settings) -> None:
        self._recorder = recorder
        self._baselines = baselines
        self._settings = settings

    def look(
        self,
        directory: DirectoryId,
        workspaces: Iterable[Workspace],
        shapes: Mapping[WorkspaceId, str],
        sums: Sums,
    ) -> list[WorkspaceId]:
        """Decide for each WorkSpace of a page, record what changed, and add it up; who is ready for protect.

        Parameters
        ----------
        shapes
            What the sweep has seen of the partner's standbys.
        """
        by_id = {one.id: one for one in workspaces}
        rows = self._recorder.ledger.load(by_id) if by_id else {}
        baseline = self._baselines.read(directory, self._settings.directories[directory].dr_directory)
        readable = {one: row for one in by_id if not isinstance(row := rows.get(one), Unreadable)}
        unreadable = [seen for one, seen in by_id.items() if one not in readable]
        if unreadable:
            self._recorder.telemetry.count("UnreadableRows", len(unreadable))
        decided: dict[WorkspaceId, Decision] = {}
        ready: list[WorkspaceId] = []
        for one, row in readable.items():
            seen = by_id[one]
            now = self._recorder.clock.now()
            decision = decide_in_fleet(seen, row, baseline, self._settings, self._recorder.context.cause, now)
            decision, standby = annotate(decision, seen, row, shapes, self._settings, now)
            sums.standbys += standby
            decided[one] = decision
            if decision.action in (Action.REQUEST, Action.LOOK):
                ready.append(one)
            else:
                self._recorder.carry_out(decision, row, seen)
        sums.counts.update(counted(decided, rows))
        sums.counts.update(UNREADABLE for seen in unreadable if seen.primary is None)
        sums.plan.update(tally(decided, rows, by_id))
        return ready
