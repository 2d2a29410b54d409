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
        none = "No check of the prerequisites was kept. It is not known whether they are met."
        return Section(
            12,
            "prerequisites",
            title,
            [Text(f"{none} `standby doctor --keep` checks them and keeps the result.", "warning")],
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
            f"The prerequisites in both Regions were checked at {utc(doctor.at)}{by}{because}, {span(age)} before this"
            " report."
        ),
        Facts(
            [
                Fact("doctor-age", "age of the check", span(age), int(age.total_seconds())),
                Fact("doctor-problems", "problems", count(total[PROBLEM]), total[PROBLEM]),
                Fact("doctor-warnings", "warnings", count(total[WARNING]), total[WARNING]),
                Fact(
                    "doctor-unseen",
                    "could not be read",
                    count(sum(total[one] for one in NOT_SEEN)),
                    sum(total[one] for one in NOT_SEEN),
                ),
            ]
        ),
        Table(
            "prerequisites",
            "Findings by group",
            [Column("group", "Group"), *(Column(one, _heading(one), count, is_number=True) for one in statuses)],
            rows,
        ),
        Table(
            "prerequisites-open",
            "Checks with a problem, a warning, or no answer",
            [
                Column("check", "Check"),
                Column("status", "Status", is_whole=True),
                Column("findings", "Findings", count, is_number=True),
            ],
            bad,
            empty="There are none.",
        ),
        Text("Changes after the check are not included. Groups that are not listed were not checked.", "note"),
    ]


def _heading(status: str) -> str:
    return "OK" if status == "ok" else status.capitalize()


def _order(status: str) -> tuple[int, str]:
    return (_DOCTORS_ORDER.index(status) if status in _DOCTORS_ORDER else len(_DOCTORS_ORDER), status)


LIMITS: Final = (
    "Whether anybody can sign in to a standby. AVAILABLE means that it was built. No login is part of this report.",
    (
        "Whether users reach their standbys. That requires redirection, a client that follows it, and a network."
        " Section 12 shows which of these were checked, and when."
    ),
    "Whether AWS has the capacity to start all standbys at once. That capacity is not reserved.",
    "Whether the applications, shares and licences that people need work from the DR Region.",
    "The content of a standby. The age of its copy is the one that AWS reports; the data itself was not checked.",
    "Changes between two sweeps that caused no event, and changes after the last sweep.",
    "Desktops in directories that are not in the configuration, and WorkSpaces Pools.",
    "The duration of a failover. Only an exercise shows it; none is part of this report.",
)


def thirteenth(_: Figures) -> Section:
    """Section 13."""
    return Section(13, "limits", "What this report does not show", [Items(LIMITS)])


METHOD: Final = (
    (
        "All figures come from the product’s ledger, a DynamoDB table in both Regions. WorkSpaces itself was not called"
        " for this report."
    ),
    "Sections 1, 2, 4 to 7 and 10 to 12 are as of the time of the report. Sections 3, 8 and 9 cover the period.",
    (
        "The answer counts the present rows of all desktops. A desktop with the status PROTECTED counts as ‘could work’"
        " only if a complete sweep confirmed its directory within three sweep intervals, and if no sweep or event gave"
        " a reason to doubt its standby. Otherwise it counts as not known, and never as good."
    ),
    (
        "The figures of a day are those of the last complete sweep of that UTC day. A sweep is complete if it read"
        " every page of a directory and of its DR directory. A desktop that two complete sweeps in a row do not find"
        " counts as gone."
    ),
    (
        "Figures can differ from the service where something changed between two sweeps without an event, or after the"
        " last sweep. The sections with such figures say so."
    ),
    "Changes are the ledger’s events. Events are only added, each in one transaction with the row that it changes.",
    "Median ages are in whole hours. Percentages are rounded down, so that 100 % means all.",
)
GLOSSARY: Final = (
    ("Desktop", "A WorkSpace as its user sees it: a primary, if nothing else is said."),
    ("Primary", "A person’s WorkSpace in the primary Region."),
    ("Standby", "Its copy in the DR Region. It has a copy of the data if data replication is on."),
    (
        "Directory, DR directory",
        "The WorkSpaces directory of the primaries, and the one in which standbys are created.",
    ),
    ("Pair", "A primary Region and a DR Region, with one ledger."),
    ("Ledger", "The product’s DynamoDB table: a row for each primary, and an event for each change."),
    ("Eligible", "Can have a standby: not excluded, not ineligible, and not only reported."),
    ("Protected", "The standby exists and was ready when it was last seen."),
    ("Reported", "Part of an existing fleet that is not accepted."),
    ("Existing fleet", "Desktops that were there before the directory was watched. A person accepts it, or not."),
    ("Ineligible", "AWS offers no standby for it, or the user’s place in the DR directory is taken."),
    ("Excluded", "A rule of the configuration leaves it out."),
    ("Coverage", "Protected desktops as a percentage of the eligible ones."),
    ("Sweep", "The pass through all mapped directories in both Regions, hourly unless configured otherwise."),
    ("Gap", "A desktop without a standby that is known to be ready. Also: a day without a complete sweep."),
    ("Drift", "A standby differs from its primary, or from the configuration."),
    ("Orphan", "A standby whose primary no longer exists."),
    ("RPO", "Recovery point objective: the maximum age of data (rpo_hours in the configuration)."),
    ("Configuration digest", "A short hash of the configuration. Equal digests mean the same configuration."),
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
        "12; an exercise is needed in addition",
    ),
    ("ISO/IEC 27001:2022", "A.5.29: information security during disruption", "1, 5, 9"),
    ("ISO/IEC 27001:2022", "A.5.30: ICT readiness for business continuity", "1, 3, 6, 8, 12"),
    ("ISO/IEC 27001:2022", "A.8.14: redundancy of information processing facilities", "1, 3, 4, 7"),
    ("DORA (EU 2022/2554)", "Article 11: response and recovery", "1, 3, 8, 9"),
    ("DORA (EU 2022/2554)", "Article 12: backup, restoration and recovery", "6, 7"),
    (
        "DORA (EU 2022/2554)",
        "Article 24: testing of digital operational resilience",
        "12; an exercise is needed in addition",
    ),
)


def fifteenth(_: Figures) -> Section:
    """Section 15."""
    rows = [dict(zip(("framework", "control", "sections"), one, strict=True)) for one in CONTROLS]
    table = Table(
        "controls",
        "Controls and the sections that are evidence for them",
        [Column("framework", "Framework"), Column("control", "Control"), Column("sections", "Sections")],
        rows,
    )
    note = Text(
        "An assessor can use this report as evidence for these controls. It does not show that an organisation meets"
        " them. The assessor decides that, with further evidence.",
    )
    return Section(15, "controls", "Controls that it is evidence for", [table, note])
