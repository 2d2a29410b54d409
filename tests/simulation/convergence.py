"""What must hold when everything has passed: all covered or explained, a true ledger, everybody told once."""

import re
from collections import Counter
from collections.abc import Sequence

from standby.core.model import Status
from tests.simulation.simulation import Simulation, Violated

# What a primary's status may be at the end.
Expected = dict[str, tuple[Status, ...]]
COVERED = (Status.PROTECTED,)
# Something that a person has to know.
_TOLD = (Status.REJECTED, Status.FAILED, Status.TIMED_OUT, Status.STANDBY_MISSING)


def lost(run: Simulation, expected: Expected) -> int:
    """How many primaries are not what they have to be."""
    return sum(run.audit.rows.get(one, {}).get("status") not in allowed for one, allowed in expected.items())


def check_end(run: Simulation, expected: Expected, *, copies: bool = False) -> None:
    """Everything has converged, the ledger is true, and everything that is to be told was told.

    Else it raises `Violated`. With `copies`, notices may have been sent twice: a topic takes what its sender does not
    know to have sent.
    """
    wrong = []
    standbys = {one.primary_id: one.workspace_id for one in run.world.standbys()}
    for one, statuses in expected.items():
        row = run.audit.rows.get(one, {})
        if row.get("status") not in statuses:
            wrong.append(
                f"{one} is {row.get('status')} ({row.get('reason_code')}: {row.get('message')}), not {statuses}"
            )
        elif statuses == COVERED and standbys.get(one) != row["standby_id"]:
            wrong.append(f"{one}'s standby is {standbys.get(one)}, and its row says otherwise")
    if run.world.duplicates():
        wrong.append(f"duplicates: {run.world.duplicates()}")
    if run.audit.open_rows:
        wrong.append(f"still open after {run.hours:.0f} h: {run.audit.open_rows}")
    wrong += _untold(run, copies=copies)
    if [one for one in run.queue.messages if "reason" not in one["attributes"]]:
        wrong.append(f"left in the dead-letter queue: {run.queue.messages}")
    if wrong:
        raise Violated("\n".join(wrong))


def _untold(run: Simulation, *, copies: bool) -> Sequence[str]:
    """What should have been told and was not, or was told too often."""
    told = Counter((str(one["primary_id"]), int(one["version"])) for one in run.bus.details)
    events = {(one, int(event["version"])) for one, story in run.audit.stories.items() for event in story}
    wrong = [f"never on the bus: {one}" for one in events if one not in told]
    due = run.audit.told()
    subjects = Counter(one for notice in run.topic.notices for one in _named(notice["Message"]))
    wanted = Counter(one for one, _ in due) + run.audit.of_the_pair
    for one in wanted | subjects:
        count = wanted[one]
        if subjects[one] < count or (subjects[one] > count and not (copies and count)):
            wrong.append(f"{count} notices are due for {one}, {subjects[one]} were sent")
    # Whatever the ledger says is due.
    for one, row in run.audit.rows.items():
        if Status(row["status"]) in _TOLD and not row.get("existing") and not subjects[one]:
            wrong.append(f"{one} is {row['status']} ({row['reason_code']}), and nobody was told")
    wrong += [f"{one} was told of {reason} {count} times" for (one, reason), count in Counter(due).items() if count > 1]
    return wrong


def _named(message: str) -> Sequence[str]:
    """The primaries that a notice names: one, or in a line each."""
    return re.findall(r"^(?:Primary|Ledger entry): (.*)", message, re.M) or re.findall(
        r"^20\S+  .*?  (\S+)  ", message, re.M
    )
