"""What `standby live-check` says of the ledger's replicas and of directories, and how it prints what to run."""

from typing import Any

import pytest

from cli.live_check import report
from cli.live_check.checks import Check, Finding, Verdict
from cli.live_check.place import Place
from tests.cli import test_live_check as live
from tests.cli.ledgers import DR, TABLE, P, expiry, recovery

NAME = f"Standby-{P}-{DR}"
HERE, THERE = ("dynamodb", P, "describe_table"), ("dynamodb", DR, "describe_table")
RECOVERY = ("dynamodb", DR, "describe_continuous_backups")
MISSING = live.refusal("ResourceNotFoundException")
INDEXES = [one for one in TABLE["GlobalSecondaryIndexes"] if one["IndexName"] != "by_due"]
OTHER = {"IndexName": "by_due", "KeySchema": TABLE["KeySchema"], "Projection": {"ProjectionType": "ALL"}}
OTHER_STREAM = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
EXPIRY = expiry(TimeToLiveStatus="ENABLED", AttributeName="at")
REGISTER = f"aws workspaces register-workspace-directory --region {DR} --directory-id {live.AWAY}"
LONG = f"aws dynamodb update-table --region {P} --table-name {NAME} --replica-updates 'Create={{RegionName={DR}}}'"


def table(**changed: Any) -> dict[str, Any]:
    return {"Table": TABLE | changed}


def status(name: str) -> dict[str, Any]:
    return table(Replicas=[{"RegionName": DR, "ReplicaStatus": name}])


def found(check: str, answers: dict[Any, Any]) -> Finding:
    place = Place(live.PAIR, live.FakeAccount({**live.HEALTHY, **answers}))
    (wanted,) = [one for one in live.CHECKS if one.id == check]
    return wanted.find(place)


@pytest.mark.parametrize(
    ("answers", "text", "commands"),
    [
        ({HERE: MISSING}, f"There is no table {NAME} in {P}.", "deploy"),
        ({HERE: table(KeySchema=TABLE["KeySchema"][:1])}, f"{NAME} in {P} has the keys pk, and not pk, sk", ""),
        (
            {HERE: table(Replicas=[]), THERE: MISSING},
            f"{DR} has no replica",
            "Create={RegionName wait recovery protection",
        ),
        ({HERE: table(Replicas=[])}, "that is no replica", "COUNT"),
        ({HERE: status("CREATING"), THERE: MISSING}, f"the replica in {DR} is CREATING", "wait"),
        ({RECOVERY: recovery("DISABLED")}, f"point-in-time recovery is off in {DR}.", f"{DR}"),
        ({THERE: table(DeletionProtectionEnabled=False)}, f"protection is off in {DR}.", f"{DR}"),
        ({HERE: table(DeletionProtectionEnabled=False)}, f"protection is off in {P}.", f"{P}"),
        ({HERE: table(StreamSpecification=OTHER_STREAM)}, "its stream is KEYS_ONLY, not NEW_AND", "=false OLD_IMAGES"),
        ({("dynamodb", P, "describe_time_to_live"): EXPIRY}, "rows expire by at", "AttributeName=at"),
        ({HERE: table(GlobalSecondaryIndexes=INDEXES)}, "index by_due is missing", "ProjectionType=KEYS_ONLY"),
        ({HERE: table(GlobalSecondaryIndexes=[*INDEXES, OTHER])}, "by_due has other keys", "Delete={ Create={"),
    ],
)
def test_what_a_replica_of_the_ledger_lacks_is_found_with_the_commands_that_mend_it(
    answers: dict[Any, Any], text: str, commands: str
) -> None:
    finding = found("ledger", answers)
    assert (finding.verdict, text in finding.text) == (Verdict.DIFFERS, True), finding.text
    assert all(part in one for part, one in zip(commands.split(), finding.commands, strict=True))


@pytest.mark.parametrize(
    ("check", "shown", "standbys", "verdict", "text", "commands"),
    [
        ("directories", None, [live.STANDBY], Verdict.DIFFERS, "is not registered", [REGISTER]),
        ("directories", {"State": "DEREGISTERED"}, [], Verdict.DIFFERS, "is DEREGISTERED", [REGISTER]),
        ("directories", {"State": "DEREGISTERING"}, [], Verdict.DIFFERS, "is DEREGISTERING", []),
        ("unused-directories", {}, [], Verdict.WARNING, f"{live.AWAY} in {DR} (AD_CONNECTOR) has no WorkSpace", []),
        ("unused-directories", {"DirectoryType": "SIMPLE_AD"}, [], Verdict.WARNING, "(SIMPLE_AD)", []),
        ("unused-directories", {"DirectoryType": "CUSTOMER_MANAGED"}, [], Verdict.AS_ASSUMED, "", []),
        ("unused-directories", None, [], Verdict.AS_ASSUMED, "", []),
    ],
)
def test_a_directory_that_is_or_will_be_deregistered(
    check: str, shown: dict[str, Any] | None, standbys: list[Any], verdict: Verdict, text: str, commands: list[str]
) -> None:
    answer = {"Directories": []} if shown is None else live.registered(live.AWAY, **shown)
    finding = found(check, {live.DR_DIRECTORIES: answer, **live.standbys(*standbys)})
    assert (finding.verdict, list(finding.commands)) == (verdict, commands)
    assert text in finding.text
    assert verdict is Verdict.AS_ASSUMED or "refuse" in finding.advice or "no standby" in finding.advice


@pytest.mark.parametrize("width", [40, 80, 110])
def test_a_command_is_printed_whole_and_everything_else_fits_the_terminal(width: int) -> None:
    finding = Finding(Verdict.DIFFERS, "word " * 40, "what to do " * 20, (LONG, REGISTER))
    check = Check("unused-directories", "", "", "", lambda _: finding)
    printed = report.lines(report.Row(NAME, check, finding), width).splitlines()
    assert [line.strip() for line in printed[-2:]] == [LONG, REGISTER]
    assert max(map(len, printed[:-2])) <= width
    assert printed[0].startswith("unused-directories ")
