"""What `standby doctor` finds: in health nothing, and each thing that can be wrong, with the command that fixes it."""

import json
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import dns.rrset
import pytest
from botocore import xform_name
from botocore.exceptions import EndpointConnectionError

from cli.doctor import asking, redirection
from cli.doctor.examine import GROUPS
from cli.doctor.findings import Unseen
from cli.doctor.place import Txt
from cli.doctor.trails import selects
from infra import config_file
from infra.config_file import load
from infra.examples import untouched
from infra.version import VERSION
from tests.cli.ledgers import TABLE as TABLE_SHOWN
from tests.cli.ledgers import TABLES
from tests.cli.stage import CALLER, OUTPUTS, Ran, Stage
from tests.component.estate import ACCOUNT, AWAY, DR, HOME, PRIMARY, TABLE, made_once, refusal

KEY = f"arn:aws:kms:{DR}:{ACCOUNT}:key/1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d"
TRAIL = f"arn:aws:cloudtrail:{PRIMARY}:{ACCOUNT}:trail/audit"
NAME = "desktop.corp.com"
Answers = dict[tuple[str, ...], Any]
SAML = {"Status": "ENABLED", "UserAccessUrl": "https://sign.in", "RelayStateParameterName": "RelayState"}


def directory(directory_id: str, **shown: Any) -> dict[str, Any]:
    one: dict[str, Any] = {"DirectoryId": directory_id, "State": "REGISTERED", "DirectoryType": "SIMPLE_AD"}
    one |= {"DirectoryName": "corp.example.com", "SubnetIds": ["subnet-1", "subnet-2"], "WorkspaceType": "PERSONAL"}
    one |= {"SamlProperties": SAML, "ipGroupIds": ["wsipg-1"]}
    return {"Directories": [one | shown]}


def alias(alias_id: str, directory_id: str, identifier: str, name: str = NAME) -> dict[str, Any]:
    to = {"AssociationStatus": "ASSOCIATED_WITH_OWNER_ACCOUNT", "ResourceId": directory_id}
    associations = [{**to, "ConnectionIdentifier": identifier}] if directory_id else []
    return {"ConnectionAliases": [{"AliasId": alias_id, "ConnectionString": name, "Associations": associations}]}


def targets(**asked: Any) -> Any:
    name = asked["Rule"]
    arn = f"arn:aws:lambda:{PRIMARY}:{ACCOUNT}:function:{TABLE}-protect"
    if name.endswith("failed-executions"):
        arn = OUTPUTS["NotificationTopicArn"]
    if name.startswith(f"{TABLE}-dr"):
        arn = f"arn:aws:events:{PRIMARY}:{ACCOUNT}:event-bus/default"
    return {"Targets": [{"Id": "1", "Arn": arn}]}


def allowed(**asked: Any) -> Any:
    return {
        "EvaluationResults": [
            {"EvalActionName": action, "EvalResourceName": arn, "EvalDecision": "allowed"}
            for action in asked["ActionNames"]
            for arn in asked["ResourceArns"]
        ]
    }


def refused(code: str) -> Callable[..., Any]:
    def answer(**_: Any) -> Any:
        raise refusal(code, message="User: al is not authorized to perform: this")

    return answer


CONFIRMED = {"SubscriptionArn": f"arn:aws:sns:{PRIMARY}:{ACCOUNT}:t:1", "Protocol": "email", "Endpoint": "ops@corp.com"}
ALARM = {"AlarmName": f"{TABLE}-sweep-silent", "StateValue": "OK", "ActionsEnabled": True, "AlarmDescription": "Look."}
HEALTHY: Answers = {
    **{(service, operation, region): answer for (service, region, operation), answer in TABLES.items()},
    ("workspaces", "describe_workspace_directories", PRIMARY): directory(HOME),
    ("workspaces", "describe_workspace_directories", DR): directory(AWAY),
    ("workspaces", "describe_connection_aliases", PRIMARY): alias("wsca-1", HOME, "HERE"),
    ("workspaces", "describe_connection_aliases", DR): alias("wsca-2", AWAY, "THERE"),
    ("workspaces", "describe_workspace_bundles", PRIMARY): {
        "Bundles": [{"BundleId": "wsb-windowsstandard", "State": "AVAILABLE"}]
    },
    ("workspaces", "describe_workspace_bundles", DR): {
        "Bundles": [{"BundleId": "wsb-standby", "Name": "b", "BundleType": "STANDBY", "State": "AVAILABLE"}]
    },
    # A Managed Microsoft AD, which WorkSpaces shows as a Simple AD.
    ("ds", "describe_directories"): {"DirectoryDescriptions": [{"Type": "MicrosoftAD"}]},
    ("workspaces", "describe_ip_groups"): {"Result": [{"userRules": [{"ipRule": "10.0.0.0/8"}]}]},
    ("ec2", "describe_subnets"): {"Subnets": [{"AvailableIpAddressCount": 100}, {"AvailableIpAddressCount": 20}]},
    ("kms", "describe_key"): {
        "KeyMetadata": {
            "Enabled": True,
            "KeyState": "Enabled",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyManager": "CUSTOMER",
        }
    },
    ("service-quotas", "get_service_quota"): refused("NoSuchResourceException"),
    ("service-quotas", "get_aws_default_service_quota"): {"Quota": {"Value": 5.0}},
    ("cloudtrail", "describe_trails"): {"trailList": [{"Name": "audit", "TrailARN": TRAIL, "HomeRegion": PRIMARY}]},
    ("cloudtrail", "get_trail_status"): {"IsLogging": True},
    ("cloudtrail", "get_event_selectors"): {
        "EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "All"}]
    },
    ("events", "describe_rule"): {"State": "ENABLED"},
    ("events", "list_targets_by_rule"): targets,
    ("scheduler", "get_schedule"): {"State": "ENABLED"},
    ("lambda", "list_event_source_mappings"): {"EventSourceMappings": [{"UUID": "u-1", "State": "Enabled"}]},
    ("lambda", "get_function_configuration"): {
        "FunctionArn": f"arn:aws:lambda:{PRIMARY}:{ACCOUNT}:function:{TABLE}-protect",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/{TABLE}-protect",
    },
    ("iam", "simulate_principal_policy"): allowed,
    ("sns", "list_subscriptions_by_topic"): {"Subscriptions": [CONFIRMED]},
    ("sqs", "get_queue_attributes"): {"Attributes": {"ApproximateNumberOfMessages": "0"}},
    ("cloudwatch", "describe_alarms"): {"MetricAlarms": [ALARM]},
}


def write(**mapping: Any) -> None:
    """The configuration file of the pair, in the present folder."""
    given = {"dr_directory": str(AWAY), "volume_encryption_key": KEY} | mapping
    pair = {"primary_region": str(PRIMARY), "dr_region": str(DR), "directories": {str(HOME): given}}
    document = {"pairs": [pair | {"notify": ["ops@corp.com"]}]}
    Path("standby.yaml").write_text(json.dumps(document), encoding="utf-8")


@made_once
def protected() -> Stage:
    """A pair with one desktop, protected and swept."""
    stage = Stage()
    stage.protected("user001")
    stage.sweep()
    return stage


@pytest.fixture
def healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A pair in which all is well: one desktop, protected and swept, and the configuration in standby.yaml."""
    monkeypatch.chdir(tmp_path)
    stage = protected()
    monkeypatch.setattr(asking, "Clock", lambda: stage.clock)
    monkeypatch.setattr(redirection, "resolver", lambda _: lambda name: {NAME: Txt(("HERE",), 60)}.get(name, Txt()))
    monkeypatch.setattr(config_file, "untouched", lambda *_: ())  # the estate's directories are the example's
    write()
    stage.answers = dict(HEALTHY)
    stage.stacks[PRIMARY, TABLE]["ConfigDigest"] = load(Path("standby.yaml")).pairs[0].digest
    return stage


def doctor(stage: Stage, options: str = "") -> tuple[Ran, list[dict[str, Any]]]:
    """What it finds."""
    ran = stage.standby(f"doctor --output json {options}")
    return ran, json.loads(ran.out)["findings"]


def findings(stage: Stage, group: str, check: str) -> list[tuple[str, str]]:
    """Status and words of what one check finds."""
    return [(one["status"], one["finding"]) for one in doctor(stage, f"--only {group}")[1] if one["check"] == check]


def test_in_health_it_finds_nothing_and_asks_for_what_its_policy_allows(healthy: Stage) -> None:
    began, before = healthy.clock.now(), len(healthy.asked)
    ran, found = doctor(healthy)
    assert [one for one in found if one["status"] not in ("ok", "unknown")] == []
    assert (ran.status, ran.err) == (0, "")
    assert list(dict.fromkeys(one["group"] for one in found)) == list(GROUPS)
    rights = {
        f"{service}:{operation}".replace("-", "").replace("_", "")
        for service, _, operation, _ in healthy.asked[before:]
    }
    (statement,) = json.loads(healthy.standby("doctor --policy").out)["Statement"]
    assert rights == {one.lower() for one in statement["Action"]}
    # A call a second in each Region, after a few at once.
    assert healthy.clock.now() - began < timedelta(seconds=20)
    for region in (PRIMARY, DR):
        calls = [one for one in healthy.asked[before:] if one[:2] == ("workspaces", region)]
        assert 3 < len(calls) < 10
        assert len({json.dumps(one[3]) + one[2] for one in calls}) == len(calls)
    assert healthy.clock.now() > began


GONE = refused("ResourceNotFoundException")


def shown(region: str, **changes: Any) -> Answers:
    """A directory that is shown otherwise."""
    return {
        ("workspaces", "describe_workspace_directories", region): directory(
            HOME if region == PRIMARY else AWAY, **changes
        )
    }


def aliases(region: str, answer: Any) -> Answers:
    return {("workspaces", "describe_connection_aliases", region): answer}


def one(service: str, operation: str, answer: Any, *region: str) -> Answers:
    return {(service, operation, *region): answer}


def key(**changes: Any) -> Answers:
    metadata = HEALTHY["kms", "describe_key"]["KeyMetadata"] | changes
    return one("kms", "describe_key", {"KeyMetadata": metadata})


def table(region: str = PRIMARY, **changes: Any) -> Answers:
    return one("dynamodb", "describe_table", {"Table": TABLE_SHOWN | changes}, region)


def subscribed(*arns: str) -> Answers:
    found = [{"SubscriptionArn": arn, "Protocol": "email", "Endpoint": "ops@corp.com"} for arn in arns]
    return one("sns", "list_subscriptions_by_topic", {"Subscriptions": found}, DR)


def bundle(state: str, region: str, **more: Any) -> Answers:
    found = {"BundleId": "wsb-windowsstandard", "State": state, **more}
    return one("workspaces", "describe_workspace_bundles", {"Bundles": [found]}, region)


def denied_by_organization(**asked: Any) -> Any:
    found = allowed(**asked)["EvaluationResults"]
    denied = {"EvalDecision": "explicitDeny", "OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}
    return {"EvaluationResults": [one | denied for one in found]}


def no_rule(**asked: Any) -> Any:
    if asked["Name"].startswith(f"{TABLE}-dr"):
        raise refusal("ResourceNotFoundException")
    return {"State": "ENABLED"}


INDEXES = [one for one in TABLE_SHOWN["GlobalSecondaryIndexes"] if one["IndexName"] != "by_due"]
OTHER_INDEX = {"IndexName": "by_due", "KeySchema": TABLE_SHOWN["KeySchema"], "Projection": {"ProjectionType": "ALL"}}
OTHER_STREAM = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
NO_REPLICA = {**table(Replicas=[]), **one("dynamodb", "describe_table", GONE, DR)}
EXPIRES = {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "at"}}
CONNECTOR, SAML_OFF = {"DirectoryType": "AD_CONNECTOR"}, {"SamlProperties": {"Status": "DISABLED"}}
TRAILS, SELECTORS = ("cloudtrail", "describe_trails"), ("cloudtrail", "get_event_selectors")
P, W = "problem", "warning"
# Group and check, what AWS answers, the status, words of the finding, and what its commands begin with or contain.
WRONG: list[tuple[str, Answers, str, str, list[str]]] = [
    (
        "directories registered",
        shown(DR, State="DEREGISTERED"),
        P,
        f"{AWAY} in {DR} is DEREGISTERED",
        ["register-works"],
    ),
    ("directories registered", shown(DR, State="DEREGISTERING"), P, "is DEREGISTERING", []),
    (
        "directories registered",
        {("workspaces", "describe_workspace_directories", PRIMARY): {"Directories": []}},
        P,
        f"{HOME} in {PRIMARY} is not registered",
        [f"--region {PRIMARY} --directory-id {HOME}"],
    ),
    ("directories registered", shown(PRIMARY, WorkspaceType="POOLS"), P, "WorkSpaces Pools", []),
    (
        "directories domain",
        shown(DR, DirectoryName="dr.example.com"),
        W,
        "corp.example.com, but d-926722edaf to dr.ex",
        [],
    ),
    ("directories sign-in", shown(DR, **SAML_OFF), W, "SAML sign-in is ENABLED", [f"--resource-id {AWAY} --saml-prop"]),
    ("directories sign-in", shown(PRIMARY, **SAML_OFF), W, "is DISABLED for d-9067", ["'Status=DISABLED'"]),
    (
        "directories sign-in",
        shown(DR, CertificateBasedAuthProperties={"Status": "ENABLED"}),
        W,
        "Certificate",
        ["modify-"],
    ),
    (
        "directories ip-groups",
        shown(DR, ipGroupIds=[]),
        W,
        "allows 10.0.0.0/8, but d-926722edaf in us-west-2 allows all",
        ["--user-rules ipRule=10.0.0.0/8", f"--directory-id {AWAY}"],
    ),
    ("directories ip-groups", shown(PRIMARY, ipGroupIds=[]), W, "d-906732325d allows all addresses", []),
    (
        "directories unused",
        {**shown(DR, **CONNECTOR), ("workspaces", "describe_workspaces", DR): {"Workspaces": []}},
        W,
        f"{AWAY} in {DR} (AD_CONNECTOR) has no WorkSpace",
        [f"standby plan {HOME}"],
    ),
    (
        "redirection aliases",
        aliases(DR, {"ConnectionAliases": []}),
        P,
        f"{NAME} in {PRIMARY} and none in {DR}",
        [
            f"create-connection-alias --region {DR} --connection-string {NAME}",
            f"associate-connection-alias --region {DR} --alias-id ALIAS_ID_{DR}",
        ],
    ),
    (
        "redirection aliases",
        aliases(DR, alias("wsca-2", "", "")),
        P,
        "share no connection alias",
        [f"associate-connection-alias --region {DR} --alias-id wsca-2 --resource-id {AWAY}"],
    ),
    (
        "redirection aliases",
        aliases(PRIMARY, alias("wsca-1", HOME, "HERE", "other.corp.com")),
        P,
        "other.corp.com in",
        ["--connection-string other.corp.com", "--resource-id"],
    ),
    ("redirection aliases", aliases(DR, alias("wsca-2", "d-9267999999", "X")), P, f"{NAME} in {PRIMARY} and none", []),
    (
        "redirection txt-record",
        aliases(PRIMARY, alias("wsca-1", HOME, "OTHER")),
        P,
        f"{NAME} is HERE. It must be OTHER",
        ["list-hosted", '"TTL": 60, "ResourceRecords": [{"Value": "\\"OTHER\\""}]'],
    ),
    (
        "redirection txt-record",
        {**aliases(PRIMARY, alias("wsca-1", HOME, "THERE")), **aliases(DR, alias("wsca-2", AWAY, "HERE"))},
        W,
        f"{NAME} currently sends users to {DR}",
        ["list-hosted-zones", "change-resource"],
    ),
    (
        "keys fit",
        one("kms", "describe_key", refused("NotFoundException")),
        P,
        f"{KEY} does not exist in {DR}",
        ["make dep"],
    ),
    ("keys fit", key(KeySpec="RSA_2048"), P, "has KeySpec RSA_2048", ["make deploy"]),
    ("keys fit", key(KeyState="Disabled"), P, "is disabled", [f"enable-key --region {DR} --key-id {KEY}"]),
    ("keys fit", key(KeyState="PendingDeletion"), P, "scheduled for deletion", ["cancel-key-deletion", "enable-key"]),
    (
        "quotas standbys",
        one("service-quotas", "get_service_quota", {"Quota": {"Value": 0.0}}),
        P,
        "in us-west-2 is 0, for 1",
        ["--quota-code L-9A67B5CB --desired-value 1"],
    ),
    ("bundles in-use", bundle("ERROR", PRIMARY), P, "wsb-windowsstandard is ERROR", []),
    (
        "bundles in-use",
        one("workspaces", "describe_workspace_bundles", {"Bundles": []}, PRIMARY),
        W,
        "bundles that were deleted",
        [],
    ),
    (
        "bundles mirrored",
        bundle("ERROR", DR, BundleType="STANDBY"),
        P,
        "Bundle wsb-windowsstandard for standbys in",
        [],
    ),
    (
        "directories addresses",
        one("ec2", "describe_subnets", {"Subnets": [{"AvailableIpAddressCount": 0}]}),
        "ok",
        "has 0 free addresses for 0 standbys still to be created",
        [],
    ),
    (
        "trails management-events",
        {TRAILS: {"trailList": []}},
        P,
        "There is no trail in us-east-1",
        ["create-t", "start-l"],
    ),
    (
        "trails management-events",
        one("cloudtrail", "get_trail_status", {"IsLogging": False}),
        P,
        "audit is stopped",
        [TRAIL],
    ),
    ("trails management-events", {SELECTORS: {}}, P, "The trails of us-east-1 (audit) log no", ["create-", "start-"]),
    (
        "trails management-events",
        {SELECTORS: refused("AccessDeniedException")},
        "unknown",
        "audit",
        [],
    ),
    (
        "trails management-events",
        {SELECTORS: refused("TrailNotFoundException")},
        "unknown",
        "audit",
        [],
    ),
    (
        "deployment permissions",
        one("iam", "simulate_principal_policy", denied_by_organization),
        P,
        "The role of protect is denied workspaces:CreateStandbyWorkspaces",
        [],
    ),
    (
        "deployment rules",
        one("events", "describe_rule", {"State": "DISABLED"}),
        P,
        "new-workspaces in us-east-1 is DISABLED",
        [f"enable-rule --region {PRIMARY} --name {TABLE}-new-workspaces"],
    ),
    (
        "deployment rules",
        one("events", "describe_rule", no_rule),
        P,
        f"There is no rule {TABLE}-dr-ended-work",
        ["make"],
    ),
    (
        "deployment rules",
        one("events", "list_targets_by_rule", {"Targets": []}),
        P,
        "The target of the rule",
        ["make deploy"],
    ),
    (
        "deployment schedules",
        one("scheduler", "get_schedule", {"State": "DISABLED"}),
        P,
        "-watch in us-east-1 is DISA",
        [],
    ),
    (
        "deployment schedules",
        one("scheduler", "get_schedule", GONE),
        P,
        f"There is no schedule {TABLE}-watch",
        ["make"],
    ),
    (
        "deployment outbox",
        one("lambda", "list_event_source_mappings", {"EventSourceMappings": []}),
        P,
        "does not read",
        ["m"],
    ),
    (
        "deployment outbox",
        one("lambda", "list_event_source_mappings", {"EventSourceMappings": [{"UUID": "u-1", "State": "Disabled"}]}),
        P,
        "-announce in us-east-1 is Disabled",
        ["--uuid u-1 --enabled"],
    ),
    ("deployment subscriptions", subscribed(), P, f"The topic in {DR} has no subscription", ["ops@example.com"]),
    (
        "deployment subscriptions",
        subscribed("PendingConfirmation"),
        P,
        "the subscription of ops@corp.com",
        ["ops@corp.com"],
    ),
    ("deployment subscriptions", subscribed("arn:1", "PendingConfirmation"), W, "Not confirmed in", ["ops@corp.com"]),
    (
        "deployment dead-letters",
        one("sqs", "get_queue_attributes", {"Attributes": {"ApproximateNumberOfMessages": "2"}}),
        P,
        "2 messages in the dead-letter queue",
        ["standby redrive --list", "standby redrive"],
    ),
    (
        "deployment alarms",
        one("cloudwatch", "describe_alarms", {"MetricAlarms": [ALARM | {"StateValue": "ALARM"}]}),
        P,
        f"{TABLE}-sweep-silent in us-east-1 is in state ALARM",
        [],
    ),
    (
        "deployment alarms",
        one("cloudwatch", "describe_alarms", {"MetricAlarms": [ALARM | {"ActionsEnabled": False}]}),
        P,
        "would notify no one",
        ["enable-alarm-actions"],
    ),
    (
        "deployment alarms",
        one("cloudwatch", "describe_alarms", {"MetricAlarms": []}),
        P,
        "no alarms in us-east-1",
        ["make"],
    ),
    (
        "deployment ledger",
        one("dynamodb", "describe_table", GONE, PRIMARY),
        P,
        f"There is no table {TABLE}",
        ["make deploy"],
    ),
    (
        "deployment ledger",
        table(KeySchema=TABLE_SHOWN["KeySchema"][:1]),
        P,
        "its keys are pk, not pk, sk",
        ["make"],
    ),
    ("deployment ledger", NO_REPLICA, P, f"{DR} has no replica", ["Create={Region", "wait", "recovery", "protection"]),
    ("deployment ledger", table(Replicas=[]), P, "that is not a replica", ["COUNT"]),
    (
        "deployment ledger",
        table(Replicas=[{"RegionName": DR, "ReplicaStatus": "CREATING"}]),
        P,
        "is CREATING",
        ["wait"],
    ),
    (
        "deployment ledger",
        one("dynamodb", "describe_continuous_backups", {"ContinuousBackupsDescription": {}}, DR),
        P,
        f"recovery of {TABLE} is off in {DR}",
        [f"update-continuous-backups --region {DR}"],
    ),
    ("deployment ledger", table(DR, DeletionProtectionEnabled=False), P, f"protection of {TABLE} is off in {DR}", [DR]),
    ("deployment ledger", table(DeletionProtectionEnabled=False), P, f"is off in {PRIMARY}", [PRIMARY]),
    ("deployment ledger", table(StreamSpecification=OTHER_STREAM), P, "is KEYS_ONLY", ["=false", "NEW_AND_OLD_IMAGES"]),
    ("deployment ledger", table(StreamSpecification={}), P, "is off", ["NEW_AND_OLD_IMAGES"]),
    (
        "deployment ledger",
        one("dynamodb", "describe_time_to_live", EXPIRES, PRIMARY),
        P,
        "(at): rows expire",
        ["AttributeName=at"],
    ),
    ("deployment ledger", table(GlobalSecondaryIndexes=INDEXES), P, "by_due of", ["ProjectionType=KEYS_ONLY"]),
    (
        "deployment ledger",
        table(GlobalSecondaryIndexes=[OTHER_INDEX, *INDEXES]),
        P,
        "wrong keys",
        ["Delete={", "Create={"],
    ),
]


@pytest.mark.parametrize(("check", "answers", "status", "words", "commands"), WRONG, ids=lambda one: str(one)[:40])
def test_what_is_wrong_is_found_with_the_commands_that_fix_it(
    healthy: Stage, check: str, answers: Answers, status: str, words: str, commands: list[str]
) -> None:
    group, name = check.split()
    healthy.answers |= answers
    ran, found = doctor(healthy, f"--only {group}")
    of_check = [one for one in found if one["check"] == name]
    first = next((one for one in of_check if one["status"] != "ok"), of_check[0])
    assert (first["status"], words in first["finding"]) == (status, True), first
    assert all(part in whole for part, whole in zip(commands, first["commands"], strict=True)), first["commands"]
    assert ran.status == int(status == P)
    assert bool(first["fix"]) is (status != "ok")


EVENT = {"Field": "eventCategory", "Equals": ["Management"]}


def basic(*, management: bool, kind: str) -> dict[str, Any]:
    return {"EventSelectors": [{"IncludeManagementEvents": management, "ReadWriteType": kind}]}


def advanced(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"AdvancedEventSelectors": [{"FieldSelectors": list(fields)}]}


def field(name: str, **condition: str) -> dict[str, Any]:
    return {"Field": name} | {how: values.split() for how, values in condition.items()}


@pytest.mark.parametrize(
    ("selectors", "takes"),
    [
        (basic(management=True, kind="WriteOnly"), True),
        (basic(management=True, kind="ReadOnly"), False),
        (basic(management=False, kind="All"), False),
        (advanced(EVENT), True),
        (advanced(EVENT, field("readOnly", Equals="false")), True),
        (advanced(EVENT, field("readOnly", Equals="true")), False),
        (advanced(EVENT, field("eventSource", NotEquals="kms.amazonaws.com rdsdata.amazonaws.com")), True),
        (advanced(EVENT, field("eventSource", NotEquals="workspaces.amazonaws.com")), False),
        (advanced(EVENT, field("eventSource", NotStartsWith="workspaces")), False),
        (advanced(EVENT, field("eventSource", EndsWith=".amazonaws.com")), True),
        (advanced(field("eventCategory", Equals="Data")), False),
        (advanced(field("readOnly", Equals="false")), False),
        ({}, False),
    ],
    ids=str,
)
def test_which_trails_bring_events(selectors: dict[str, Any], takes: bool) -> None:
    assert selects(selectors) is takes


# What is configured, and what stands in the ledger


def test_a_simple_ad_cannot_replicate_and_a_managed_one_that_looks_like_it_can(healthy: Stage) -> None:
    write(data_replication="PRIMARY_AS_SOURCE")
    assert findings(healthy, "directories", "replication") == [
        ("ok", "1 directory replicates data. None is a Simple AD.")
    ]
    healthy.answers["ds", "describe_directories"] = {"DirectoryDescriptions": [{"Type": "SimpleAD"}]}
    (here, there) = findings(healthy, "directories", "replication")
    assert (here[0], there[0]) == ("problem", "problem")
    assert f"{AWAY} in {DR} is a Simple AD" in there[1]


def test_encrypted_desktops_need_a_key(healthy: Stage) -> None:
    write(volume_encryption_key=None)
    assert findings(healthy, "keys", "configured")[0][0] == "ok"
    healthy.create_ready(
        "user002", RootVolumeEncryptionEnabled=True, VolumeEncryptionKey="arn:aws:kms:us-east-1:1:key/k"
    )
    assert findings(healthy, "keys", "configured") == [
        ("problem", f"{HOME} has 1 encrypted desktop, but no volume_encryption_key.")
    ]


def test_the_fleet_is_the_last_sweeps_or_what_the_first_page_shows(healthy: Stage) -> None:
    healthy.create_ready("user002", "user003")
    assert "for 1 desktop to protect" in findings(healthy, "quotas", "standbys")[0][1]
    healthy.pass_time(days=9)  # no sweep of these days
    assert "for 3 desktops to protect" in findings(healthy, "quotas", "standbys")[0][1]
    page = {"Workspaces": [{"WorkspaceId": "ws-111111111", "BundleId": "wsb-1"}], "NextToken": "more"}
    healthy.answers["workspaces", "describe_workspaces"] = page
    assert findings(healthy, "quotas", "standbys")[0] == (
        "unknown",
        f"The quota of standbys (L-9A67B5CB) in {DR} is 5, for at least 1 desktop to protect.",
    )
    healthy.answers["ec2", "describe_subnets"] = {"Subnets": [{"AvailableIpAddressCount": 0}]}
    assert findings(healthy, "directories", "addresses") == [
        ("problem", f"{AWAY} in {DR} has 0 free addresses for at least 1 standby still to be created.")
    ]


def test_a_sweep_that_is_late_and_a_pause(healthy: Stage) -> None:
    healthy.put("PAUSE", "PAUSE", paused=True, paused_by="arn:al", paused_at="2026-01-01T00:00:00.000Z", because="CHG1")
    assert findings(healthy, "deployment", "pause") == [
        ("warning", "The pair is paused since 2026-01-01 00:00 UTC by arn:al: CHG1.")
    ]
    healthy.pass_time(hours=4)
    assert findings(healthy, "deployment", "sweep") == [
        ("problem", f"No complete sweep in the last 3 h: {HOME} (the last ended 4 h ago).")
    ]
    healthy.pass_time(days=9)
    assert f"{HOME} (none in the last days)" in findings(healthy, "deployment", "sweep")[0][1]


def test_another_version_another_configuration_and_an_account_that_is_not_the_configured_one(healthy: Stage) -> None:
    healthy.stacks[PRIMARY, TABLE] |= {"Version": "0.0.9", "ConfigDigest": "old"}
    assert findings(healthy, "deployment", "version") == [
        ("warning", f"Version 0.0.9 is deployed. This command has version {VERSION}.")
    ]
    assert findings(healthy, "deployment", "digest")[0][0] == "warning"
    text = Path("standby.yaml").read_text(encoding="utf-8")
    Path("standby.yaml").write_text(text.replace('"notify"', '"account": "999999999999", "notify"'), encoding="utf-8")
    assert findings(healthy, "credentials", "account") == [
        (
            "problem",
            f"These credentials ({CALLER}) belong to account {ACCOUNT}. The configured account is 999999999999.",
        )
    ]


@pytest.mark.parametrize(
    ("status", "stands"),
    [("UPDATE_ROLLBACK_COMPLETE", "problem"), ("UPDATE_IN_PROGRESS", "warning"), ("DELETE_FAILED", "problem")],
)
def test_a_stack_that_is_not_whole(healthy: Stage, status: str, stands: str) -> None:
    shown = {"StackStatus": status, "StackId": f"arn:aws:cloudformation:{DR}:{ACCOUNT}:stack/x/1", "Outputs": []}
    healthy.answers["cloudformation", "describe_stacks", DR] = {"Stacks": [shown]}
    assert findings(healthy, "deployment", "stacks")[1] == (stands, f"{TABLE}-dr in {DR} is {status}.")
    healthy.stacks[PRIMARY, TABLE].pop("EventRuleName")
    assert findings(healthy, "deployment", "stacks")[0] == ("problem", f"{TABLE} has no output EventRuleName.")


def test_without_the_dr_stack_and_without_a_baseline_it_says_so(healthy: Stage) -> None:
    del healthy.stacks[DR, f"{TABLE}-dr"]
    (here, there) = findings(healthy, "deployment", "stacks")
    assert (here[0], there) == ("ok", ("problem", f"There is no stack {TABLE}-dr in {DR}."))
    assert findings(healthy, "deployment", "subscriptions")[1] == (
        "unknown",
        f"The stack in {DR} has no output NotificationTopicArn.",
    )
    Path("standby.yaml").unlink()
    healthy.answers["dynamodb", "batch_get_item"] = {"Responses": {}}
    ran, found = doctor(healthy)
    assert ran.status == 1
    assert "The ledger has 0 mapped directories" in ran.out
    assert {one["status"] for one in found} == {"ok", "problem", "unknown"}


def test_it_names_the_file_to_deploy_and_where_in_it_a_key_belongs(healthy: Stage) -> None:
    Path("standby.yaml").rename("other file.yaml")
    healthy.answers |= key(KeySpec="RSA_2048")
    ran = healthy.standby("doctor --config 'other file.yaml' --only keys")
    assert f"Fix: Set directories.{HOME}.volume_encryption_key to an enabled symmetric customer-managed key" in ran.out
    assert "    make deploy CONFIG='other file.yaml'\n" in ran.out


def test_a_caution_that_stops_a_deployment_is_not_to_be_left_as_it_is(
    healthy: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_file, "untouched", untouched)
    ran = healthy.standby("doctor --only credentials")
    assert "Fix: Edit standby.yaml. `make deploy` refuses it." in ran.out


def test_before_the_first_deployment_it_checks_what_a_deployment_needs(healthy: Stage) -> None:
    healthy.stacks.clear()
    ran, found = doctor(healthy)
    bad = [one for one in found if one["status"] not in ("ok", "unknown")]
    assert [(one["check"], one["commands"]) for one in bad] == [("stacks", ["make deploy"])]
    assert len(found) > 15
    assert [one["check"] for one in found if one["group"] == "deployment"] == ["stacks"]
    assert not [one for one in healthy.asked if one[0] == "dynamodb" and one[2] == "batch_get_item"]
    assert ran.status == 1


def test_without_a_file_the_ledger_says_which_directories_there_are(healthy: Stage) -> None:
    Path("standby.yaml").unlink()
    healthy.put("SWEEP#d-9067328a7c", "BASELINE", dr_directory_id="-")  # mapped once
    ran, found = doctor(healthy)
    assert ran.status == 0
    unknown = {one["check"] for one in found if one["status"] == "unknown"}
    assert unknown == {"configuration", "fit", "configured", "digest", "user-names", "capacity"}
    assert f"{AWAY} in {DR} has 120 free addresses" in ran.out


def test_what_a_file_does_not_mean_is_a_warning_and_mistakes_are_an_error(
    healthy: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_file, "untouched", untouched)
    assert findings(healthy, "credentials", "configuration")[0][0] == "warning"
    Path("standby.yaml").write_text("pairs: []", encoding="utf-8")
    ran = healthy.standby("doctor")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("standby.yaml cannot be used")


# What cannot be seen


def answering(what: str) -> Any:
    match what:
        case "denied":
            return refusal("AccessDeniedException", message="User: al is not authorized to perform: x:Y on resource: z")
        case "throttled":
            return refusal("ThrottlingException", message="Rate exceeded")
        case "unreachable":
            return EndpointConnectionError(endpoint_url="https://nowhere")
        case "failing":
            return refusal("InternalFailure", status=500)
        case "refused":
            return refusal("ValidationException")
        case _:
            return None


@pytest.mark.parametrize("right", [*asking.RIGHTS, asking.LEDGER_RIGHT])
@pytest.mark.parametrize("what", ["denied", "throttled", "unreachable", "failing", "refused", "empty", "strange"])
def test_whatever_a_call_answers_is_a_finding(healthy: Stage, right: str, what: str) -> None:
    prefix, action = right.split(":")
    call = ({"servicequotas": "service-quotas"}.get(prefix, prefix), xform_name(action))
    healthy.answers = {name: answer for name, answer in healthy.answers.items() if name[:2] != call}
    if (problem := answering(what)) is not None:
        healthy.refused[call] = problem
    else:
        healthy.answers[call] = {} if what == "empty" else {"Unheard": ["of"]}
    ran, found = doctor(healthy)
    assert len({one["group"] for one in found}) == len(GROUPS)
    assert [one for one in found if one["status"] == "ok"]
    assert "Traceback" not in ran.out + ran.err
    is_trail = call in (("cloudtrail", "get_event_selectors"), ("cloudtrail", "get_trail_status"))
    if what == "denied" and not is_trail:
        assert [one for one in found if one["status"] == "not allowed" and right in one["finding"]]
        assert f"The policy {TABLE}-reader grants these permissions" in ran.err
    assert ran.status == 4 or is_trail or (ran.status == 1 and what in ("empty", "strange"))


def test_what_an_organisation_denies_no_policy_of_the_stack_allows(healthy: Stage) -> None:
    words = "User: al is not authorized to perform: kms:DescribeKey with an explicit deny in a service control policy"
    healthy.refused["kms", "describe_key"] = refusal("AccessDeniedException", message=words)
    ran, _ = doctor(healthy)
    assert ran.err == (
        "kms:DescribeKey is not allowed in us-west-2. A service control policy of the organisation denies it. Ask its "
        "administrator.\n"
    )
    assert ran.status == 4


def test_a_lost_region_is_asked_twice_and_the_other_one_is_looked_at(healthy: Stage) -> None:
    healthy.down = {PRIMARY}
    before = len(healthy.asked)
    ran, found = doctor(healthy)
    assert ran.status == 4
    assert len([one for one in healthy.asked[before:] if one[1] == PRIMARY]) <= 3
    assert ran.err.splitlines().count(f"{PRIMARY} does not answer. Try again when the Region is available.") == 1
    good = [(one["check"], one["finding"]) for one in found if one["status"] == "ok" and DR in one["finding"]]
    assert {check for check, _ in good} >= {"registered", "stacks", "rules", "alarms", "subscriptions"}


@pytest.mark.parametrize("has_file", [True, False])
def test_in_an_outage_it_compares_dns_with_the_identifier_of_the_dr_region(
    healthy: Stage, monkeypatch: pytest.MonkeyPatch, *, has_file: bool
) -> None:
    if not has_file:
        Path("standby.yaml").unlink()
    healthy.down = {PRIMARY}
    options = "redirection" if has_file else f"redirection --stack {TABLE}"
    before = f"{NAME} does not send users to {DR}: its TXT record is HERE. {DR} has THERE."
    assert findings(healthy, options, "txt-record")[0] == ("warning", before)
    assert '\\"THERE\\"' in healthy.standby(f"doctor --only {options}").out
    monkeypatch.setattr(redirection, "resolver", lambda _: lambda _: Txt(("THERE",), 60))
    after = f"{NAME} sends users to {DR}: its TXT record is THERE."
    assert findings(healthy, options, "txt-record")[0] == ("warning", after)
    assert findings(healthy, options, "aliases")[0] == ("ok", f"1 DR directory with a connection alias in {DR}.")
    healthy.answers |= aliases(DR, {"ConnectionAliases": []})
    without = f"{AWAY} in {DR} has no connection alias. Users of {HOME} cannot be redirected."
    assert findings(healthy, options, "aliases")[0] == ("problem", without)
    assert doctor(healthy, f"--only {options}")[0].status == 4


# How it is asked, and how it answers


def test_two_pairs_are_told_apart_and_one_can_be_chosen(healthy: Stage) -> None:
    document = json.loads(Path("standby.yaml").read_text(encoding="utf-8"))
    back = {
        "primary_region": DR,
        "dr_region": PRIMARY,
        "directories": {"d-9267999999": {"dr_directory": "d-9067999999"}},
    }
    document["pairs"].append(back | {"notify": ["ops@corp.com"]})
    Path("standby.yaml").write_text(json.dumps(document), encoding="utf-8")
    healthy.stacks[PRIMARY, TABLE]["ConfigDigest"] = load(Path("standby.yaml")).pairs[0].digest
    other = f"Standby-{DR}-{PRIMARY}"
    ran, found = doctor(healthy)
    assert {one["stack"] for one in found if one["status"] == "problem"} == {other}
    shown_ = healthy.standby("doctor --no-color", width=80).out.splitlines()
    assert [line for line in shown_ if line in (TABLE, other)] == [TABLE, other]
    ran, found = doctor(healthy, f"--stack {TABLE}")
    assert (ran.status, {one["stack"] for one in found}) == (0, {TABLE})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--only directory", "There is no group directory. Did you mean directories? The groups are: credentials, "),
        ("--nameserver nowhere.invalid", "nowhere.invalid is not a valid name server"),
        ("--nameserver 10.0.0.2:dns", "10.0.0.2:dns is not a valid name server"),
        ("--config nowhere.yaml", "nowhere.yaml cannot be used"),
    ],
)
def test_what_it_cannot_do_is_a_sentence(stage: Stage, options: str, words: str) -> None:
    ran = stage.standby(f"doctor {options}")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(words), ran.err


@pytest.mark.parametrize("width", [40, 80, 140])
def test_a_terminal_shows_what_needs_attention_and_commands_whole(healthy: Stage, width: int) -> None:
    healthy.answers |= shown(DR, State="DEREGISTERED") | aliases(DR, alias("wsca-2", "", "", NAME))
    healthy.refused["kms", "describe_key"] = answering("denied")
    command = f"aws workspaces register-workspace-directory --region {DR} --directory-id {AWAY}"
    ran = healthy.standby("doctor --no-color", width=width)
    assert ran.status == 4
    lines = ran.out.splitlines()
    assert f"    {command}" in lines
    assert [line for line in lines if len(line) > width and not line.startswith("    aws ")] == []
    heads = [line for line in lines if line.startswith(("OK ", "PROBLEM ", "WARNING ", "NOT READ "))]
    assert [line.split()[0] for line in heads[:4]] == ["OK", "PROBLEM", "PROBLEM", "NOT"]
    assert heads[8:] == ["PROBLEM   directories, registered", "PROBLEM   redirection, aliases"]
    assert " ".join(ran.out.split()).endswith("2 problems in what was read. 1 of 38 findings could not be read.")
    assert "kms:DescribeKey is not allowed in us-west-2." in ran.err
    plain = healthy.standby("doctor").out
    assert "  Why: AWS refuses a standby in a directory that is not registered." in plain.splitlines()
    whole = healthy.standby("doctor -v --no-color", width=width).out
    assert "UNKNOWN   quotas, capacity" in whole
    assert "directories, domain: Both Regions" in " ".join(whole.split())


def test_a_spreadsheet_has_each_finding(healthy: Stage) -> None:
    ran = healthy.standby("doctor --output csv --only keys")
    assert ran.out.splitlines()[0] == "stack,group,check,status,finding,why,fix,commands"
    assert f"{TABLE},keys,fit,ok,{KEY} is enabled and symmetric.," in ran.out


# DNS


class Names:
    """A name server on loopback with one record."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            sent, caller = self.socket.recvfrom(4096)
            query = dns.message.from_wire(sent)
            answer = dns.message.make_response(query)
            name = query.question[0].name
            if name.to_text() == f"{NAME}.":
                answer.answer.append(dns.rrset.from_text(name, 900, "IN", "TXT", '"HE" "RE"'))
            elif name.to_text() == "refused.corp.com.":
                answer.set_rcode(dns.rcode.REFUSED)
            else:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self.socket.sendto(answer.to_wire(), caller)


def test_dns_answers_as_a_client_would_hear_it() -> None:
    resolve = redirection.resolver(f"localhost:{Names().port}")
    assert resolve(NAME) == Txt(("HERE",), 900)
    assert resolve("other.corp.com") == Txt()
    with pytest.raises(Unseen, match=r"DNS did not answer for refused\.corp\.com"):
        resolve("refused.corp.com")


@pytest.mark.parametrize(
    ("found", "stands", "words"),
    [
        (Txt(("HERE",), 60), "ok", "sends users to the primary Region"),
        (Txt(("HERE",), 900), "warning", "is 900 seconds"),
        (Txt(("THERE",), 60), "warning", "currently sends users to us-west-2"),
        (Txt(("ELSE",), 60), "problem", "The TXT record of desktop.corp.com is ELSE. It must be HERE."),
        (Txt(), "problem", "does not exist. It must be HERE"),
    ],
)
def test_where_a_record_leads(found: Txt, stands: str, words: str) -> None:
    (finding,) = redirection.record(NAME, found, {"HERE"}, {"THERE"}, DR)
    assert (finding.status, words in finding.what) == (stands, True), finding
