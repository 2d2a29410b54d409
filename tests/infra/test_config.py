"""The configuration file: what is accepted, each mistake with its key path and advice, all mistakes at once."""

import json
import re
import sys
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import globs
from infra.config import Configuration, DirectoryMapping, Pair, json_schema
from infra.config_file import ConfigurationError, load, load_with_cautions
from infra.config_rules import cautions
from infra.known import regions as load_partitions
from standby.core.settings import Rules, Selection, Settings

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "standby.example.yaml").read_text(encoding="utf-8")
ONE, OTHER = "d-906732325d", "d-9067328a7c"
DIRECTORY = f"directories.{ONE}"
DR_DIRECTORY: dict[str, Any] = {"dr_directory": "d-926722edaf"}
KEY = "arn:aws:kms:us-east-1:123456789012:key/1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d"
OTHER_TOPIC = "arn:aws:sns:us-west-2:123456789012:ops"
TOPIC = "arn:aws:sns:us-east-1:123456789012:ops"


NO_PAIRS = ["pairs: []", "pairs: {a: b}", "pairs:", "pairs: [one]", "pairs: &a [*a]"]


def pair(**changes: Any) -> dict[str, Any]:
    """The smallest pair there is; None takes a key away."""
    keys = {"primary_region": "us-east-1", "dr_region": "us-west-2", "directories": {ONE: DR_DIRECTORY}, **changes}
    return {key: value for key, value in keys.items() if value is not None}


def with_value(path: str, value: Any) -> dict[str, Any]:
    """The smallest pair, with a value at a key path; `[0]` at its end makes a list of it."""
    found: Any = {"pair": pair(directories={ONE: dict(DR_DIRECTORY)})}
    *parents, key = ["pair", *path.removesuffix("[0]").split(".")]
    holder = found
    for name in parents:
        holder = holder.setdefault(name, {})
    holder[key] = [value] if path.endswith("[0]") else value
    return pair(**found["pair"])


def read(tmp_path: Path, content: Any) -> Configuration:
    file = tmp_path / "standby.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return load(file)


def refused(tmp_path: Path, content: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as failure:
        read(tmp_path, content)
    return failure.value


def mistakes(tmp_path: Path, content: Any) -> dict[str, str]:
    """Key path → problem and advice of each mistake."""
    found = refused(tmp_path, content).mistakes
    return {mistake.path: f"{mistake.problem}. {mistake.advice}." for mistake in found}


def test_the_example_is_valid_and_gives_no_warning() -> None:
    assert cautions(load(ROOT / "standby.example.yaml")) == []


def test_the_example_names_every_key_once_and_shows_its_default() -> None:
    """With its comment signs taken away it is a whole file, and says nothing but the defaults."""
    (shown,) = yaml.safe_load(re.sub(r"(?m)^( +)# ([a-z_]+: )", r"\1\2", EXAMPLE))["pairs"]
    assert set(shown) == set(Pair.model_fields)
    (first, _) = shown["directories"].values()
    assert set(first) == set(DirectoryMapping.model_fields)
    for name, value in (*shown.items(), *first.items()):
        field = (Pair.model_fields | DirectoryMapping.model_fields)[name]
        if isinstance(field.default, (int, float)) or name in {"mode", "existing_fleet", "data_replication"}:
            assert value == field.default, name


@pytest.mark.parametrize(
    ("path", "value", "problem", "advice"),
    [
        # keys
        ("primary_region", None, "missing", "for example us-east-1"),
        ("dr_region", None, "missing", "for example us-west-2"),
        ("directories", None, "missing", "{d-906732325d: {dr_directory: d-926722edaf}}"),
        ("primry_region", "x", "key does not exist; you probably mean primary_region", ", tags"),
        ("notifyTopicArn", TOPIC, "you probably mean notify_topic_arn", "write one of account, backfill_in_flight"),
        ("users", ["a"], "users belongs in include or exclude", "write one of account"),
        ("“mode”", "observe", "; you probably mean mode", "write one of account"),
        (f"{DIRECTORY}.replication", True, "key does not exist", "data_replication"),
        (f"{DIRECTORY}.dr_directory", None, "no value", "for example d-926722edaf"),
        ("directories", {}, "empty", "at least one directory"),
        ("directories", ["d-1"], "a list", "{d-906732325d: {dr_directory: d-926722edaf}}"),
        (DIRECTORY, "d-926722edaf", "'d-926722edaf'", "{dr_directory: d-926722edaf}"),
        # ids and ARNs
        ("primary_region", "US East", "'US East'", "for example us-east-1"),
        ("dr_region", "us-west-2a", "'us-west-2a'", "for example us-west-2"),
        (
            "dr_region",
            "us-esat-2",
            "not an AWS Region that this version knows; you probably mean us-east-2",
            "us-west-2",
        ),
        ("dr_region", "US East (Ohio)", "; you probably mean us-east-2", "for example us-west-2"),
        ("dr_region", "eu–west-1", "has – (U+2013, en dash); you probably mean eu-west-1", "for example us-west-2"),
        ("dr_region", "us-west-2\u00a0# x", "(U+00A0, no-break space); you probably mean us-west-2", "us-west-2"),
        (f"{DIRECTORY}.dr_directory", " D-92672EDA00", "spaces around it; you probably mean d-92672eda00", "the id of"),
        (f"{DIRECTORY}.dr_directory", "d-92672еdа00", "cyrillic small letter ie), а (U+0430", "the id of"),
        ("directories.D-92672EDA01", {"dr_directory": "d-92672eda00"}, "you probably mean d-92672eda01", "the id of"),
        (f"{DIRECTORY}.dr_directory", "d-92672", "'d-92672'", "for example d-926722edaf"),
        ("directories.906732325d", {"dr_directory": "d-92672eda00"}, "not valid as a key", "for example d-906732325d"),
        ("account", "12345678901", "'12345678901'", "12 digits"),
        ("account", 123456789012, "lose leading zeros", "in quotes"),
        ("account", "1234-5678-9012", '; you probably mean "123456789012"', "in quotes"),
        (f"{DIRECTORY}.volume_encryption_key", "alias/dr", "'alias/dr'", "not an alias"),
        (
            f"{DIRECTORY}.volume_encryption_key",
            KEY.replace("key/", "alias/"),
            "of 'alias', not of 'key'",
            "not an alias",
        ),
        ("notify_topic_arn", TOPIC.replace("sns", "sqs"), "an ARN of sqs, not of sns", "arn:aws:sns:us-east-1"),
        ("notify_topic_arn", "arn:aws:sns:ops", "not a complete ARN", "arn:aws:sns:us-east-1"),
        (f"{DIRECTORY}.data_replication", "yes", "'yes'", "PRIMARY_AS_SOURCE"),
        ("notify_topic_arn", "ops", "'ops'", "arn:aws:sns:us-east-1"),
        ("permissions_boundary", "boundary", "'boundary'", "policy/boundary"),
        ("notify", "ops@example.com", "'ops@example.com'", "[ops@example.com]"),
        # strict accounts
        ("customer_managed_keys", "yes", "'yes'", "customer-managed key"),
        ("vpc", "subnet-0a1b2c3d", "'subnet-0a1b2c3d'", "security_groups: [sg-"),
        ("resource_tags.aws:x", "y", "cannot be set", "another key"),
        ("resource_tags.Owner", 4711, "4711", "{Owner: desktops}"),
        ("name_prefix", "acme_", "'acme_'", "for example acme-"),
        ("name_prefix", "a" * 14, "too long", "at most 13 characters"),
        ("role_path", "standby", "'standby'", "/standby/"),
        ("notify[0]", "ops", "'ops'", "[ops@example.com]"),
        ("notify", "ops@corp.com", "; you probably mean [ops@corp.com]", "[ops@example.com]"),
        ("notify[0]", "mailto:ops@corp.com", "mailto: before it; you probably mean ops@corp.com", "[ops@example.com]"),
        ("notify[0]", "ops@corp.com;", "a separator after it; you probably mean ops@corp.com", "[ops@example.com]"),
        (
            "notify[0]",
            "Jane <jane@corp.com>",
            "a name beside the address; you probably mean jane@corp.com",
            "[ops@example.com]",
        ),
        ("notify[0]", "“ops@corp.com”", "left double quotation mark", "[ops@example.com]"),
        ("notify[0]", "ops@corp\u200b.com", "zero width space); you probably mean ops@corp.com", "[ops@example.com]"),
        ("notify[0]", "a@corp.com, b@corp.com", "write an entry for each", "[ops@example.com]"),
        ("notify[0]", "https://hooks.corp.com/x", "a web address", "to your own topic"),
        ("notify[0]", "+15551234567", "'+15551234567'", "to your own topic"),
        # tags
        ("tags.CostCenter", 12, '12 is not valid here; you probably mean "12"', "in quotes"),
        ("tags.CostCenter", "a – b", '– (U+2013, en dash); you probably mean "a - b"', "in quotes"),
        ("tags.CostCenter", "Köln & Bonn", "it has & (U+0026, ampersand)", "letters, digits"),
        ("tags.Cost<Center", "dr", "not valid as a key", "a tag's key"),
        ("tags.aws:x", "y", "cannot be set", "another key"),
        ("tags.workspaces-standby:stack", "y", "cannot be set", "another"),
        ("tags", {f"k{n}": "v" for n in range(41)}, "it has 41 entries", "at most 40"),
        # numbers and words
        ("mode", "dry-run", "'dry-run'", "protect, or observe"),
        ("mode", "Protekt", "; you probably mean protect", "protect, or observe"),
        ("recreate_missing", "yes", "; you probably mean true", "false, to be notified"),
        ("first_look_minutes", "15 min", "; you probably mean 15", "for example 15"),
        ("first_look_minutes", "2h", "'2h' is not valid here", "the minutes"),
        ("coverage_target", "99,5%", "; you probably mean 99.5", "not 0.95"),
        ("max_standbys", "5,000", "; you probably mean 5000", "for example 5000"),
        ("max_standbys", 5000.0, "; you probably mean 5000", "a whole number"),
        ("first_look_minutes", -1, "-1", "for example 15"),
        ("first_look_minutes", "15 min", "'15 min'", "for example 15"),
        ("poll_interval_seconds", 0, "0", "for example 120"),
        ("poll_interval_seconds", 3601, "3601", "at most 3600"),
        ("primary_deadline_minutes", True, "True", "for example 240"),
        ("standby_deadline_minutes", 99999, "99999", "at most 43200"),
        ("max_new_standbys_per_day", 0, "0", "mode: observe"),
        ("max_new_standbys_per_day", 1.5, "1.5", "whole number"),
        ("max_standbys", "many", "'many'", "for example 5000"),
        ("sweep_interval_minutes", 14, "14", "from 15 to 1440"),
        ("sweep_interval_minutes", 1441, "1441", "from 15 to 1440"),
        ("sweep_interval_minutes", 60.5, "60.5", "whole number"),
        ("existing_fleet", "ignore", "'ignore'", "report, to see"),
        ("existing_fleet", True, "True", "or protect"),
        ("coverage_target", 101, "101", "from 0 to 100"),
        ("coverage_target", -1, "-1", "from 0 to 100"),
        ("coverage_grace_hours", 0, "0", "at most 144"),
        ("coverage_grace_hours", 145, "145", "at most 144"),
        ("rpo_hours", 0, "0", "for example 36"),
        ("backfill_in_flight", 0, "0", "from 1 to 10000"),
        ("backfill_in_flight", 10_001, "10001", "from 1 to 10000"),
        ("calls_per_second", 0, "0", "from 0.1 to 50"),
        ("prices.Standard", 4, "not valid as a key", "a compute type as DescribeWorkspaces returns it"),
        ("prices.Power Pro", 4, "; you probably mean POWERPRO", "a compute type as DescribeWorkspaces returns it"),
        ("prices.POWER", "$4.50", "; you probably mean 4.5", "by compute type"),
        ("prices.POWER", 0, "0", "more than 0"),
        ("prices.POWER", "4", "'4'", "by compute type"),
        ("prices", 4, "4", "{STANDARD: 5.75"),
        # the selection
        ("include", {}, "it has no rules", "every desktop is included"),
        ("exclude", {}, "it has no rules", "no desktop is excluded"),
        ("exclude.users", [], "empty", '["svc-*"]'),
        ("include.tags", {}, "empty", "{Standby: no, Environment: dev*}"),
        ("include.directories", [], "empty", "[d-906732325d]"),
        ("exclude.users", "svc-*", "'svc-*'", "user names"),
        ("exclude.users[0]", "svc-[", "'svc-['", "with * for any text"),
        ("exclude.users[0]", "", "''", "user names"),
        ("exclude.users[0]", 4711, "4711", "in quotes"),
        ("include.tags.a", "[b", "'[b'", "with * for any text"),
        ("include.tags.a", True, "True", "a key and a value"),
        ("include.tags.a*", "b", "not valid as a key", "a tag's key"),
        ("include.user", ["a"], "key does not exist", "directories, tags, users"),
        ("exclude.directories[0]", "906", "'906'", "ids of directories"),
        ("include.directories[0]", OTHER, f"{OTHER} is not under directories", "Write one of d-906732325d"),
        # what it must be to other values
        ("dr_region", "us-east-1", "also the primary Region", "another Region"),
        (f"{DIRECTORY}.dr_directory", ONE, "its own DR directory", "in the DR Region"),
        (f"{DIRECTORY}.volume_encryption_key", KEY, "the key is in us-east-1", "a key in us-west-2"),
        (
            f"directories.{OTHER}.dr_directory",
            "d-926722edaf",
            f"already the DR directory of {ONE}",
            "its own DR directory",
        ),
        ("notify_topic_arn", OTHER_TOPIC, "the topic is in us-west-2", "a topic in us-east-1"),
        ("notify", ["a@example.com", "A@example.com"], "twice", "one of the two"),
        ("primary_deadline_minutes", 10, "10 minutes", "first_look_minutes (15)"),
        ("standby_deadline_minutes", 1, "1 minutes are too few", "poll_interval_seconds (120 s)"),
    ],
)
def test_each_mistake_is_named_by_its_key_path_with_what_to_write(
    tmp_path: Path, path: str, value: Any, problem: str, advice: str
) -> None:
    ((told, words),) = mistakes(tmp_path, {"pairs": [with_value(path, value)]}).items()
    assert (told, problem in words, advice in words) == (f"pairs[0].{path}", True, True), words


def test_a_boundary_is_of_the_pairs_own_account(tmp_path: Path) -> None:
    boundary = "arn:aws:iam::123456789012:policy/b"
    found = mistakes(tmp_path, {"pairs": [pair(account="111111111111", permissions_boundary=boundary)]})
    assert list(found) == ["pairs[0].permissions_boundary"]
    assert "in account 123456789012" in found["pairs[0].permissions_boundary"]
    assert "in account 111111111111" in found["pairs[0].permissions_boundary"]


@pytest.mark.parametrize(
    ("changes", "directory", "dr_directory", "path", "problem"),
    [
        ({}, OTHER, "d-926722f013", "primary_region", "already a pair"),
        ({"dr_region": "eu-west-1"}, ONE, "d-936722edaf", DIRECTORY, "pairs[0] also maps this directory"),
        (
            {"primary_region": "us-east-2"},
            *("d-9a6732325d", "d-926722edaf"),
            *("directories.d-9a6732325d.dr_directory", f"already the DR directory of {ONE}"),
        ),
    ],
    ids=["the same Regions", "the same directory", "the same DR directory"],
)
def test_two_pairs_are_checked_against_each_other(
    tmp_path: Path, changes: dict[str, Any], directory: str, dr_directory: str, path: str, problem: str
) -> None:
    second = pair(**changes, directories={directory: {"dr_directory": dr_directory}})
    ((told, words),) = mistakes(tmp_path, {"pairs": [pair(), second]}).items()
    assert (told, problem in words) == (f"pairs[1].{path}", True), words


def test_two_pairs_may_point_at_each_other(tmp_path: Path) -> None:
    directories = {"d-926722edaf": {"dr_directory": ONE}}
    back = pair(primary_region="us-west-2", dr_region="us-east-1", directories=directories)
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
    failure = refused(tmp_path, text)
    assert [(mistake.line, mistake.path) for mistake in failure.mistakes] == [
        (3, "pairs[0].dr_region"),
        (4, "pairs[0].colour"),
        (5, "pairs[0].mode"),
        (7, "pairs[0].directories.d-906732325d.data_replication"),
        (8, "pairs[0].directories.d-906732325e.dr_directory"),
        (9, "pairs[1].directories"),
        (9, "pairs[1].dr_region"),
        (9, "pairs[1].primary_region"),
    ]
    assert str(failure).startswith(f"{tmp_path / 'standby.yaml'}: 8 mistakes\n  line 3: pairs[0].dr_region: ")


def test_a_directory_twice_in_one_map_is_not_taken_silently(tmp_path: Path) -> None:
    text = """\
pairs:
  - primary_region: us-east-1
    dr_region: us-west-2
    directories:
      d-906732325d: {dr_directory: d-926722edaf}
      d-906732325d: {dr_directory: d-926722f013}
"""
    (mistake,) = refused(tmp_path, text).mistakes
    assert (mistake.line, mistake.path) == (6, "pairs[0].directories.d-906732325d")
    assert "written twice" in mistake.problem


@pytest.mark.parametrize(
    ("text", "problem", "advice"),
    [
        ("", "the file is empty", "standby.example.yaml"),
        ("# nothing but a comment\n", "the file is empty", "standby.example.yaml"),
        ("- pairs\n", "the file is not a map", "`pairs:`"),
        ("pairs", "the file is not a map", "`pairs:`"),
        ("pairs:\n\t- primary_region: us-east-1\n", "a tab", "spaces"),
        ("pairs: [{\n", "this is not YAML", "quotes"),
        ("pairs: []\n---\npairs: []\n", "more than one YAML document", "the line with ---"),
        ("pairs: \x07\n", "this is not YAML", "unreadable"),
        ("users: [*-admin]\n", "undefined alias", '"*-admin"'),
        ("pairs：\n  - a: b\n", "has ： (U+FF1A, fullwidth colon)", "plain quotes, colons"),
        (
            "pairs:\n  - a: b\n\u00a0\u00a0\u00a0\u00a0b: c\n    d: e\n",
            "has (U+00A0, no-break space)",
            "plain quotes, colons",
        ),
        *((text, "", "a list with at least one pair of Regions") for text in NO_PAIRS),
    ],
)
def test_a_file_that_is_no_configuration_at_all(tmp_path: Path, text: str, problem: str, advice: str) -> None:
    (told,) = mistakes(tmp_path, text).values()
    assert (problem in told, advice in told) == (True, True), told


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("!!int x", "not have the type"),
        ("!!float x", "not have the type"),
        ("!!bool x", "not have the type"),
        ("!!timestamp x", "not have the type"),
        ("!!binary €", "base64"),
        ("7" * 5000, "too many digits"),
        ("!unknown x", "could not determine a constructor"),
    ],
)
def test_a_value_that_yaml_cannot_read_is_told_by_its_line(tmp_path: Path, value: str, problem: str) -> None:
    text = yaml.safe_dump({"pairs": [pair()]}, sort_keys=False) + f"  max_standbys: {value}\n"
    (mistake,) = refused(tmp_path, text).mistakes
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
    failure = refused(tmp_path, {"pairs": [with_value(f"{DIRECTORY}.volume_encryption_key", KEY) | odd]})
    lines = str(failure).split("\n")
    assert len(lines) == len(failure.mistakes) + 1
    assert all(line.isprintable() and len(line) < 1000 for line in lines)
    assert "\\x1b]0;title\\x07: this key does not exist" in str(failure)
    assert "pairs[0].'': this key does not exist" in str(failure)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", r"the file does not exist\. Create it with `\.venv/bin/standby init`"),
        (b"pairs: \xff\xfe", "the file cannot be read: the byte 0xff is not UTF-8"),
        ("pairs:".encode("utf-16"), "it is text in UTF-16"),
        ("pairs:".encode("utf-16-be"), "it is text in UTF-16"),
        (None, "the file cannot be read"),
    ],
    ids=["missing", "no text", "UTF-16", "UTF-16 without a mark", "a directory"],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | str | None, told: str) -> None:
    file = tmp_path / "standby.yaml"
    if content is None:
        file.mkdir()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=told):
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
        ({"primary_region": "sa-east-1"}, "primary_region", "knows for standby WorkSpaces"),
        ({"dr_region": "ap-south-1"}, "dr_region", "knows for standby WorkSpaces"),
        ({"first_look_minutes": 0.1}, "first_look_minutes", "too small for a real account"),
        ({"poll_interval_seconds": 0.5}, "poll_interval_seconds", "2 calls a second"),
        ({"primary_deadline_minutes": 30}, "primary_deadline_minutes", "up to an hour"),
        ({"standby_deadline_minutes": 30}, "standby_deadline_minutes", "up to an hour"),
        ({"existing_fleet": "protect"}, "existing_fleet", "up to max_standbys (5000)"),
        ({"notify": []}, "notify", "no one receives notices"),
        ({"notify": [], "notify_topic_arn": TOPIC}, "notify", "no one receives the alarms in us-west-2"),
        ({"exclude": {"users": ["*"]}}, "exclude.users", "every user is excluded"),
        ({"exclude": {"directories": [ONE]}}, "exclude.directories", "every directory"),
        (
            {"include": {"users": ["Al", "bo"]}, "exclude": {"users": ["al"]}},
            *(
                "include.users[0]",
                "has no effect: exclude.users[0] (al) also matches all of its desktops, and exclude wins",
            ),
        ),
        (
            {"include": {"tags": {"a": "b"}}, "exclude": {"tags": {"a": "b*"}}},
            "include.tags.a",
            "(a: b*) also matches all",
        ),
        # rules that can match no desktop
        (
            {"include": {"users": ["svc-[ab]?*", "c"]}, "exclude": {"users": ["svc-??*"]}},
            "include.users[0]",
            "no effect",
        ),
        ({"exclude": {"users": ["svc-a", "SVC-*"]}}, "exclude.users[0]", "exclude.users[1] (SVC-*) also matches all"),
        ({"exclude": {"users": ["al", "bo", "Al"]}}, "exclude.users[2]", "exclude.users[0] (al) also matches all"),
        (
            {"include": {"users": ["e-*"]}, "exclude": {"users": ["svc-*"]}},
            "exclude.users[0]",
            "matches none of the desktops in include.users",
        ),
        ({"exclude": {"users": ["a,b"]}}, "exclude.users[0]", "Write an entry for each"),
        ({"exclude": {"users": ["a=b*"]}}, "exclude.users[0]", "no user name can have =. Write it as"),
        ({"exclude": {"users": ["CN=al,OU=x"]}}, "exclude.users[0]", "Write only the user name"),
        ({"exclude": {"users": ["CORP\\al"]}}, "exclude.users[0]", "Write al"),
        ({"exclude": {"users": ["[z-a]x"]}}, "exclude.users[0]", "no user name can have a character of [z-a]"),
        ({"exclude": {"users": ["?" * 64]}}, "exclude.users[0]", "at most 63 characters"),
        ({"exclude": {"users": ["ws-1abcdef23"]}}, "exclude.users[0]", "it is an id"),
        ({"exclude": {"tags": {"a": "b;c"}}}, "exclude.tags.a", "no tag value can have ;"),
        (
            {"exclude": {"tags": {"workspaces-standby:stack": "*"}}},
            "exclude.tags.workspaces-standby:stack",
            "primaries",
        ),
        # patterns of another kind
        ({"exclude": {"users": ["^svc-.*$"]}}, "exclude.users[0]", "a regular expression, but only *, ? and [ab]"),
        ({"exclude": {"users": [r"svc\.\d+"]}}, "exclude.users[0]", "regular expression"),
        ({"exclude": {"users": ["(svc|adm)-*"]}}, "exclude.users[0]", "regular expression"),
        ({"exclude": {"tags": {"a": "b.*"}}}, "exclude.tags.a", "Write b* if you mean that"),
        ({"exclude": {"users": ["svc-%"]}}, "exclude.users[0]", "Write svc-* if you mean any text"),
        # texts from elsewhere
        ({"exclude": {"users": ["“svc-*”"]}}, "exclude.users[0]", "right double quotation mark), quotation"),
        ({"exclude": {"users": ["O’Brien"]}}, "exclude.users[0]", 'Write "O\'Brien"'),
        ({"exclude": {"users": ["svс-*"]}}, "exclude.users[0]", "с (U+0441, cyrillic small letter es). Write 'svc-*'"),
        ({"exclude": {"users": ["ｓvc＊"]}}, "exclude.users[0]", "Write 'svc*'"),
        ({"exclude": {"users": ["Rene\u0301"]}}, "exclude.users[0]", "accents as separate characters"),
        ({"exclude": {"users": ["svc\u200b-*"]}}, "exclude.users[0]", "(U+200B, zero width space). Write 'svc-*'"),
        ({"exclude": {"users": [" svc-*"]}}, "exclude.users[0]", "spaces around it. Write 'svc-*'"),
        ({"exclude": {"users": ["svc-*;"]}}, "exclude.users[0]", "a separator after it. Write 'svc-*'"),
        ({"exclude": {"users": ["mailto:al"]}}, "exclude.users[0]", "mailto: before it. Write 'al'"),
        ({"include": {"tags": {"Standby": "no\u00a0"}}}, "include.tags.Standby", "no-break space), spaces around it"),
        ({"include": {"tags": {"Standby ": "no"}}}, "include.tags.Standby ", "Write 'Standby'"),
        ({"tags": {"Cost\u200dCenter": "1"}}, "tags.Cost\u200dCenter", "zero width joiner). Write 'CostCenter'"),
        ({"tags": {"a": " b"}}, "tags.a", "Write 'b'"),
        ({"tags": {"Key": "a", "Value": "b"}}, "tags", "Write one, {a: b}"),
        ({"tags": {"Since": "2062-01-01"}}, "tags.Since", "2062-01-01 is in the future"),
        ({"notify": ["ops@cörp.de"]}, "notify[0]", "xn--"),
        # what does not go together, or does not exist
        ({"coverage_target": 0.98}, "coverage_target", "Write 98 for 98 percent"),
        ({"prices": {"POWER_PRO": 5}}, "prices.POWER_PRO", "Write POWERPRO, unless it is new"),
        ({"prices": {"NEXT_YEARS": 5}}, "prices.NEXT_YEARS", "Correct it, unless it is new"),
        ({"permissions_boundary": "arn:aws-cn:iam::aws:policy/X"}, "permissions_boundary", "partition aws-cn"),
        ({"account": "111111111111", "notify_topic_arn": TOPIC}, "notify_topic_arn", "in account 123456789012"),
    ],
    ids=str,
)
def test_what_is_allowed_and_perhaps_not_meant_is_a_warning(
    tmp_path: Path, careless: dict[str, Any], path: str, message: str
) -> None:
    written = {"pairs": [pair(**{"notify": ["ops@example.com"], **careless})]}
    (caution,) = cautions(read(tmp_path, written), date(2026, 3, 3))
    assert (caution.path, message in caution.message) == (f"pairs[0].{path}", True), caution.message


@pytest.mark.parametrize(
    "careful",
    [
        {"exclude": {"users": ["o'brien", "иван", "Отдел-IT", "[UNDEFINED]", "al@corp.com", "[!a]*", "svc-[ab]-?"]}},
        {"include": {"users": ["svc-*"], "tags": {"Owner": "Köln*"}}, "exclude": {"users": ["svc-a*"]}},
        {"tags": {"Site": "Köln", "部門": "営業", "Since": "2026-03-02", "No": "2062-13-45"}},
        {"permissions_boundary": "arn:aws:iam::aws:policy/PowerUserAccess", "account": "123456789012"},
    ],
    ids=str,
)
def test_what_is_right_gives_no_warning(tmp_path: Path, careful: dict[str, Any]) -> None:
    written = {"pairs": [pair(**{"notify": ["ops@example.com"], **careful})]}
    assert cautions(read(tmp_path, written), date(2026, 3, 3)) == []


def test_what_is_said_of_two_patterns_is_true_of_all_short_texts() -> None:
    texts = ["".join(letters) for length in range(1, 5) for letters in product("abc", repeat=length)]
    parts = ("a", "b", "*", "?", "[ab]", "[!a]")
    patterns = ["".join(some) for length in (1, 2, 3) for some in product(parts, repeat=length)]
    matched = {pattern: {text for text in texts if fnmatchcase(text, pattern)} for pattern in patterns}
    for one, other in product(patterns[::5], patterns[::7]):
        assert globs.meet(one, other) == bool(matched[one] & matched[other]), (one, other)
        assert not globs.covers(one, other) or matched[other] <= matched[one], (one, other)


def test_any_region_of_any_partition_is_at_most_warned_of(tmp_path: Path) -> None:
    partitions = load_partitions()
    assert {"aws", "aws-cn", "aws-us-gov", "aws-eusc"} <= set(partitions.values())
    for region, partition in partitions.items() - {("us-east-1", "aws")}:
        arn = f"arn:{partition}:iam::aws:policy/PowerUserAccess"
        found = cautions(read(tmp_path, {"pairs": [pair(dr_region=region, permissions_boundary=arn)]}))
        assert ("No account is in both" in str(found)) is (partition != "aws"), region


def test_warnings_and_the_keys_that_an_anchor_repeats_have_their_lines(tmp_path: Path) -> None:
    """Ten anchors that each repeat the one before ten times stand for more keys than there is time for."""
    file = tmp_path / "standby.yaml"
    file.write_text(yaml.safe_dump({"pairs": [pair(tags={"a": " b"}, notify=["ops@corp.com"])]}, sort_keys=False))
    _, (caution, example) = load_with_cautions(file, date(2026, 3, 3))
    assert (str(caution).endswith("(line 8)"), caution.stops, example.stops) == (True, False, True)
    bomb = "a: &a [x]\n" + "".join(f"{n}: &{n} [{', '.join([f'*{o}'] * 10)}]\n" for o, n in pairwise("abcdefghijk"))
    assert len(mistakes(tmp_path, f"{bomb}pairs: *k\n")) == 21


@pytest.mark.parametrize(
    ("rates", "regions", "warned"),
    [
        (
            [1.0, 1.0],
            ["us-east-1", "us-east-1"],
            ["3 calls a second in us-east-1. By default, AWS allows an account 2"],
        ),
        ([0.5, 0.5, 0.5], ["us-east-1"] * 3, ["2.25 calls a second in us-east-1. By default, AWS allows an account 2"]),
        ([0.5, 0.5], ["us-east-1", "us-east-1"], []),
        ([1.0, 1.0], ["us-east-1", "us-east-2"], []),
        # Whoever writes so much in one pair has had the limit raised.
        ([20.0], ["us-east-1"], []),
    ],
    ids=str,
)
def test_pairs_of_one_region_that_call_too_often_together_are_a_warning(
    tmp_path: Path, rates: list[float], regions: list[str], warned: list[str]
) -> None:
    drs = ["us-west-2", "eu-west-1", "eu-central-1"]
    pairs = [
        pair(primary_region=region, dr_region=dr, calls_per_second=rate, notify=["ops@example.com"])
        | {"directories": {f"d-9067{dr_number}2325d": {"dr_directory": f"d-9267{dr_number}2725d"}}}
        for dr_number, (rate, region, dr) in enumerate(zip(rates, regions, drs, strict=False))
    ]
    found = cautions(read(tmp_path, {"pairs": pairs}))
    assert {caution.path for caution in found} <= {f"pairs[{len(pairs) - 1}].calls_per_second"}
    assert [words in caution.message for words, caution in zip(warned, found, strict=True)] == [True] * len(warned)


def settings_of(tmp_path: Path, **keys: Any) -> dict[str, Any]:
    """What the functions are given for a configuration, as the JSON in their zip."""
    configuration = read(tmp_path, {"pairs": [pair(**keys)]})
    found: dict[str, Any] = json.loads(json.dumps(configuration.settings(configuration.pairs[0])))
    return found


def test_prices_reach_the_functions_as_text(tmp_path: Path) -> None:
    document = settings_of(tmp_path, prices={"STANDARD": 5.75, "POWER": 11})
    assert document["prices"] == {"POWER": "11.0", "STANDARD": "5.75"}
    assert Settings.from_document(document).prices == {"POWER": Decimal(11), "STANDARD": Decimal("5.75")}


def test_a_selection_reaches_the_functions_as_it_was_written_and_without_one_everything_is_selected(
    tmp_path: Path,
) -> None:
    rules = {"tags": {"Standby": "no"}, "users": ["SVC-*", "[xy]-?"], "directories": [ONE]}
    found = Settings.from_document(settings_of(tmp_path, exclude=rules)).selection
    assert (found.include, found.exclude) == (Rules(), Rules.from_document(rules))
    assert (found.exclude.tags, found.exclude.users) == ({"Standby": "no"}, ("SVC-*", "[xy]-?"))
    assert Settings.from_document(settings_of(tmp_path)).selection == Selection()


def test_the_digest_changes_with_any_value_and_with_nothing_else(tmp_path: Path) -> None:
    (one,) = read(tmp_path, {"pairs": [pair()]}).pairs
    (same,) = read(tmp_path, {"pairs": [pair(mode="protect", max_standbys=5000)]}).pairs
    (other,) = read(tmp_path, {"pairs": [pair(mode="observe")]}).pairs
    assert one.digest == same.digest != other.digest


def test_a_vpc_is_subnets_and_security_groups(tmp_path: Path) -> None:
    found = mistakes(tmp_path, {"pairs": [pair(vpc={"subnets": ["vpc-0a1b2c3d"]})]})
    subnet, groups = (found.pop(f"pairs[0].vpc.{key}") for key in ("subnets[0]", "security_groups"))
    assert ("private subnets" in subnet, "allow outbound HTTPS" in groups, found) == (True, True, {})


def test_the_committed_schema_is_the_models() -> None:
    assert (ROOT / "standby.schema.json").read_text(encoding="utf-8") == json_schema()


def test_the_schema_describes_every_key_for_editors() -> None:
    schema = json.loads(json_schema())
    for section in (schema, *schema["$defs"].values()):
        assert section["additionalProperties"] is False
        for name, described in section["properties"].items():
            assert len(described["description"]) > 20, name
    assert EXAMPLE.splitlines()[0] == "# yaml-language-server: $schema=./standby.schema.json"
