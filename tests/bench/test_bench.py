"""The benchmarks' own parts, and the counts that no change may raise unseen. Times are measured by `make bench`."""

import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from local.workspaces import ManualClock, World
from tests.bench import commands, page, scripted
from tests.bench.endpoint import Endpoint
from tests.bench.fleet import Run, accept, existing_fleet, new_primaries, run_until
from tests.bench.run import SIZES, bench_json
from tests.bench.sweeps import fill
from tests.simulation import faults
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Plans
from tests.simulation.services import Ledger
from tests.simulation.simulation import AWAY, HOME

COUNT = 50
# Twice as many open rows as a round of the watcher takes: rounds of several parts, longer pauses, reads with a limit.
CROWD, CROWD_MINUTES = 800, 30
AT_REST, REST_HOURS = 400, 3
# Of these requests, some create a standby and some do not, and no answer says which.
UNCLEAR = (faults.THROTTLED, faults.READ_TIMEOUT_BEFORE, faults.READ_TIMEOUT_AFTER, faults.READ_TIMEOUT_LATE)

# What each load takes, exactly. No time is measured, and one call more changes neither the latencies of other calls nor
# when a desktop is ready. Seconds are those of virtual time for which a function is billed: its waits, without its CPU
# time. Write units are those of the primary Region.
EXPECTED = """
                                            new  crowd  accepted  rest  failing
protect: BatchGetItem                       145    138        32     .      204
protect: CreateStandbyWorkspaces             27     14         2     .       23
protect: DescribeExecution                    1     31         .     .        1
protect: DescribeWorkspaces by id            75    150        36     .       86
protect: DescribeWorkspaces by user           .      .         .     .       87
protect: GetResources                        27      9         1     .       32
protect: StartExecution                       1      1         .     .        1
protect: TransactWriteItems                 223   1242       199     .      256
protect: invocations                         61     42        23     .       68
protect: seconds                             53    141        21     .      322
watch: BatchGetItem                         201     33        84    36      223
watch: DescribeExecution                      9      1         3     .       10
watch: PutItem                               64     14        27    12       71
watch: PutMetricData                         73     16        29    12       81
watch: Query                                328     67       143   108      363
watch: UpdateItem                            64     14        27    12       71
watch: invocations                           73     15        30    12       81
watch: seconds                               11      3         7    25       12
watch: desktops handed to protect          1181   2879       614     .     1384
sweep: BatchGetItem                          64      .        61   186       96
sweep: DescribeWorkspaceDirectories           4      .         4     6        6
sweep: DescribeWorkspaces                    11      .        11   102       17
sweep: GetAWSDefaultServiceQuota              2      .         2     3        3
sweep: GetResources                           .      .         2     .        1
sweep: GetServiceQuota                        2      .         2     3        3
sweep: PutItem                               22      .        22    33       33
sweep: PutMetricData                          4      .         4     6        6
sweep: Query                                 80      .        80   120      120
sweep: StartExecution                         .      .         1     .        .
sweep: TransactWriteItems                    25      .        50     .       25
sweep: UpdateItem                            10      .         7     6       14
sweep: invocations                            2      .         2     3        3
sweep: seconds                               27      .        26   122       41
announce: PutEvents                          54    126        41     .       58
announce: invocations                        49      6        23     .       43
announce: seconds                             1      1         .     .        1
ledger: items read by queries              1805   4461       772  1200     1995
ledger: read units                         2398   4158      1204  1720     2866
ledger: write units                        2146   8092      1977    90     2460
ledger: write units of indexes             2872  10188      2587     .     3357
EventBridge: events                         247   1242       247     .      280
Step Functions: transitions                 372     75       155    75      417
log lines                                   323   1075       271    24      352
"""


# Added to both counts before their ratio is taken, so that 1 more than 1 is not listed as the largest growth.
_FEW = 10
_GROWN = """\
What has grown is a regression until it is explained; the first lines say what is wasted. What has fallen beside it is
no improvement: rounds that take longer are fewer, and a lookup or a read that is missing may be a check that is gone.
EXPECTED changes only with the reason in the commit's message."""
_FALLEN = """\
Nothing has grown here. If nothing has grown in the other loads either, and no check is gone (a lookup, or a read
before a request), this is an improvement. Write it down in EXPECTED: otherwise the next change can raise it again
unnoticed."""


class Embedded(Run):
    """The same run, over the embedded cloud's DynamoDB."""

    ledger_type = Ledger


@pytest.fixture(scope="module")
def run(deployment: Deployment) -> Run:
    return new_primaries(deployment, COUNT)


def test_new_desktops_take_what_they_did(run: Run) -> None:
    check(new=counted(run))


def test_a_crowd_of_new_desktops_takes_what_it_did(deployment: Deployment) -> None:
    run = Run(deployment, CROWD)
    run.add_users([HOME], run.users)
    run.let_neighbour_in()
    run.create_paced(run.users, HOME, 60)
    run.run(CROWD_MINUTES / 60)
    check(crowd=counted(run))


def test_an_accepted_fleet_takes_what_it_did(deployment: Deployment) -> None:
    run = existing_fleet(deployment, COUNT)
    before = counted(run)
    accept(run, COUNT)
    check(accepted=counted(run) - before)


def test_a_fleet_at_rest_takes_what_it_did(deployment: Deployment) -> None:
    run = Run(deployment, 0, trail=lambda _: [], boot_seconds=0, standby_boot_seconds=0, boot_spread_seconds=0)
    run.world.settings.change(throttling=False)
    fill(run.world, run.ledger, HOME, AWAY, range(AT_REST))
    run.world.settings.change(throttling=True)
    run.run(1)
    before = counted(run)
    run.run(REST_HOURS)
    check(rest=counted(run) - before)


def test_requests_that_fail_take_what_they_did(deployment: Deployment) -> None:
    run = Run(deployment, COUNT)
    run.add_users([HOME], run.users)
    run.let_neighbour_in()
    run.disturb(*UNCLEAR, minutes=(0, 180), matches=lambda call: call.operation == "CreateStandbyWorkspaces", rate=0.5)
    unclear = run.wire.plan
    # The first complete lookup comes so late that it would be the deciding one if one were enough.
    run.disturb(faults.MALFORMED, minutes=(0, 75), matches=lambda call: call.purpose == "by user")
    run.wire.plan = Plans(run.wire.plan, unclear)
    run.create_paced(run.users, HOME, 3600)
    run_until(run, COUNT)
    check(failing=counted(run))


def counted(run: Run) -> Counter[str]:
    """Everything that a run has used so far and that is billed, or taken from the rate that an account shares."""
    counts = Counter[str]()
    for call, count in run.audit.calls.items():
        purpose = f" {call.purpose}".rstrip() if call.service == "workspaces" else ""
        counts[f"{call.function}: {call.operation}{purpose}"] += count
    spent = run.spent()
    for name, work in spent.work.items():
        counts[f"{name}: invocations"] = work.invocations
        counts[f"{name}: seconds"] = round(work.waited)
    counts["watch: desktops handed to protect"] = run.work["watch"].ready
    counts["ledger: items read by queries"] = spent.billed.items_read
    counts["ledger: read units"] = round(spent.billed.read_units)
    counts["ledger: write units"] = spent.billed.write_units
    counts["ledger: write units of indexes"] = spent.billed.index_write_units
    counts["Step Functions: transitions"] = spent.transitions
    counts["EventBridge: events"] = spent.bus_events
    counts["log lines"] = run.log_lines
    return counts


def check(**found: Counter[str]) -> None:
    """Fail with what has changed in a load, what has grown most first."""
    expected = _expected()
    lines: list[str] = []
    has_grown = False
    for load, counts in found.items():
        before = expected[load]
        changed = [name for name in before | counts if before[name] != counts[name]]
        changed.sort(key=lambda name: (before[name] + _FEW) / (counts[name] + _FEW))
        has_grown = has_grown or any(counts[name] > before[name] for name in changed)
        lines += ["", f"{load:<40}{'expected':>10}{'found':>10}{'change':>10}"] * bool(changed)
        lines += [
            f"  {name:<38}{before[name]:>10}{counts[name]:>10}{counts[name] - before[name]:>+10}" for name in changed
        ]
    if lines:
        pytest.fail("\n".join([*lines, "", _GROWN if has_grown else _FALLEN]), pytrace=False)


def _expected() -> dict[str, Counter[str]]:
    """The columns of the table."""
    head, *rows = EXPECTED.strip("\n").splitlines()
    loads = head.split()
    found = {load: Counter[str]() for load in loads}
    for row in rows:
        name, *counts = re.split(r" {2,}", row.strip())
        for load, count in zip(loads, counts, strict=True):
            found[load][name] = 0 if count == "." else int(count)
    return found


def test_the_fast_ledger_ends_with_the_rows_of_the_embedded_one(deployment: Deployment, run: Run) -> None:
    found = dict(run.ledger.items)
    embedded = Embedded(deployment, COUNT)
    embedded.add_users([HOME], embedded.users)
    embedded.let_neighbour_in()
    embedded.create_paced(embedded.users, HOME, 3600)
    run_until(embedded, COUNT)
    listed = embedded.ledger.ask("Scan")["Items"]
    assert {(item["pk"]["S"], item["sk"]["S"]): item for item in listed} == found


def test_the_script_sees_all_through_and_its_throttled_calls_are_repeated_as_boto3_does() -> None:
    found = scripted.run(COUNT * 4)
    assert found.calls - found.throttled > 50 * found.primaries
    assert 2 < found.hours < 5
    # Of five attempts that are throttled boto3 gives up once.
    assert 0 < 5 * found.gave_up <= found.throttled


def test_queries_of_the_document_read_what_they_print() -> None:
    now = datetime.now(UTC)
    ledger = commands.large_ledger(2_000, 20_000, now)
    endpoint = Endpoint(World(ManualClock()), ledger)
    with endpoint.open():
        found = commands.amplification(ledger, endpoint.url, now)
    assert len(found) == 5
    assert max(found.values()) <= 1.2, found


def test_bench_json_has_the_keys_that_its_readers_know() -> None:
    if page.RECORD.exists():
        found = bench_json(page.record()["found"], SIZES)
        assert list(found) == [
            "calls",
            "makespan_ratio",
            "throttled_percent",
            "delay_intervals",
            "cost_usd",
            "memory_mb",
            "cold_start_ratio",
            "zip_bytes",
            "read_amplification",
        ]
        assert found.items() <= page.record()["result"].items()


def test_the_page_is_made_of_the_record_alone() -> None:
    assert page.PAGE.exists() == page.RECORD.exists()
    if page.RECORD.exists():  # before the first whole run there is neither
        written = page.PAGE.read_text(encoding="utf-8")
        assert written == page.page(page.record()), "make bench ARGS=--page writes it anew"
