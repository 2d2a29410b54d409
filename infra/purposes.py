"""The purpose of each alarm and metric, and the product's cost. The runbook and its tables are generated from this.

An alarm must be listed here. It must detect something that no other alarm and no notice reports.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Alarm(NamedTuple):
    """One alarm: its section of the runbook, and how many metrics it evaluates in each Region's stack.

    AWS bills an alarm by its metrics. `first` is a command, with the names of the example.
    """

    fires: str
    means: str
    first: str
    causes: tuple[str, ...]
    over: str
    primary: int = 0
    dr: int = 0
    condition: str = ""
    """When the alarm exists, if not always."""
    in_dr: str = ""
    """How the alarm of the same name in the DR Region differs."""


class Metric(NamedTuple):
    """Metrics in the namespace WorkspacesStandby that have one purpose."""

    names: tuple[str, ...]
    by: str
    purpose: str
    at_rest: int = 0
    """How many of them are billed while nothing happens. The others are billed only for hours with data."""


ALARMS: Final = {
    "dead-letters": Alarm(
        fires="the dead-letter queue has a message",
        means="Something could not be delivered or handled after all retries. It is kept in the queue for 14 days. A "
        "desktop may wait for it.",
        first="standby redrive --list",
        causes=(
            (
                "The ledger or AWS was unavailable for longer than the retries last. When it works again, run "
                "`standby redrive`."
            ),
            "An event cannot be read. The list says why, and what to do about each.",
            "Changes could not be published for six hours. They are in the ledger, and nothing has to be repeated.",
            "EventBridge or EventBridge Scheduler was denied a call. Correct the policy, then run `standby redrive`.",
        ),
        over="The queue is empty. See [dead letters](dead-letters.md).",
        primary=1,
        dr=1,
        in_dr="The queue is the DR stack's own, and `standby redrive` does not read it. Each message is CloudTrail's "
        "record of a TerminateWorkspaces call that could not be handed to the primary Region within a day. The sweep "
        "finds what is gone. Read in the message who made the call, and delete the message: "
        "[the DR Region's queue](dead-letters.md#the-dr-regions-queue).",
    ),
    "events-undelivered": Alarm(
        fires="an event of one of the stack's rules cannot be delivered by EventBridge",
        means="If the alarm `dead-letters` fires too, the event is in the queue, and nothing is lost. If it does not, "
        "the queue could not take the event, and the event is lost.",
        first="standby redrive --list",
        causes=(
            (
                "The target denies the rule: protect, the topic of an existing `notify_topic_arn`, or the key of "
                "either. Correct the policy."
            ),
            "A lost event of a new desktop: the next sweep finds the desktop. No action is needed.",
            (
                "A lost event of a termination: the sweep finds what is gone. CloudTrail's event history says who made "
                "the call."
            ),
        ),
        over="Five minutes without another failure. Events that were lost do not return.",
        primary=4,
        dr=1,
        in_dr="It is about the rule that hands TerminateWorkspaces calls to the primary Region.",
    ),
    "protect-errors": Alarm(
        fires="the function protect fails once in five minutes",
        means="The state machines and Lambda retry, and the next round continues with what is open. One failure is no "
        "reason to act; a failure in every round is.",
        first="aws logs filter-log-events --region us-east-1 --log-group-name "
        "/aws/lambda/Standby-us-east-1-us-west-2-protect --filter-pattern '?ERROR ?Task' "
        "--start-time $(($(date +%s) - 3600))000 --query 'events[].message' --output text",
        causes=(
            "The ledger cannot be read or written: the log names the error of DynamoDB.",
            "The function timed out because AWS answered slowly. It continues in the next round.",
            (
                "A permission is missing, for example after a change of a service control policy. `standby doctor` "
                "simulates protect's permissions."
            ),
        ),
        over="Five minutes without a failure.",
        primary=1,
    ),
    "functions-throttled": Alarm(
        fires="protect or announce is throttled by Lambda in three periods of five minutes in a row",
        means="The account's concurrent executions in the Region are used up. Events and changes are retried for six "
        "hours, so that nothing is lost yet.",
        first="aws lambda get-account-settings --region us-east-1",
        causes=(
            "Another function in the account uses the concurrency. Limit it with reserved concurrency.",
            "The account's quota of concurrent executions is low. Ask for a higher one in Service Quotas.",
        ),
        over="Five minutes without a throttle.",
        primary=2,
    ),
    "notices-late": Alarm(
        fires="changes wait for more than 10 minutes in the ledger's stream, for 15 minutes",
        means="Notices and events of the bus are late: announce fails, or cannot publish. After six hours, changes go "
        "to the dead-letter queue. Standbys are still created.",
        first="aws logs filter-log-events --region us-east-1 --log-group-name "
        "/aws/lambda/Standby-us-east-1-us-west-2-announce --filter-pattern announced "
        "--start-time $(($(date +%s) - 3600))000 --query 'events[].message' --output text",
        causes=(
            (
                "An existing topic, or its key, denies the function. Compare its policies with "
                "[an existing topic](../configuration.md#an-existing-topic)."
            ),
            "In a VPC, the endpoint of `sns` or `events` is missing.",
            "announce is throttled. See [functions-throttled](#functions-throttled).",
        ),
        over="The oldest change that waits is less than 10 minutes old. `standby list --needs-action` shows what the "
        "late notices are about.",
        primary=1,
    ),
    "sweep-silent": Alarm(
        fires="three sweep intervals in a row end without a complete sweep",
        means="Desktops whose events were lost are not found, what is gone is not noticed, and coverage is not "
        "counted. Events still work. After the first deployment the alarm stays on until the first complete sweep. An "
        "interval is at least as long as a sweep of `max_standbys` desktops takes at your `calls_per_second`.",
        first="standby doctor --only deployment",
        causes=(
            "The stack is new. Wait for two intervals.",
            (
                "One directory cannot be listed completely: another tool uses up the WorkSpaces API, or the directory "
                "is not registered. `standby status` shows when each directory was last counted."
            ),
            "The sweep takes longer than its interval. Raise `sweep_interval_minutes`.",
            "Executions fail. Read the sweep function's log and the last executions.",
        ),
        over="One complete sweep has ended.",
        primary=1,
        dr=1,
        in_dr="It fires as well, so that you are notified if the primary Region's alarms reach nobody. If the primary "
        "Region is down, the alarm is expected: see [primary-silent](#primary-silent).",
    ),
    "coverage-low": Alarm(
        fires="each sweep within `coverage_grace_hours` finds fewer than `coverage_target` percent of the eligible "
        "desktops protected",
        means="Too few desktops have a standby that is ready, whatever the reason.",
        first="standby list --uncovered",
        causes=(
            "An accepted fleet is still getting its standbys. The percentage rises by itself.",
            "The pair is paused, or the daily cap, the ceiling or the quota is reached. `standby status` names it.",
            (
                "Users are missing in the DR directory, standbys are in ERROR, or a directory refuses standbys. "
                "`standby list --needs-action` lists what a person has to correct, and `standby show USER` says how."
            ),
            "Standbys were terminated: see [neighbours](neighbours.md).",
        ),
        over="One sweep finds enough. Without a figure the alarm stays as it is.",
        primary=1,
    ),
    "replica-late": Alarm(
        fires="the ledger's replica is 15 minutes behind, for 15 minutes",
        means="Nothing is lost: the ledger is written in the primary Region. In a failover, the replica would show an "
        "older state.",
        first="aws dynamodb describe-table --region us-east-1 --table-name Standby-us-east-1-us-west-2 "
        "--query 'Table.Replicas'",
        causes=(
            "DynamoDB has a problem in the DR Region. Check the AWS Health Dashboard.",
            "The replica's key is disabled, with `customer_managed_keys`. `standby doctor` names it.",
        ),
        over="The replica is less than 15 minutes behind.",
        primary=1,
    ),
    "tags-unknown": Alarm(
        fires="tags of desktops cannot be read in two of three periods, each an hour or a sweep interval",
        means="A rule selects desktops by tag. Where tags are unknown, no standby is created and none is excluded: "
        "desktops wait.",
        first="standby list --reason TAGS_UNKNOWN",
        causes=(
            "A policy denies `tag:GetResources` to protect or sweep. The functions' logs have the error.",
            "In a VPC, the endpoint `tagging` is missing.",
            "The Resource Groups Tagging API is throttled by another tool. The next round tries again.",
        ),
        over="Tags can be read. Desktops that waited continue without further action.",
        primary=2,
        condition="if a rule selects by tag",
    ),
    "replication-old": Alarm(
        fires="the data on a standby is older than `rpo_hours`, or no copy has arrived for that time",
        means="In a failover, users of these standbys find older data than you promise them.",
        first="standby list --stale",
        causes=(
            (
                "AWS makes no copies, for example because of an unhealthy primary. Check data replication in the "
                "WorkSpaces console; AWS Support can say why."
            ),
            "`rpo_hours` is too low. AWS copies every 12 hours, so that data of 24 hours is normal.",
        ),
        over="No standby's data is older than `rpo_hours`. See [age of the copies](data-copies.md).",
        primary=1,
        condition="if a directory replicates data",
    ),
    "primary-silent": Alarm(
        fires="no watcher has run for 45 minutes",
        means="The primary Region is down, or the product is not working there.",
        first="standby status --stack Standby-us-east-1-us-west-2",
        causes=(
            (
                "The primary Region is down: the command says that it does not answer, and reads the replica. Follow "
                "[the failover day](failover.md)."
            ),
            (
                "The schedule of the watcher was disabled or deleted, or watch fails. `standby doctor --only "
                "deployment` names it."
            ),
            (
                "watch cannot publish metrics in the DR Region: a policy denies it, or, in a VPC, `monitoring` of the "
                "DR Region is not reachable."
            ),
        ),
        over="A watcher has run. The schedule starts one every 15 minutes.",
        dr=1,
    ),
}

METRICS: Final = (
    Metric(("Heartbeat",), "watch, in the DR Region", "The alarm `primary-silent`.", 1),
    Metric(
        ("SweepCompleted",),
        "sweep, in both Regions",
        "The alarms `sweep-silent`. In a failover the DR Region still shows when the last sweep was.",
        2,
    ),
    Metric(("CoveragePercent",), "sweep", "The alarm `coverage-low`, and the dashboard's first graph.", 1),
    Metric(
        ("CoverageOfAllPercent", "EligibleDesktops", "ProtectedDesktops"),
        "sweep",
        "The numbers behind the percentage: a fleet that grows, or one that is mostly ineligible.",
        3,
    ),
    Metric(("CoverageAgeSeconds",), "sweep", "How old the oldest of these figures is.", 1),
    Metric(
        ("ExistingReported", "BackfillWaiting", "BackfillUnderWay", "BackfillProtected"),
        "sweep",
        "The progress of an accepted fleet's standbys, as long as it lasts.",
    ),
    Metric(("DriftedStandbys",), "sweep", "Standbys that differ from their primaries. There is no notice of them.", 1),
    Metric(
        ("ReplicationAgeOldestSeconds", "StaleStandbys"),
        "sweep",
        "The alarm `replication-old`, and how many standbys it is about.",
        2,
    ),
    Metric(("OrphanedStandbys", "OrphansMonthlyCost"), "sweep", "What standbys without a primary cost over time.", 2),
    Metric(
        ("SweepIntervalSeconds",),
        "sweep",
        "Whether sweeps keep their interval.",
        1,
    ),
    Metric(
        ("StandbysRequested", "Protected", "Held", "Ineligible", "Excluded", "Waiting"),
        "protect",
        "How many desktops reached which status.",
    ),
    Metric(("Rejected", "Failed", "TimedOut"), "protect", "Each has a notice; these show whether they pile up."),
    Metric(
        ("Migrated", "TerminatedBySomebody", "TwoStandbys"),
        "protect, sweep",
        "Each has a notice, except an announced termination.",
    ),
    Metric(
        ("Throttled", "UnknownAnswers"), "protect, sweep", "Whether AWS throttles calls, or gives unusable answers."
    ),
    Metric(("DirectoriesIncomplete",), "sweep", "Whether sweeps see all directories."),
    Metric(("BadEvents", "UnreadableRows"), "protect, sweep", "Events and rows that only a person can correct."),
    Metric(("TagsUnknown",), "protect, sweep", "The alarm `tags-unknown`."),
    Metric(("DueRows", "EffectiveIntervalSeconds"), "watch", "How many rows are due, and how often they are checked."),
    Metric(("NoticesSent",), "announce", "How many notices have left."),
)

# USD a month of 500 desktops at rest in two directories, by AWS's price list for us-east-1, with no free tier: what it
# is, how many, and the price of one. `make bench` measures what is used (docs/performance.md).
COSTS: Final = (
    ("custom metrics", sum(metric.at_rest for metric in METRICS), 0.30),
    ("metrics of alarms", sum(one.primary + one.dr for one in ALARMS.values() if not one.condition), 0.10),
    ("dashboard", 1, 3.00),
    ("KMS keys", 2, 1.00),
    ("Step Functions: the starts of watcher and sweep, and their steps", 1, 0.47),
    ("Lambda", 1, 0.13),
    ("DynamoDB, heartbeats, X-Ray, logs, KMS requests, schedules", 1, 0.16),
)
