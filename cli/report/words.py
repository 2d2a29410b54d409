"""Sections 12 to 15: prerequisites, limits, method and glossary, and controls. Pure, and mostly words."""

from __future__ import annotations

from typing import Final

from cli.report.blocks import Block, Column, Fact, Facts, Items, Section, Table, Terms, Text
from cli.report.figures import Doctor, Figures
from cli.report.forms import count, span, utc
from standby.core.examined import NOT_SEEN, PROBLEM, WARNING, by_status

_DOCTORS_ORDER: Final = (PROBLEM, WARNING, *NOT_SEEN)


def twelfth(figures: Figures) -> Section:
    """Section 12."""
    title = "Prerequisites"
    if figures.doctor is None:
        none = "No run of the check of prerequisites was kept. Whether they hold is not known."
        return Section(
            12,
            "prerequisites",
            title,
            [Text(f"{none} The operator keeps one with `standby doctor --keep`.", "warning")],
        )
    return Section(12, "prerequisites", title, list(_examined(figures.doctor, figures)))


def _examined(doctor: Doctor, figures: Figures) -> list[Block]:
    age = figures.period.now - doctor.at
    total = by_status(doctor.checks)
    because = f" ({doctor.because})" if doctor.because else ""
    groups: dict[str, dict[str, int]] = {}
    for check, counts in doctor.checks.items():
        of = groups.setdefault(check.partition("/")[0], {})
        for status, many in counts.items():
            of[status] = of.get(status, 0) + many
    statuses = sorted({one for counts in groups.values() for one in counts}, key=_order)
    rows = [
        {"group": group, **{status: counts.get(status, 0) for status in statuses}} for group, counts in groups.items()
    ]
    bad = [
        {"check": check, "status": status, "findings": many}
        for check, counts in doctor.checks.items()
        for status, many in sorted(counts.items(), key=lambda one: _order(one[0]))
        if status in _DOCTORS_ORDER
    ]
    by = f" by {doctor.by}" if doctor.by else ""
    return [
        Text(
            f"The prerequisites in both Regions were checked at {utc(doctor.at)}{by}{because}: {span(age)} before this"
            " report."
        ),
        Facts(
            [
                Fact("doctor-age", "age of the check", span(age), int(age.total_seconds())),
                Fact("doctor-problems", "problems", count(total[PROBLEM]), total[PROBLEM]),
                Fact("doctor-warnings", "warnings", count(total[WARNING]), total[WARNING]),
                Fact(
                    "doctor-unseen",
                    "not seen",
                    count(sum(total[one] for one in NOT_SEEN)),
                    sum(total[one] for one in NOT_SEEN),
                ),
            ]
        ),
        Table(
            "prerequisites",
            "Findings by group",
            [Column("group", "Group"), *(Column(one, one.capitalize(), count, is_number=True) for one in statuses)],
            rows,
        ),
        Table(
            "prerequisites-open",
            "Checks with a problem, a warning, or nothing seen",
            [
                Column("check", "Check"),
                Column("status", "Status", is_whole=True),
                Column("findings", "Findings", count, is_number=True),
            ],
            bad,
            empty="There was none.",
        ),
        Text("What has changed since the check is not in it. Groups that are not listed were not checked.", "note"),
    ]


def _order(status: str) -> tuple[int, str]:
    return (_DOCTORS_ORDER.index(status) if status in _DOCTORS_ORDER else len(_DOCTORS_ORDER), status)


LIMITS: Final = (
    "Whether anybody can sign in to a standby. One that is AVAILABLE has been built. Nobody has logged in to it here.",
    (
        "Whether users reach their standbys. That takes redirection, a client that follows it, and a network."
        " Section 12 says what was checked of it, and when."
    ),
    "Whether AWS has the capacity to start all standbys at once. Starting draws on capacity that is not reserved.",
    "Whether applications, shares and licences that people need work from the DR Region.",
    "What is on a standby. The age of its copy is what AWS says; nobody has looked at the data.",
    "What happened between two sweeps and caused no event, and what changed after the last sweep.",
    "Desktops in directories that are not in the configuration, and WorkSpaces Pools.",
    "How long a failover takes. Only an exercise shows that; none is part of this report.",
)


def thirteenth(_: Figures) -> Section:
    """Section 13."""
    return Section(13, "limits", "What this report does not show", [Items(LIMITS)])


METHOD: Final = (
    (
        "Everything is read from the product’s ledger, a DynamoDB table in both Regions, by index. Nothing is asked of"
        " WorkSpaces for this report."
    ),
    "Sections 1, 2, 4 to 7, and 10 to 12 are as of the time of the report. Sections 3, 8 and 9 are of the period.",
    (
        "The answer counts the present rows of all desktops. One whose row says PROTECTED counts as ‘could work’ only"
        " if a complete sweep has confirmed its directory within three sweep intervals, and if no sweep or"
        " event has cast"
        " doubt on its standby. Otherwise it is not known, and never counted as good."
    ),
    (
        "The figures of days are those that the last complete sweep of each UTC day has left. A sweep is"
        " complete if"
        " every page of a directory and of its DR directory was read. What two complete sweeps in a row miss"
        " counts as gone."
    ),
    "Changes are the ledger’s events, which are only ever added, each in one transaction with the row that it changes.",
    "Medians are of whole hours. Percentages are rounded down, so that 100 % means all.",
)
GLOSSARY: Final = (
    ("Primary", "A person’s WorkSpace in the primary Region."),
    (
        "Standby",
        "The WorkSpace in the DR Region that AWS keeps for a primary, with a copy of its data if replication is on.",
    ),
    ("DR directory", "The directory in the DR Region that a directory is mapped to."),
    ("Eligible", "To have a standby: neither excluded, nor ineligible, nor only reported."),
    ("Protected", "The standby exists and was ready when it was last seen."),
    ("Reported", "It was there before its directory was watched, and nobody has accepted that fleet yet."),
    ("Ineligible", "AWS offers no standby for it, or its user’s place in the DR directory is taken."),
    ("Excluded", "A rule of the configuration leaves it out."),
    (
        "Sweep",
        "A look at all WorkSpaces of the mapped directories, in both Regions; hourly unless configured otherwise.",
    ),
    ("Gap", "A desktop without a standby that is known to be ready; of days, one without a complete sweep."),
    ("Drift", "A standby differs from its primary, or from what is configured."),
    ("Orphan", "A standby whose primary is gone."),
    ("RPO", "Recovery point objective: how old data may be at most. Here, what the configuration says (rpo_hours)."),
    ("Configuration digest", "A short hash of the configuration. Two equal digests are the same configuration."),
)


def fourteenth(_: Figures) -> Section:
    """Section 14."""
    return Section(14, "method", "Method and glossary", [Items(METHOD), Terms(GLOSSARY)])


CONTROLS: Final = (
    (
        "AWS Well-Architected, End User Computing lens",
        "Reliability pillar: disaster recovery of desktops",
        "1, 3, 5, 6",
    ),
    (
        "SOC 2 (Trust Services Criteria)",
        "A1.2: environmental protections, backup and recovery infrastructure",
        "1, 3, 5, 6, 9",
    ),
    (
        "SOC 2 (Trust Services Criteria)",
        "A1.3: recovery plan procedures are tested",
        "12; an exercise is needed besides",
    ),
    ("ISO/IEC 27001:2022", "A.5.29: information security during disruption", "1, 5, 9"),
    ("ISO/IEC 27001:2022", "A.5.30: ICT readiness for business continuity", "1, 3, 6, 8, 12"),
    ("ISO/IEC 27001:2022", "A.8.14: redundancy of information processing facilities", "1, 3, 4, 7"),
    ("DORA (EU 2022/2554)", "Article 11: response and recovery", "1, 3, 8, 9"),
    ("DORA (EU 2022/2554)", "Article 12: backup, restoration and recovery", "6, 7"),
    (
        "DORA (EU 2022/2554)",
        "Article 24: testing of digital operational resilience",
        "12; an exercise is needed besides",
    ),
)


def fifteenth(_: Figures) -> Section:
    """Section 15."""
    rows = [dict(zip(("framework", "control", "sections"), one, strict=True)) for one in CONTROLS]
    table = Table(
        "controls",
        "Controls that this report can be evidence for",
        [Column("framework", "Framework"), Column("control", "Control"), Column("sections", "Sections of this report")],
        rows,
    )
    note = Text(
        "The report is evidence that an assessor can use for these controls. It says nothing about whether an"
        " organisation meets them: that is the assessor’s to decide, with more than this.",
    )
    return Section(15, "controls", "Controls that it is evidence for", [table, note])
