"""`standby list`: which rows, of how many, and what names nothing."""

import csv
import io
import json
from collections.abc import Iterator

import pytest

from tests.cli.practised import FLEET, LATE, NEW, TAKEN, of, practised
from tests.cli.stage import Stage
from tests.component.estate import HOME


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A pair with some life behind it, in a folder without a configuration file; nothing here changes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("nowhere"))
        yield practised()


def users(stage: Stage, options: str) -> list[str]:
    ran = stage.standby(f"list {options} --output csv")
    assert ran.status in (0, 1), ran.err
    return [row["user_name"] for row in csv.DictReader(io.StringIO(ran.out))]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--uncovered", {*FLEET, TAKEN, LATE}),
        ("--status protected", set(NEW[1:])),
        ("--status WAITING --status INELIGIBLE", {TAKEN, LATE}),
        ("--reason secondary-exists", {TAKEN}),
        ("--reason ORPHANED", {NEW[0]}),
        ("--needs-action", {TAKEN, NEW[0]}),
        ("--user USER05*", set(FLEET)),
        ("--user User001 --status PROTECTED", {NEW[1]}),
        ("--uncovered --older-than 1h", {*FLEET, TAKEN}),
        ("--uncovered --older-than 10d", set()),
        (f"--directory {HOME} --uncovered --status WAITING", {LATE}),
        ("--drift", set()),
        ("--stale", set()),
        ("", {*FLEET, *NEW[1:], TAKEN, LATE}),  # who no longer exists is not listed unasked
        ("--status PRIMARY_GONE", {NEW[0]}),
    ],
)
def test_rows_are_selected(lived: Stage, options: str, expected: set[str]) -> None:
    found = users(lived, options)
    assert (set(found), len(found)) == (expected, len(expected))


@pytest.mark.parametrize(
    ("options", "operations"),
    [
        ("--user user001", {"by_user"}),
        ("--uncovered --needs-action", {"by_uncovered"}),
        ("--needs-action", {"by_status"}),
    ],
)
def test_an_index_serves_each_selection_and_nothing_is_scanned(
    lived: Stage, options: str, operations: set[str]
) -> None:
    lived.asked.clear()
    assert users(lived, options)
    reads = [(operation, given) for service, _, operation, given in lived.asked if service == "dynamodb"]
    assert {operation for operation, _ in reads} == {"query", "batch_get_item"}
    assert {given["IndexName"] for operation, given in reads if operation == "query"} == operations


def test_it_says_of_how_many_and_that_something_needs_a_person_by_its_exit_status(lived: Stage) -> None:
    ran = lived.standby("list --needs-action")
    assert (ran.status, ran.out.splitlines()[-1]) == (
        1,
        "2 of 11 desktops that need action. Counted by the last complete sweeps: 11.",
    )
    assert lived.standby("list --needs-action --exit-zero").status == 0
    ran = lived.standby("list --drift")
    assert (ran.status, ran.out) == (0, "0 of 11 desktops with drift. Counted by the last complete sweeps: 11.\n")
    ran = lived.standby("list --drift --output csv")
    assert (ran.out.count("\n"), ran.err) == (
        1,
        "0 of 11 desktops with drift. Counted by the last complete sweeps: 11.\n",
    )
    found = json.loads(lived.standby("list --uncovered --output json").out)
    assert (found["count"], found["of"], len(found["desktops"])) == (5, 11, 5)


def test_of_desktops_that_are_named_it_says_how_many_have_a_standby(lived: Stage) -> None:
    by_id = of(lived, LATE)
    ran = lived.standby(f"list user001 {TAKEN.upper()} {by_id} {LATE}")
    assert [line.split("\t")[0] for line in ran.out.splitlines()[1:-1]] == ["user001", TAKEN, LATE]
    assert ran.out.splitlines()[-1] == "1 of 3 desktops with a ready standby."


def test_columns_are_chosen_by_the_names_that_data_has(lived: Stage) -> None:
    ran = lived.standby("list --reason SECONDARY_EXISTS --columns user-name,advice")
    assert ran.out.splitlines()[:2] == [
        "User\tWhat to do",
        f"{TAKEN}\tDecide whether that desktop can be terminated. This product never changes it.",
    ]
    (row,) = json.loads(lived.standby("list --user user020 --columns status -o json").out)["desktops"]
    assert row == {"stack": "Standby-us-east-1-us-west-2", "status": "WAITING"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--status FAILD", "Did you mean FAILED?"),
        ("--reason SECONDARY", "Did you mean SECONDARY_EXISTS?"),
        ("--columns usr_name", "Did you mean user_name?"),
        ("--user usr001", "Did you mean user001?"),
        ("--directory d-906732325e", f"Did you mean {HOME}?"),
        ("--directory d-926722edaf", f"d-926722edaf is the DR directory of {HOME}."),
        ("--older-than soon", "Write a day like 2026-03-03"),
    ],
)
def test_what_names_nothing_is_refused_with_the_nearest_match(lived: Stage, options: str, said: str) -> None:
    ran = lived.standby(f"list {options}")
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err


def test_drift_and_old_data_have_columns_of_their_own(lived: Stage) -> None:
    one = of(lived, "user001")
    lasting = {"since": "2026-03-03T09:00:00.000Z", "last": "2026-03-03T09:00:00.000Z", "times": 1}
    drift = lasting | {"note": "compute_type STANDARD≠POWER"}
    lived.table.set(one, "STATE", {"conditions": {"DRIFT": drift, "STALE": lasting}})
    try:
        assert "compute_type STANDARD≠POWER" in lived.standby("list --drift").out
        assert "2026-03-03 09:00 UTC" in lived.standby("list --stale").out
        assert users(lived, "--needs-action --status PROTECTED") == ["user001"]
        out = lived.standby("list --needs-action").out.splitlines()
        assert out[0].endswith("\tSince\tAct on")
        assert {line.split("\t")[1]: line.split("\t")[-1] for line in out[1:-1]} == {
            TAKEN: "SECONDARY_EXISTS",
            "user000": "ORPHANED",
            "user001": "DRIFT, STALE",
        }
    finally:
        lived.table.set(one, "STATE", {"conditions": {}})


def test_where_no_sweep_has_counted_the_rows_of_the_ledger_are(lived: Stage) -> None:
    kept = lived.item("SETTINGS")
    lived.put("SETTINGS", "SETTINGS", settings_json="{}")
    try:
        assert lived.standby("list --drift").out == "0 of 12 desktops with drift. Rows in the ledger now: 12.\n"
    finally:
        lived.table.put(kept)


def test_in_a_narrow_terminal_each_row_is_lines_of_its_own(lived: Stage) -> None:
    out = lived.standby("list --user user020", width=40).out
    assert out.splitlines()[:2] == [f"\033[1mUser: \033[0m{LATE}", f"\033[1mPrimary: \033[0m{of(lived, LATE)}"]


def test_all_of_all_is_counted_again_for_there_may_be_newer_desktops(
    lived: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.listing.swept", lambda *_: 5)
    ran = lived.standby("list --uncovered")
    assert ran.out.splitlines()[-1] == "5 of 12 desktops without a ready standby. Rows in the ledger now: 12."
