"""Reads the pages of a directory's two sides: a page that fails is requested again, as far as there is time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from standby.aws.workspaces import Page, WorkSpaces
from standby.core.conclusions import DR_SIDE, OWN
from standby.core.model import DirectoryId, Unknown, Workspace, WorkspaceId
from standby.core.upkeep import word
from standby.record import Recorder

# Tries for a page before the scan of the directory counts as incomplete.
_TRIES = 4
# botocore's error names if no answer comes.
_TIME_OUTS = ("ConnectTimeoutError", "ReadTimeoutError")
# A WorkSpace that moves between pages is returned again. This many pages in a row without a new one are a loop.
_MOST_REPEATS = 20


@dataclass
class Pages:
    """Reads the pages of directories.

    `hanging` are the sides on which a directory was given up because no answer came: the next directory's page is tried
    only once there.
    """

    recorder: Recorder
    primaries: WorkSpaces
    standbys: WorkSpaces
    hanging: set[str] = field(default_factory=set)

    def ask(self, directory: DirectoryId, side: str, token: str | None) -> Page | Unknown | None:
        """A page, or why there is none after some tries; None if there was no time for another try."""
        source, where = self.primaries, directory
        if side == DR_SIDE:
            source, where = self.standbys, self.recorder.settings.directories[directory].dr_directory
        tries = 1 if side in self.hanging else _TRIES
        for attempt in range(1, tries + 1):
            if not self.recorder.has_time():
                return None
            page = source.page(where, token)
            if isinstance(page, Page):
                self.hanging.discard(side)
                return page
            problem = page
            if attempt < tries:
                self.recorder.telemetry.count("UnknownAnswers")
                self.recorder.clock.sleep(5.0 * attempt)
        if problem.code in _TIME_OUTS:
            self.hanging.add(side)
        return problem


@dataclass
class Seen:
    """The WorkSpaces on the pages of a side, with a word for each: `before` in earlier parts of the sweep, or `here`.

    `repeats` counts consecutive pages without a new WorkSpace. `goes_round`: the pages do not end.
    """

    side: str
    before: Mapping[WorkspaceId, str]
    token: str | None
    repeats: int = 0
    here: dict[WorkspaceId, str] = field(default_factory=dict)
    goes_round: bool = False
    _tokens: set[str | None] = field(default_factory=set)

    def take(self, page: Page) -> list[Workspace]:
        """Add the page of `token`; returns its new WorkSpaces. One that moved between pages counts once."""
        self._tokens.add(self.token)
        fresh = {one.id: one for one in page.workspaces if one.id not in self.before and one.id not in self.here}
        self.here |= {one.id: "" if self.side == OWN else word(one) for one in fresh.values()}
        if page.workspaces:  # a page may be empty
            self.repeats = 0 if fresh else self.repeats + 1
        self.token = page.following
        self.goes_round = self.token is not None and (self.token in self._tokens or self.repeats >= _MOST_REPEATS)
        return list(fresh.values())
