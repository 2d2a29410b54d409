"""What `standby live-check` says of the ledger's replicas and of directories, and how it prints what to run."""

from typing import Any

import pytest

from cli.live_check import CHECKS, report
from cli.live_check.checks import Check, Finding, Verdict
from cli.live_check.place import Place
from tests.cli import test_live_check as live
from tests.cli.ledgers import DR, TABLE, P
from tests.cli.test_redrive import refusal

NAME = f"Standby-{P}-{DR}"
HERE, THERE = ("dynamodb", P, "describe_table"), ("dynamodb", DR, "describe_table")
RECOVERY, EXPIRY = ("dynamodb", DR, "describe_continuous_backups"), ("dynamodb", P, "describe_time_to_live")
MISSING = refusal("ResourceNotFoundException")
INDEXES = [one for one in TABLE["GlobalSecondaryIndexes"] if one["IndexName"] != "by_due"]
OTHER_INDEX = {"IndexName": "by_due", "KeySchema": TABLE["KeySchema"], "Projection": {"ProjectionType": "ALL"}}
OTHER_STREAM = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
EXPIRES = {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "at"}}
REGISTER = f"aws workspaces register-workspace-directory --region {DR} --directory-id {live.AWAY}"
BAD, RISKY, GOOD = Verdict.DIFFERS, Verdict.WARNING, Verdict.AS_ASSUMED


def table(**changed: Any) -> dict[str, Any]:
    return {"Table": TABLE | changed}


def replica(status: str) -> dict[Any, Any]:
    return {HERE: table(Replicas=[{"RegionName": DR, "ReplicaStatus": status}]), THERE: MISSING}


def partner(**shown: Any) -> dict[Any, Any]:
    """A DR directory that has no WorkSpace."""
    return {live.DR_DIRECTORIES: live.registered(live.AWAY, **shown), **live.standbys()}


@pytest.mark.parametrize(
    ("check", "answers", "verdict", "text", "commands"),
    [
        ("ledger", {HERE: MISSING}, BAD, f"There is no table {NAME} in {P}.", "deploy"),
        ("ledger", {HERE: table(KeySchema=TABLE["KeySchema"][:1])}, BAD, "has the keys pk, and not pk, sk", ""),
        (
            "ledger",
            {HERE: table(Replicas=[]), THERE: MISSING},
            BAD,
            "no replica",
            "Create={Region wait recovery protect",
        ),
        ("ledger", {HERE: table(Replicas=[])}, BAD, "that is no replica", "COUNT"),
        ("ledger", replica("CREATING"), BAD, f"the replica in {DR} is CREATING", "wait"),
        ("ledger", {RECOVERY: {"ContinuousBackupsDescription": {}}}, BAD, f"recovery is off in {DR}.", DR),
        ("ledger", {THERE: table(DeletionProtectionEnabled=False)}, BAD, f"protection is off in {DR}.", DR),
        ("ledger", {HERE: table(DeletionProtectionEnabled=False)}, BAD, f"protection is off in {P}.", P),
        ("ledger", {HERE: table(StreamSpecification=OTHER_STREAM)}, BAD, "stream is KEYS_ONLY", "=false OLD_IMAGES"),
        ("ledger", {EXPIRY: EXPIRES}, BAD, "rows expire by at", "AttributeName=at"),
        ("ledger", {HERE: table(GlobalSecondaryIndexes=INDEXES)}, BAD, "by_due is missing", "ProjectionType=KEYS_ONLY"),
        (
            "ledger",
            {HERE: table(GlobalSecondaryIndexes=[OTHER_INDEX, *INDEXES])},
            BAD,
            "other keys",
            "Delete={ Create={",
        ),
        ("directories", partner(State="DEREGISTERED"), BAD, "is DEREGISTERED", "register-workspace-directory"),
        ("directories", partner(State="DEREGISTERING"), BAD, "is DEREGISTERING", ""),
        ("unused-directories", partner(), RISKY, f"{live.AWAY} in {DR} (AD_CONNECTOR) has no WorkSpace", ""),
        ("unused-directories", partner(DirectoryType="SIMPLE_AD"), RISKY, "(SIMPLE_AD)", ""),
        ("unused-directories", partner(DirectoryType="CUSTOMER_MANAGED"), GOOD, "No DR directory", ""),
    ],
)
def test_what_differs_is_found_with_the_commands_that_mend_it(
    check: str, answers: dict[Any, Any], verdict: Verdict, text: str, commands: str
) -> None:
    place = Place(live.PAIR, live.FakeAccount({**live.HEALTHY, **answers}))
    (finding,) = [one.find(place) for one in CHECKS if one.id == check]
    assert (finding.verdict, text in finding.text) == (verdict, True), finding.text
    assert all(part in one for part, one in zip(commands.split(), finding.commands, strict=True))


@pytest.mark.parametrize("width", [40, 80, 110])
def test_a_command_is_printed_whole_and_everything_else_fits_the_terminal(width: int) -> None:
    finding = Finding(Verdict.DIFFERS, "word " * 40, "what to do " * 20, (REGISTER, "make deploy"))
    check = Check("unused-directories", "", "", "", lambda _: finding)
    printed = report.lines(report.Row(NAME, check, finding), width).splitlines()
    assert [line.strip() for line in printed[-2:]] == [REGISTER, "make deploy"]
    assert max(map(len, printed[:-2])) <= width
