"""The configuration file: what is accepted, each mistake with its key path and advice, all mistakes at once."""

from __future__ import annotations

import json
import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from infra.config import DirectoryMapping, Pair, json_schema
from infra.config_file import ConfigurationError, load
from infra.config_rules import cautions
from standby.selection import Rules, Selection
from standby.settings import Settings

if TYPE_CHECKING:
    from infra.config import Configuration

ROOT = Path(__file__).parents[2]
DIRECTORY = "pairs[0].directories.d-906732325d"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d"


def pair(**changes: Any) -> dict[str, Any]:
    """The smallest pair there is; None takes a key away."""
    keys = {
        "primary_region": "us-east-1",
        "dr_region": "us-west-2",
        "directories": {"d-906732325d": {"dr_directory": "d-926722edaf"}},
        **changes,
    }
    return {key: value for key, value in keys.items() if value is not None}


def mapped(**changes: Any) -> dict[str, Any]:
    return pair(directories={"d-906732325d": {"dr_directory": "d-926722edaf", **changes}})


def read(tmp_path: Path, content: Any) -> Configuration:
    file = tmp_path / "standby.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return load(file)


def mistakes(tmp_path: Path, content: Any) -> dict[str, str]:
    """Key path → problem and advice of each mistake."""
    with pytest.raises(ConfigurationError) as failure:
        read(tmp_path, content)
    return {mistake.path: f"{mistake.problem}. {mistake.advice}." for mistake in failure.value.mistakes}


def test_the_smallest_file_has_the_defaults_that_the_readme_names(tmp_path: Path) -> None:
    (smallest,) = read(tmp_path, {"pairs": [pair()]}).pairs
    assert smallest.model_dump() == {
        "primary_region": "us-east-1",
        "dr_region": "us-west-2",
        "account": None,
        "directories": {
            "d-906732325d": {
                "dr_directory": "d-926722edaf",
                "volume_encryption_key": None,
                "data_replication": "NO_REPLICATION",
            }
        },
        "tags": {},
        "mode": "protect",
        "first_look_minutes": 15,
        "poll_interval_seconds": 120,
        "primary_deadline_minutes": 240,
        "standby_deadline_minutes": 120,
        "max_new_standbys_per_day": 200,
        "max_standbys": 5000,
        "sweep_interval_minutes": 60,
        "coverage_target": 95,
        "coverage_grace_hours": 4,
        "rpo_hours": 36,
        "existing_fleet": "report",
        "recreate_missing": False,
        "backfill_in_flight": 100,
        "calls_per_second": 1.0,
        "prices": {},
        "include": None,
        "exclude": None,
        "notify": [],
        "notify_topic_arn": None,
        "permissions_boundary": None,
    }


def test_the_example_is_valid_and_gives_no_warning() -> None:
    assert cautions(load(ROOT / "standby.example.yaml")) == []


def test_the_example_names_every_key_once_and_shows_its_default() -> None:
    """With its comment signs taken away it is a whole file, and says nothing but the defaults."""
    text = (ROOT / "standby.example.yaml").read_text(encoding="utf-8")
    (shown,) = yaml.safe_load(re.sub(r"(?m)^( +)# ([a-z_]+: )", r"\1\2", text))["pairs"]
    assert set(shown) == set(Pair.model_fields)
    (first, _) = shown["directories"].values()
    assert set(first) == set(DirectoryMapping.model_fields)
    for name, value in (*shown.items(), *first.items()):
        field = (Pair.model_fields | DirectoryMapping.model_fields)[name]
        if isinstance(field.default, (int, float)) or name in {"mode", "existing_fleet", "data_replication"}:
            assert value == field.default, name


@pytest.mark.parametrize(
    ("broken", "path", "problem", "advice"),
    [
        # keys
        (pair(primary_region=None), "pairs[0].primary_region", "missing", "for example us-east-1"),
        (pair(dr_region=None), "pairs[0].dr_region", "missing", "for example us-west-2"),
        (pair(directories=None), "pairs[0].directories", "missing", "{d-906732325d: {dr_directory: d-926722edaf}}"),
        (pair(primry_region="x"), "pairs[0].primry_region", "no such key", "primary_region"),
        (mapped(replication=True), f"{DIRECTORY}.replication", "no such key", "data_replication"),
        (mapped(dr_directory=None), f"{DIRECTORY}.dr_directory", "no value", "for example d-926722edaf"),
        (pair(directories={}), "pairs[0].directories", "empty", "at least one directory"),
        (pair(directories=["d-1"]), "pairs[0].directories", "a list", "{d-906732325d: {dr_directory: d-926722edaf}}"),
        (
            pair(directories={"d-906732325d": "d-926722edaf"}),
            DIRECTORY,
            "'d-926722edaf'",
            "{dr_directory: d-926722edaf}",
        ),
        # ids and ARNs
        (pair(primary_region="US East"), "pairs[0].primary_region", "'US East'", "for example us-east-1"),
        (pair(dr_region="us-west-2a"), "pairs[0].dr_region", "'us-west-2a'", "for example us-west-2"),
        (mapped(dr_directory="d-92672"), f"{DIRECTORY}.dr_directory", "'d-92672'", "for example d-926722edaf"),
        (
            pair(directories={"906732325d": {"dr_directory": "d-926722edaf"}}),
            "pairs[0].directories.906732325d",
            "cannot be a key",
            "for example d-906732325d",
        ),
        (pair(account="12345678901"), "pairs[0].account", "'12345678901'", "12 digits"),
        (pair(account=123456789012), "pairs[0].account", "loses leading zeros", "in quotes"),
        (
            mapped(volume_encryption_key="alias/dr"),
            f"{DIRECTORY}.volume_encryption_key",
            "'alias/dr'",
            "an alias will not do",
        ),
        (mapped(data_replication="yes"), f"{DIRECTORY}.data_replication", "'yes'", "PRIMARY_AS_SOURCE"),
        (pair(notify_topic_arn="ops"), "pairs[0].notify_topic_arn", "'ops'", "arn:aws:sns:us-east-1"),
        (pair(permissions_boundary="boundary"), "pairs[0].permissions_boundary", "'boundary'", "policy/boundary"),
        (pair(notify="ops@example.com"), "pairs[0].notify", "'ops@example.com'", "[ops@example.com]"),
        (pair(notify=["ops"]), "pairs[0].notify[0]", "'ops'", "[ops@example.com]"),
        # tags
        (pair(tags={"CostCenter": 12}), "pairs[0].tags.CostCenter", "12", "in quotes"),
        (pair(tags={"Cost<Center": "dr"}), "pairs[0].tags.Cost<Center", "cannot be a key", "a tag's key"),
        (pair(tags={"aws:x": "y"}), "pairs[0].tags.aws:x", "cannot be set", "another key"),
        (
            pair(tags={"workspaces-standby:stack": "y"}),
            "pairs[0].tags.workspaces-standby:stack",
            "cannot be set",
            "another",
        ),
        (pair(tags={f"k{n}": "v" for n in range(41)}), "pairs[0].tags", "41 of them", "at most 40"),
        # numbers
        (pair(mode="dry-run"), "pairs[0].mode", "'dry-run'", "protect, or observe"),
        (pair(first_look_minutes=-1), "pairs[0].first_look_minutes", "-1", "for example 15"),
        (pair(first_look_minutes="15 min"), "pairs[0].first_look_minutes", "'15 min'", "for example 15"),
        (pair(poll_interval_seconds=0), "pairs[0].poll_interval_seconds", "0", "for example 120"),
        (pair(poll_interval_seconds=3601), "pairs[0].poll_interval_seconds", "3601", "at most 3600"),
        (pair(primary_deadline_minutes=True), "pairs[0].primary_deadline_minutes", "True", "for example 240"),
        (pair(standby_deadline_minutes=99999), "pairs[0].standby_deadline_minutes", "99999", "at most 43200"),
        (pair(max_new_standbys_per_day=0), "pairs[0].max_new_standbys_per_day", "0", "mode: observe"),
        (pair(max_new_standbys_per_day=1.5), "pairs[0].max_new_standbys_per_day", "1.5", "whole number"),
        (pair(max_standbys="many"), "pairs[0].max_standbys", "'many'", "for example 5000"),
        (pair(sweep_interval_minutes=14), "pairs[0].sweep_interval_minutes", "14", "from 15 to 1440"),
        (pair(sweep_interval_minutes=1441), "pairs[0].sweep_interval_minutes", "1441", "from 15 to 1440"),
        (pair(sweep_interval_minutes=60.5), "pairs[0].sweep_interval_minutes", "60.5", "whole number"),
        (pair(existing_fleet="ignore"), "pairs[0].existing_fleet", "'ignore'", "report, to see"),
        (pair(existing_fleet=True), "pairs[0].existing_fleet", "True", "or protect"),
        (pair(coverage_target=101), "pairs[0].coverage_target", "101", "from 0 to 100"),
        (pair(coverage_target=-1), "pairs[0].coverage_target", "-1", "from 0 to 100"),
        (pair(coverage_grace_hours=0), "pairs[0].coverage_grace_hours", "0", "at most 144"),
        (pair(coverage_grace_hours=145), "pairs[0].coverage_grace_hours", "145", "at most 144"),
        (pair(rpo_hours=0), "pairs[0].rpo_hours", "0", "for example 36"),
        (pair(backfill_in_flight=0), "pairs[0].backfill_in_flight", "0", "from 1 to 400"),
        (pair(backfill_in_flight=401), "pairs[0].backfill_in_flight", "401", "from 1 to 400"),
        (pair(calls_per_second=0), "pairs[0].calls_per_second", "0", "from 0.1 to 50"),
        # prices
        (
            pair(prices={"Standard": 4}),
            "pairs[0].prices.Standard",
            "cannot be a key",
            "a compute type as DescribeWorkspaces names it",
        ),
        (pair(prices={"POWER": 0}), "pairs[0].prices.POWER", "0", "more than 0"),
        (pair(prices={"POWER": "4"}), "pairs[0].prices.POWER", "'4'", "by compute type"),
        (pair(prices=4), "pairs[0].prices", "4", "{STANDARD: 5.75"),
        # what values must be to each other
        (pair(dr_region="us-east-1"), "pairs[0].dr_region", "the primary Region too", "another Region"),
        (
            mapped(volume_encryption_key=KEY.replace("us-west-2", "us-east-1")),
            f"{DIRECTORY}.volume_encryption_key",
            "this key is in us-east-1",
            "a key in us-west-2",
        ),
        (
            pair(notify_topic_arn="arn:aws:sns:us-west-2:123456789012:ops"),
            "pairs[0].notify_topic_arn",
            "this topic is in us-west-2",
            "a topic in us-east-1",
        ),
        (
            pair(account="111111111111", permissions_boundary="arn:aws:iam::123456789012:policy/b"),
            "pairs[0].permissions_boundary",
            "in account 123456789012",
            "in account 111111111111",
        ),
        (
            pair(
                directories={
                    "d-906732325d": {"dr_directory": "d-926722edaf"},
                    "d-906732325e": {"dr_directory": "d-926722edaf"},
                }
            ),
            "pairs[0].directories.d-906732325e.dr_directory",
            "the partner of d-906732325d already",
            "a partner of its own",
        ),
        (mapped(dr_directory="d-906732325d"), f"{DIRECTORY}.dr_directory", "its own partner", "in the DR Region"),
        (
            pair(primary_deadline_minutes=10),
            "pairs[0].primary_deadline_minutes",
            "10 minutes",
            "first_look_minutes (15)",
        ),
        (
            pair(standby_deadline_minutes=5, poll_interval_seconds=300),
            "pairs[0].standby_deadline_minutes",
            "5 minutes cannot work",
            "poll_interval_seconds (300 s)",
        ),
        (pair(notify=["a@example.com", "A@example.com"]), "pairs[0].notify", "twice", "one of the two"),
        # the selection
        (pair(include={}), "pairs[0].include", "no rule in it", "every desktop is included"),
        (pair(exclude={}), "pairs[0].exclude", "no rule in it", "no desktop is excluded"),
        (pair(exclude={"users": []}), "pairs[0].exclude.users", "empty", '["svc-*"]'),
        (pair(include={"tags": {}}), "pairs[0].include.tags", "empty", "{Standby: no, Environment: dev*}"),
        (pair(include={"directories": []}), "pairs[0].include.directories", "empty", "[d-906732325d]"),
        (pair(exclude={"users": "svc-*"}), "pairs[0].exclude.users", "'svc-*'", "user names"),
        (pair(exclude={"users": ["a", "svc-["]}), "pairs[0].exclude.users[1]", "'svc-['", "with * for any text"),
        (pair(exclude={"users": [""]}), "pairs[0].exclude.users[0]", "''", "user names"),
        (pair(exclude={"users": [4711]}), "pairs[0].exclude.users[0]", "4711", "in quotes"),
        (pair(include={"tags": {"a": "[b"}}), "pairs[0].include.tags.a", "'[b'", "with * for any text"),
        (pair(include={"tags": {"a": True}}), "pairs[0].include.tags.a", "True", "a key and a value"),
        (pair(include={"tags": {"a*": "b"}}), "pairs[0].include.tags.a*", "cannot be a key", "a tag's key"),
        (pair(include={"user": ["a"]}), "pairs[0].include.user", "no such key", "directories, tags, users"),
        (pair(exclude={"directories": ["906"]}), "pairs[0].exclude.directories[0]", "'906'", "ids of directories"),
        (
            pair(include={"directories": ["d-906732325d", "d-9067328a7c"]}),
            "pairs[0].include.directories[1]",
            "d-9067328a7c is not under directories",
            "Write one of d-906732325d",
        ),
    ],
)
def test_each_mistake_is_named_by_its_key_path_with_what_to_write(
    tmp_path: Path, broken: dict[str, Any], path: str, problem: str, advice: str
) -> None:
    found = mistakes(tmp_path, {"pairs": [broken]})
    assert list(found) == [path]
    assert problem in found[path]
    assert advice in found[path]


@pytest.mark.parametrize(
    ("second", "path", "problem"),
    [
        (
            pair(directories={"d-906732325e": {"dr_directory": "d-926722eda0"}}),
            "pairs[1].primary_region",
            "a pair already",
        ),
        (
            pair(dr_region="eu-west-1", directories={"d-906732325d": {"dr_directory": "d-936722edaf"}}),
            "pairs[1].directories.d-906732325d",
            "pairs[0] maps this directory too",
        ),
        (
            pair(primary_region="us-east-2", directories={"d-9a6732325d": {"dr_directory": "d-926722edaf"}}),
            "pairs[1].directories.d-9a6732325d.dr_directory",
            "the partner of d-906732325d already",
        ),
    ],
)
def test_two_pairs_are_checked_against_each_other(
    tmp_path: Path, second: dict[str, Any], path: str, problem: str
) -> None:
    found = mistakes(tmp_path, {"pairs": [pair(), second]})
    assert list(found) == [path]
    assert problem in found[path]


def test_two_pairs_may_point_at_each_other(tmp_path: Path) -> None:
    back = pair(
        primary_region="us-west-2",
        dr_region="us-east-1",
        directories={"d-926722edaf": {"dr_directory": "d-906732325d"}},
    )
    assert len(read(tmp_path, {"pairs": [pair(), back]}).pairs) == 2


def test_all_mistakes_are_told_at_once_by_line(tmp_path: Path) -> None:
    text = """\
pairs:
  - primary_region: us-east-1
    dr_region: us-east-1
    colour: blue
    mode: perhaps
    directories:
      d-906732325d: {dr_directory: d-926722edaf, data_replication: on}
      d-906732325e: {dr_directory: d-926722edaf}
  - dr_region: mars
"""
    with pytest.raises(ConfigurationError) as failure:
        read(tmp_path, text)
    assert [(mistake.line, mistake.path) for mistake in failure.value.mistakes] == [
        (3, "pairs[0].dr_region"),
        (4, "pairs[0].colour"),
        (5, "pairs[0].mode"),
        (7, "pairs[0].directories.d-906732325d.data_replication"),
        (8, "pairs[0].directories.d-906732325e.dr_directory"),
        (9, "pairs[1].directories"),
        (9, "pairs[1].dr_region"),
        (9, "pairs[1].primary_region"),
    ]
    assert str(failure.value).startswith(f"{tmp_path / 'standby.yaml'}: 8 mistakes\n  line 3: pairs[0].dr_region: ")


def test_a_directory_twice_in_one_map_is_not_taken_silently(tmp_path: Path) -> None:
    text = """\
pairs:
  - primary_region: us-east-1
    dr_region: us-west-2
    directories:
      d-906732325d: {dr_directory: d-926722edaf}
      d-906732325d: {dr_directory: d-926722f013}
"""
    with pytest.raises(ConfigurationError) as failure:
        read(tmp_path, text)
    (mistake,) = failure.value.mistakes
    assert (mistake.line, mistake.path) == (6, "pairs[0].directories.d-906732325d")
    assert "a second time" in mistake.problem


@pytest.mark.parametrize(
    ("text", "problem", "advice"),
    [
        ("", "the file is empty", "standby.example.yaml"),
        ("# nothing but a comment\n", "the file is empty", "standby.example.yaml"),
        ("- pairs\n", "the file holds no map", "`pairs:`"),
        ("pairs", "the file holds no map", "`pairs:`"),
        ("pairs:\n\t- primary_region: us-east-1\n", "a tab", "spaces"),
        ("pairs: [{\n", "this is not YAML", "quotes"),
        ("pairs: []\n---\npairs: []\n", "this is not YAML", "quotes"),
        ("pairs: \x07\n", "this is not YAML", "unreadable"),
    ],
)
def test_a_file_that_is_no_configuration_at_all(tmp_path: Path, text: str, problem: str, advice: str) -> None:
    (told,) = mistakes(tmp_path, text).values()
    assert problem in told
    assert advice in told


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("!!int x", "not of the type"),
        ("!!float x", "not of the type"),
        ("!!bool x", "not of the type"),
        ("!!timestamp x", "not of the type"),
        ("!!binary €", "base64"),
        ("7" * 5000, "too many digits"),
        ("!unknown x", "could not determine a constructor"),
    ],
)
def test_a_value_that_yaml_cannot_read_is_told_by_its_line(tmp_path: Path, value: str, problem: str) -> None:
    text = yaml.safe_dump({"pairs": [pair()]}, sort_keys=False) + f"  max_standbys: {value}\n"
    with pytest.raises(ConfigurationError) as failure:
        read(tmp_path, text)
    (mistake,) = failure.value.mistakes
    assert problem in mistake.problem
    assert mistake.line == len(text.splitlines())


def test_a_file_nested_too_deeply_is_told(tmp_path: Path) -> None:
    # A library of other tests lets Python go ten times as deep as it does by itself.
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    try:
        assert "nested too deeply" in mistakes(tmp_path, "[" * 3000)[""]
    finally:
        sys.setrecursionlimit(limit)


def test_what_is_quoted_of_the_file_is_short_and_sends_nothing_to_the_terminal(tmp_path: Path) -> None:
    odd = {"primary_region": "\x1b[2J" + "x" * 5000, "dr_region": "\x00", "\x1b]0;title\x07": 1, "": 2, "y" * 5000: 3}
    with pytest.raises(ConfigurationError) as failure:
        read(tmp_path, {"pairs": [mapped(volume_encryption_key=KEY) | odd]})
    lines = str(failure.value).split("\n")
    assert len(lines) == len(failure.value.mistakes) + 1
    assert all(line.isprintable() and len(line) < 1000 for line in lines)
    assert "\\x1b]0;title\\x07: there is no such key" in str(failure.value)
    assert "pairs[0].'': there is no such key" in str(failure.value)


@pytest.mark.parametrize("content", ["pairs: []", "pairs: {a: b}", "pairs:", "pairs: [one]", "pairs: &a [*a]"])
def test_pairs_that_are_no_pairs(tmp_path: Path, content: str) -> None:
    (told,) = mistakes(tmp_path, content).items()
    assert told[0] in {"pairs", "pairs[0]"}
    assert "a list with at least one pair of Regions" in told[1]


def test_a_missing_file_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no such file\. Make one with `\.venv/bin/standby init`"):
        load(tmp_path / "standby.yaml")


@pytest.mark.parametrize("content", [b"pairs: \xff\xfe", None])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "standby.yaml"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="it cannot be read"):
        load(file)


def test_words_and_numbers_stay_what_they_look_like(tmp_path: Path) -> None:
    """YAML 1.1 would read `on` as true, 2:00 as 120 and 0123 as 83."""
    text = """\
pairs:
  - primary_region: us-east-1
    dr_region: us-west-2
    account: 012345670123
    directories: {d-906732325d: {dr_directory: d-926722edaf}}
    tags: {Tier: on, Window: 2:00, Room: 0123, Since: 2026-03-03}
"""
    (read_pair,) = read(tmp_path, text).pairs
    assert read_pair.account == "012345670123"
    assert read_pair.tags == {"Tier": "on", "Window": "2:00", "Room": "0123", "Since": "2026-03-03"}


@pytest.mark.parametrize(
    ("careless", "path", "message"),
    [
        (pair(primary_region="sa-east-1"), "pairs[0].primary_region", "known for standby WorkSpaces"),
        (pair(dr_region="ap-south-1"), "pairs[0].dr_region", "known for standby WorkSpaces"),
        (pair(first_look_minutes=0.1), "pairs[0].first_look_minutes", "too small for a real account"),
        (pair(poll_interval_seconds=0.5), "pairs[0].poll_interval_seconds", "2 calls a second"),
        (pair(primary_deadline_minutes=30), "pairs[0].primary_deadline_minutes", "up to an hour"),
        (pair(standby_deadline_minutes=30), "pairs[0].standby_deadline_minutes", "up to an hour"),
        (pair(existing_fleet="protect"), "pairs[0].existing_fleet", "up to max_standbys (5000)"),
        (pair(notify=[]), "pairs[0].notify", "nobody is told"),
        (
            pair(notify=[], notify_topic_arn="arn:aws:sns:us-east-1:123456789012:ops"),
            "pairs[0].notify",
            "alarms in us-west-2 reach nobody",
        ),
        (pair(exclude={"users": ["*"]}), "pairs[0].exclude.users", "every user is excluded"),
        (pair(exclude={"directories": ["d-906732325d"]}), "pairs[0].exclude.directories", "every directory"),
        (
            pair(include={"users": ["Al", "bo"]}, exclude={"users": ["al"]}),
            "pairs[0].include.users",
            "al stands under exclude.users too, which wins",
        ),
        (pair(include={"tags": {"a": "b"}}, exclude={"tags": {"a": "b"}}), "pairs[0].include.tags", "a: b stands"),
    ],
)
def test_what_is_allowed_and_perhaps_not_meant_is_a_warning(
    tmp_path: Path, careless: dict[str, Any], path: str, message: str
) -> None:
    (caution,) = cautions(read(tmp_path, {"pairs": [{"notify": ["ops@example.com"], **careless}]}))
    assert caution.path == path
    assert message in caution.message


@pytest.mark.parametrize(
    ("rates", "regions", "warned"),
    [
        ([1.0, 1.0], ["us-east-1", "us-east-1"], ["3 calls a second in us-east-1, and AWS allows an account 2"]),
        ([0.5, 0.5, 0.5], ["us-east-1"] * 3, ["2.25 calls a second in us-east-1, and AWS allows an account 2"]),
        ([0.5, 0.5], ["us-east-1", "us-east-1"], []),
        ([1.0, 1.0], ["us-east-1", "us-east-2"], []),
        # Whoever writes so much in one pair has had the limit raised.
        ([20.0], ["us-east-1"], []),
    ],
)
def test_pairs_of_one_region_that_call_too_often_together_are_a_warning(
    tmp_path: Path, rates: list[float], regions: list[str], warned: list[str]
) -> None:
    drs = ["us-west-2", "eu-west-1", "eu-central-1"]
    pairs = [
        {
            "notify": ["ops@example.com"],
            **pair(
                primary_region=region,
                dr_region=drs[index],
                calls_per_second=rate,
                directories={f"d-90673232{index}d": {"dr_directory": f"d-92672272{index}d"}},
            ),
        }
        for index, (rate, region) in enumerate(zip(rates, regions, strict=True))
    ]
    found = cautions(read(tmp_path, {"pairs": pairs}))
    assert {caution.path for caution in found} <= {f"pairs[{len(pairs) - 1}].calls_per_second"}
    assert len(found) == len(warned)
    assert all(words in caution.message for words, caution in zip(warned, found, strict=True))


def test_prices_reach_the_functions_as_text(tmp_path: Path) -> None:
    configuration = read(tmp_path, {"pairs": [pair(prices={"STANDARD": 5.75, "POWER": 11})]})
    document = json.loads(json.dumps(configuration.settings(configuration.pairs[0])))
    assert document["prices"] == {"POWER": "11.0", "STANDARD": "5.75"}
    assert Settings.from_document(document).prices == {"POWER": Decimal(11), "STANDARD": Decimal("5.75")}


def test_a_selection_reaches_the_functions_as_it_was_written(tmp_path: Path) -> None:
    rules = {"tags": {"Standby": "no"}, "users": ["SVC-*", "[xy]-?"], "directories": ["d-906732325d"]}
    configuration = read(tmp_path, {"pairs": [pair(exclude=rules)]})
    found = Settings.from_document(json.loads(json.dumps(configuration.settings(configuration.pairs[0])))).selection
    assert (found.include, found.exclude) == (Rules(), Rules.from_document(rules))
    assert found.exclude.tags == {"Standby": "no"}
    assert found.exclude.users == ("SVC-*", "[xy]-?")


def test_a_file_without_a_selection_selects_everything(tmp_path: Path) -> None:
    configuration = read(tmp_path, {"pairs": [pair()]})
    assert Settings.from_document(configuration.settings(configuration.pairs[0])).selection == Selection()


def test_the_digest_changes_with_any_value_and_with_nothing_else(tmp_path: Path) -> None:
    (one,) = read(tmp_path, {"pairs": [pair()]}).pairs
    (same,) = read(tmp_path, {"pairs": [pair(mode="protect", max_standbys=5000)]}).pairs
    (other,) = read(tmp_path, {"pairs": [pair(mode="observe")]}).pairs
    assert one.digest == same.digest != other.digest


def test_the_committed_schema_is_the_models() -> None:
    assert (ROOT / "standby.schema.json").read_text(encoding="utf-8") == json_schema()


def test_the_schema_describes_every_key_for_editors() -> None:
    schema = json.loads(json_schema())
    for section in (schema, *schema["$defs"].values()):
        assert section["additionalProperties"] is False
        for name, described in section["properties"].items():
            assert len(described["description"]) > 20, name
    first_line = (ROOT / "standby.example.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first_line == "# yaml-language-server: $schema=./standby.schema.json"
