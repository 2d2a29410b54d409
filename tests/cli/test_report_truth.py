"""Every figure of a report against what the WorkSpaces model knows, and what people did: not against the ledger.

The story is five days of a pair (`lived.py`). The model is asked here; the report is read as its reader does, in the
page and in the sheets.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.report.forms import span
from tests.cli.lived import (
    AL,
    ALEX,
    BO,
    DR_DIRECTORY,
    EXCLUDED,
    GAP,
    HOSTILE,
    LEGAL,
    OLD,
    PRICE,
    ROBOTS,
    STAFF,
    Lived,
    lived,
)
from tests.cli.pages import Page, sheet
from tests.component.estate import DR, HOME, PRIMARY

SINCE = "2026-01-05"
# The watcher sees that a standby is ready when it next comes by.
POLL = timedelta(minutes=10)
# A sweep takes some seconds for its pages, and counts each desktop when its page comes.
PAGES = timedelta(minutes=1)


@dataclass(frozen=True)
class Made:
    """A report of the story, and the story."""

    lived: Lived
    page: Page
    data: Path
    status: int
    err: str

    def figure(self, name: str) -> int:
        return int(self.page.figures[name])

    @property
    def swept_at(self) -> datetime:
        return self.lived.truth.sweeps[-1]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("report")
        patch.chdir(folder)
        one = lived()
        ran = one.stage.standby(f"report --out report.html --data data --since {SINCE}")
        page = Page((folder / "report.html").read_text(encoding="utf-8"))
        yield Made(one, page, folder / "data", ran.status, ran.err)


def test_the_answer_is_how_many_people_have_a_standby_that_they_can_use(made: Made) -> None:
    can, people = set(), set()
    for one in made.lived.primaries():
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


def test_what_it_rests_on_is_named_and_a_day_without_a_sweep_makes_it_incomplete(made: Made) -> None:
    assert made.status == 4
    for directory in DR_DIRECTORY:
        said = f"{directory}: no sweep was complete on {GAP}. Who was covered then is not known."
        assert said in made.err
        assert said in made.page.paragraphs
    settings = made.lived.stage.deployed.settings
    named = ("source-region", "version", "digest", "version-then", "digest-then")
    told = [PRIMARY, *[settings.version, settings.config_digest] * 2]
    assert [made.page.figures[name] for name in named] == told
    per_directory = [int(row["complete_sweeps"]) for row in sheet(made.data, "sweeps")]
    assert per_directory == [len(made.lived.truth.sweeps)] * 2


def test_each_day_is_as_its_last_sweep_found_it_and_a_day_without_one_is_a_gap(made: Made) -> None:
    rows = {(row["day"], row["directory_id"]): row for row in sheet(made.data, "days")}
    days = [f"2026-01-0{number}" for number in range(5, 10)]
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
            names = ("primaries", "eligible", "protected", "reported", "excluded", "ineligible", "orphans")
            assert [int(row[name]) for name in names] == [counts[name] for name in names], (day, directory)
            for name, of in (("coverage_percent", "eligible"), ("coverage_of_all_percent", "primaries")):
                assert float(row[name]) == counts["protected"] * 1000 // counts[of] / 10
    shown = made.page.table("Coverage by day")
    whole_rows = [rows[day, "the pair"] for day in days]
    assert shown.column("Of eligible") == [
        f"{row['coverage_percent']} %" if row["coverage_percent"] else "—" for row in whole_rows
    ]
    assert shown.column("Remark") == ["", "", "", "no complete sweep", "today, partial"]


def test_directories_are_as_the_last_sweep_found_them(made: Made) -> None:
    truth = made.lived.truth.days["2026-01-09"]
    for row in sheet(made.data, "directories"):
        counts = truth[row["directory_id"]]
        names = ("primaries", "eligible", "protected", "excluded", "ineligible")
        assert [int(row[name]) for name in names] == [counts[name] for name in names]
        usable = [one for one in made.lived.primaries(row["directory_id"]) if made.lived.standby(one.workspace_id)]
        assert int(row["work"]) == len(usable)
    accepted = {row["directory_id"]: row["accepted"] for row in sheet(made.data, "directories-state")}
    assert accepted[HOME].startswith("accepted by al (role operators) at 2026-01-06 09:00 UTC (CHG-4711)")
    assert accepted[LEGAL] == "not accepted"


def test_gaps_are_the_desktops_without_a_standby_that_can_be_used_each_with_a_reason(made: Made) -> None:
    without = {one.workspace_id for one in made.lived.primaries() if not made.lived.standby(one.workspace_id)}
    rows = sheet(made.data, "gaps")
    assert {row["primary_id"] for row in rows} == without
    assert all(row["why"] and row["what_to_do"] and float(row["age_hours"]) >= 0 for row in rows)
    assert sum(int(row["desktops"]) for row in sheet(made.data, "gaps-by-reason")) == len(without)
    # What never had one is without since it was created.
    for row in rows:
        desktop = made.lived.world.workspace(row["primary_id"])
        if row["user_name"] == STAFF[20]:
            assert abs(datetime.fromisoformat(row["since"]) - desktop.created_at) < POLL
    assert len(made.page.table("Gaps, the oldest first").rows) == len(without)


def test_copies_have_the_age_that_the_service_returned_to_the_last_sweep(made: Made) -> None:
    ages = made.lived.copies(made.swept_at)
    by_hours = Counter(str(int(age.total_seconds() // 3600)) for age in ages.values())
    assert {row["hours"]: int(row["copies"]) for row in sheet(made.data, "copies")} == by_hours
    oldest = [(row["primary_id"], int(row["seconds"])) for row in sheet(made.data, "oldest-copies")]
    truth = sorted(ages.values(), reverse=True)[:10]
    assert len(oldest) == len(truth)
    for (one, seconds), age in zip(oldest, truth, strict=True):
        assert abs(timedelta(seconds=seconds) - age) < PAGES
        assert abs(timedelta(seconds=seconds) - ages[one]) < PAGES
    usable = [one for one in made.lived.primaries() if made.lived.standby(one.workspace_id)]
    not_copied = [one for one in usable if one.directory_id == LEGAL]
    assert made.figure("copies-off") == len(not_copied)
    stale = {one for one, age in ages.items() if age > made.lived.stage.deployed.settings.rpo}
    assert {row["primary_id"] for row in sheet(made.data, "stale-copies")} == stale != set()


def test_drift_is_where_the_service_shows_another_thing_of_a_standby(made: Made) -> None:
    differ = {
        one.workspace_id
        for one in made.lived.primaries()
        if (standby := made.lived.standby(one.workspace_id))
        and one.properties["ComputeTypeName"] != standby.properties["ComputeTypeName"]
    }
    assert {row["primary_id"] for row in sheet(made.data, "drift")} == differ == {made.lived.of(STAFF[6])}
    assert made.figure("drifted") == len(differ)
    assert (made.figure("doubled"), made.lived.world.duplicates()) == (0, [])


def test_the_time_to_protection_is_from_the_creation_to_a_standby_that_is_ready(made: Made) -> None:
    world, waited = made.lived.world, list[float]()
    for row in sheet(made.data, "slowest"):
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
    assert 0 <= made.figure("protection-median") - statistics.median_low(sorted(waited)) < POLL.total_seconds()
    assert sum(int(row["desktops"]) for row in sheet(made.data, "time-to-protected")) == len(waited)


def _standbys_ever(made: Made) -> list[Any]:
    """Every standby that was ever made, gone or not."""
    return [one for one in made.lived.world._estate.workspaces.values() if one.is_standby]


def test_who_created_and_terminated_what_is_as_cloudtrail_has_it(made: Made) -> None:
    rows = {row["by"]: row for row in sheet(made.data, "principals")}
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
    decided = [(row["kind"], row["by"], row["because"]) for row in sheet(made.data, "decisions")]
    assert decided == [
        ("accepted", names[AL], "CHG-4711"),
        ("paused", names[AL], "change freeze of the quarter"),
        ("resumed", names[AL], "the freeze is over"),
        ("orphan kept", names[AL], "the data is fetched by Friday"),
        ("doctor kept", names[AL], "nightly"),
    ]
    kinds = {row["kind"]: int(row["changes"]) for row in sheet(made.data, "changes-by-kind")}
    assert (kinds["found"], kinds["excluded"]) == (len(OLD), len(ROBOTS))


def test_exclusions_orphans_and_cost_are_those_of_the_model(made: Made) -> None:
    assert {row["user_name"] for row in sheet(made.data, "exclusions")} == set(ROBOTS)
    (rule,) = sheet(made.data, "exclusions-by-rule")
    assert (rule["rule"], int(rule["desktops"])) == (f"exclude.users: {EXCLUDED}", len(ROBOTS))
    orphans = {one.workspace_id for one in made.lived.orphans()}
    assert {row["standby_id"] for row in sheet(made.data, "orphans")} == orphans
    assert [row["kept_by"] for row in sheet(made.data, "orphans") if row["kept_by"]] == [
        "al (role operators): the data is fetched by Friday"
    ]
    cost = {row["what"]: row for row in sheet(made.data, "cost")}
    assert Decimal(cost["orphans"]["monthly_cost"]) == PRICE * len(orphans)
    in_use = Counter(
        one.properties["ComputeTypeName"] for one in made.lived.primaries() if made.lived.standby(one.workspace_id)
    )
    standbys = cost["standbys in use"]
    assert int(standbys["not_priced"]) >= in_use.total() - in_use["STANDARD"] - 1


def test_the_kept_run_of_doctor_is_shown_with_its_age(made: Made) -> None:
    figures = [made.figure(f"doctor-{name}") for name in ("problems", "warnings", "unseen", "age")]
    assert figures == [1, 1, 0, 12 * 60]
    checks = {(row["check"], row["status"]): row["findings"] for row in sheet(made.data, "prerequisites-open")}
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
    names = {row["user_name"] for row in sheet(made.data, "changes")}
    for user in HOSTILE:
        assert (f"'{user}" if user[0] in "=+-@" else user) in names
