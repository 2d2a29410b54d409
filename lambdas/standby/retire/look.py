"""Whether an orphan may be terminated: everything that speaks against it, looked at afresh. Changes nothing.

Only what is known for certain lets it go: what AWS does not say, or says in part, is a reason to wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from standby.clock import Clock, to_text
from standby.decisions.unwell import UNWELL
from standby.model import GONE, HEALTHY_STANDBY, NO_REPLICATION, Unknown, Workspace, WorkspaceId, user_key
from standby.reasons import Reason
from standby.retire.witnesses import Witnesses
from standby.rows import Row
from standby.service.describe import Described, Primaries
from standby.service.terminate import OrphanedStandbys
from standby.settings import PRIMARY_TAG, STACK_TAG, Settings
from standby.sweep.orphans import Evidence, OrphanMemory

_AT_REST = HEALTHY_STANDBY | UNWELL


class Answer(StrEnum):
    """What a look comes to."""

    GO = "GO"  # nothing speaks against it
    GOING = "GOING"  # the standby is on its way out already
    WAIT = "WAIT"  # something is not known now
    AGAINST = "AGAINST"


@dataclass(frozen=True)
class Verdict:
    """An answer, and why."""

    answer: Answer
    why: str = ""


def _against(why: str) -> Verdict:
    return Verdict(Answer.AGAINST, why)


def _wait(why: str) -> Verdict:
    return Verdict(Answer.WAIT, why)


GO = Verdict(Answer.GO)


class OrphanLook:
    """Looks at orphans."""

    def __init__(
        self,
        primaries: Primaries,
        standbys: OrphanedStandbys,
        memory: OrphanMemory,
        settings: Settings,
        clock: Clock,
        witnesses: Witnesses,
    ) -> None:
        self._primaries = primaries
        self._standbys = standbys
        self._memory = memory
        self._settings = settings
        self._clock = clock
        self._witnesses = witnesses

    def judge(self, row: Row, evidence: Evidence) -> Verdict:
        """Look at an orphan: first at what costs no call."""
        verdict = self.by_ledger(row, evidence)
        for ask in (self._primary, self._standby, self._use):
            if verdict.answer is Answer.GO:
                verdict = ask(row)
        return verdict

    def by_ledger(self, row: Row, evidence: Evidence) -> Verdict:
        """What the ledger says: whose the standby is, and for how long every sweep has found it an orphan."""
        if row.standby_id is None or row.requested_at is None:
            return _against("It was not requested from here, or not with a clear answer.")
        if row.reason_before is Reason.ADOPTED:
            return _against("Somebody else made it.")
        if row.primary_directory_id not in self._settings.directories:
            return _against(f"Its directory {row.primary_directory_id} is not in the configuration any more.")
        if not self._settings.terminate_replicated and (why := self._was_replicated(row)):
            return _against(f"{why}: it may hold its user's last data.")
        if evidence.kept:
            return _against("Somebody wants it kept.")
        if evidence.last is not None and self._clock.now() - evidence.last > self._memory.gap:
            return _wait(f"No complete sweep has seen it since {to_text(evidence.last)}.")
        if evidence.age(row.standby_id) < self._settings.orphan_age:
            return _against(f"It is not for {_days(self._settings)} that every sweep has found its primary to be gone.")
        return GO

    def _was_replicated(self, row: Row) -> str:
        """What tells that data was copied to it, or should have been; what AWS shows once the source is gone does not.

        AWS does not say whether a standby goes on showing its data replication when its primary is gone.
        """
        if row.replication not in (None, NO_REPLICATION):
            return f"Its data replication is {row.replication}"
        if row.recovery_snapshot_at is not None:
            return f"Its user's data was copied to it at {to_text(row.recovery_snapshot_at)}"
        if row.copies_due_since is not None:
            return f"Its user's data was to be copied to it since {to_text(row.copies_due_since)}"
        directory = row.primary_directory_id
        if directory and self._settings.directories[directory].data_replication != NO_REPLICATION:
            return f"Data replication is configured for its directory {directory}"
        return ""

    def _primary(self, row: Row) -> Verdict:
        witnesses = self._witnesses.ids()
        described = self._primaries.describe([row.primary_id, *witnesses])
        if row.primary_id in described.found:
            return _against(f"Its primary is there: {described.found[row.primary_id].state}.")
        if row.primary_id in described.unknown:
            return _wait(f"Its primary could not be asked for: {described.unknown[row.primary_id].message}")
        return witnessed(witnesses, described)

    def _standby(self, row: Row) -> Verdict:
        standby_id = row.standby_id or WorkspaceId("")
        described = self._standbys.describe([standby_id])
        if standby_id in described.unknown:
            return _wait(f"The standby could not be asked for: {described.unknown[standby_id].message}")
        seen = described.found.get(standby_id)
        if seen is None:
            return _wait("The DR Region does not show the standby; whether it is gone is for the sweep to say.")
        if seen.state in GONE:
            return Verdict(Answer.GOING, f"It is {seen.state}.")
        if refusal := self._is_another(row, seen):
            return refusal
        tags = self._standbys.tags(standby_id)
        if isinstance(tags, Unknown):
            return _wait(f"The standby's tags could not be read: {tags.code}: {tags.message}")
        if tags.get(STACK_TAG) != self._settings.stack:
            return _against(f"Its tag {STACK_TAG} does not say that this stack made it.")
        if tags.get(PRIMARY_TAG, row.primary_id) != row.primary_id:
            return _against(f"Its tag {PRIMARY_TAG} names another primary.")
        # Whether a standby goes on showing its primary once that is gone is not documented: then its tag does.
        if seen.primary is None and PRIMARY_TAG not in tags:
            return _against("Neither its relations nor its tags say whose standby it is.")
        return GO

    def _is_another(self, row: Row, seen: Workspace) -> Verdict | None:
        """Whether the standby, as it is shown, is not what the ledger takes it for."""
        related = seen.primary
        if related is not None and related.id != row.primary_id:
            return _against(f"The DR Region shows it as the standby of {related.id}.")
        if related is not None and related.state not in (None, *GONE):
            return _against(f"The DR Region shows its primary as {related.state}.")
        if seen.standbys:
            return _against("The DR Region shows it as a primary.")
        if strange := next((other for other in seen.related if not other.is_known), None):
            return _wait(f"It is related to {strange.id} by the type {strange.kind}, which this version does not know.")
        if seen.directory_id is None or seen.user_name is None or seen.state is None:
            return _wait("The DR Region does not show all of it.")
        if seen.state not in _AT_REST:
            return _wait(f"It is {seen.state}: something is done to it, or this version does not know the state.")
        directory = row.primary_directory_id
        if directory is None or seen.directory_id != self._settings.directories[directory].dr_directory:
            return _against(f"It is in {seen.directory_id}, which is not the partner of {directory}.")
        if row.user_name is None or user_key(seen.user_name) != user_key(row.user_name):
            return _against("It is another user's.")
        copied = {row.replication, seen.data_replication} - {None}
        if copied != {NO_REPLICATION} and not self._settings.terminate_replicated:
            said = " and ".join(sorted(str(one) for one in copied)) or "not known"
            return _against(f"Its data replication is {said}: it may hold its user's last data.")
        return None

    def _use(self, row: Row) -> Verdict:
        """A user who works on it, as in a failover, or did within the days, may have data there."""
        use = self._standbys.use(row.standby_id or WorkspaceId(""))
        if isinstance(use, Unknown):
            return _wait(f"Whether somebody uses the standby could not be asked: {use.code}: {use.message}")
        if use.is_connected:
            return _against("Its user is connected to it.")
        if use.last is not None and self._clock.now() - use.last < self._settings.orphan_age:
            return _against(f"Its user was connected to it at {to_text(use.last)}.")
        return GO


def witnessed(witnesses: Sequence[WorkspaceId], described: Described) -> Verdict:
    """Whether an answer that does not show a primary shows that it is gone: only if it shows somebody else."""
    if any(one in described.found for one in witnesses):
        return GO
    if witnesses:
        return _wait("DescribeWorkspaces of the primary Region shows nobody now.")
    return _wait(
        "The ledger takes no other primary to be there, so that nothing tells a primary that is gone from a Region that"
        " does not show it. Look into the primary Region, and terminate the standby yourself if nobody needs it."
    )


def _days(settings: Settings) -> str:
    return f"{settings.orphan_age.total_seconds() / 86_400:g} days"
