"""settings.json as the deployment writes it, and the environment: whole, or told by the name of what is missing."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from standby.model import WorkspaceId
from standby.settings import PRIMARY_TAG, STACK_TAG, BadSettings, Directory, Settings, require

DOCUMENT: dict[str, Any] = {
    "version": "0.1.0",
    "config_digest": "0123456789abcdef",
    "stack": "Standby-us-east-1-us-west-2",
    "primary_region": "us-east-1",
    "dr_region": "us-west-2",
    "mode": "observe",
    "tags": {"CostCenter": "dr"},
    "first_look_seconds": 900,
    "poll_interval_seconds": 0.5,
    "primary_deadline_seconds": 14400,
    "standby_deadline_seconds": 7200,
    "max_new_standbys_per_day": 20,
    "max_standbys": 500,
    "directories": {
        "d-906732325d": {
            "dr_directory": "d-926722edaf",
            "volume_encryption_key": "arn:aws:kms:us-west-2:123456789012:key/1",
            "data_replication": "PRIMARY_AS_SOURCE",
            "mutual": True,
        }
    },
}


def test_every_key_of_the_document_arrives() -> None:
    found = Settings.from_document(DOCUMENT)
    assert found.version == "0.1.0"
    assert found.config_digest == "0123456789abcdef"
    assert found.stack == "Standby-us-east-1-us-west-2"
    assert (found.primary_region, found.dr_region, found.mode) == ("us-east-1", "us-west-2", "observe")
    assert (found.first_look, found.poll_interval) == (timedelta(minutes=15), timedelta(seconds=0.5))
    assert (found.primary_deadline, found.standby_deadline) == (timedelta(hours=4), timedelta(hours=2))
    assert (found.max_new_standbys_per_day, found.max_standbys) == (20, 500)
    assert found.directories == {
        "d-906732325d": Directory(
            dr_directory="d-926722edaf",  # type: ignore[arg-type]
            volume_encryption_key="arn:aws:kms:us-west-2:123456789012:key/1",
            data_replication="PRIMARY_AS_SOURCE",
            mutual=True,
        )
    }
    assert found.elsewhere == {}


def test_other_pairs_directories_arrive_with_their_stacks() -> None:
    elsewhere = {"d-9067328a7c": "Standby-us-east-1-eu-west-1"}
    assert Settings.from_document(DOCUMENT | {"elsewhere": elsewhere}).elsewhere == elsewhere


def test_a_standby_bears_the_configured_tags_and_the_stacks_own_which_no_other_overrides() -> None:
    found = Settings.from_document(DOCUMENT | {"tags": {"CostCenter": "dr", STACK_TAG: "mine"}})
    assert found.standby_tags(WorkspaceId("ws-1abc2def3")) == {
        "CostCenter": "dr",
        STACK_TAG: "Standby-us-east-1-us-west-2",
        PRIMARY_TAG: "ws-1abc2def3",
    }


@pytest.mark.parametrize("key", sorted(DOCUMENT))
def test_a_key_that_is_missing_is_named(key: str) -> None:
    lacking = {name: value for name, value in DOCUMENT.items() if name != key}
    with pytest.raises(BadSettings, match=key):
        Settings.from_document(lacking)


@pytest.mark.parametrize("key", ["dr_directory", "volume_encryption_key", "data_replication", "mutual"])
def test_a_key_that_a_directory_lacks_is_named(key: str) -> None:
    directory = {name: value for name, value in DOCUMENT["directories"]["d-906732325d"].items() if name != key}
    with pytest.raises(BadSettings, match=key):
        Settings.from_document(DOCUMENT | {"directories": {"d-906732325d": directory}})


def test_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(json.dumps(DOCUMENT))
    assert Settings.load(tmp_path / "settings.json") == Settings.from_document(DOCUMENT)


@pytest.mark.parametrize("content", [None, "", "{", "\udcff"])
def test_a_file_that_is_missing_or_broken_says_to_deploy_again(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(BadSettings, match=r"settings\.json cannot be read .*deploy"):
        Settings.load(path)


@pytest.mark.parametrize("environment", [{}, {"LEDGER_TABLE": ""}])
def test_a_variable_that_is_not_set_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(BadSettings, match="LEDGER_TABLE"):
        require(environment, "LEDGER_TABLE")


def test_a_variable_that_is_set_is_found() -> None:
    assert require({"LEDGER_TABLE": "ledger"}, "LEDGER_TABLE") == "ledger"
