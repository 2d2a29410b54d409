"""`standby report` of data that is empty, tiny or ugly: each report is true, or says what is missing."""

from __future__ import annotations

import re
from pathlib import Path

from standby.core.model import DirectoryId
from standby.core.settings import Rules, Selection
from standby.ledger.sweeps import coverage_key
from tests.cli.pages import report, sheet
from tests.cli.stage import Stage
from tests.component.estate import AWAY, DR, HOME, PRIMARY, TABLE, USERS


def test_before_the_first_sweep_nothing_is_known_and_that_is_said(stage: Stage) -> None:
    ran, page = report(stage)
    assert ran.status == 4
    assert "No sweep has recorded which directories are mapped" in page.text
    assert page.paragraphs[2].endswith("It is not known whether anybody would be affected if us-east-1 failed now.")
    assert "100" not in page.figures.values()


def test_without_any_desktop_a_swept_pair_has_nobody_to_be_affected(stage: Stage) -> None:
    stage.sweep()
    ran, page = report(stage, "--since 2026-01-05")
    assert ran.status == 0
    assert page.paragraphs[2] == (
        "The ledger has no desktop that is assigned to a person. Nobody in the ledger would be affected if us-east-1"
        " failed now."
    )
    assert page.table("Coverage by day").column("Of eligible") == ["—"]


def test_one_desktop_and_one_standby(stage: Stage) -> None:
    stage.sweep()
    stage.sweep()
    (one,) = stage.create_ready(USERS[0])
    stage.protect(one)
    stage.watch()
    stage.sweep()
    ran, page = report(stage, "--since 2026-01-05")
    assert ran.status == 0
    assert page.paragraphs[2] == (
        "If us-east-1 failed now, 1 of 1 person could work; their data is not replicated; 0 have nothing;"
        " 0 are not known."
    )


def test_what_breaks_between_two_sweeps_is_in_no_figure_until_the_next_and_the_report_says_so(stage: Stage) -> None:
    stage.sweep()
    stage.sweep()
    (one,) = stage.create_ready(USERS[0])
    stage.protect(one)
    stage.watch()
    stage.sweep()
    stage.world.set_state(str(stage.row(one).standby_id), "ERROR")
    _, page = report(stage, "--since 2026-01-05")
    assert [page.figures[f"people-{name}"] for name in ("work", "unknown", "nothing")] == ["1", "0", "0"]
    for said in (
        "Changes after the last sweep that caused no event are not included.",
        "What happened between two sweeps is not in these figures.",
        "Figures can differ from the service where something changed between two sweeps without an event",
    ):
        assert said in page.html.replace("&#39;", "'")
    stage.sweep()
    _, page = report(stage, "--since 2026-01-05")
    assert [page.figures[f"people-{name}"] for name in ("work", "unknown", "nothing")] == ["0", "1", "0"]


def test_where_all_fail_nobody_counts_as_good(stage: Stage) -> None:
    stage.sweep()
    stage.sweep()
    for user in USERS[:3]:
        stage.world.fail_standby_of(user)
    stage.protect(*stage.create_ready(*USERS[:3]))
    stage.watch()
    stage.sweep()
    ran, page = report(stage, "--since 2026-01-05")
    assert ran.status == 0
    assert page.paragraphs[2].startswith("If us-east-1 failed now, 0 of 3 people could work; 3 have nothing; 0 are")
    assert page.table("Coverage by day").column("Of eligible") == ["0.0 %"]


def test_a_sweep_that_is_too_long_ago_makes_everybody_not_known(stage: Stage) -> None:
    stage.sweep()
    stage.sweep()
    stage.protect(*stage.create_ready(*USERS[:2]))
    stage.watch()
    stage.sweep()
    stage.pass_time(hours=3, minutes=1)
    ran, page = report(stage, "--since 2026-01-05")
    assert ran.status == 4
    assert page.paragraphs[2].startswith("If us-east-1 failed now, 0 of 2 people could work")
    assert page.figures["people-unknown"] == "2"
    assert "It is not known who is protected there now." in ran.err


def test_rows_and_settings_of_a_later_version_are_not_known_and_never_good(stage: Stage) -> None:
    stage.sweep()
    stage.sweep()
    one, other, third = stage.create_ready(*USERS[:3])
    stage.protect(one, other, third)
    stage.watch()
    stage.table.set(one, "STATE", {"schema_version": 2})
    # Of a status that this version does not know, in a partition that it does not ask for.
    stage.table.set(other, "STATE", {"status": "ASLEEP", "ix_status": "ASLEEP#0"})
    stage.sweep()
    ran, page = report(stage, "--since 2026-01-05")
    assert ran.status == 4
    assert [page.figures[f"people-{name}"] for name in ("work", "unknown", "nothing")] == ["1", "2", "0"]
    assert "2 rows were written by a later version" in ran.err
    stage.table.set("SETTINGS", "SETTINGS", {"settings_json": "{}"})
    ran, page = report(stage)
    assert (ran.status, page.figures["people-work"]) == (4, "0")
    assert "No sweep has recorded which directories are mapped, or a later version recorded it." in page.text


def test_days_that_somebody_wrote_manually_or_in_part_harm_nothing(stage: Stage) -> None:
    stage.sweep()
    stage.put(coverage_key(HOME), "DAY#2026-01-04", day="2026-01-04", scanned_at=7, copies="many", scans={"a": 1})
    stage.put("DOCTOR", "EVENT#x", at="2026-01-05T09:00:00.000Z", checks="all well")
    ran, page = report(stage, "--since 2026-01-03")
    assert ran.status == 4
    assert "The last kept run of doctor was written by a later version" in page.text


def test_a_hostile_name_of_any_length_is_text(stage: Stage) -> None:
    stage.sweep()
    stage.sweep()
    (one,) = stage.create_ready(USERS[0])
    stage.protect(one)
    name = "</td><script>alert(1)</script>\N{RIGHT-TO-LEFT OVERRIDE}\N{PILE OF POO}" + "x" * 200
    stage.table.set(one, "STATE", {"user_name": name, "principal": name, "error_message": name})
    _, page = report(stage, "--since 2026-01-05 --data d")
    assert "<script" not in page.html
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page.html
    shown = page.table("Gaps, the oldest first").column("User")[0]
    assert shown.startswith("</td><script>alert(1)</script>[U+202E]\N{PILE OF POO}xxx")
    assert sheet(Path("d"), "gaps")[0]["user_name"] == name


def test_a_directory_alone_is_reported_alone(stage: Stage) -> None:
    legal, away = DirectoryId("d-9067328a7c"), DirectoryId("d-926722f013")
    for region, directory in ((PRIMARY, legal), (DR, away)):
        stage.world.add_directory(region, directory, USERS)
    mapped = stage.deployed.settings.directories
    stage.configure(directories={**mapped, legal: type(mapped[HOME])(away)})
    stage.sweep()
    stage.sweep()
    stage.protect(*stage.create_ready(*USERS[:2]), *stage.create_ready(USERS[2], directory=legal))
    stage.watch()
    stage.sweep()
    _, page = report(stage, f"--since 2026-01-05 --directory {legal} --data d")
    assert (page.figures["people-work"], page.figures["created"]) == ("1", "1")
    assert {row["directory_id"] for row in sheet(Path("d"), "days")} == {legal, "the pair"}
    assert f"This report covers only {legal}." in page.text


def test_a_rule_that_names_a_user_is_an_exclusion_of_that_rule(stage: Stage) -> None:
    stage.configure(selection=Selection(exclude=Rules(users=(USERS[0],))))
    stage.sweep()
    stage.sweep()
    stage.protect(*stage.create_ready(USERS[0]))
    _, page = report(stage, "--redact --data d")
    (rule,) = sheet(Path("d"), "exclusions-by-rule")
    assert re.fullmatch(r"exclude\.users: user-[0-9a-f]{12}", rule["rule"])
    assert USERS[0] not in page.html


def test_what_the_last_sweep_did_not_see_ready_is_not_known_though_no_row_says_so(stage: Stage) -> None:
    stage.sweep()
    stage.sweep()
    one, _ = ids = stage.create_ready(*USERS[:2])
    stage.protect(*ids)
    stage.watch()
    # A state that is neither well nor unwell, of which a row notes nothing.
    stage.world.set_state(str(stage.row(one).standby_id), "MAINTENANCE")
    stage.sweep()
    _, page = report(stage, "--since 2026-01-05")
    assert [page.figures[f"people-{name}"] for name in ("work", "unknown", "nothing")] == ["1", "1", "0"]
    assert page.table("Coverage by day").column("Protected") == ["1"]
    assert page.table("Coverage by day").column("Not known") == ["1"]


def test_after_a_sweep_that_was_not_complete_the_report_says_so_and_later_that_nothing_is_known(stage: Stage) -> None:
    stage.sweep()
    stage.sweep()
    stage.protect(*stage.create_ready(*USERS[:2]))
    stage.watch()
    stage.sweep()
    # All standbys at once: so large a drop is not believed.
    for standby in stage.world.standbys():
        stage.world.terminate(standby.workspace_id)
    stage.pass_time(minutes=10)
    stage.sweep()
    ran, page = report(stage, "--since 2026-01-05 --data d")
    caution = f"{HOME}: the last sweep was not complete"
    assert caution in ran.err
    assert caution in page.text
    assert sheet(Path("d"), "sweeps")[0]["problem"] != "none"
    stage.pass_time(hours=3)
    ran, page = report(stage, "--since 2026-01-05")
    assert ran.status == 4
    assert [page.figures[f"people-{name}"] for name in ("work", "unknown", "nothing")] == ["0", "2", "0"]


def test_a_directory_that_a_sweep_found_not_registered_makes_its_people_not_known_and_is_named(stage: Stage) -> None:
    stage.sweep()
    stage.sweep()
    stage.protect(*stage.create_ready(*USERS[:2]))
    stage.watch()
    stage.sweep()
    stage.table.set(f"SWEEP#{HOME}", "BASELINE", {"unregistered": {AWAY: "sweep-7"}})
    _, page = report(stage, "--since 2026-01-05 --data d")
    assert [page.figures[f"people-{name}"] for name in ("work", "unknown", "nothing")] == ["0", "2", "0"]
    assert sheet(Path("d"), "directories-state")[0]["unregistered"] == AWAY
    assert "Not known for 2 desktops. A sweep found that the directory, or its DR directory," in page.text
    assert "2 more desktops are not known and not listed here" in page.text


def test_doctors_findings_are_kept_by_protect_and_shown_with_their_age(stage: Stage) -> None:
    stage.sweep()
    ran = stage.standby("doctor --only credentials --keep --reason nightly")
    assert f"Saved in the ledger of {TABLE}. Findings: " in ran.out
    stage.pass_time(hours=2)
    _, page = report(stage)
    assert page.figures["doctor-age"] == "7200"
    assert "by al (role operators) (nightly), 2 h before this report." in page.text
    assert page.table("Findings by group").column("Group") == ["credentials"]
