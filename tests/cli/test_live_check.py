"""What each check of `standby live-check` finds, and that none of them can write or crash."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from cli import aws
from cli.live_check import CHECKS, command, writing
from cli.live_check.checks import Verdict
from cli.live_check.desktops import known_states
from cli.live_check.place import Account, NotReadingError, Place
from cli.main import main
from infra.config import VERSION, Configuration
from standby.model import WorkspaceId

P, DR, ACCOUNT = "us-east-1", "us-west-2", "123456789012"
HOME, AWAY = "d-906732325d", "d-926722edaf"
STACK = f"Standby-{P}-{DR}"
KEY = f"arn:aws:kms:{DR}:{ACCOUNT}:key/1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d"
TRAIL = f"arn:aws:cloudtrail:{P}:{ACCOUNT}:trail/audit"
EVENTS = Path(__file__).resolve().parents[1] / "events"
ROOT = Path(__file__).resolve().parents[2]

Key = tuple[str, str, str]
Answer = Any


def refusal(code: str, message: str = "no", status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Operation")


def configuration(**changes: Any) -> Configuration:
    mapping = {"dr_directory": AWAY, "volume_encryption_key": KEY} | changes
    return Configuration.model_validate(
        {"pairs": [{"primary_region": P, "dr_region": DR, "account": ACCOUNT, "directories": {HOME: mapping}}]}
    )


PAIR = configuration().pairs[0]


def desktop(workspace_id: str, user: str, directory: str = HOME, **shown: Any) -> dict[str, Any]:
    return {"WorkspaceId": workspace_id, "DirectoryId": directory, "UserName": user, "State": "AVAILABLE", **shown}


def related(kind: str, workspace_id: str, region: str | None, state: str = "AVAILABLE") -> dict[str, Any]:
    entry = {"WorkspaceId": workspace_id, "Type": kind, "State": state}
    return entry | ({"Region": region} if region else {})


PRIMARY = desktop(
    "ws-primary01",
    "alice",
    RelatedWorkspaces=[related("STANDBY", "ws-standby01", DR)],
    StandbyWorkspacesProperties=[{"StandbyWorkspaceId": "ws-standby01", "DataReplication": "NO_REPLICATION"}],
)
STANDBY = desktop("ws-standby01", "alice", AWAY, RelatedWorkspaces=[related("PRIMARY", "ws-primary01", P)])


def workspaces(*shown: dict[str, Any]) -> Callable[..., Any]:
    """DescribeWorkspaces of one Region, by directory, user (whatever the case) or ids, one a page."""

    def answer(**asked: Any) -> Any:
        found = [one for one in shown if one["DirectoryId"] == asked.get("DirectoryId", one["DirectoryId"])]
        found = [one for one in found if one["WorkspaceId"] in asked.get("WorkspaceIds", [one["WorkspaceId"]])]
        found = [one for one in found if one["UserName"].lower() == asked.get("UserName", one["UserName"]).lower()]
        start = int(asked.get("NextToken", 0))
        following = {"NextToken": str(start + 1)} if start + 1 < len(found) else {}
        return {"Workspaces": found[start : start + 1], **following}

    return answer


def registered(directory: str, **shown: Any) -> dict[str, Any]:
    one = {
        "DirectoryId": directory,
        "State": "REGISTERED",
        "DirectoryType": "AD_CONNECTOR",
        "WorkspaceType": "PERSONAL",
    }
    return {"Directories": [one | shown]}


def alias(directory: str, string: str = "desktop.example.com", status: str = "ASSOCIATED_WITH_OWNER_ACCOUNT") -> Any:
    association = {"ResourceId": directory, "AssociationStatus": status}
    return {"ConnectionAliases": [{"ConnectionString": string, "Associations": [association]}]}


def records(**by_name: list[dict[str, Any]]) -> Callable[..., Any]:
    """LookupEvents of one Region."""

    def answer(**asked: Any) -> Any:
        (wanted,) = asked["LookupAttributes"]
        assert wanted["AttributeKey"] == "EventName"
        return {"Events": [{"CloudTrailEvent": json.dumps(one)} for one in by_name.get(wanted["AttributeValue"], [])]}

    return answer


def recorded(name: str) -> dict[str, Any]:
    """The record inside one of the fixtures of events."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))["detail"]
    return found


def requested(*failed: tuple[str, str], pending: str = "ws-standby01", **record: Any) -> dict[str, Any]:
    refused = [{"errorCode": code, "errorMessage": message} for code, message in failed]
    made = [{"workspaceId": pending, "userName": "alice"}]
    return {"responseElements": {"failedStandbyRequests": refused, "pendingStandbyRequests": made}, **record}


def terminated(workspace_id: str, **record: Any) -> dict[str, Any]:
    asked = {"terminateWorkspaceRequests": [{"workspaceId": workspace_id}]}
    return {"requestParameters": asked, "userIdentity": {"arn": "arn:aws:iam::1:user/bob"}, **record}


def rebuilt(workspace_id: str, **record: Any) -> dict[str, Any]:
    return _renewed({"rebuildWorkspaceRequests": [{"workspaceId": workspace_id}]}, record)


def restored(workspace_id: str) -> dict[str, Any]:
    return _renewed({"workspaceId": workspace_id}, {})


def migrated(workspace_id: str) -> dict[str, Any]:
    return _renewed({"sourceWorkspaceId": workspace_id, "bundleId": "wsb-windowspower"}, {})


def _renewed(parameters: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    return {"requestParameters": parameters, "eventTime": "2026-03-03T09:26:54Z", **record}


def requested_for(primary_id: str) -> dict[str, Any]:
    return requested(requestParameters={"standbyWorkspaces": [{"primaryWorkspaceId": primary_id}]})


def allowed(**asked: Any) -> Any:
    return {
        "EvaluationResults": [
            {"EvalActionName": action, "EvalResourceName": arn, "EvalDecision": "allowed"}
            for action in asked["ActionNames"]
            for arn in asked["ResourceArns"]
        ]
    }


def stack(**outputs: str) -> Callable[..., Any]:
    wanted = dict.fromkeys(("DeadLetterQueueUrl", "LedgerTableName", "NotificationTopicArn", "WatchFunctionName"), "x")
    wanted |= {
        "WatchStateMachineArn": "x",
        "SweepStateMachineArn": "x",
        "EventRuleName": "rule",
        "ProtectFunctionName": "protect",
    }
    wanted |= {"ConfigDigest": PAIR.digest, "Version": VERSION, **outputs}
    shown = [{"OutputKey": name, "OutputValue": value} for name, value in wanted.items() if value]
    return lambda **_: {"Stacks": [{"Outputs": shown}]}


def quota(**values: float) -> Callable[..., Any]:
    return lambda **asked: {"Quota": {"Value": values[asked["QuotaCode"].replace("-", "_")]}}


HEALTHY: Mapping[Key, Answer] = {
    ("workspaces", P, "describe_workspaces"): workspaces(PRIMARY),
    ("workspaces", DR, "describe_workspaces"): workspaces(STANDBY),
    ("workspaces", P, "describe_workspace_directories"): registered(HOME),
    ("workspaces", DR, "describe_workspace_directories"): registered(AWAY),
    ("workspaces", P, "describe_connection_aliases"): alias(HOME),
    ("workspaces", DR, "describe_connection_aliases"): alias(AWAY),
    ("kms", DR, "describe_key"): {
        "KeyMetadata": {"Enabled": True, "KeySpec": "SYMMETRIC_DEFAULT", "KeyManager": "CUSTOMER"}
    },
    ("service-quotas", DR, "get_service_quota"): quota(L_9A67B5CB=5, L_34278094=10),
    ("cloudtrail", P, "describe_trails"): {"trailList": [{"Name": "audit", "TrailARN": TRAIL, "HomeRegion": P}]},
    ("cloudtrail", DR, "describe_trails"): {"trailList": [{"Name": "audit", "TrailARN": TRAIL, "HomeRegion": P}]},
    ("cloudtrail", P, "get_trail_status"): {"IsLogging": True},
    ("cloudtrail", P, "get_event_selectors"): {
        "EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "All"}]
    },
    ("cloudtrail", P, "lookup_events"): records(
        CreateWorkspaces=[recorded("create_workspaces_one"), recorded("create_workspaces_refused")],
        MigrateWorkspace=[recorded("migrate_workspace")],
    ),
    ("cloudtrail", DR, "lookup_events"): records(
        CreateStandbyWorkspaces=[requested(("ResourceNotFound.User", "no such user"))],
    ),
    ("cloudformation", P, "describe_stacks"): stack(),
    ("cloudformation", DR, "describe_stacks"): stack(),
    ("events", P, "describe_rule"): {"State": "ENABLED"},
    ("events", P, "list_targets_by_rule"): {"Targets": [{"Arn": f"arn:aws:lambda:{P}:{ACCOUNT}:function:protect"}]},
    ("events", DR, "describe_rule"): {"State": "ENABLED"},
    ("events", DR, "list_targets_by_rule"): {"Targets": [{"Arn": f"arn:aws:events:{P}:{ACCOUNT}:event-bus/default"}]},
    ("workspaces", DR, "describe_workspaces_connection_status"): {
        "WorkspacesConnectionStatus": [{"WorkspaceId": "ws-standby01", "ConnectionState": "UNKNOWN"}]
    },
    ("lambda", P, "get_function_configuration"): {
        "FunctionArn": f"arn:aws:lambda:{P}:{ACCOUNT}:function:protect",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/protect",
    },
    ("iam", P, "simulate_principal_policy"): allowed,
}


class NoWaiting:
    """A clock whose waits take no time, and are counted."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> datetime:
        return datetime(2026, 3, 3, 12, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


class FakeAccount(Account):
    """Answers what it was given: a dict, a function of the parameters, or an error to raise."""

    def __init__(self, answers: Mapping[Key, Answer]) -> None:
        super().__init__(ACCOUNT, NoWaiting())
        self.answers = answers
        self.asked: list[Key] = []
        self._client: Any = lambda service, region: FakeClient(self, service, region)


class FakeClient:
    """A client of the fake account."""

    def __init__(self, account: FakeAccount, service: str, region: str) -> None:
        self._account, self._service, self._region = account, service, region

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            key = (self._service, self._region, operation)
            self._account.asked.append(key)
            answer = self._account.answers[key]
            if isinstance(answer, Exception):
                raise answer
            return answer(**parameters) if callable(answer) else copy.deepcopy(answer)

        return call


def find(check: str, answers: Mapping[Key, Answer] | None = None, pair: Any = PAIR) -> tuple[Verdict, str]:
    """What a check finds in the healthy account, changed by `answers`."""
    place = Place(pair, FakeAccount({**HEALTHY, **(answers or {})}))
    (wanted,) = [one for one in CHECKS if one.id == check]
    finding = wanted.find(place)
    return finding.verdict, f"{finding.text} {finding.advice}"


GOOD, BAD, UNSURE = Verdict.AS_ASSUMED, Verdict.DIFFERS, Verdict.CANNOT_TELL


IN_HEALTH = [
    ("deployment", GOOD, VERSION),
    ("rule", GOOD, "enabled and leads to protect"),
    ("ended-rules", GOOD, "Both are enabled, and what us-west-2 tells goes to us-east-1"),
    ("permissions", GOOD, "Allowed on 6 ARNs"),
    ("relations", GOOD, "1 standby, all shown from both sides; 1 primary with"),
    ("states", GOOD, "us-east-1: 1 AVAILABLE; us-west-2: 1 AVAILABLE"),
    ("user-filter", GOOD, "does not mind the case: asked for ALICE"),
    ("user-names", GOOD, "1 standby of the same users, 0 in another case"),
    ("second-standby", UNSURE, "--write"),
    ("directories", GOOD, "2 AD_CONNECTOR"),
    ("redirection", GOOD, "common connection alias"),
    ("keys", GOOD, "1 key configured"),
    ("quotas", GOOD, "L-9A67B5CB is 5 and L-34278094 10 in us-west-2, with 1 standby there for 1 desktop"),
    ("trail", GOOD, "audit does"),
    ("dr-trail", GOOD, "audit does"),
    ("create-events", GOOD, "2 records with 1 new desktop"),
    ("migrate-events", GOOD, "1 record with 1 new desktop"),
    ("refusal-codes", GOOD, "1 ResourceNotFound.User (taken for USER_MISSING)"),
    ("accepted-states", UNSURE, "STOPPED"),
    ("terminations", UNSURE, "No standby was terminated"),
    ("renewals", UNSURE, "Rebuild a primary with a standby"),
    ("orphans", UNSURE, "Terminate a primary"),
    ("orphan-data", UNSURE, "No standby here has lost its primary"),
    ("connection-status", GOOD, "It speaks of 1 standby, 1 of which nobody has used"),
]


@pytest.mark.parametrize(("check", "verdict", "words"), IN_HEALTH)
def test_in_a_healthy_account(check: str, verdict: Verdict, words: str) -> None:
    found, text = find(check)
    assert found is verdict, text
    assert words in text


def test_the_healthy_account_answers_every_check() -> None:
    checked = [check for check, _, _ in IN_HEALTH]
    assert checked == [one.id for one in CHECKS]


W, D = "workspaces", "describe_workspaces"
TWO = desktop(
    "ws-primary01",
    "alice",
    RelatedWorkspaces=[related("STANDBY", "ws-standby01", DR), related("STANDBY", "ws-standby02", DR)],
)
COPIED = {"DataReplicationSettings": {"DataReplication": "PRIMARY_AS_SOURCE"}}
STACK_IS_GONE = refusal("ValidationError", f"Stack with id {STACK} does not exist")


@pytest.mark.parametrize(
    ("check", "key", "answer", "words"),
    [
        ("deployment", ("cloudformation", P, "describe_stacks"), STACK_IS_GONE, "make deploy"),
        ("deployment", ("cloudformation", DR, "describe_stacks"), STACK_IS_GONE, "make deploy"),
        ("deployment", ("cloudformation", P, "describe_stacks"), stack(ConfigDigest="old"), "ConfigDigest is old, not"),
        (
            "deployment",
            ("cloudformation", P, "describe_stacks"),
            stack(WatchFunctionName=""),
            "WatchFunctionName is missing",
        ),
        (
            "rule",
            ("events", P, "describe_rule"),
            {"State": "DISABLED"},
            "aws events enable-rule --region us-east-1 --name",
        ),
        ("rule", ("events", P, "list_targets_by_rule"), {"Targets": []}, "does not lead to protect"),
        (
            "permissions",
            ("iam", P, "simulate_principal_policy"),
            lambda **asked: {
                "EvaluationResults": [
                    one | ({"EvalDecision": "explicitDeny"} if "directory" in one["EvalResourceName"] else {})
                    for one in allowed(**asked)["EvaluationResults"]
                ]
            },
            "directory/d-906732325d: explicitDeny",
        ),
        ("relations", (W, DR, D), workspaces(desktop("ws-standby01", "alice", AWAY)), "which does not show it"),
        (
            "relations",
            (W, P, D),
            workspaces(desktop("ws-primary01", "alice")),
            "ws-standby01 shows primary ws-primary01",
        ),
        (
            "relations",
            (W, P, D),
            workspaces(desktop("ws-primary01", "alice", RelatedWorkspaces=[related("REPLICA", "ws-standby01", DR)])),
            "Type REPLICA",
        ),
        ("states", (W, P, D), workspaces(PRIMARY | {"State": "HIBERNATED"}), "Not known: HIBERNATED"),
        (
            "user-names",
            (W, DR, D),
            workspaces(STANDBY | {"UserName": "CORP.alice"}),
            "is of CORP.alice, its primary of alice",
        ),
        ("second-standby", (W, P, D), workspaces(TWO), "ws-primary01 has ws-standby01 and ws-standby02"),
        ("directories", (W, P, "describe_workspace_directories"), {"Directories": []}, "is not registered"),
        (
            "directories",
            (W, DR, "describe_workspace_directories"),
            registered(AWAY, State="ERROR"),
            f"{AWAY} in us-west-2 is ERROR",
        ),
        ("directories", (W, P, "describe_workspace_directories"), registered(HOME, WorkspaceType="POOLS"), "Pools"),
        ("redirection", (W, DR, "describe_connection_aliases"), {"ConnectionAliases": []}, "share no connection alias"),
        (
            "redirection",
            (W, DR, "describe_connection_aliases"),
            alias(AWAY, "other.example.com"),
            "share no connection",
        ),
        ("redirection", (W, P, "describe_connection_aliases"), alias(HOME, status="PENDING_ASSOCIATION"), "share no"),
        ("keys", ("kms", DR, "describe_key"), refusal("NotFoundException"), "is not in us-west-2"),
        ("keys", ("kms", DR, "describe_key"), {"KeyMetadata": {"Enabled": False}}, "has Enabled False"),
        ("keys", ("kms", DR, "describe_key"), {"KeyMetadata": {"KeySpec": "RSA_2048"}}, "has KeySpec RSA_2048"),
        (
            "quotas",
            ("service-quotas", DR, "get_service_quota"),
            quota(L_9A67B5CB=0, L_34278094=9),
            "higher L-9A67B5CB (Ser",
        ),
        ("trail", ("cloudtrail", P, "describe_trails"), {"trailList": []}, "There is no trail in us-east-1"),
        ("trail", ("cloudtrail", P, "get_trail_status"), {"IsLogging": False}, "audit is stopped"),
        ("dr-trail", ("cloudtrail", DR, "describe_trails"), {"trailList": []}, "There is no trail in us-west-2"),
        ("ended-rules", ("events", P, "describe_rule"), {"State": "DISABLED"}, f"--region {P} --name {STACK}-ended-"),
        ("ended-rules", ("events", DR, "describe_rule"), {"State": "DISABLED"}, f"--name {STACK}-dr-ended-workspaces"),
        (
            "ended-rules",
            ("events", DR, "describe_rule"),
            refusal("ResourceNotFoundException"),
            f"There is no rule {STACK}-dr-ended-workspaces in us-west-2. make deploy",
        ),
        (
            "ended-rules",
            ("events", DR, "list_targets_by_rule"),
            {"Targets": [{"Arn": f"arn:aws:events:us-east-2:{ACCOUNT}:event-bus/default"}]},
            "does not lead to event-bus/default",
        ),
        (
            "connection-status",
            (W, DR, "describe_workspaces_connection_status"),
            {"WorkspacesConnectionStatus": []},
            "It does not speak of 1 of 1 standby: ws-standby01.",
        ),
        (
            "create-events",
            ("cloudtrail", P, "lookup_events"),
            records(
                CreateWorkspaces=[{"eventName": "CreateWorkspaces", "eventID": "e1", "responseElements": {"other": 1}}]
            ),
            "e1: CreateWorkspaces names no WorkSpace that was created (0 of its requests failed) (responseElements has",
        ),
        (
            "migrate-events",
            ("cloudtrail", P, "lookup_events"),
            records(
                MigrateWorkspace=[{"eventName": "MigrateWorkspace", "responseElements": {"newWorkspaceId": "ws-1"}}]
            ),
            "responseElements has newWorkspaceId",
        ),
        (
            "refusal-codes",
            ("cloudtrail", DR, "lookup_events"),
            records(CreateStandbyWorkspaces=[requested(("Weird.Code", "for a reason"))]),
            "Not recognised: Weird.Code: for a reason",
        ),
    ],
)
def test_what_differs_says_what_to_do(check: str, key: Key, answer: Answer, words: str) -> None:
    assert key in HEALTHY
    verdict, text = find(check, {key: answer})
    assert verdict is BAD, text
    assert words in text


@pytest.mark.parametrize(
    ("check", "answers", "verdict", "words"),
    [
        ("relations", {(W, P, D): workspaces(), (W, DR, D): workspaces()}, UNSURE, "no standby"),
        ("states", {(W, P, D): workspaces(), (W, DR, D): workspaces()}, UNSURE, "no WorkSpace"),
        ("user-filter", {(W, P, D): workspaces(), (W, DR, D): workspaces()}, UNSURE, "no desktop"),
        ("user-names", {(W, DR, D): workspaces()}, UNSURE, "no standby"),
        ("user-names", {(W, DR, D): workspaces(STANDBY | {"UserName": "ALICE"})}, GOOD, "1 in another case"),
        ("orphans", {(W, P, D): workspaces()}, GOOD, "ws-standby01 still names its primary"),
        (
            "orphans",
            {
                (W, DR, D): workspaces(
                    desktop("ws-standby09", "x", AWAY, DataReplicationSettings={"DataReplication": "NO"})
                )
            },
            GOOD,
            "--region us-west-2 --terminate-workspace-requests WorkspaceId=ws-standby09",
        ),
        ("orphan-data", {(W, P, D): workspaces()}, UNSURE, "none of which is replicated"),
        (
            "orphan-data",
            {(W, P, D): workspaces(), (W, DR, D): workspaces(STANDBY | COPIED)},
            GOOD,
            "ws-standby01 shows PRIMARY_AS_SOURCE.",
        ),
        ("connection-status", {(W, DR, D): workspaces()}, UNSURE, "no standby"),
        (
            "connection-status",
            {
                (W, DR, "describe_workspaces_connection_status"): {
                    "WorkspacesConnectionStatus": [
                        {
                            "WorkspaceId": "ws-standby01",
                            "LastKnownUserConnectionTimestamp": datetime(2026, 3, 1, tzinfo=UTC),
                        }
                    ]
                }
            },
            UNSURE,
            "all of which were used",
        ),
        ("create-events", {("cloudtrail", P, "lookup_events"): records()}, UNSURE, "no CreateWorkspaces in 90 days"),
        ("migrate-events", {("cloudtrail", P, "lookup_events"): records()}, UNSURE, "no MigrateWorkspace in 90 days"),
        ("refusal-codes", {("cloudtrail", DR, "lookup_events"): records()}, UNSURE, "no CreateStandbyWorkspaces"),
        (
            "refusal-codes",
            {
                ("cloudtrail", DR, "lookup_events"): records(
                    CreateStandbyWorkspaces=[{"errorCode": "ThrottlingException", "responseElements": None}]
                )
            },
            GOOD,
            "1 ThrottlingException (taken for THROTTLED)",
        ),
        (
            "second-standby",
            {
                ("cloudtrail", DR, "lookup_events"): records(
                    CreateStandbyWorkspaces=[requested(("ResourceExists.WorkSpace", "has one"))]
                )
            },
            GOOD,
            "ResourceExists.WorkSpace: has one",
        ),
        (
            "accepted-states",
            {
                ("cloudtrail", DR, "lookup_events"): records(
                    CreateStandbyWorkspaces=[requested(("InvalidResourceState", "STOPPED"))]
                )
            },
            GOOD,
            "1 refusal about a state: InvalidResourceState: STOPPED",
        ),
        (
            "terminations",
            {
                ("cloudtrail", P, "lookup_events"): records(
                    TerminateWorkspaces=[terminated("ws-standby01", errorCode="X")]
                )
            },
            GOOD,
            "ws-standby01 in us-east-1 by arn:aws:iam::1:user/bob, refused: X",
        ),
        (
            "terminations",
            {("cloudtrail", P, "lookup_events"): records(TerminateWorkspaces=[terminated("ws-another01")])},
            UNSURE,
            "No standby",
        ),
        (
            "renewals",
            {("cloudtrail", P, "lookup_events"): records(RebuildWorkspaces=[rebuilt("ws-primary01")])},
            GOOD,
            "ws-primary01 was rebuilt at 2026-03-03T09:26:54Z, and its standby ws-standby01 is AVAILABLE.",
        ),
        (
            "renewals",
            {("cloudtrail", P, "lookup_events"): records(RestoreWorkspace=[restored("ws-primary01")])},
            GOOD,
            "ws-primary01 was restored at 2026-03-03T09:26:54Z, and its standby ws-standby01 is AVAILABLE.",
        ),
        (
            "renewals",
            {
                ("cloudtrail", P, "lookup_events"): records(MigrateWorkspace=[migrated("ws-primary09")]),
                ("cloudtrail", DR, "lookup_events"): records(CreateStandbyWorkspaces=[requested_for("ws-primary09")]),
            },
            GOOD,
            "ws-primary09 was migrated at 2026-03-03T09:26:54Z, and no standby names it now.",
        ),
        (
            "renewals",
            {
                ("cloudtrail", P, "lookup_events"): records(
                    RebuildWorkspaces=[rebuilt("ws-primary01", errorCode="X"), rebuilt("ws-primary09")]
                )
            },
            UNSURE,
            "No primary with a standby was rebuilt",
        ),
        (
            "trail",
            {("cloudtrail", P, "get_trail_status"): refusal("AccessDeniedException")},
            UNSURE,
            "Ask whoever keeps that trail",
        ),
    ],
)
def test_other_answers(check: str, answers: Mapping[Key, Answer], verdict: Verdict, words: str) -> None:
    found, text = find(check, answers)
    assert found is verdict, text
    assert words in text


def test_a_filter_that_minds_the_case() -> None:
    exact = workspaces(STANDBY)
    minds: Callable[..., Any] = lambda **asked: {"Workspaces": []} if "UserName" in asked else exact(**asked)  # noqa: E731
    verdict, text = find("user-filter", {(W, DR, D): minds})
    assert (verdict, "It minds the case" in text) == (GOOD, True)


def test_an_orphan_that_was_to_be_replicated_tells_what_it_shows_now() -> None:
    configured = configuration(data_replication="PRIMARY_AS_SOURCE").pairs[0]
    shown = STANDBY | {"DataReplicationSettings": {"DataReplication": "NO_REPLICATION"}}
    answers = {(W, P, D): workspaces(), (W, DR, D): workspaces(shown)}
    verdict, text = find("orphan-data", answers, configured)
    assert (verdict, text.strip()) == (GOOD, "ws-standby01 shows NO_REPLICATION.")


def test_a_standby_that_is_being_terminated_is_not_a_second_one() -> None:
    replaced = copy.deepcopy(TWO)
    replaced["RelatedWorkspaces"][0]["State"] = "TERMINATING"
    assert find("second-standby", {(W, P, D): workspaces(replaced)})[0] is UNSURE


def test_an_encrypted_desktop_needs_a_key() -> None:
    pair = configuration(volume_encryption_key=None).pairs[0]
    locked = workspaces(PRIMARY | {"RootVolumeEncryptionEnabled": True})
    verdict, text = find("keys", {(W, P, D): locked}, pair)
    assert (verdict, f"{HOME} has 1 encrypted desktop and no key" in text) == (BAD, True)
    assert find("keys", {(W, P, D): locked})[0] is GOOD


def test_a_simple_ad_is_fit_unless_data_is_replicated() -> None:
    simple = {(W, P, "describe_workspace_directories"): registered(HOME, DirectoryType="SIMPLE_AD")}
    assert find("directories", simple)[0] is GOOD
    replicating = configuration(data_replication="PRIMARY_AS_SOURCE").pairs[0]
    assert find("directories", simple, replicating)[0] is BAD


def fields(*selectors: dict[str, Any]) -> dict[str, Any]:
    return {
        "AdvancedEventSelectors": [
            {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}, *selectors]}
        ]
    }


@pytest.mark.parametrize(
    ("selectors", "verdict"),
    [
        ({"EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "WriteOnly"}]}, GOOD),
        ({"EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "ReadOnly"}]}, BAD),
        ({"EventSelectors": [{"IncludeManagementEvents": False, "ReadWriteType": "All"}]}, BAD),
        (fields(), GOOD),
        (fields({"Field": "readOnly", "Equals": ["false"]}), GOOD),
        (fields({"Field": "readOnly", "Equals": ["true"]}), BAD),
        (fields({"Field": "eventSource", "NotEquals": ["kms.amazonaws.com", "rdsdata.amazonaws.com"]}), GOOD),
        (fields({"Field": "eventSource", "NotEquals": ["workspaces.amazonaws.com"]}), BAD),
        (fields({"Field": "eventSource", "NotStartsWith": ["workspaces"]}), BAD),
        (fields({"Field": "eventSource", "EndsWith": [".amazonaws.com"]}), GOOD),
        ({"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]}, BAD),
        ({"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "readOnly", "Equals": ["false"]}]}]}, BAD),
        ({}, BAD),
    ],
)
def test_which_trails_bring_events(selectors: dict[str, Any], verdict: Verdict) -> None:
    assert find("trail", {("cloudtrail", P, "get_event_selectors"): selectors})[0] is verdict


@pytest.mark.parametrize("check", [one.id for one in CHECKS])
@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (refusal("AccessDeniedException", "User: alice is not authorized"), Verdict.NOT_ALLOWED),
        (refusal("400", ""), Verdict.FAILED),
        (EndpointConnectionError(endpoint_url="https://nowhere"), Verdict.FAILED),
        ({}, Verdict.FAILED),
    ],
)
def test_an_account_that_does_not_answer_is_a_finding_and_no_crash(
    check: str, answer: Answer, verdict: Verdict
) -> None:
    found, text = find(check, dict.fromkeys(HEALTHY, answer))
    assert found is verdict, text
    assert len(text) > 20
    assert "Traceback" not in text


def test_nothing_but_reading_gets_to_aws() -> None:
    account = FakeAccount({})
    for operation in ("create_standby_workspaces", "terminate_workspaces", "put_rule", "delete_message", "enable_rule"):
        with pytest.raises(NotReadingError):
            account.ask("workspaces", P, operation)
    assert account.asked == []


def test_the_policy_that_readme_names_is_what_the_checks_ask_for() -> None:
    account = FakeAccount(HEALTHY)
    for check in CHECKS:
        check.find(Place(PAIR, account))
    document = json.loads((ROOT / "cli/live_check/policy.json").read_text(encoding="utf-8"))
    granted = set(document["Statement"][0]["Action"])
    used = {
        f"{service.replace('-', '')}:{''.join(part.capitalize() for part in operation.split('_'))}"
        for service, _, operation in account.asked
    }
    assert used == granted


def test_workspaces_and_cloudtrail_are_asked_once_a_second() -> None:
    account = FakeAccount(HEALTHY)
    place = Place(PAIR, account)
    for check in CHECKS:
        check.find(place)
    paced = [service for service, _, _ in account.asked if service in ("workspaces", "cloudtrail")]
    clock = account.clock
    assert isinstance(clock, NoWaiting)
    assert clock.slept == len(paced) - 2  # the first of each goes at once


def test_long_answers_are_read_to_the_end_and_history_is_bounded() -> None:
    many = [desktop(f"ws-primary{number:02}", f"user{number}") for number in range(7)]
    assert len(Place(PAIR, FakeAccount({**HEALTHY, (W, P, D): workspaces(*many)})).primaries) == 7
    endless: Callable[..., Any] = lambda **_: {"Events": [{"CloudTrailEvent": "{}"}], "NextToken": "more"}  # noqa: E731
    place = Place(PAIR, FakeAccount({("cloudtrail", P, "lookup_events"): endless}))
    assert len(place.history(P, "CreateWorkspaces")) == 20


def test_the_states_come_from_the_services_model() -> None:
    assert {"AVAILABLE", "STOPPED", "ADMIN_MAINTENANCE"} <= known_states()


# -- writing


class Service:
    """CreateStandbyWorkspaces, with one answer a call."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[dict[str, Any]] = []

    def create_standby_workspaces(self, **parameters: Any) -> Any:
        self.calls.append(parameters)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def pending(workspace_id: str) -> dict[str, Any]:
    made = {"UserName": "ALICE", "DirectoryId": AWAY, "State": "PENDING", "WorkspaceId": workspace_id}
    return {"PendingStandbyRequests": [made], "FailedStandbyRequests": []}


def failed(code: str, message: str = "words") -> dict[str, Any]:
    item = {"PrimaryWorkspaceId": "ws-primary01", "DirectoryId": AWAY}
    refused = {"StandbyWorkspaceRequest": item, "ErrorCode": code, "ErrorMessage": message}
    return {"PendingStandbyRequests": [], "FailedStandbyRequests": [refused]}


ALONE = {(W, P, D): workspaces(desktop("ws-primary01", "alice")), (W, DR, D): workspaces()}
FIRST = "aws workspaces terminate-workspaces --region us-west-2 --terminate-workspace-requests WorkspaceId=ws-standby01"


@pytest.mark.parametrize(
    ("answers", "verdict", "words"),
    [
        ([pending("ws-standby01"), pending("ws-standby02")], GOOD, "It made a second one, ws-standby02. TERMINATE IT"),
        ([pending("ws-standby01"), pending("ws-standby01")], GOOD, "the same standby again"),
        (
            [pending("ws-standby01"), failed("ResourceExists.WorkSpace")],
            GOOD,
            "It refuses: ResourceExists.WorkSpace: words",
        ),
        ([pending("ws-standby01"), refusal("ResourceAlreadyExistsException")], GOOD, "It refuses"),
        ([pending("ws-standby01"), failed("Odd.Code")], BAD, "which the product takes for OTHER"),
        ([pending("ws-standby01"), refusal("InternalFailure", status=500)], Verdict.FAILED, "there may be two"),
    ],
)
def test_a_second_request(answers: list[Any], verdict: Verdict, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(*answers)
    monkeypatch.setattr(aws, "client", lambda *_, **options: service if options == {"once": True} else None)
    place = Place(PAIR, FakeAccount({**HEALTHY, **ALONE}))
    _, finding = writing.second_request(place, writing.primary_of(place, WorkspaceId("ws-primary01")))
    assert finding.verdict is verdict
    assert words in finding.text
    assert FIRST in finding.text
    assert len(service.calls) == 2
    assert service.calls[0] == service.calls[1]
    assert service.calls[0]["PrimaryRegion"] == P


def test_a_first_request_that_makes_none_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(failed("ResourceNotFound.User"))
    monkeypatch.setattr(aws, "client", lambda *_, **__: service)
    place = Place(PAIR, FakeAccount({**HEALTHY, **ALONE}))
    _, finding = writing.second_request(place, writing.primary_of(place, WorkspaceId("ws-primary01")))
    assert finding.verdict is Verdict.FAILED
    assert len(service.calls) == 1


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ([], "us-east-1 has no WorkSpace ws-primary01."),
        ([PRIMARY], "ws-primary01 has a standby, ws-standby01."),
        ([STANDBY | {"WorkspaceId": "ws-primary01"}], "ws-primary01 is itself a standby."),
        ([desktop("ws-primary01", "alice", "d-9067999999")], "ws-primary01 is of d-9067999999, which"),
    ],
)
def test_who_cannot_be_written_for(shown: list[dict[str, Any]], told: str) -> None:
    place = Place(PAIR, FakeAccount({(W, P, D): workspaces(*shown)}))
    with pytest.raises(aws.AwsRefused, match=told.replace(".", r"\.")):
        writing.primary_of(place, WorkspaceId("ws-primary01"))


# -- the command


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeAccount:
    """A healthy account behind the command, with standby.yaml in the present directory."""
    monkeypatch.chdir(tmp_path)
    text = json.dumps(configuration().model_dump(mode="json", exclude_defaults=True) | {})
    Path("standby.yaml").write_text(text.replace('"notify": []', '"notify": ["ops@example.com"]'), encoding="utf-8")
    found = FakeAccount(dict(HEALTHY))
    monkeypatch.setattr(command, "Account", lambda account_id: found)

    class Identity:
        def get_caller_identity(self) -> dict[str, str]:
            return {"Account": ACCOUNT}

    monkeypatch.setattr(aws, "client", lambda service, *_, **__: Identity())
    return found


def test_it_prints_a_line_a_check_and_writes_json(account: FakeAccount, capsys: pytest.CaptureFixture[str]) -> None:
    account.answers = {**HEALTHY, ("cloudformation", P, "describe_stacks"): stack(ConfigDigest="")}
    assert main(["live-check"]) == 1  # a missing output
    told = capsys.readouterr()
    assert told.err == ""
    document = json.loads(Path("build/live-check.json").read_text(encoding="utf-8"))
    assert [one["check"] for one in document["findings"]] == [one.id for one in CHECKS]
    assert document["counts"]["differs"] == 1
    assert document["account"] == ACCOUNT
    assert all(f"\n{one.id} " in told.out for one in CHECKS)
    assert told.out.splitlines()[-1].startswith(f"{len(CHECKS)} checks: ")


def test_it_succeeds_where_nothing_differs(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    from infra.config_file import load

    digest = load(Path("standby.yaml")).pairs[0].digest
    account.answers = {**HEALTHY, ("cloudformation", P, "describe_stacks"): stack(ConfigDigest=digest)}
    assert main(["live-check", "--output", "elsewhere/found.json"]) == 0
    assert Path("elsewhere/found.json").exists()


@pytest.mark.parametrize("typed", ["no", "", None])
def test_it_asks_before_it_writes(
    account: FakeAccount, typed: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account.answers = {**HEALTHY, **ALONE}

    def answer(_: str) -> str:
        if typed is None:
            raise EOFError
        return typed

    monkeypatch.setattr("builtins.input", answer)
    assert main(["live-check", "--write", "--primary", "ws-primary01"]) == 1
    told = capsys.readouterr()
    assert "USD 3.25 to 5.75" in told.out
    assert told.err == "Nothing was written.\n"
    assert not Path("build").exists()


def test_it_writes_once_it_is_told_yes(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account.answers = {**HEALTHY, **ALONE}
    service, identity = Service(pending("ws-standby01"), pending("ws-standby02")), aws.client
    monkeypatch.setattr(aws, "client", lambda name, *_, **__: service if name == "workspaces" else identity(name, P))
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    main(["live-check", "--write", "--primary", "ws-primary01"])
    assert len(service.calls) == 2
    assert "second-request    AS ASSUMED: It made a second one" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--write"], "--write and --primary ws-… belong together."),
        (["--primary", "ws-primary01"], "--write and --primary ws-… belong together."),
        (["--write", "--primary", "primary"], "primary is no WorkSpace id"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: 1 mistake"),
        (["--write", "--primary", "ws-another01", "--yes"], "us-east-1 has no WorkSpace ws-another01."),
    ],
)
def test_what_it_cannot_do_is_a_sentence(
    account: FakeAccount, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["live-check", *arguments]) == 1
    assert capsys.readouterr().err.startswith(told)


def test_credentials_of_another_account_are_refused(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path("standby.yaml").read_text(encoding="utf-8")
    Path("standby.yaml").write_text(
        text.replace(f'"account": "{ACCOUNT}"', '"account": "999999999999"'), encoding="utf-8"
    )
    assert main(["live-check"]) == 1
    assert "These credentials are of account 123456789012" in capsys.readouterr().err


def test_the_make_target_runs_it() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "$(BIN)/standby live-check --config $(CONFIG) $(ARGS)" in makefile
