"""settings.json as the deployment writes it, and the environment: refused by the name of what is missing."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from standby.core.settings import PRIMARY_TAG, STACK_TAG, BadSettings, Directory, Rules, Selection, Settings
from tests.core.cases import AWAY, DR, ELSEWHERE, HOME, ONE, PRIMARY, STACK

KEY = "arn:aws:kms:us-west-2:123456789012:key/1"
MAPPED: dict[str, Any] = {"dr_directory": AWAY, "volume_encryption_key": KEY, "data_replication": "X", "mutual": True}
# A value of each key, and the attribute that comes of it: itself, unless told.
VALUES: dict[str, Any] = {"stack": STACK, "version": "0.1.0", "config_digest": "0123456789abcdef"}
VALUES |= {"primary_region": PRIMARY, "dr_region": DR, "mode": "observe", "tags": {"CostCenter": "dr"}}
VALUES |= {"max_new_standbys_per_day": 20, "max_standbys": 500, "backfill_in_flight": 7, "calls_per_second": 0.5}
VALUES |= {"existing_fleet": "protect", "recreate_missing": True, "elsewhere": {ELSEWHERE: "Standby-other"}}
SECONDS = {"first_look": 901, "poll_interval": 0.5, "primary_deadline": 14401, "standby_deadline": 7201}
SECONDS |= {"sweep_interval": 1800, "rpo": 86400}
DOCUMENT = VALUES | {f"{name}_seconds": seconds for name, seconds in SECONDS.items()}
DOCUMENT |= {"prices": {"STANDARD": "4.10"}, "directories": {HOME: MAPPED}}
DURATIONS: dict[str, Any] = {name: timedelta(seconds=seconds) for name, seconds in SECONDS.items()}
DURATIONS |= {"prices": {"STANDARD": Decimal("4.10")}, "directories": {HOME: Directory(AWAY, KEY, "X", mutual=True)}}
ARRIVED = Settings(**VALUES, **DURATIONS)


def test_every_key_arrives_and_without_rules_everything_is_selected() -> None:
    assert Settings.from_document(DOCUMENT) == ARRIVED
    assert ARRIVED.selection == Selection()


@pytest.mark.parametrize("section", ["include", "exclude"])
def test_rules_arrive(section: str) -> None:
    given = {"users": ["a*"], "tags": {"Environment": "dev*"}, "directories": [HOME]}
    rules = Rules(tags={"Environment": "dev*"}, users=("a*",), directories=(HOME,))
    assert Settings.from_document(DOCUMENT | {section: given}).selection == Selection(**{section: rules})


@pytest.mark.parametrize("section", ["include", "exclude"])
def test_what_is_written_down_is_read_again(section: str) -> None:
    given = {"users": ["a*"], "tags": {"Environment": "dev*"}, "directories": [HOME]}
    for settings in (ARRIVED, Settings.from_document(DOCUMENT | {section: given})):
        assert Settings.from_document(json.loads(json.dumps(settings.to_document()))) == settings


@pytest.mark.parametrize("key", sorted(DOCUMENT))
def test_a_missing_key_is_named(key: str) -> None:
    lacking = {name: value for name, value in DOCUMENT.items() if name != key}
    with pytest.raises(BadSettings, match=rf"^settings\.json lacks '{key}'; deploy the stack again$"):
        Settings.from_document(lacking)


@pytest.mark.parametrize("mapped", [{"mutual": True}, {"dr_directory": AWAY, "next_years": 1}], ids=["less", "more"])
def test_what_is_wrong_with_a_directory_is_named(mapped: dict[str, Any]) -> None:
    with pytest.raises(BadSettings, match=r"dr_directory|next_years"):
        Settings.from_document(DOCUMENT | {"directories": {HOME: mapped}})


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff"], ids=["missing", "empty", "cut", "not-utf-8"])
def test_a_file_is_read_or_says_to_deploy_again(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(DOCUMENT))
    assert Settings.load(path) == ARRIVED
    path.write_bytes(content) if content is not None else path.unlink()
    with pytest.raises(BadSettings, match=r"^settings\.json cannot be read \(.+\); deploy the stack again$"):
        Settings.load(path)


def test_a_standby_has_the_configured_tags_and_the_stacks_own_which_no_other_overrides() -> None:
    found = Settings.from_document(DOCUMENT | {"tags": {"CostCenter": "dr", STACK_TAG: "mine"}})
    assert found.standby_tags(ONE) == {"CostCenter": "dr", STACK_TAG: STACK, PRIMARY_TAG: "ws-1primary1"}
