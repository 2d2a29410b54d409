"""The selection: which rule excludes a WorkSpace, what cannot have a standby, and what is not known yet."""

from typing import Any

from standby.core.model import Related
from standby.core.reasons import Reason
from standby.core.settings import (
    NOT_KNOWN,
    Directory,
    Obstacle,
    Rules,
    Selection,
    is_for_selection,
    not_returned,
    obstacle,
)
from tests.core.cases import AWAY, HOME, ONE, OTHER, PRIMARY, UNMAPPED, has, seen, settings, standby, table

BACKUP: dict[str, Any] = {"user_name": "Svc-Backup"}
NOT_FOR_DEV = Selection(exclude=Rules(tags={"Environment": "dev*"}))
ONLY_TAGGED = Selection(include=Rules(tags={"Standby": "yes"}))


def out(rule: str) -> Obstacle:
    return Reason.EXCLUDED_BY_RULE, f"The rule is exclude.{rule}."


def not_in(*rules: str, more: str = "") -> Obstacle:
    return Reason.NOT_INCLUDED, f"Rules: {'; '.join(f'include.{rule}' for rule in rules)}{more}."


def exclude(**rules: Any) -> Selection:
    return Selection(exclude=Rules(**rules))


def include(exclude: dict[str, Any] | None = None, **rules: Any) -> Selection:
    return Selection(include=Rules(**rules), exclude=Rules(**(exclude or {})))


NO_B = {"tags": {"a": "b"}}
SIX = ("a", "b", "c", "d", "e", "f")
NAMED = [f"users: {name}" for name in SIX[:5]]


@table(
    "selection shown expected",
    ("no rules", Selection(), {}, None),
    ("user", exclude(users=("svc-*",)), {}, out("users: svc-*")),
    ("user in any case", exclude(users=("SVC-B?ckup",)), {}, out("users: SVC-B?ckup")),
    ("no user", exclude(users=("[undefined]",)), {"user_name": "[UNDEFINED]"}, out("users: [undefined]")),
    ("no class of characters", exclude(users=("[UNDEFINED]",)), {"user_name": "u"}, None),
    ("user not in part", exclude(users=("vc-*",)), {}, None),
    ("user not known", exclude(users=("svc-*",)), {"user_name": None}, NOT_KNOWN),
    ("directory", exclude(directories=(HOME,)), {}, out(f"directories: {HOME}")),
    ("other directory", exclude(directories=(AWAY,)), {}, None),
    ("directory not known", exclude(directories=(AWAY,)), {"directory_id": None}, NOT_KNOWN),
    ("tag", NOT_FOR_DEV, {"tags": (("Environment", "dev-2"),)}, out("tags: Environment: dev*")),
    ("no tags", NOT_FOR_DEV, {"tags": ()}, None),
    ("tags not known", NOT_FOR_DEV, {"tags": None}, NOT_KNOWN),
    ("tags value as spelled", NOT_FOR_DEV, {"tags": (("Environment", "Dev"),)}, None),
    ("tags key as spelled", NOT_FOR_DEV, {"tags": (("environment", "dev"),)}, None),
    ("included", ONLY_TAGGED, {"tags": (("Standby", "yes"),)}, None),
    ("not included", ONLY_TAGGED, {"tags": ()}, not_in("tags: Standby: yes")),
    ("not known to be included", ONLY_TAGGED, {"tags": None}, NOT_KNOWN),
    # one include rule is enough
    ("one of two", include(users=("exec-*", "svc-*")), {}, None),
    ("one though the other is not known", include(users=("svc-*",), tags={"Standby": "yes"}), {"tags": None}, None),
    ("none and one not known", include(users=("exec-*",), tags={"Standby": "yes"}), {"tags": None}, NOT_KNOWN),
    ("none of two", include(users=("x*",), directories=(AWAY,)), {}, not_in(f"directories: {AWAY}", "users: x*")),
    ("a long list is cut", include(users=SIX, tags={"g": "h"}), {"tags": ()}, not_in(*NAMED, more="; and 2 more")),
    ("five are named", include(users=SIX[:5]), {}, not_in(*NAMED)),
    # exclude wins, and what is certain needs nothing else to be known
    ("both", include({"users": ("*-backup",)}, users=("svc-*",)), {}, out("users: *-backup")),
    ("excluded for certain", exclude(users=("svc-*",), tags={"a": "b"}), {"tags": None}, out("users: svc-*")),
    ("not included for certain", include(NO_B, users=("exec-*",)), {"tags": None}, not_in("users: exec-*")),
    ("not known to be excluded", include(NO_B, users=("svc-*",)), {"tags": None}, NOT_KNOWN),
)
def test_the_rule_that_excludes_is_named_as_it_is_configured(selection: Selection, shown: Any, expected: Any) -> None:
    assert selection.verdict(seen(**(BACKUP | shown))) == expected


def test_tags_are_needed_by_rules_about_tags_alone() -> None:
    assert [one.needs_tags for one in (NOT_FOR_DEV, ONLY_TAGGED)] == [True, True]
    assert [one.needs_tags for one in (Selection(), include({"users": ("*",)}, directories=(HOME,)))] == [False, False]


ENCRYPTED = {"root_encrypted": True}
NO_KEY = (Reason.NO_DR_KEY, f"The directory is {HOME}.")
LINUX = ("AMAZON_LINUX_2", "UBUNTU_22_04", "RHEL_9", "ROCKY_8")
MANAGED = ("alias/aws/workspaces", "arn:aws:kms:us-east-1:123456789012:alias/aws/workspaces")
OWN_KEYS = ("arn:aws:kms:us-east-1:123456789012:key/1", "alias/mine", "arn:aws:kms:us-east-1:1:alias/my/aws/workspaces")
LARGE = ("GRAPHICS", "GRAPHICSPRO_G4DN", "GENERALPURPOSE_4XLARGE", "GENERALPURPOSE_8XLARGE")


@table(
    "shown expected",
    ("none", {}, None),
    ("not mapped", {"directory_id": UNMAPPED}, (Reason.DIRECTORY_NOT_MAPPED, f"The directory is {UNMAPPED}.")),
    ("windows", {"operating_system": "WINDOWS_11"}, None),
    *(
        (name, {"operating_system": name}, (Reason.OPERATING_SYSTEM, f"The operating system is {name}."))
        for name in LINUX
    ),
    *((name, {"compute_type": name}, (Reason.COMPUTE_TYPE, f"The compute type is {name}.")) for name in LARGE),
    ("another type", {"compute_type": "POWERPRO"}, None),
    *((f"{name} is not told", {name: None}, None) for name in ("directory_id", "operating_system", "compute_type")),
    ("nested", {"nested_virtualization": True}, (Reason.NESTED_VIRTUALIZATION, "")),
    *(
        (key, {**ENCRYPTED, "volume_encryption_key": key}, (Reason.AWS_MANAGED_KEY, f"The key is {key}."))
        for key in MANAGED
    ),
    *((key, {**ENCRYPTED, "volume_encryption_key": key}, NO_KEY) for key in OWN_KEYS),
    ("not encrypted", {"volume_encryption_key": MANAGED[0]}, None),
    ("root encrypted", ENCRYPTED, NO_KEY),
    ("user encrypted", {"user_encrypted": True}, NO_KEY),
    ("encrypted, of no directory", {**ENCRYPTED, "directory_id": None}, None),
)
def test_what_cannot_have_a_standby_and_what_the_service_has_not_said(shown: dict[str, Any], expected: Any) -> None:
    assert obstacle(seen(**shown), settings()) == expected
    with_key = settings(directories={HOME: Directory(AWAY, "arn:aws:kms:us-west-2:123456789012:key/1")})
    assert obstacle(seen(**shown), with_key) == (None if expected == NO_KEY else expected)


MIRROR = Related(OTHER, PRIMARY, "AVAILABLE", "MIRROR")


@table(
    "shown lacks",
    ("complete", seen(), ""),
    ("directory", seen(directory_id=None), "DescribeWorkspaces does not return its directory."),
    ("user", seen(user_name=""), "DescribeWorkspaces does not return its user."),
    ("two", seen(user_name=None, compute_type=None), "DescribeWorkspaces does not return its user and compute type."),
    ("the system is not needed", seen(operating_system=None), ""),
    ("relation", seen(MIRROR), f"It has a relation to {OTHER} of type MIRROR, which this version does not know."),
    ("a known relation, too", seen(MIRROR, standby()), ""),
)
def test_what_an_answer_lacks_is_said(shown: Any, lacks: str) -> None:
    assert not_returned(shown) == lacks


@table(
    "shown expected",
    ("ready", seen(), True),
    ("stopped", seen(state="STOPPED"), True),
    ("pending", seen(state="PENDING"), False),
    ("no state", seen(state=None), False),
    ("not all is told", seen(user_name=None), False),
    ("cannot", seen(operating_system="UBUNTU_22_04"), False),
    ("has one", has(), False),
    ("is one", seen(Related(ONE, PRIMARY, None, "PRIMARY")), False),
)
def test_the_selection_is_for_what_could_have_a_standby_now(shown: Any, expected: bool) -> None:
    assert is_for_selection(shown, settings()) is expected
