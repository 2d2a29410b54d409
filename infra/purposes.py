"""What each alarm and each metric is for, and what the product costs at rest. README's tables are written from it.

An alarm that is not here cannot be made. It has to notice something that neither another alarm nor a notice does.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Alarm(NamedTuple):
    """One alarm: the metrics that it looks at in either Region's stack, which is what is billed."""

    notices: str
    primary: int = 0
    dr: int = 0
    condition: str = ""
    """When there is one at all, if not always."""


class Metric(NamedTuple):
    """Metrics of the namespace WorkspacesStandby with one purpose."""

    names: tuple[str, ...]
    by: str
    purpose: str
    at_rest: int = 0
    """How many of them are billed while nothing happens; the others cost only in hours in which there is something."""


ALARMS: Final = {
    "dead-letters": Alarm(
        "Something could not be delivered or handled after all tries. In the DR Region: who terminated a standby there "
        "could not be handed over.",
        primary=1,
        dr=1,
    ),
    "events-undelivered": Alarm("An event was lost: the dead-letter queue could not take it either.", primary=4, dr=1),
    "protect-errors": Alarm("protect fails when a state machine calls it. The machine goes on without it.", primary=1),
    "functions-throttled": Alarm(
        "Lambda refuses protect or announce for 15 minutes: the account's concurrency is used up.", primary=2
    ),
    "notices-late": Alarm("Changes and notices do not leave the ledger: announce fails or cannot publish.", primary=1),
    "sweep-silent": Alarm(
        "No sweep has seen the whole fleet for three intervals. In the DR Region: also if the primary Region's own "
        "alarms reach nobody.",
        primary=1,
        dr=1,
    ),
    "coverage-low": Alarm("Too few desktops are protected for hours, whatever the reason.", primary=1),
    "replica-late": Alarm("The replica is 15 minutes behind: a failover would read an older state.", primary=1),
    "tags-unknown": Alarm(
        "Tags cannot be read for hours, and desktops wait for them.", primary=2, condition="if a rule asks for tags"
    ),
    "replication-old": Alarm(
        "The data on a standby is older than `rpo_hours`.", primary=1, condition="if a directory replicates data"
    ),
    "primary-silent": Alarm("No watcher has run for 45 minutes: the primary Region, or the product, is down.", dr=1),
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
        "What the percentage is made of: a fleet that grows, or one that is mostly ineligible.",
        3,
    ),
    Metric(("CoverageAgeSeconds",), "sweep", "How old the oldest of these figures is.", 1),
    Metric(
        ("ExistingReported", "BackfillWaiting", "BackfillUnderWay", "BackfillProtected"),
        "sweep",
        "How far the backfill of an accepted fleet has come, as long as it lasts.",
    ),
    Metric(("DriftedStandbys",), "sweep", "Standbys that differ from their primaries. There is no notice of them.", 1),
    Metric(
        ("ReplicationAgeOldestSeconds", "StaleStandbys"),
        "sweep",
        "The alarm `replication-old`, and how many standbys it is about.",
        2,
    ),
    Metric(
        ("OrphanedStandbys", "OrphansMonthlyCost"), "sweep", "What standbys without a primary cost as time goes by.", 2
    ),
    Metric(
        ("SweepIntervalSeconds",),
        "sweep",
        "Whether sweeps keep their interval.",
        1,
    ),
    Metric(
        ("StandbysRequested", "Protected", "Held", "Ineligible", "Excluded", "Waiting"),
        "protect",
        "How many desktops have come to which status.",
    ),
    Metric(("Rejected", "Failed", "TimedOut"), "protect", "Each has a notice; these show whether they pile up."),
    Metric(
        ("Migrated", "TerminatedBySomebody", "TwoStandbys"),
        "protect, sweep",
        "Each has a notice, but for an announced termination.",
    ),
    Metric(
        ("Throttled", "UnknownAnswers"), "protect, sweep", "Whether AWS limits the pace, or answers what is of no use."
    ),
    Metric(("DirectoriesIncomplete",), "sweep", "Whether sweeps see all directories."),
    Metric(("BadEvents", "UnreadableRows"), "protect, sweep", "What only a person can put right."),
    Metric(("TagsUnknown",), "protect, sweep", "The alarm `tags-unknown`."),
    Metric(("DueRows", "EffectiveIntervalSeconds"), "watch", "How much is open, and how often it is looked at."),
    Metric(("NoticesSent",), "announce", "How many notices have left."),
)

# USD a month, by AWS's price list for us-east-1, with no free tier: what it is, how many, and the price of one.
COSTS: Final = (
    ("custom metrics", sum(metric.at_rest for metric in METRICS), 0.30),
    ("metrics of alarms", sum(one.primary + one.dr for one in ALARMS.values() if not one.condition), 0.10),
    ("dashboard", 1, 3.00),
    ("KMS keys", 2, 1.00),
    ("Step Functions: the starts of watcher and sweep, and their steps", 1, 0.38),
    ("Lambda", 1, 0.14),
    ("DynamoDB, SQS, SNS, EventBridge, logs", 1, 0.15),
)
