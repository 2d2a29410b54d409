"""The pages of a directory's two sides: asked for again when one fails, as far as there is time, and put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from standby.aws.workspaces import Page, WorkSpaces
from standby.core.conclusions import DR_SIDE, OWN
from standby.core.model import DirectoryId, Unknown, Workspace, WorkspaceId
from standby.core.upkeep import word
from standby.record import Recorder

# A page that failed is asked for again so often before the directory counts as not scanned.
_TRIES = 4
# botocore's names for an answer that does not come.
_TIME_OUTS = ("ConnectTimeoutError", "ReadTimeoutError")
# What moves between pages is shown again now and then; so many pages running of nothing else go round in a circle.
_MOST_REPEATS = 20


@dataclass
class Pages:
    """Reads them.

    `hanging` are the sides on which a directory was given up because no answer came: the next one's is not waited for
    so long.
    """

    recorder: Recorder
    primaries: WorkSpaces
    standbys: WorkSpaces
    hanging: set[str] = field(default_factory=set)

    def ask(self, directory: DirectoryId, side: str, token: str | None) -> Page | Unknown | None:
        """A page, or why there is none after some tries; None if there was no time for one more."""
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
    """What the pages of a side have shown: `before`, in earlier parts of the sweep, and in this one, a word of each.

    `repeats` counts pages running that showed only what had been shown. `goes_round` is whether the pages do not end.
    """

    side: str
    before: Mapping[WorkspaceId, str]
    token: str | None
    repeats: int = 0
    here: dict[WorkspaceId, str] = field(default_factory=dict)
    goes_round: bool = False
    _tokens: set[str | None] = field(default_factory=set)

    def take(self, page: Page) -> list[Workspace]:
        """Take in the page of `token`; those of it that are new: one that has moved between pages counts once."""
        self._tokens.add(self.token)
        fresh = {one.id: one for one in page.workspaces if one.id not in self.before and one.id not in self.here}
        self.here |= {one.id: "" if self.side == OWN else word(one) for one in fresh.values()}
        if page.workspaces:  # a page may be empty
            self.repeats = 0 if fresh else self.repeats + 1
        self.token = page.following
        self.goes_round = self.token is not None and (self.token in self._tokens or self.repeats >= _MOST_REPEATS)
        return list(fresh.values())
