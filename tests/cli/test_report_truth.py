"""Every figure of a report against what the WorkSpaces model knows, and what people did: not against the ledger.

The story is five days of a pair (`lived.py`). The model is asked here; the report is read as its reader does, in the
page and in the sheets.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from cli.report.forms import span, utc
from standby.core.model import DirectoryId
from tests.cli.handed_over import SINCE, Made
from tests.cli.lived import (
    AL,
    ALEX,
    BO,
    DR_DIRECTORY,
    EVERY,
    EXCLUDED,
    GAP,
    HOSTILE,
    LEGAL,
    OLD,
    PRICE,
    ROBOTS,
    STAFF,
    UNASSIGNED,
)
from tests.component.estate import DR, HOME, PRIMARY

# The watcher sees that a standby is ready when it next comes by.
POLL = timedelta(minutes=10)
# A sweep takes some seconds for its pages, and counts each desktop when its page comes.
PAGES = timedelta(minutes=1)
DAYS = [f"2026-01-0{number}" for number in range(5, 10)]


def test_the_answer_is_how_many_people_have_a_standby_that_they_can_use(made: Made) -> None:
    can, people = set(), set()
    for one in made.lived.primaries():
        if one.user_name == UNASSIGNED:
            continue
        people.add(one.user_name.casefold())
        if made.lived.standby(one.workspace_id):
            can.add(one.user_name.casefold())
    work, unknown, nothing = (made.figure(f"people-{name}") for name in ("work", "unknown", "nothing"))
    assert work == len(can)
    assert work + unknown + nothing == len(people)
    # One sweep saw a standby UNHEALTHY, and it was protected before: the user cannot work, and that is not known.
    assert unknown == 1
    ages = made.lived.copies(made.swept_at)
    hours = sorted(int(age.total_seconds() // 3600) for age in ages.values())
    median, oldest = statistics.median_low(hours), timedelta(seconds=made.figure("copies-oldest"))
    assert abs(oldest - max(ages.values())) < PAGES
    assert made.page.paragraphs.count(
        f"If us-east-1 failed now, {work} of {len(people)} people could work; their data would be {median} h old"
        f" (median), {span(oldest)} (oldest); {nothing} have nothing; 1 is not known."
    )
    assert "AVAILABLE is not a login" in made.page.text
    assert made.figure("desktops") == len(made.lived.primaries())
    kiosks = [one for one in made.lived.primaries() if one.user_name == UNASSIGNED]
    assert (
        f"Not included in the figures of people: {len(kiosks)} desktop assigned to no person ([UNDEFINED]), of which"
        f" {sum(made.lived.standby(one.workspace_id) is not None for one in kiosks)} could be used."
    ) in made.page.paragraphs
    assert (
        "Not known for 1 desktop. The last sweep found the standby in ERROR, UNHEALTHY or IMPAIRED." in made.page.text
    )


def test_what_it_rests_on_is_named_and_a_day_without_a_sweep_makes_it_incomplete(made: Made) -> None:
    assert made.status == 4
    said = f"{', '.join(DR_DIRECTORY)}: no complete sweep on {GAP}. It is not known who was protected then."
    assert said in made.err
    assert said in made.page.paragraphs
    settings = made.lived.stage.deployed.settings
    named = ("source-region", "version", "digest", "version-then", "digest-then")
    configured = [PRIMARY, *[settings.version, settings.config_digest] * 2]
    assert [made.page.figures[name] for name in named] == configured
    assert (made.figure("interval"), made.page.figures["mode"]) == (EVERY.total_seconds(), settings.mode)
    now = made.lived.now
    assert [made.page.shown[name] for name in ("as-of", "period")] == [utc(now), f"{SINCE} 00:00 UTC to {utc(now)}"]
    for row in made.sheet("sweeps"):
        assert int(row["complete_sweeps"]) == len(made.lived.truth.sweeps)
        assert timedelta(0) <= made.swept_at - datetime.fromisoformat(row["scanned_at"]) < PAGES
        days = [int(row[name]) for name in ("known_days", "gap_days", "before")]
        assert (row["is_fresh"], days, row["problem"]) == ("yes", [len(made.lived.truth.days), 1, 0], "none")
    (configuration,) = made.sheet("configurations")
    assert list(configuration.values()) == [SINCE, settings.config_digest, settings.version]


def test_each_day_is_as_its_last_sweep_found_it_and_a_day_without_one_is_a_gap(made: Made) -> None:
    rows = {(row["day"], row["directory_id"]): row for row in made.sheet("days")}
    days = DAYS
    assert {day for day, _ in rows} == set(days)
    for day in days:
        truth = made.lived.truth.days.get(day)
        whole = Counter[str]()
        for directory in (*DR_DIRECTORY, "the pair"):
            row = rows[day, directory]
            if truth is None:
                assert (row["state"], row["coverage_percent"], row["protected"]) == ("gap", "", "")
                continue
            if directory in DR_DIRECTORY:
                whole.update(counts := truth[directory])
            else:
                counts = whole
            assert row["state"] == ("partial" if day == days[-1] else "known")
            names = ["primaries", "eligible", "protected", "not_known", "reported", "excluded", "ineligible"]
            names += ["orphans", "drifted", "stale", "pcoip_primaries", "pcoip_standbys"]
            assert {name: int(row[name]) for name in names} == {name: counts[name] for name in names}, (day, directory)
            sweeps = [one for one in made.lived.truth.sweeps if f"{one:%Y-%m-%d}" == day]
            assert int(row["complete_sweeps"]) == len(sweeps)
            assert timedelta(0) <= sweeps[-1] - datetime.fromisoformat(row["scanned_at"]) < PAGES
            if directory in DR_DIRECTORY:
                assert Decimal(row["orphans_monthly_cost"]) == PRICE * counts["orphans"]
            for name, of in (("coverage_percent", "eligible"), ("coverage_of_all_percent", "primaries")):
                assert float(row[name]) == counts["protected"] * 1000 // counts[of] / 10
    shown = made.page.table("Coverage by day")
    whole_rows = [rows[day, "the pair"] for day in days]
    assert shown.column("Of eligible") == [
        f"{row['coverage_percent']} %" if row["coverage_percent"] else "—" for row in whole_rows
    ]
    assert shown.column("Remark") == ["", "", "", "no complete sweep", "today, partial"]
    for heading, name in (("Protected", "protected"), ("Not known", "not_known"), ("Eligible", "eligible")):
        assert shown.column(heading) == [row[name] or "—" for row in whole_rows]
    values = [row["coverage_percent"] for row in whole_rows if row["coverage_percent"]]
    lowest = min(values, key=float)
    first = (
        f"Of the eligible desktops, {values[0]} % were protected on {DAYS[0]} and {values[-1]} % on {DAYS[-1]} (today,"
        " partial)."
    )
    last = DAYS[[row["coverage_percent"] for row in whole_rows].index(lowest)]
    of_all = " and ".join(f"{whole_rows[at]['coverage_of_all_percent']} %" for at in (0, -1))
    at = made.page.items.index(first)
    assert made.page.items[at + 1 : at + 4] == [
        f"The lowest value was {lowest} % on {last}.",
        f"Of all desktops, {of_all}.",
        "1 day without a complete sweep of every directory: not known.",
    ]


def test_directories_are_as_the_last_sweep_found_them(made: Made) -> None:
    truth = made.lived.truth.days["2026-01-09"]
    for row in made.sheet("directories"):
        counts = truth[row["directory_id"]]
        names = ("primaries", "eligible", "protected", "not_known", "reported", "excluded", "ineligible")
        assert [int(row[name]) for name in names] == [counts[name] for name in names]
        assert row["dr_directory_id"] == DR_DIRECTORY[DirectoryId(row["directory_id"])]
        for name, of in (("coverage_percent", "eligible"), ("coverage_of_all_percent", "primaries")):
            assert float(row[name]) == counts["protected"] * 1000 // counts[of] / 10
        usable = [one for one in made.lived.primaries(row["directory_id"]) if made.lived.standby(one.workspace_id)]
        assert int(row["work"]) == len(usable)
    assert {row["unregistered"] for row in made.sheet("directories-state")} == {"none found"}
    accepted = {row["directory_id"]: row["accepted"] for row in made.sheet("directories-state")}
    assert accepted[HOME].startswith("accepted by al (role operators) at 2026-01-06 09:00 UTC (CHG-4711)")
    assert accepted[LEGAL] == "not accepted"


def test_gaps_are_the_desktops_without_a_standby_that_can_be_used_each_with_a_reason(made: Made) -> None:
    without = {one.workspace_id for one in made.lived.primaries() if not made.lived.standby(one.workspace_id)}
    rows = made.sheet("gaps")
    assert {row["primary_id"] for row in rows} == without
    assert all(row["why"] and row["what_to_do"] and float(row["age_hours"]) >= 0 for row in rows)
    reasons = Counter((row["status"], row["reason_code"]) for row in rows)
    assert {
        (row["status"], row["reason_code"]): int(row["desktops"]) for row in made.sheet("gaps-by-reason")
    } == reasons
    # As it happened to each of them in the model.
    because = {
        **dict.fromkeys(ROBOTS, "EXCLUDED_BY_RULE"),
        UNASSIGNED: "NO_USER",
        STAFF[3]: "STANDBY_GONE",
        STAFF[4]: "STANDBY_UNHEALTHY",
        STAFF[7]: "STANDBY_UNWELL",
        STAFF[20]: "OPERATING_SYSTEM",
        STAFF[21]: "SECONDARY_EXISTS",
        STAFF[22]: "STANDBY_IN_ERROR",
        "late": "PRIMARY_PENDING",
    }
    assert {row["user_name"]: row["reason_code"] for row in rows} == because
    assert {row["user_name"] for row in rows if row["verdict"] == "not known"} == {STAFF[7]}
    assert f"{len(without)} desktops of {len(made.lived.primaries())} have no standby" in made.page.text
    # What never had one is without since it was created.
    for row in rows:
        desktop = made.lived.world.workspace(row["primary_id"])
        if row["user_name"] == STAFF[20]:
            assert abs(datetime.fromisoformat(row["since"]) - desktop.created_at) < POLL
    assert len(made.page.table("Gaps, the oldest first").rows) == len(without)


def test_copies_have_the_age_that_the_service_returned_to_the_last_sweep(made: Made) -> None:
    ages = made.lived.copies(made.swept_at)
    by_hours = Counter(str(int(age.total_seconds() // 3600)) for age in ages.values())
    assert {row["hours"]: int(row["copies"]) for row in made.sheet("copies")} == by_hours
    oldest = [(row["primary_id"], int(row["seconds"])) for row in made.sheet("oldest-copies")]
    rpo = made.lived.stage.deployed.settings.rpo
    assert rpo is not None
    within = [row["is_within"] for row in made.sheet("oldest-copies")]
    assert within == ["yes" if timedelta(seconds=seconds) <= rpo else "NO" for _, seconds in oldest]
    figures = [made.figure(f"copies-{name}") for name in ("known", "awaited", "unknown")]
    assert [*figures, made.figure("rpo")] == [len(ages), 0, 0, rpo.total_seconds()]
    assert made.figure("copies-median") == statistics.median_low(
        sorted(int(age.total_seconds() // 3600) for age in ages.values())
    )
    truth = sorted(ages.values(), reverse=True)[:10]
    assert len(oldest) == len(truth)
    for (one, seconds), age in zip(oldest, truth, strict=True):
        assert abs(timedelta(seconds=seconds) - age) < PAGES
        assert abs(timedelta(seconds=seconds) - ages[one]) < PAGES
    usable = [one for one in made.lived.primaries() if made.lived.standby(one.workspace_id)]
    not_copied = [one for one in usable if one.directory_id == LEGAL]
    assert made.figure("copies-off") == len(not_copied)
    stale = {one for one, age in ages.items() if age > rpo}
    assert {row["primary_id"] for row in made.sheet("stale-copies")} == stale != set()


def test_drift_and_pcoip_are_where_the_service_shows_another_thing_of_a_standby(made: Made) -> None:
    differ: dict[str, set[str]] = {}
    for one in made.lived.primaries():
        standby = made.lived.standby(one.workspace_id)
        for name, word in (("ComputeTypeName", "compute_type"), ("Protocols", "protocols")):
            if standby and one.properties[name] != standby.properties[name]:
                differ.setdefault(one.workspace_id, set()).add(word)
    assert differ == {made.lived.of(STAFF[6]): {"compute_type"}, made.lived.of(STAFF[9]): {"protocols"}}
    found = {row["primary_id"]: set(re.findall(r"(\w+) \S+≠", row["differs_in"])) for row in made.sheet("drift")}
    assert found == differ
    assert made.figure("drifted") == len(differ)
    by_property = Counter(word for words in differ.values() for word in words)
    assert {row["property"]: int(row["standbys"]) for row in made.sheet("drift-by-property")} == by_property
    assert (made.figure("doubled"), made.lived.world.duplicates()) == (0, [])
    on_pcoip = [one for one in made.lived.primaries() if made.lived.uses_pcoip(one)]
    standbys = [one for one in made.lived.primaries() if made.lived.uses_pcoip(made.lived.standby(one.workspace_id))]
    assert made.figure("pcoip-primaries") == len(on_pcoip) == 1
    assert made.figure("pcoip-standbys") == len(standbys) == 2


def test_the_time_to_protection_is_from_the_creation_to_a_standby_that_is_ready(made: Made) -> None:
    world, waited = made.lived.world, list[float]()
    for row in made.sheet("slowest"):
        desktop = world.workspace(row["primary_id"])
        (standby,) = [one for one in _standbys_ever(made) if one.primary_id == desktop.workspace_id][:1]
        assert standby.booted_at is not None
        truth = standby.booted_at - desktop.created_at
        assert timedelta(0) <= timedelta(seconds=int(row["seconds"])) - truth < POLL, row
    created = [event for event in world.trail if event["detail"]["eventName"] == "CreateWorkspaces"]
    ids = {
        one["workspaceId"]
        for event in created
        if event["region"] == PRIMARY
        for one in event["detail"]["responseElements"]["pendingRequests"]
    }
    ids -= {made.lived.of(user) for user in OLD}
    assert made.figure("created") == len(ids)
    booted = {one.primary_id: one for one in _standbys_ever(made) if one.booted_at and one.boots_to == "AVAILABLE"}
    for one in sorted(ids & booted.keys()):
        waited.append((booted[one].booted_at - world.workspace(one).created_at).total_seconds())
    assert made.figure("protected-new") == len(waited)
    waited.sort()
    slow = {
        "median": statistics.median_low(waited),
        "p90": waited[-(-len(waited) * 9 // 10) - 1],
        "slowest": waited[-1],
    }
    for name, truth_of in slow.items():
        assert 0 <= made.figure(f"protection-{name}") - truth_of < POLL.total_seconds()
    spent = sum(int(row["seconds"]) for row in made.sheet("slowest-reasons"))
    assert 0 <= spent - sum(waited) < POLL.total_seconds() * len(waited)
    longest = max(made.sheet("slowest-reasons"), key=lambda row: int(row["seconds"]))
    assert longest["state"] == "WAITING (PRIMARY_PENDING)"  # a primary boots longer than a standby here
    refused = {*made.lived.cannot, *(made.lived.of(user) for user in ROBOTS)}
    waiting = ids - refused - booted.keys()
    assert (
        f"New desktops in the period: {len(ids)}. Protected: {len(waited)}. Not eligible: {len(refused)}. Terminated"
        f" before they were protected: 0. Not protected at the end of the period: {len(waiting)}."
    ) in made.page.paragraphs
    assert sum(int(row["desktops"]) for row in made.sheet("time-to-protected")) == len(waited)


def _standbys_ever(made: Made) -> list[Any]:
    """Every standby that was ever made, gone or not."""
    return [one for one in made.lived.world._estate.workspaces.values() if one.is_standby]


def test_who_created_and_terminated_what_is_as_cloudtrail_has_it(made: Made) -> None:
    rows = {row["by"]: row for row in made.sheet("principals")}
    names = {ALEX: "alex (role desktop-admin)", BO: "bo", AL: "al (role operators)"}
    created = made.lived.callers("CreateWorkspaces", PRIMARY)
    # No event was published of the fleet that was there before.
    created[ALEX] -= len(OLD)
    assert {by: int(rows[names[by]]["created"]) for by in created} == dict(created)
    ended, standbys = (made.lived.callers("TerminateWorkspaces", region) for region in (PRIMARY, DR))
    assert {by: int(rows[names[by]]["terminated"]) for by in ended} == dict(ended)
    assert {by: int(rows[names[by]]["terminated standby"]) for by in standbys} == dict(standbys)
    # One desktop went without a call: nobody is named.
    assert int(rows["not known"]["terminated"]) == 1
    decided = [(row["kind"], row["by"], row["because"]) for row in made.sheet("decisions")]
    assert decided == [
        ("accepted", names[AL], "CHG-4711"),
        ("paused", names[AL], "change freeze of the quarter"),
        ("resumed", names[AL], "the freeze is over"),
        ("orphan kept", names[AL], "the data is fetched by Friday"),
        ("doctor run kept", names[AL], "nightly"),
    ]
    kinds = {row["kind"]: int(row["changes"]) for row in made.sheet("changes-by-kind")}
    ready = [one for one in _standbys_ever(made) if one.booted_at and one.boots_to == "AVAILABLE"]
    assert {kind: many for kind, many in kinds.items() if many} == {
        "created": created.total(),
        "found in an existing fleet": len(OLD),
        "protected": len(ready),
        "no longer protected": 2,  # one standby was terminated, and one was in ERROR for longer than a sweep
        "terminated": ended.total() + 1,
        "terminated standby": standbys.total(),
        "excluded": len(ROBOTS),
        **dict.fromkeys(("accepted", "paused", "resumed", "orphan kept", "doctor run kept"), 1),
    }
    assert sum(int(many) for row in rows.values() for name, many in row.items() if name != "by") == sum(kinds.values())
    lost = {row["reason_code"]: int(row["desktops"]) for row in made.sheet("lost-by-reason")}
    assert lost == {"STANDBY_GONE": 1, "STANDBY_UNHEALTHY": 1}
    shown = dict(
        zip(*(made.page.table("Changes by who caused them").column(name) for name in ("By", "Kinds")), strict=True)
    )
    assert shown["bo"] == "7 created, 1 no longer protected, 2 terminated, 1 terminated standby"


def test_exclusions_orphans_and_cost_are_those_of_the_model(made: Made) -> None:
    assert {row["user_name"] for row in made.sheet("exclusions")} == set(ROBOTS)
    assert made.figure("excluded") == len(ROBOTS)
    (rule,) = made.sheet("exclusions-by-rule")
    assert (rule["rule"], int(rule["desktops"])) == (f"exclude.users: {EXCLUDED}", len(ROBOTS))
    orphans = {one.workspace_id for one in made.lived.orphans()}
    assert {row["standby_id"] for row in made.sheet("orphans")} == orphans
    assert [row["kept_by"] for row in made.sheet("orphans") if row["kept_by"]] == [
        "al (role operators): the data is fetched by Friday"
    ]
    cost = {row["what"]: row for row in made.sheet("cost")}
    kept = sum(bool(row["kept_by"]) for row in made.sheet("orphans"))
    assert f"{len(orphans)} orphans, of which {kept} is kept on purpose." in made.page.text
    # A desktop is protected until a second sweep finds its standby unhealthy.
    protected = {one.workspace_id for one in made.lived.primaries() if made.lived.standby(one.workspace_id)}
    protected.add(made.lived.of(STAFF[7]))
    live = {one.workspace_id for one in made.lived.primaries()}
    of = Counter(
        (
            "orphans"
            if one.primary_id not in live
            else "standbys of protected desktops"
            if one.primary_id in protected
            else "failed standbys",
            one.properties["ComputeTypeName"],
        )
        for one in made.lived.world.standbys()
    )
    for what, row in cost.items():
        types = Counter({name: many for (kind, name), many in of.items() if kind == what})
        assert int(row["standbys"]) == types.total() > 0, what
        assert Decimal(row["monthly_cost"]) == PRICE * types.pop("STANDARD")
        assert int(row["not_priced"]) == types.total()
        assert row["types"] == (", ".join(f"{many} {name}" for name, many in sorted(types.items())) or "none")


def test_the_kept_run_of_doctor_is_shown_with_its_age(made: Made) -> None:
    figures = [made.figure(f"doctor-{name}") for name in ("problems", "warnings", "unseen", "age")]
    assert figures == [1, 1, 0, 12 * 60]
    checks = {(row["check"], row["status"]): row["findings"] for row in made.sheet("prerequisites-open")}
    assert checks == {("keys/fit", "problem"): "1", ("quotas/standbys", "warning"): "1"}


def test_names_that_attack_are_harmless_in_page_and_sheets(made: Made) -> None:
    tags = {tag for tag, _ in made.page.tags}
    assert not tags & {"script", "iframe", "object", "embed", "link", "img"}
    assert not any(name.startswith("on") for _, attributes in made.page.tags for name in attributes)
    assert not any(
        str(value).startswith(("http", "//", "javascript"))
        for tag, attributes in made.page.tags
        for name, value in attributes.items()
        if name in ("src", "href")
    )
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in made.page.html
    names = {row["user_name"] for row in made.sheet("changes")}
    for user in HOSTILE:
        assert (f"'{user}" if user[0] in "=+-@" else user) in names
