"""`standby diff`: what an edited configuration would change, and for whom."""

import dataclasses
import json
import textwrap
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.differences import Difference, Group, caps, edited_keys
from infra.config import Pair
from infra.config_file import load
from standby.core.model import DirectoryId, Status
from standby.core.settings import Directory, Rules, Selection, Settings
from tests.cli.stage import Stage
from tests.component.estate import AWAY, DR, HOME, PRIMARY, TABLE, USERS, refusal, settings
from tests.core import cases
from tests.core.cases import ELSEWHERE, table

ANEW = DirectoryId("d-92another0")
KEY = "arn:aws:kms:us-west-2:123456789012:key/1"
OLD = settings(prices={"STANDARD": Decimal(5)})
PROTECTED = cases.with_one()
WAITING, EXCLUDED = cases.row(), cases.row("EXCLUDED EXCLUDED_BY_RULE")
LINUX, NO_KEY = cases.row("INELIGIBLE OPERATING_SYSTEM"), cases.row("INELIGIBLE NO_DR_KEY")
OBSERVED = cases.row("HELD OBSERVE_MODE")
NOT_MAPPED, GONE = cases.row("INELIGIBLE DIRECTORY_NOT_MAPPED"), cases.with_one("PRIMARY_GONE ORPHANED")


def mapped(**more: Any) -> dict[str, Any]:
    return {"directories": {HOME: Directory(AWAY, **more)}}


def rules(**given: Rules) -> dict[str, Any]:
    return {"selection": Selection(**given)}


AL, BO = Rules(users=("a*",)), Rules(users=("b*",))
TAGGED = Rules(tags={"Standby": "no"})


@table(
    "row old new group",
    ("nothing", WAITING, {}, {}, None),
    ("newly excluded", WAITING, {}, rules(exclude=AL), Group.EXCLUDED),
    ("newly excluded, with a standby", PROTECTED, {}, rules(exclude=AL), Group.EXCLUDED_WITH_STANDBY),
    ("another is excluded", WAITING, {}, rules(exclude=BO), None),
    ("not included any more", WAITING, {}, rules(include=BO), Group.EXCLUDED),
    ("newly included", EXCLUDED, rules(exclude=AL), {}, Group.INCLUDED),
    ("excluded by another rule", EXCLUDED, rules(exclude=AL), rules(include=BO), None),
    ("excluded, and cannot have one", LINUX, {}, rules(exclude=AL), None),
    ("by tags, which rows do not have", WAITING, {}, rules(exclude=TAGGED), Group.TAGS_NOT_KNOWN),
    ("by tags before, by name now", EXCLUDED, rules(exclude=TAGGED), rules(exclude=AL), None),
    ("by tags before, not any more", EXCLUDED, rules(exclude=TAGGED), {}, Group.INCLUDED),
    ("by tags before, and was not", WAITING, rules(exclude=TAGGED), {}, None),
    ("not mapped any more", PROTECTED, {}, {"directories": {}}, Group.MAPPING_REMOVED),
    ("mapped newly", NOT_MAPPED, {"directories": {}}, {}, Group.MAPPING_ADDED),
    ("another DR directory", PROTECTED, {}, {"directories": {HOME: Directory(ANEW)}}, Group.DR_DIRECTORY_CHANGED),
    ("a key at last", NO_KEY, {}, mapped(volume_encryption_key=KEY), Group.KEY_ADDED),
    ("a key, and it needs none", WAITING, {}, mapped(volume_encryption_key=KEY), None),
    ("replication", PROTECTED, {}, mapped(data_replication="PRIMARY_AS_SOURCE"), Group.REPLICATION),
    ("replication, as it has it", PROTECTED, mapped(data_replication="PRIMARY_AS_SOURCE"), {}, None),
    ("observed", OBSERVED, {"mode": "observe"}, {}, Group.OBSERVED),
    ("observed, and still to be", OBSERVED, {"mode": "observe"}, {"mode": "observe"}, None),
    ("held by something else", WAITING, {"mode": "observe"}, {}, None),
    ("gone", GONE, {}, rules(exclude=AL), None),
)
def test_what_changes_for_a_desktop(row: Any, old: Any, new: Any, group: Group | None) -> None:
    difference = Difference(dataclasses.replace(OLD, **old), dataclasses.replace(OLD, **new))
    found = difference.of(row, {})
    assert (found["change"] if found else None) == group
    assert list(difference.counts) == ([group] if group else [])


@table("tags group", ("match", (("Standby", "no"),), Group.EXCLUDED), ("none", (), None))
def test_with_tags_rules_for_tags_are_known(tags: Any, group: Group | None) -> None:
    difference = Difference(OLD, dataclasses.replace(OLD, **rules(exclude=TAGGED)))
    found = difference.of(WAITING, {WAITING.primary_id: tags})
    assert (found["change"] if found else None) == group


@pytest.mark.parametrize(
    ("row", "new", "said"),
    [
        (EXCLUDED, rules(), "More standbys that would be created: 1. That costs about USD 5.00"),
        (dataclasses.replace(EXCLUDED, existing=True), rules(), ""),
        (
            WAITING,
            rules(exclude=AL, include=BO),
            "Standbys that would no longer be created: 1. That costs about USD 5.00",
        ),
        (
            PROTECTED,
            rules(exclude=AL, include=BO),
            "Standbys that remain and are billed until a person terminates them: 1.",
        ),
        (PROTECTED, {"prices": {"STANDARD": Decimal(7)}}, "at the edited prices: That costs about USD 7.00"),
    ],
)
def test_what_it_costs(row: Any, new: Any, said: str) -> None:
    old = dataclasses.replace(OLD, **rules(exclude=AL)) if row.status is Status.EXCLUDED else OLD
    difference = Difference(old, dataclasses.replace(OLD, **new))
    difference.of(row, {})
    assert said in " ".join(difference.costs())
    assert said or not difference.costs()


def test_every_key_that_the_functions_go_by_is_named_as_the_file_has_it() -> None:
    other: dict[str, Any] = {
        "version": "9", "mode": "observe", "tags": {"a": "b"}, "max_new_standbys_per_day": 1, "max_standbys": 2,
        "existing_fleet": "protect", "recreate_missing": True, "backfill_in_flight": 3, "calls_per_second": 0.5,
        "prices": {"VALUE": Decimal(3)}, "elsewhere": {ELSEWHERE: "Standby-other"},
        "selection": Selection(AL, BO), "directories": {HOME: Directory(ANEW, KEY, "PRIMARY_AS_SOURCE")},
    }  # fmt: skip
    other |= {each.name: timedelta(hours=30) for each in dataclasses.fields(Settings) if each.type == "timedelta"}
    found = {one.key: one for one in edited_keys(OLD, dataclasses.replace(OLD, **other))}
    names = {each.name for each in dataclasses.fields(Settings)}
    fixed = {"stack", "primary_region", "dr_region", "config_digest", "selection", "directories"}
    assert len(found) == len(names - fixed) + 2 + 3
    assert all(one.effect and one.deployed != one.edited for one in found.values())
    in_file = {name for name in found if not name.startswith("directories.")} - {"version", "elsewhere"}
    assert in_file <= set(Pair.model_fields)
    assert (found["rpo_hours"].deployed, found["rpo_hours"].edited) == ("36", "30")
    assert found["recreate_missing"].edited == "true"


@pytest.mark.parametrize(
    ("new", "count"),
    [
        ({"max_standbys": 44}, 1),
        ({"max_standbys": 45}, 0),
        ({"max_new_standbys_per_day": 7}, 1),
        ({"max_standbys": 9000}, 1),
    ],
)
def test_limits_below_what_exists_are_named(new: Any, count: int) -> None:
    assert len(caps(OLD, dataclasses.replace(OLD, **new), standbys=45, today=7, quota=100)) == count


# With what is deployed


def write(more: str = "", mapping: str = f"{HOME}: {{dr_directory: {AWAY}}}") -> Settings:
    """Write standby.yaml, and return its settings."""
    head = f"pairs:\n  - primary_region: {PRIMARY}\n    dr_region: {DR}\n    directories:\n      {mapping}\n"
    file = Path("standby.yaml")
    file.write_text(head + textwrap.indent(more, "    "))
    configuration = load(file)
    return Settings.from_document(configuration.settings(configuration.pairs[0]))


@pytest.fixture
def deployed(stage: Stage) -> Stage:
    """A deployed configuration, with five desktops that have standbys."""
    found = write()
    stage.configure(**{each.name: getattr(found, each.name) for each in dataclasses.fields(found)})
    stage.stacks[PRIMARY, TABLE]["ConfigDigest"] = found.config_digest
    stage.protected(*USERS[:5])
    stage.sweep()
    return stage


def test_the_deployed_configuration_differs_in_nothing(deployed: Stage) -> None:
    ran = deployed.standby("diff")
    assert ran.status == 0
    assert "No key differs." in ran.out
    assert "this configuration is deployed" in ran.err


def test_keys_and_desktops_that_change(deployed: Stage) -> None:
    write('exclude: {users: ["user00[1-3]"]}\nprices: {STANDARD: 5.75}\nmax_standbys: 3\n')
    ran = deployed.standby("diff", width=100)
    assert ran.status == 1
    for words in (
        "user00[1-3]",
        "EXCLUDED_WITH_STANDBY: 3 of 5",
        "USD 17.25",
        "max_standbys is 3, but 5 standbys exist",
    ):
        assert words in ran.out
    assert max(len(line) for line in deployed.standby("diff --no-color", width=40).out.splitlines()) <= 40
    lines = deployed.standby("diff --output csv").out.splitlines()
    assert lines[0].startswith("change,primary_id,user_name,status,detail")
    assert len(lines) == 4
    found = json.loads(deployed.standby("diff --output json").out)
    assert found["pairs"][0]["changes"] == {"EXCLUDED_WITH_STANDBY": 3}
    assert {one["key"] for one in found["keys"]} == {"exclude", "prices", "max_standbys"}
    assert deployed.standby("diff --exit-zero").status == 0


def test_a_terminal_shows_the_first_twenty_of_each_change(deployed: Stage) -> None:
    deployed.protected(*USERS[20:45])
    write('exclude: {users: ["user0*"]}\n')
    ran = deployed.standby("diff", width=160)
    assert sum("ws-" in line for line in ran.out.splitlines()) == 20
    assert "30 of 30 desktops" in ran.out
    assert "(10 more: --output csv)" in ran.out
    assert sum("ws-" in line for line in deployed.standby("diff").out.splitlines()) == 30


def test_what_depends_on_tags_is_not_known_unless_aws_is_asked(deployed: Stage) -> None:
    write('exclude: {tags: {Standby: "no"}}\n')
    ran = deployed.standby("diff")
    assert (ran.status, "5 desktops depend on tags" in ran.err) == (4, True)
    one = deployed.world.primaries()[0].workspace_id
    deployed.world.call(PRIMARY, "CreateTags", {"ResourceId": one, "Tags": [{"Key": "Standby", "Value": "no"}]})
    ran = deployed.standby("diff --tags --output csv")
    assert (ran.status, [line.split(",")[:2] for line in ran.out.splitlines()[1:]]) == (
        1,
        [["EXCLUDED_WITH_STANDBY", one]],
    )
    deployed.refused["resourcegroupstaggingapi", "get_resources"] = refusal("AccessDeniedException")
    ran = deployed.standby("diff --tags")
    assert (ran.status, "Some tags could not be read" in ran.err) == (4, True)


def test_keys_by_which_no_desktop_is_decided_are_said_to_differ(deployed: Stage) -> None:
    write("coverage_target: 90\n")
    ran = deployed.standby("diff")
    assert (ran.status, "only keys differ that affect no decision" in ran.err) == (1, True)
    Path("standby.yaml").rename("new.yaml")
    assert "Next: `make deploy CONFIG=new.yaml` lists" in deployed.standby("diff --config new.yaml").err


def test_it_is_said_if_the_last_sweep_was_before_the_last_deployment(deployed: Stage) -> None:
    write("rpo_hours: 24\n")
    deployed.stacks[PRIMARY, TABLE]["ConfigDigest"] = "of something else"
    assert "Another configuration was deployed after that sweep" in deployed.standby("diff").err


def test_before_the_first_sweep_nothing_is_passed_off_as_equal(stage: Stage) -> None:
    write()
    ran = stage.standby("diff")
    assert (ran.status, "No key differs" in ran.out) == (4, False)
    stage.put("SETTINGS", "SETTINGS", settings_json="{}", config_digest="", noted_at="")  # of another version
    assert stage.standby("diff").status == 4


def test_what_is_not_deployed_is_new(stage: Stage) -> None:
    write()
    stage.stacks.clear()
    ran = stage.standby("diff")
    assert (ran.status, "is not deployed" in ran.err) == (1, True)
    assert ("No key differs" in ran.out, "Nothing is deployed to compare with." in ran.out) == (False, True)


def test_a_file_with_a_mistake_and_none(stage: Stage) -> None:
    ran = stage.standby("diff")
    assert (ran.status, "--config" in ran.err) == (2, True)
    Path("standby.yaml").write_text("pairs: 1\n")
    ran = stage.standby("diff")
    assert (ran.status, "standby check" in ran.err) == (2, True)


def test_it_is_compared_in_the_dr_region_when_the_primary_region_is_lost(deployed: Stage) -> None:
    write("rpo_hours: 24\n")
    deployed.down = {PRIMARY}
    ran = deployed.standby("diff")
    assert (ran.status, "rpo_hours" in ran.out, "replica" in ran.err) == (1, True, True)
