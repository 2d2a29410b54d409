"""The sweep's work: the whole fleet, directory by directory and page by page, paced, in as many invocations as needed.

Each directory is scanned on its DR side first, then on its own side. At the end, the sweep goes through the ledger's
rows once. That a WorkSpace is gone follows only from complete scans of both sides (`core/conclusions.py`) and from
DescribeWorkspaces by id: pages can miss a WorkSpace that moves between them, and a listing can lag.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from standby.aws.others import beat, standby_quota
from standby.aws.workspaces import Page, WorkSpaces
from standby.core.admission import left_behind
from standby.core.change import Change, Effect, say
from standby.core.conclusions import DR_SIDE, OWN, Census, Ids, Scan, judged
from standby.core.coverage import OLDEST, UNREADABLE, Coverage, add, cost_attributes, count, with_orphans
from standby.core.decide import decide
from standby.core.model import (
    SETTLED,
    SWEEP,
    Cause,
    DirectoryId,
    Status,
    Unknown,
    Workspace,
    WorkspaceId,
    batches,
    by_whom,
    from_text,
    to_text,
)
from standby.core.plan import accepted, monthly_cost, plan, progress, under
from standby.core.reasons import Reason
from standby.core.row import ALL_SHARDS, Row, Unreadable
from standby.core.upkeep import PCOIP_NOTICE, end_of_pcoip, hash_in, hashed_users
from standby.ledger.leases import SWEEP_LEASE, WATCH_LEASE
from standby.ledger.sweeps import DAYS_BACK, mapping_number
from standby.pages import Pages, Seen
from standby.record import Recorder
from standby.schedule import MOST_READY, Round
from standby.wiring import Deployed

_PARTITIONS = [(status, shard) for status in SETTLED for shard in ALL_SHARDS]
# A WorkSpace that a scan missed is described by its id this many times, at most this far apart, before it counts as
# missed.
LOOKUPS, _LOOKUPS_APART = 3, timedelta(seconds=5)
# States of a directory's registration that send no notice.
_REGISTERED = ("REGISTERED", "REGISTERING")
# How the last sentence of a plan begins until the directory is accepted, also of a plan from the version before.
_ASKS = "Nothing is created before "
# The metrics of the progress of existing fleets, by stage.
_STAGE_METRICS = {
    "ExistingReported": "reported",
    "BackfillWaiting": "waiting",
    "BackfillUnderWay": "under_way",
    "BackfillProtected": "protected",
}


def sweep(deployed: Deployed, execution_arn: str, number: int, has_time: Callable[[], bool]) -> Round:
    """Do one part of an execution's sweep."""
    lease = deployed.lease(SWEEP_LEASE)
    turn = lease.take(execution_arn, number)
    if turn is None:
        return Round(done=True, outcome="another sweep is under way")
    if turn.interval:
        deployed.telemetry.count("SweepIntervalSeconds", turn.interval)
    part = _Part(deployed, deployed.recorder(Cause(SWEEP, execution_arn, execution_arn=execution_arn), has_time))
    if turn.cursor is None:
        part.note_settings()
    place = part.go_on(_Place.read(turn.cursor, part.directories, deployed.clock.now()))
    ready = tuple(part.ready)
    if place.partition < len(_PARTITIONS):
        lease.keep(turn, dataclasses.asdict(place))
        return Round(done=False, outcome="continues", ready=ready)
    complete = part.report(place)
    lease.give_up(execution_arn)
    outcome = f"{complete} of {len(part.directories)} directories were scanned completely"
    return Round(done=True, outcome=outcome, ready=ready)


@dataclass(frozen=True)
class _Place:
    """The position of a sweep: the directory (sorted), the side and the page; then the partition of rows and the key.

    `parts`: how many parts of each side of the directory are kept in the ledger. `sizes`: how many WorkSpaces each side
    has. `problem`: why the scan is incomplete, or empty. `counts`: the counts of the directory's pages. `orphans`: the
    orphans found so far, by directory and compute type. `repeats`: consecutive pages without a new WorkSpace.
    `hanging`: the sides on which a directory was given up because no answer came.
    """

    directories: list[str]
    began_at: str
    at: int = 0
    side: str = DR_SIDE
    token: str | None = None
    parts: dict[str, int] = field(default_factory=lambda: {DR_SIDE: 0, OWN: 0})
    counts: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=lambda: {DR_SIDE: 0, OWN: 0})
    problem: str = ""
    partition: int = 0
    orphans: dict[str, dict[str, int]] = field(default_factory=dict)
    key: dict[str, str] | None = None
    repeats: int = 0
    hanging: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, cursor: Mapping[str, Any] | None, directories: Sequence[str], now: datetime) -> _Place:
        """The place in a cursor. A cursor for other directories is ignored: repeating a part changes nothing."""
        names = {each.name for each in dataclasses.fields(cls)}
        if cursor is not None and cursor.keys() == names and cursor["directories"] == list(directories):
            return cls(**cursor)
        return cls(list(directories), to_text(now))


class _Part:
    """One invocation's part of a sweep. `ready` are the primaries that need a lookup or a request."""

    def __init__(self, deployed: Deployed, recorder: Recorder) -> None:
        self._deployed = deployed
        self._recorder = recorder
        self._run = recorder.cause.id
        # Pages and lookups of both Regions share one pacer.
        pacer = deployed.sweeps_pacer()
        self._primaries = deployed.primaries(pacer)
        self._standbys = deployed.standbys(pacer)
        self._sweeps = deployed.sweeps()
        self._pages = Pages(recorder, self._primaries, self._standbys)
        self.directories = list(self._sweeps.dr_directories)
        self.ready: list[WorkspaceId] = []
        self._watcher_started = False

    def note_settings(self) -> None:
        """Keep the settings of this sweep for readers of the ledger."""
        settings, now = self._recorder.settings, self._recorder.clock.now()
        self._recorder.try_to(lambda: self._sweeps.keep_settings(settings, now))

    def go_on(self, place: _Place) -> _Place:
        """Continue from a place until time is up, there is enough for one call of protect, or the sweep is complete."""
        self._pages.hanging = set(place.hanging)
        while place.at < len(self.directories) and self._has_room() and self._recorder.has_time():
            place = self._scan(place)
        return self._conclude(place) if place.at == len(self.directories) else place

    def _has_room(self) -> bool:
        return len(self.ready) <= MOST_READY - 25

    # A side of a directory, page by page

    def _scan(self, place: _Place) -> _Place:
        """Read pages of one side until it ends, time is up, or there is enough for protect. Keep what was seen."""
        directory, side = self.directories[place.at], place.side
        before = self._sweeps.recall(directory, side, place.parts[side], self._run) or {}
        # For the own side: the standbys that this run saw. Nothing is known about others.
        dr_directories = self._sweeps.recall(directory, DR_SIDE, place.parts[DR_SIDE], self._run) if side == OWN else {}
        seen = Seen(side, before, place.token, place.repeats)
        counts, problem, is_over = place.counts, place.problem, False
        while not is_over and self._has_room():
            page = self._pages.ask(directory, side, seen.token)
            if page is None:
                break
            if isinstance(page, Unknown):
                problem, is_over = f"{side} side: {page.code}: {page.message}"[:300], True
                break
            fresh = seen.take(page)
            if side == OWN:
                counts = add(counts, self._decide_page(directory, fresh, dr_directories or {}))
            trouble = self._problem_of(side, page, seen)
            problem = problem or trouble
            is_over = seen.token is None or seen.goes_round
        # A standby whose primary is gone has no relation, but is still a standby.
        ours = self._recorder.ledger.primaries_of([one for one, word in seen.here.items() if hash_in(word)])
        here = {one: word.rpartition("/")[0] if one in ours else word for one, word in seen.here.items()}
        kept = self._sweeps.keep(directory, side, place.parts[side], self._run, here)
        place = dataclasses.replace(
            place,
            token=seen.token,
            repeats=seen.repeats,
            counts=counts,
            problem=problem,
            parts={**place.parts, side: place.parts[side] + kept},
            sizes={**place.sizes, side: place.sizes[side] + len(seen.here)},
            hanging=sorted(self._pages.hanging),
        )
        if not is_over:
            return place
        if side == DR_SIDE:
            return dataclasses.replace(place, token=None, repeats=0, side=OWN)
        return self._done(directory, place)

    def _decide_page(
        self, directory: DirectoryId, shown: list[Workspace], shapes: Mapping[WorkspaceId, str]
    ) -> dict[str, int]:
        """Decide for each WorkSpace of a page, record the changes, and return the counts."""
        rows = self._recorder.ledger.load(one.id for one in shown)
        fleet = dataclasses.replace(self._sweeps.fleet(directory), shapes=shapes, users=hashed_users(shapes.values()))
        counts: dict[str, int] = {}
        settled: list[Change] = []
        for workspace in shown:
            row = rows.get(workspace.id)
            if isinstance(row, Unreadable):
                self._recorder.telemetry.count("UnreadableRows")
                counts = add(counts, {} if workspace.primary else {UNREADABLE: 1})
                continue
            case = self._recorder.case(workspace.id, row, workspace, fleet)
            change = decide(case)
            counts = add(counts, count(case, change))
            if change.effect is Effect.NOTHING:
                settled.append(change)
            else:
                self.ready.append(workspace.id)
        done = self._recorder.record_all(settled, self._standbys)
        if any(one.status is Status.HELD and not one.is_nothing for one in done):
            self._start_watcher()
        return counts

    def _start_watcher(self) -> None:
        """Start the watcher, once in a part, so that it tries held rows while the sweep continues."""
        if self._watcher_started:
            return
        self._watcher_started = True
        if problem := self._deployed.lease(WATCH_LEASE).start_watcher(f"sweep-{self._deployed.new_id()[:12]}"):
            self._recorder.telemetry.problem(problem)

    def _problem_of(self, side: str, page: Page, seen: Seen) -> str:
        """Why a scan is incomplete after a page was read; empty if it is not."""
        if lost := self._recorder.unrecorded:
            # Without a row, the next sweep would count an existing desktop as new.
            count = len(lost)
            lost.clear()
            return f"{count} WorkSpaces could not be written to the ledger"
        if seen.goes_round:
            return f"{side} side: the pages repeat without an end"
        return "" if page.is_whole else f"{side} side: a page has an entry that cannot be read"

    def _done(self, directory: DirectoryId, place: _Place) -> _Place:
        """End the scan of a directory, and keep its result."""
        now = self._recorder.clock.now()
        scan = Scan(self._run, from_text(place.began_at), now, place.parts, place.problem, sizes=place.sizes)
        scan = judged(scan, self._sweeps.last(directory))
        if scan.problem:
            self._recorder.telemetry.problem(f"The scan of {directory} is incomplete: {scan.problem}")
        else:
            self._sweeps.begin(directory)
            self._keep_plan(directory, place.counts, now)
            if not scan.is_doubted:
                self._sweeps.take(directory, self._run, now)
            settings = self._recorder.settings
            more = cost_attributes("standbys", under(place.counts, "has"), settings.prices)
            more |= {"config_digest": settings.config_digest, "version": settings.version}
            self._sweeps.keep_coverage(directory, Coverage(place.counts), scan, more)
            if count := place.counts.get(f"cannot/{Reason.NO_USER}"):
                reason, pk = Reason.NO_USER, f"FLEET#{directory}#NO_USER"
                message, status = say(reason, f"Directory {directory} has {count} such WorkSpaces."), Status.INELIGIBLE
                self._recorder.notify(reason, message, pk=pk, once="1", status=status, directory=directory)
        self._sweeps.note(directory, scan)
        return _Place(place.directories, to_text(now), place.at + 1, hanging=place.hanging)

    # The existing fleet

    def _keep_plan(self, directory: DirectoryId, counts: Mapping[str, int], now: datetime) -> None:
        """Keep the plan and the progress of an existing fleet after a complete scan; send a notice about a new one.

        The notice comes first, once for each mapping: after a crash in between, the next sweep does the rest.
        """
        settings, row = self._recorder.settings, self._sweeps.baseline(directory)
        is_accepted = row.get("accepted", False) is True or settings.existing_fleet == "protect"
        new: dict[str, Any] = {"progress": progress(counts)}
        quota = self._quota  # in each sweep: the backfill depends on it
        kept, follows = row.get("plan"), accepted(by_whom(row, "accepted"))
        if kept is not None and is_accepted:
            # An accepted plan stays as it was read, except for the sentence about how to accept it.
            said, asks, _ = str(kept.get("message") if isinstance(kept, Mapping) else "").partition(_ASKS)
            if isinstance(kept, Mapping) and asks:
                self._sweeps.set(directory, {"plan": {**kept, "message": said + follows}})
        else:
            standbys, pcoip = self._recorder.gates.standbys(), end_of_pcoip(counts, now)
            follows = follows if is_accepted else f"{_ASKS}you accept the directory: `standby accept {directory}`."
            found = new["plan"] = plan(directory, counts, quota, standbys, settings, follows, pcoip)
            if "taken_at" not in row and (found["would_get"] or found["cannot"]):
                number, dr_directory = mapping_number(row), self._sweeps.dr_directories[directory]
                more: dict[str, Any] = {"version": number, "dr_directory_id": dr_directory, "directory": directory}
                more |= {"pk": f"FLEET#{directory}", "once": f"{number:06}", "status": Status.REPORTED}
                self._recorder.notify(Reason.FLEET_FOUND, found["message"], **more)
        new = {name: value for name, value in new.items() if row.get(name) != value}
        if new:
            self._sweeps.set(directory, new | {f"{name}_at": to_text(now) for name in new})

    @functools.cached_property
    def _quota(self) -> int | Unknown:
        """The quota, read once an invocation; if that fails, the last known value."""
        quota = standby_quota(self._deployed.client("service-quotas", self._recorder.settings.dr_region))
        if not isinstance(quota, Unknown):
            self._recorder.gates.keep_quota(quota)
            return quota
        self._recorder.telemetry.problem(
            f"The quota of standbys could not be read from Service Quotas: {quota.code}: {quota.message}"
        )
        known = self._recorder.gates.quota()
        return quota if known is None else known

    # What no longer exists

    def _conclude(self, place: _Place) -> _Place:
        """Compare the ledger's rows, partition by partition, with the complete scans of this run."""
        census = {one: found for one, scan in self._complete().items() if (found := self._census(one, scan))}
        for number in range(place.partition, len(_PARTITIONS)):
            if not self._recorder.has_time():  # an empty partition takes time too
                return place
            for page, following in self._recorder.ledger.rows_by_status(*_PARTITIONS[number], place.key):
                rows = [row for row in page if isinstance(row, Row)]
                done = self._check(rows, census) if self._recorder.has_time() else 0
                self._record_unmapped(rows[:done])
                orphans = with_orphans(place.orphans, rows[:done], self._recorder.settings)
                if done < len(rows):
                    key = _key_of(rows[done - 1]) if done else place.key
                    return dataclasses.replace(place, partition=number, key=key, orphans=orphans)
                place = dataclasses.replace(place, partition=number, key=following, orphans=orphans)
            place = dataclasses.replace(place, partition=number + 1, key=None)
        self._recorder.try_to(lambda: self._keep_orphans(place.orphans, census))
        return place

    def _complete(self) -> dict[DirectoryId, Scan]:
        """This run's complete scans."""
        scans = {one: self._sweeps.last(one) for one in self.directories}
        return {one: scan for one, scan in scans.items() if scan and scan.run == self._run and not scan.problem}

    def _census(self, directory: DirectoryId, scan: Scan) -> Census | None:
        """What a complete scan of this run has seen; None if nothing may be concluded from it."""
        if scan.is_doubted:
            return None
        own = self._sweeps.recall(directory, OWN, scan.parts[OWN], self._run)
        standbys = self._sweeps.recall(directory, DR_SIDE, scan.parts[DR_SIDE], self._run)
        if own is None or standbys is None:
            self._recorder.telemetry.problem(
                f"The stored scan of {directory} belongs to another run, so nothing is concluded from it"
            )
            return None
        return Census(Ids(own), Ids(standbys), scan, self._sweeps.dr_directories[directory])

    def _check(self, rows: Sequence[Row], census: Mapping[DirectoryId, Census]) -> int:
        """Conclude what follows for a page of rows; returns for how many of them there was time."""
        suspects = [
            (number, row, found)
            for number, row in enumerate(rows)
            if row.primary_directory_id and (found := census.get(row.primary_directory_id)) and found.suspects(row)
        ]
        for batch in batches(suspects):
            if not self._confirm([(row, found) for _, row, found in batch]):
                return batch[0][0]
        return len(rows)

    def _confirm(self, batch: Sequence[tuple[Row, Census]]) -> bool:
        """Describe each by its id, several times; nothing is concluded about one whose answer is unclear."""
        primaries = self._ask(self._primaries, [row.primary_id for row, _ in batch])
        standbys = self._ask(self._standbys, [row.standby_id for row, _ in batch if row.standby_id])
        if primaries is None or standbys is None:
            return False
        for row, found in batch:
            seen, standby = primaries.get(row.primary_id), standbys.get(row.standby_id or WorkspaceId(""))
            if isinstance(seen, Unknown) or isinstance(standby, Unknown):
                continue
            if change := found.conclude(self._recorder.case(row.primary_id, row, seen), standby):
                self._recorder.record(change)
        return True

    def _ask(self, where: WorkSpaces, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Workspace | Unknown] | None:
        """Describe WorkSpaces several times; those in no answer are left out. None if there was no time."""
        answers: dict[WorkspaceId, Workspace | Unknown] = {}
        for number in range(LOOKUPS):
            missing = [one for one in ids if one not in answers]
            if not self._recorder.has_time():
                return None
            if number and missing:
                self._recorder.clock.sleep(min(_LOOKUPS_APART, self._recorder.settings.poll_interval).total_seconds())
            answers |= where.describe(missing)
        return answers

    def _record_unmapped(self, rows: Sequence[Row]) -> None:
        """Record in the rows of directories that are no longer mapped that they are not."""
        for directory in {one for row in rows if (one := row.primary_directory_id) and one not in self.directories}:
            self._sweeps.forget(directory)
        for row in rows:
            if change := left_behind(self._recorder.case(row.primary_id, row)):
                self._recorder.record(change)

    # The figures

    def report(self, place: _Place) -> int:
        """Publish the figures of a sweep that has ended; returns how many directories were scanned completely."""
        telemetry, settings, complete = self._recorder.telemetry, self._recorder.settings, len(self._complete())
        self._recorder.try_to(self._report_coverage)
        self._recorder.try_to(self._report_registrations)
        orphans: Counter[str] = Counter()
        for types in place.orphans.values():
            orphans.update(types)
        telemetry.gauge("OrphanedStandbys", orphans.total())
        cost = monthly_cost(settings.prices, orphans)
        if settings.prices and cost.is_known:
            telemetry.gauge("OrphansMonthlyCost", float(cost.amount))
        if complete < len(self.directories):
            telemetry.count("DirectoriesIncomplete", len(self.directories) - complete)
            return complete
        self._report_backfill()
        for region in (settings.primary_region, settings.dr_region):
            beat(self._deployed.client("cloudwatch", region), "SweepCompleted", settings.stack, telemetry)
        return complete

    def _report_backfill(self) -> None:
        """Publish the progress of existing fleets while there is any: a metric is billed while it is published."""
        stages: Counter[str] = Counter()
        for one in self.directories:
            stages.update(self._sweeps.progress(one))
        if stages["waiting"] or stages["under_way"]:
            for metric, stage in _STAGE_METRICS.items():
                self._recorder.telemetry.gauge(metric, stages[stage])

    def _report_coverage(self) -> None:
        """Publish the pair's figures of the last complete scans, but none while a directory has no complete scan.

        Otherwise the figures of half a fleet would look like those of the fleet. `CoverageAgeSeconds` is the age of the
        oldest figure.
        """
        settings, telemetry = self._recorder.settings, self._recorder.telemetry
        found, problems = self._sweeps.last_days(self._recorder.clock.now())
        for problem in problems:
            telemetry.problem(problem)
        if missing := [directory for directory in self.directories if directory not in found]:
            more = f", nor of {len(missing) - 1} more" if len(missing) > 1 else ""
            why = f"no complete scan of {missing[0]} for {DAYS_BACK} days{more}"
            telemetry.problem(f"The coverage of the pair is not known, and its metrics are not published: {why}")
            return
        whole: dict[str, int] = {}
        for one in found.values():
            whole = add(whole, one.counts)
        coverage = Coverage(whole)
        telemetry.gauge("CoveragePercent", float(coverage.percent))
        telemetry.gauge("CoverageOfAllPercent", float(coverage.percent_of_all))
        telemetry.gauge("CoverageAgeSeconds", int(max(one.age for one in found.values()).total_seconds()))
        telemetry.gauge("EligibleDesktops", coverage.eligible)
        telemetry.gauge("ProtectedDesktops", coverage.protected)
        telemetry.gauge("DriftedStandbys", whole.get("drifted", 0))
        if OLDEST in whole:
            telemetry.gauge("StaleStandbys", whole.get("stale", 0))
            telemetry.gauge("ReplicationAgeOldestSeconds", whole[OLDEST])
        if stale := whole.get("stale", 0):
            hours = settings.rpo.total_seconds() / 3600
            detail = f"Standbys of this pair whose data is missing or older than {hours:g} hours: {stale}."
            reason = Reason.REPLICATION_STALE
            self._recorder.notify(reason, say(reason, detail), status=Status.PROTECTED)
        now = self._recorder.clock.now()
        if now.date() >= PCOIP_NOTICE and (words := end_of_pcoip(whole, now)):
            self._recorder.notify(Reason.PCOIP_ENDS, words, once="000001", status=Status.REPORTED)

    def _report_registrations(self) -> None:
        """Send a notice about each mapped directory that is known not to be registered with WorkSpaces.

        A directory that was not returned in two sweeps in a row counts as not registered. The first time is noted
        beside its baseline.
        """
        settings, mapped, states = self._recorder.settings, self._sweeps.dr_directories, dict[DirectoryId, str | None]()
        for source, region, directories in (
            (self._primaries, settings.primary_region, self.directories),
            (self._standbys, settings.dr_region, sorted(set(mapped.values()))),
        ):
            for batch in batches(directories):
                states |= self._registrations(source, region, batch) if self._recorder.has_time() else {}
        lacking = {one for one, state in states.items() if state is None and not self._is_inhabited(one)}
        for own, away in mapped.items():
            noted = self._sweeps.unregistered(own)
            # An unknown state ends nothing.
            missing = {
                one: noted.get(one, self._run) for one in lacking | (noted.keys() - states) if one in (own, away)
            }
            if missing != noted:
                self._sweeps.set(own, {"unregistered": missing})
            for directory, region in ((own, settings.primary_region), (away, settings.dr_region)):
                state = states.get(directory)
                if state not in (*_REGISTERED, None) or (directory in lacking and missing[directory] != self._run):
                    how = f"is in state {state}" if state else "is not returned by DescribeWorkspaceDirectories"
                    reason = Reason.DIRECTORY_NOT_REGISTERED
                    self._recorder.notify(reason, say(reason, f"{directory} in {region} {how}."), directory=directory)

    def _registrations(
        self, source: WorkSpaces, region: str, directories: Sequence[DirectoryId]
    ) -> dict[DirectoryId, str | None]:
        """The states of the registrations of some directories; empty if they are not known."""
        states = source.registrations(directories)
        if isinstance(states, Unknown):
            what = f"The registration of {', '.join(directories)} in {region} could not be read"
            self._recorder.telemetry.problem(f"{what}: {states.code}: {states.message}")
            return {}
        return states

    def _is_inhabited(self, directory: DirectoryId) -> bool:
        """Whether the last complete scan found WorkSpaces in a directory: then it is registered, whatever is returned.

        An outage can answer with empty lists too.
        """
        for own, away in self._sweeps.dr_directories.items():
            scan = self._sweeps.last(own) if directory in (own, away) else None
            if scan and scan.sizes.get(OWN if directory == own else DR_SIDE):
                return True
        return False

    def _keep_orphans(self, orphans: Mapping[str, Mapping[str, int]], census: Mapping[DirectoryId, Census]) -> None:
        for directory, found in census.items():
            attributes = cost_attributes("orphans", orphans.get(directory, {}), self._recorder.settings.prices)
            self._sweeps.add_to_day(directory, found.scan, attributes)


def _key_of(row: Row) -> dict[str, str]:
    """The key from which a query of by_status continues after this row."""
    item = row.to_state_item()
    return {name: item[name] for name in ("pk", "sk", "ix_status", "ix_status_at")}
