"""What surrounds WorkSpaces in the embedded cloud, as a check of a deployment reads it, over HTTP and boto3."""

import itertools
from typing import Any

import dns.resolver
import pytest
from botocore.exceptions import ClientError

from local.cloud import Cloud
from local.workspaces import ServiceError
from local.world_client import ControlError
from tests.local.clouds import create, statement, wait_until
from tests.local.places import AWAY, DR, HOME, PRIMARY
from tests.local.worlds import advance, make_world

numbers = itertools.count(1)


@pytest.fixture
def directory() -> str:
    """The id of a directory that nobody has changed."""
    return f"d-9067{next(numbers):06}"


def test_a_connection_alias_is_associated_in_each_region_and_has_another_identifier_there(cloud: Cloud) -> None:
    found: dict[str, dict[str, str]] = {}
    for region, where in ((PRIMARY, HOME), (DR, AWAY)):
        client = cloud.client("workspaces", region)
        alias = client.create_connection_alias(ConnectionString="desktop.example.com")["AliasId"]
        with pytest.raises(ClientError, match="InvalidResourceStateException"):
            client.associate_connection_alias(AliasId=alias, ResourceId=where)
        cloud.world.advance(3)
        client.associate_connection_alias(AliasId=alias, ResourceId=where)
        (shown,) = client.describe_connection_aliases(ResourceId=where)["ConnectionAliases"]
        assert (shown["State"], shown["ConnectionString"]) == ("CREATED", "desktop.example.com")
        assert shown["Associations"][0]["AssociationStatus"] == "PENDING_ASSOCIATION"
        cloud.world.advance(3)
        (shown,) = client.describe_connection_aliases(AliasIds=[alias])["ConnectionAliases"]
        (found[region],) = shown["Associations"]
        permissions = client.describe_connection_alias_permissions(AliasId=alias)
        assert permissions["ConnectionAliasPermissions"] == []
    assert {one["AssociationStatus"] for one in found.values()} == {"ASSOCIATED_WITH_OWNER_ACCOUNT"}
    assert [found[PRIMARY]["ResourceId"], found[DR]["ResourceId"]] == [HOME, AWAY]
    assert found[PRIMARY]["ConnectionIdentifier"] != found[DR]["ConnectionIdentifier"]


def test_an_alias_and_a_directory_have_one_association_and_a_region_twenty_aliases() -> None:
    world = make_world()
    world.add_directory(PRIMARY, "d-9067328a7c", [])

    def alias(string: str) -> str:
        made: str = world.call(PRIMARY, "CreateConnectionAlias", {"ConnectionString": string})["AliasId"]
        advance(world, 3)
        return made

    def associate(alias_id: str, directory_id: str) -> None:
        world.call(PRIMARY, "AssociateConnectionAlias", {"AliasId": alias_id, "ResourceId": directory_id})

    first, second = alias("a.example.com"), alias("b.example.com")
    associate(first, HOME)
    for one, where in ((first, "d-9067328a7c"), (second, HOME)):
        with pytest.raises(ServiceError, match="ResourceAssociatedException"):
            associate(one, where)
    with pytest.raises(ServiceError, match="ResourceAssociatedException"):
        world.call(PRIMARY, "DeleteConnectionAlias", {"AliasId": first})
    for wrong, code in (("a.example.com", "ResourceAlreadyExists"), ("nowhere", "InvalidParameterValues")):
        with pytest.raises(ServiceError, match=f"{code}Exception"):
            alias(wrong)
    world.call(PRIMARY, "DisassociateConnectionAlias", {"AliasId": first})
    associate(second, HOME)
    world.call(PRIMARY, "DeleteConnectionAlias", {"AliasId": first})
    for number in range(19):
        alias(f"{number}.example.com")
    with pytest.raises(ServiceError, match="ResourceLimitExceededException"):
        alias("z.example.com")


def test_a_directorys_settings_are_shown_and_changed(cloud: Cloud, directory: str) -> None:
    cloud.world.add_directory(PRIMARY, directory, [])
    client = cloud.client("workspaces", PRIMARY)

    def shown() -> dict[str, object]:
        (found,) = client.describe_workspace_directories(DirectoryIds=[directory])["Directories"]
        assert isinstance(found, dict)
        return found

    before = shown()
    assert (before["State"], before["DirectoryType"], before["DirectoryName"]) == (
        "REGISTERED",
        "AD_CONNECTOR",
        "corp.example.com",
    )
    assert before["RegistrationCode"] == f"WSiad+{directory[-6:]}"
    assert before["SamlProperties"] == {"Status": "DISABLED", "RelayStateParameterName": "RelayState"}
    with pytest.raises(ClientError, match="InvalidParameterValuesException"):
        client.modify_saml_properties(ResourceId=directory, SamlProperties={"Status": "ENABLED"})
    address = "https://id.example.com/sso"
    client.modify_saml_properties(ResourceId=directory, SamlProperties={"Status": "ENABLED", "UserAccessUrl": address})
    client.modify_workspace_creation_properties(
        ResourceId=directory, WorkspaceCreationProperties={"EnableInternetAccess": True}
    )
    group = client.create_ip_group(GroupName=f"offices {directory}", UserRules=[{"ipRule": "192.0.2.0/24"}])["GroupId"]
    client.associate_ip_groups(DirectoryId=directory, GroupIds=[group])
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.associate_ip_groups(DirectoryId=directory, GroupIds=["wsipg-000000000"])
    cloud.world.set_directory(PRIMARY, directory, settings={"DnsIpAddresses": ["192.0.2.53"]})
    after = shown()
    assert after["SamlProperties"] == {
        "Status": "ENABLED",
        "RelayStateParameterName": "RelayState",
        "UserAccessUrl": address,
    }
    assert after["WorkspaceCreationProperties"] == {
        "EnableInternetAccess": True,
        "UserEnabledAsLocalAdministrator": True,
        "EnableMaintenanceMode": True,
    }
    assert (after["ipGroupIds"], after["DnsIpAddresses"]) == ([group], ["192.0.2.53"])
    (rules,) = client.describe_ip_groups(GroupIds=[group])["Result"]
    assert rules["userRules"] == [{"ipRule": "192.0.2.0/24"}]
    client.disassociate_ip_groups(DirectoryId=directory, GroupIds=[group])
    assert shown()["ipGroupIds"] == []
    client.modify_saml_properties(
        ResourceId=directory,
        SamlProperties={"Status": "DISABLED"},
        PropertiesToDelete=["SAML_PROPERTIES_USER_ACCESS_URL"],
    )
    assert shown()["SamlProperties"] == before["SamlProperties"]


def test_settings_that_no_directory_can_have_are_refused(cloud: Cloud) -> None:
    refused: list[dict[str, Any]]
    refused = [{"SamlPropertys": {}}, {"SamlProperties": {"Status": "ON"}}, {"SubnetIds": "subnet-0a1b2c3d"}]
    for wrong in refused:
        with pytest.raises(ControlError):
            cloud.world.set_directory(PRIMARY, HOME, settings=wrong)


def test_directory_service_shows_the_directories_of_a_region_and_their_stage(cloud: Cloud, directory: str) -> None:
    cloud.world.add_directory(PRIMARY, directory, [], directory_type="SIMPLE_AD")
    cloud.world.set_directory(PRIMARY, directory, status="IMPAIRED")
    client = cloud.client("ds", PRIMARY)
    (shown,) = client.describe_directories(DirectoryIds=[directory])["DirectoryDescriptions"]
    assert (shown["Stage"], shown["Type"], shown["Name"]) == ("Impaired", "SimpleAD", "corp.example.com")
    assert len(shown["VpcSettings"]["SubnetIds"]) == 2
    assert directory in {one["DirectoryId"] for one in client.describe_directories()["DirectoryDescriptions"]}
    with pytest.raises(ClientError, match="EntityDoesNotExistException"):
        cloud.client("ds", DR).describe_directories(DirectoryIds=[directory])
    nobody = cloud.make_user("no-directories", statement("ds:CreateDirectory", "*"))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        cloud.client("ds", PRIMARY, credentials=nobody).describe_directories()


def test_subnets_have_so_many_addresses_left_and_without_one_a_desktop_ends_in_error(
    cloud: Cloud, directory: str
) -> None:
    cloud.world.add_directory(PRIMARY, directory, ["a", "b", "c", "d"])
    cloud.world.set_directory(PRIMARY, directory, addresses=3)
    (shown,) = cloud.client("workspaces", PRIMARY).describe_workspace_directories(DirectoryIds=[directory])[
        "Directories"
    ]

    def free() -> list[int]:
        subnets = cloud.client("ec2", PRIMARY).describe_subnets(SubnetIds=shown["SubnetIds"])["Subnets"]
        return sorted(one["AvailableIpAddressCount"] for one in subnets)

    assert free() == [1, 2]
    for user in "abc":
        create(cloud, user, DirectoryId=directory)
    assert free() == [0, 0]
    last = create(cloud, "d", DirectoryId=directory)
    (failed,) = [one for one in cloud.world.primaries() if one["workspace_id"] == last]
    assert (failed["state"], failed["error_code"]) == ("ERROR", "InsufficientFreeAddressesInSubnet")


def test_quotas_are_listed_where_they_are_set_and_are_kept(cloud: Cloud) -> None:
    quotas = cloud.client("service-quotas", PRIMARY)

    def listed() -> dict[str, float]:
        return {
            one["QuotaCode"]: one["Value"] for one in quotas.list_service_quotas(ServiceCode="workspaces")["Quotas"]
        }

    assert listed() == {"L-0798A2C9": 20}
    cloud.world.change(workspace_quota=1, standby_quota=5)
    assert listed() == {"L-0798A2C9": 20, "L-34278094": 1, "L-9A67B5CB": 5}
    create(cloud, "user01")
    request = [{"DirectoryId": HOME, "UserName": "user02", "BundleId": "wsb-windowsstandard"}]
    (refused,) = cloud.client("workspaces", PRIMARY).create_workspaces(Workspaces=request)["FailedRequests"]
    assert refused["ErrorCode"] == "ResourceLimitExceeded.WorkSpaces"


def test_a_key_of_a_known_id_can_be_described_in_its_region_only(cloud: Cloud) -> None:
    key_id = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    arn = f"arn:aws:kms:{DR}:{cloud.account}:key/{key_id}"
    cloud.world.add_key(DR, key_id)
    shown = cloud.client("kms", DR).describe_key(KeyId=arn)["KeyMetadata"]
    assert (shown["Arn"], shown["KeyState"], shown["KeySpec"]) == (arn, "Enabled", "SYMMETRIC_DEFAULT")
    with pytest.raises(ClientError, match="NotFoundException"):
        cloud.client("kms", PRIMARY).describe_key(KeyId=key_id)


def test_a_trail_of_both_regions_is_seen_in_both(cloud: Cloud) -> None:
    cloud.client("s3", PRIMARY).create_bucket(Bucket="trails")
    trail = cloud.client("cloudtrail", PRIMARY)
    assert cloud.client("cloudtrail", DR).describe_trails()["trailList"] == []
    arn = trail.create_trail(Name="all", S3BucketName="trails", IsMultiRegionTrail=True)["TrailARN"]
    assert not trail.get_trail_status(Name=arn)["IsLogging"]
    trail.start_logging(Name=arn)
    there = cloud.client("cloudtrail", DR)
    assert [one["TrailARN"] for one in there.describe_trails()["trailList"]] == [arn]
    assert there.get_trail_status(Name=arn)["IsLogging"]
    (selector,) = there.get_event_selectors(TrailName=arn)["EventSelectors"]
    assert selector["IncludeManagementEvents"]
    trail.delete_trail(Name=arn)


def test_a_subscription_by_mail_is_pending_until_somebody_confirms_it(cloud: Cloud) -> None:
    sns = cloud.client("sns", PRIMARY)
    topic = sns.create_topic(Name="told")["TopicArn"]
    asked = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    assert asked["SubscriptionArn"] == "pending confirmation"

    def shown() -> tuple[str, str, str]:
        (one,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        counts = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
        return one["SubscriptionArn"], counts["SubscriptionsPending"], counts["SubscriptionsConfirmed"]

    assert shown() == ("PendingConfirmation", "1", "0")
    assert cloud.world.confirm() == ["ops@example.com"]
    arn, *counts = shown()
    assert (arn.startswith(f"{topic}:"), counts) == (True, ["0", "1"])
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    assert shown()[0] == arn


def test_messages_to_topics_are_kept_in_their_order(cloud: Cloud) -> None:
    sns = cloud.client("sns", DR)
    topic = sns.create_topic(Name="heard")["TopicArn"]
    before = len(cloud.world.notices())
    for text in ("one", "two"):
        sns.publish(TopicArn=topic, Subject=f"number {text}", Message=text)
    seen = [(one["region"], one["topic"], one["subject"], one["message"]) for one in cloud.world.notices(before)]
    assert seen == [(DR, "heard", f"number {text}", text) for text in ("one", "two")]
    assert [one["number"] for one in cloud.world.notices(before)] == [before + 1, before + 2]


def test_the_name_server_answers_with_the_txt_record_that_was_set_last(cloud: Cloud) -> None:
    resolver = dns.resolver.Resolver(configure=False)
    host, _, port = cloud.nameserver.partition(":")
    resolver.nameservers, resolver.port, resolver.lifetime = [host], int(port), 5
    with pytest.raises(dns.resolver.NXDOMAIN):
        resolver.resolve("desktop.example.com", "TXT")
    for identifier in ("WSCX0A1B2C3D4E", "WSCX5F6A7B8C9D"):
        cloud.world.set_txt("desktop.example.com", [identifier], ttl=30)
        answer = resolver.resolve("Desktop.Example.com.", "TXT")
        assert answer.rrset is not None
        assert ([record.strings for record in answer], answer.rrset.ttl) == ([(identifier.encode(),)], 30)
    with pytest.raises(dns.resolver.NoAnswer):
        resolver.resolve("desktop.example.com", "A")
    cloud.world.set_txt("desktop.example.com", [])
    with pytest.raises(dns.resolver.NXDOMAIN):
        resolver.resolve("desktop.example.com", "TXT")


def test_a_users_standbys_fail_until_they_are_spared(cloud: Cloud) -> None:
    cloud.world.fail_standby_of("user03")
    first = create(cloud, "user03")
    client = cloud.client("workspaces", DR)

    def ask(primary: str) -> str:
        item = {"PrimaryWorkspaceId": primary, "DirectoryId": AWAY}
        answer = client.create_standby_workspaces(PrimaryRegion=PRIMARY, StandbyWorkspaces=[item])
        made: str = answer["PendingStandbyRequests"][0]["WorkspaceId"]
        assert wait_until(lambda: state(made) != "PENDING")
        return made

    def state(standby: str) -> str:
        return {one["workspace_id"]: str(one["state"]) for one in cloud.world.standbys()}[standby]

    failed = ask(first)
    assert state(failed) == "ERROR"
    cloud.world.spare_standby_of("user03")
    client.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": failed}])
    assert state(ask(first)) == "AVAILABLE"
