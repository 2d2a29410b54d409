"""The emulator, where an account has to have what AWS's has: subnets, keys, subscriptions, organizations' denials.

The names used here are asserted by :func:`local.ministack_patches.check`.
"""

import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack import app  # type: ignore[import-untyped]
from ministack.core import iam_actions, iam_evaluator, responses  # type: ignore[import-untyped]
from ministack.services import ec2, kms, sns  # type: ignore[import-untyped]
from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]

from local.workspaces import World

_BY_MAIL = ("email", "email-json")
# Whether the denial that the present request met is a service control policy's.
_by_policy_of_organization: ContextVar[bool] = ContextVar("by_policy_of_organization", default=False)


def apply(world: World, denies: Callable[[str, str, str], bool], publish: Callable[[str, str, str], None]) -> None:
    """Apply the patches, after :func:`local.ministack_patches.check`.

    Parameters
    ----------
    world : World
        Whose directories' subnets EC2 shows.
    denies : callable
        Given an action, the Region and the access key of a request, says whether a service control policy denies it.
    publish : callable
        Is called with each message to a topic: the topic's ARN, the subject and the text.
    """
    show_subnets(world)
    let_people_confirm()
    keep_messages(publish)
    deny_as_organizations_do(denies)


def show_subnets(world: World) -> None:
    """Let EC2 show the subnets of WorkSpaces' directories, with the addresses that are left there."""
    handle = app.SERVICE_HANDLERS["ec2"]

    async def handle_with_subnets(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Any:
        region = responses.get_region()
        for directory in world.directories(region):
            free = world.free_addresses(directory)
            for number, subnet_id in enumerate(directory.subnet_ids):
                ec2._subnets[subnet_id] = {
                    "SubnetId": subnet_id,
                    "VpcId": "vpc-0a1b2c3d",
                    "CidrBlock": f"10.{number}.0.0/16",
                    "AvailabilityZone": f"{region}{'ab'[number]}",
                    "AvailabilityZoneId": ec2._az_id_for_zone_name(f"{region}{'ab'[number]}"),
                    "AvailableIpAddressCount": (free + number) // 2,
                    "State": "available",
                    "DefaultForAz": False,
                    "MapPublicIpOnLaunch": False,
                    "OwnerId": world.account,
                }
        return await handle(method, path, headers, body, query)

    app.SERVICE_HANDLERS["ec2"] = handle_with_subnets


def add_key(account: str, region: str, key_id: str) -> None:
    """Make a symmetric key with an id that is known before, as no call can."""
    with responses.request_scope(account, region):
        made = json.loads(kms._create_key({})[2])["KeyMetadata"]["KeyId"]
        record = kms._keys.pop(made)
        kms._keys[key_id] = {**record, "KeyId": key_id, "Arn": record["Arn"].replace(made, key_id)}


# --- topics


def let_people_confirm() -> None:
    """Let a subscription by mail wait until somebody has confirmed it, where MiniStack takes it for confirmed."""
    subscribe = sns._subscribe
    create = provisioners._RESOURCE_HANDLERS["AWS::SNS::Subscription"]["create"]

    def subscribe_pending(params: Any) -> Any:
        answer = subscribe(params)
        topic = sns._topic_by_arn_any_scope(sns._p(params, "TopicArn"))
        return (answer[0], answer[1], _named_pending(answer[2], _await_confirmation(topic)))

    def create_pending(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        made = create(logical_id, properties, stack_name)
        _await_confirmation(sns._topic_by_arn_any_scope(properties["TopicArn"]))
        return made

    def listed(show: Any) -> Any:
        def show_pending(params: Any) -> Any:
            status, headers, body = show(params)
            pending = [one["arn"] for one in _subscriptions() if not one["confirmed"]]
            return status, headers, _named_pending(body, pending, "PendingConfirmation")

        return show_pending

    sns._subscribe = subscribe_pending
    provisioners._RESOURCE_HANDLERS["AWS::SNS::Subscription"]["create"] = create_pending
    sns._list_subscriptions = listed(sns._list_subscriptions)
    sns._list_subscriptions_by_topic = listed(sns._list_subscriptions_by_topic)


def confirm_subscriptions() -> list[str]:
    """Confirm every subscription that waits for it, as people do by the link in a mail; return their addresses."""
    confirmed = []
    for one in _subscriptions():
        if one["protocol"] in _BY_MAIL and not one["confirmed"]:
            one["confirmed"], one["attributes"]["PendingConfirmation"] = True, "false"
            confirmed.append(str(one["endpoint"]))
    for topic in list(sns._topics._data.values()):
        sns._refresh_subscription_counts(topic)
    return confirmed


def _subscriptions() -> list[dict[str, Any]]:
    return [one for topic in list(sns._topics._data.values()) for one in topic["subscriptions"]]


def _await_confirmation(topic: dict[str, Any] | None) -> list[str]:
    """Mark a topic's new subscriptions by mail as not confirmed, and return the ARNs of all that are not."""
    subscriptions = topic["subscriptions"] if topic else []
    for one in subscriptions:
        if one["protocol"] in _BY_MAIL and not one.get("asked"):
            one["confirmed"], one["asked"], one["attributes"]["PendingConfirmation"] = False, True, "true"
    if topic:
        sns._refresh_subscription_counts(topic)
    return [str(one["arn"]) for one in subscriptions if not one["confirmed"]]


def _named_pending(body: bytes, pending: list[str], name: str = "pending confirmation") -> bytes:
    for arn in pending:
        body = body.replace(f"<SubscriptionArn>{arn}<".encode(), f"<SubscriptionArn>{name}<".encode())
    return body


def keep_messages(publish: Callable[[str, str, str], None]) -> None:
    """Let every message to a topic be seen, whoever published it: MiniStack keeps none that goes to people."""
    fan_out = sns._fanout

    def seen(topic_arn: str, message_id: str, message: str, subject: str, *more: Any, **named: Any) -> None:
        publish(topic_arn, subject or "", message)
        fan_out(topic_arn, message_id, message, subject, *more, **named)

    sns._fanout = seen


# --- denials


def deny_as_organizations_do(denies: Callable[[str, str, str], bool]) -> None:
    """Let service control policies deny actions, which MiniStack knows nothing of, and let denials name the resource.

    They are evaluated for everybody, the root user included, once the request is authenticated.
    """
    enforce, respond = iam_evaluator.enforce, iam_actions.access_denied_response

    def enforced(
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        result = enforce(access_key, action, service, region, resource_arn, service_context)
        _by_policy_of_organization.set(False)
        allowed_always = action in iam_evaluator._ALWAYS_ALLOWED_ACTIONS
        if allowed_always or isinstance(result, iam_evaluator.AuthError) or not denies(action, region, access_key):
            return result
        _by_policy_of_organization.set(True)
        return iam_evaluator.EvalResult("Deny", principal_arn=iam_evaluator.caller_arn())

    def respond_with_resource(
        service: str,
        action: str,
        principal_arn: str,
        request_id: str,
        *,
        error_code: str = "",
        message: str = "",
        resource_arn: str = "*",
        explicit_deny: bool = False,
        resource_policy_arn: str = "",
        **more: Any,
    ) -> Any:
        if not (error_code or message or resource_policy_arn):
            message = denial_message(action, principal_arn, resource_arn, explicit_deny)
        return respond(
            service,
            action,
            principal_arn,
            request_id,
            error_code=error_code,
            message=message,
            resource_arn=resource_arn,
            explicit_deny=explicit_deny,
            resource_policy_arn=resource_policy_arn,
            **more,
        )

    iam_evaluator.enforce = enforced
    iam_actions.access_denied_response = respond_with_resource
    iam_actions.identity_denial_message = denial_message


def denial_message(action: str, principal_arn: str, resource: str, explicit_deny: bool) -> str:  # noqa: FBT001
    """Return AWS's sentence for a denial of the present request."""
    if _by_policy_of_organization.get():
        reason = "with an explicit deny in a service control policy"
    elif explicit_deny:
        reason = "with an explicit deny in an identity-based policy"
    else:
        reason = f"because no identity-based policy allows the {action} action"
    return f"User: {principal_arn} is not authorized to perform: {action} on resource: {resource} {reason}"
