"""What strict accounts demand, in the templates of a configuration with all of these options."""

from typing import Any

import pytest

from tests.infra.templates import FUNCTION, Assembly, only, resources, text

KEY = "NotificationsKeyADCFA950"
ENCRYPTED = {
    FUNCTION: "KmsKeyArn",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::SQS::Queue": "KmsMasterKeyId",
    "AWS::SNS::Topic": "KmsMasterKeyId",
}
# CloudFormation has no tags for these.
WITHOUT_TAGS = {
    "AWS::Events::EventBusPolicy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::KMS::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
}


@pytest.mark.parametrize(("region", "number"), [("primary", 12), ("dr", 2)])
def test_everything_that_holds_data_is_encrypted_with_the_key_of_its_region(
    strict: Assembly, region: str, number: int
) -> None:
    template = getattr(strict, region)
    found = [one["Properties"] for kind in ENCRYPTED for one in resources(template, kind).values()]
    assert [text(one[key]) for one in found for key in one if key in ENCRYPTED.values()] == [f"${{{KEY}.Arn}}"] * number
    assert (len(found), any("SqsManagedSseEnabled" in one for one in found)) == (number, False)
    assert resources(template, "AWS::KMS::Key")[KEY]["DeletionPolicy"] == "Retain"


def test_the_ledger_has_a_key_in_each_region_and_the_dr_stack_with_its_key_comes_first(strict: Assembly) -> None:
    table = only(strict.primary, "AWS::DynamoDB::GlobalTable")
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    alias = only(strict.dr, "AWS::KMS::Alias")["AliasName"]
    assert {one["Region"]: text(one["SSESpecification"]["KMSMasterKeyId"]) for one in table["Replicas"]} == {
        "eu-west-1": f"${{{KEY}.Arn}}",
        "eu-central-1": f"arn:aws:kms:eu-central-1:123456789012:{alias}",
    }
    assert f"{strict.stack}-dr" in strict.artifacts[strict.stack]["dependencies"]
    assert strict.stack not in strict.artifacts[f"{strict.stack}-dr"]["dependencies"]


@pytest.mark.parametrize("region", ["primary", "dr"])
def test_services_may_use_the_key_for_this_stack_only(strict: Assembly, region: str) -> None:
    where = {"primary": "eu-west-1", "dr": "eu-central-1"}[region]
    stack = strict.stack if region == "primary" else f"{strict.stack}-dr"
    policy = only(getattr(strict, region), "AWS::KMS::Key")["KeyPolicy"]["Statement"]
    bound = {one["Sid"]: one["Condition"]["ArnLike"] for one in policy if "ArnLike" in one.get("Condition", {})}
    groups = {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{where}:123456789012:log-group:/aws/*/{stack}-*"}
    assert bound["LogGroupsOfThisStack"] == groups
    assert bound["DeadLettersOfRules"] == {"aws:SourceArn": f"arn:aws:events:{where}:123456789012:rule/{stack}-*"}
    assert all("Condition" in one for one in policy if "Service" in one["Principal"])


@pytest.mark.parametrize("name", ["Protect", "Watch", "Sweep", "Announce"])
def test_each_function_is_in_the_vpc_and_its_own_code_may_not_touch_network_interfaces(
    strict: Assembly, name: str
) -> None:
    function = only(strict.primary, FUNCTION, name)
    assert function["VpcConfig"] == {
        "SubnetIds": ["subnet-0a1b2c3d4e5f60718", "subnet-1a1b2c3d4e5f60718"],
        "SecurityGroupIds": ["sg-0a1b2c3d4e5f60718"],
    }
    statements = only(strict.primary, "AWS::IAM::Policy", f"{name}RoleDefaultPolicy")["PolicyDocument"]["Statement"]
    found = {one["Effect"]: one for one in statements if "ec2:CreateNetworkInterface" in one["Action"]}
    assert found["Allow"]["Action"] == found["Deny"]["Action"]
    itself = f"arn:aws:lambda:eu-west-1:123456789012:function:{function['FunctionName']}"
    assert found["Deny"]["Condition"] == {"ArnEquals": {"lambda:SourceFunctionArn": itself}}


@pytest.mark.parametrize("region", ["primary", "dr"])
def test_every_resource_that_can_have_tags_has_them_and_every_role_the_path_and_the_boundary(
    strict: Assembly, region: str
) -> None:
    template = getattr(strict, region)
    for name, one in template["Resources"].items():
        properties = one["Properties"]
        holders = properties["Replicas"] if one["Type"] == "AWS::DynamoDB::GlobalTable" else [properties]
        for holder in holders:
            assert tags(holder) == (
                {} if one["Type"] in WITHOUT_TAGS else {"CostCenter": "4711", "Owner": "desktops"}
            ), name
    for kind in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
        assert {one["Properties"]["Path"] for one in resources(template, kind).values()} <= {"/standby/"}
    for role in resources(template, "AWS::IAM::Role").values():
        assert role["Properties"]["PermissionsBoundary"] == "arn:aws:iam::123456789012:policy/boundary"


def tags(properties: dict[str, Any]) -> dict[str, str]:
    found = properties.get("Tags", {})  # a map in some types, a list in others
    return found if isinstance(found, dict) else {one["Key"]: one["Value"] for one in found}
