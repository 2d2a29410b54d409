"""CloudTrail's record of the calls that change WorkSpaces, in the shape in which EventBridge delivers it."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.workspaces.estate import Estate

# DescribeTags and the like are read-only: a rule for "AWS API Call via CloudTrail" does not get them.
RECORDED = frozenset(
    {
        "CreateWorkspaces",
        "MigrateWorkspace",
        "ModifyWorkspaceProperties",
        "TerminateWorkspaces",
        "CreateStandbyWorkspaces",
        "StopWorkspaces",
        "StartWorkspaces",
        "CreateTags",
        "CreateWorkspaceBundle",
    }
)
Subscriber = Callable[[dict[str, Any]], None]


def event(
    estate: Estate,
    region: str,
    operation: str,
    params: dict[str, Any],
    principal: str,
    now: datetime,
    answer: dict[str, Any] | None,
    error: tuple[str, str] | None,
) -> dict[str, Any]:
    """Return the EventBridge event of one call.

    Parameters
    ----------
    answer : dict or None
        What the service returned; a failed call has ``responseElements: null``.
    error : tuple or None
        Code and message of a failed call.
    """
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    detail: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": _identity(principal, estate.account, estate.settings.identity),
        "eventTime": moment,
        "eventSource": "workspaces.amazonaws.com",
        "eventName": operation,
        "awsRegion": region,
        "sourceIPAddress": "192.0.2.10",
        "userAgent": "aws-sdk",
        "requestParameters": lower_camel(params),
        "responseElements": None if answer is None else lower_camel(answer),
        "requestID": _uuid(estate),
        "eventID": _uuid(estate),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": estate.account,
        "eventCategory": "Management",
    }
    if error is not None:
        detail["errorCode"], detail["errorMessage"] = error
    return {
        "version": "0",
        "id": _uuid(estate),
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.workspaces",
        "account": estate.account,
        "time": moment,
        "region": region,
        "resources": [],
        "detail": detail,
    }


def lower_camel(value: Any) -> Any:
    """Return ``value`` with each key's first letter small, as CloudTrail writes them."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: lower_camel(item) for key, item in value.items()}
    if isinstance(value, list):
        return [lower_camel(item) for item in value]
    return value.strftime("%b %d, %Y %I:%M:%S %p") if isinstance(value, datetime) else value


def _identity(principal: str, account: str, shape: str) -> dict[str, Any]:
    """Return ``userIdentity``; a role's sessions, which functions have too, always keep their ARN."""
    resource = principal.split(":", 5)[-1]
    kind, _, rest = resource.partition("/")
    if kind == "assumed-role":
        role, _, session = rest.partition("/")
        issuer = {"type": "Role", "arn": f"arn:aws:iam::{account}:role/{role}", "accountId": account, "userName": role}
        return {
            "type": "AssumedRole",
            "principalId": f"AROAEXAMPLE:{session}",
            "arn": principal,
            "accountId": account,
            "sessionContext": {"sessionIssuer": issuer},
        }
    whose = principal.split(":")[4]
    match shape:
        case "invoked_by":
            return {"type": "AWSService", "invokedBy": "cloudformation.amazonaws.com"}
        case "directory":
            return {"type": "Directory", "userName": rest or kind}
        case "identity_center":
            store = f"arn:aws:identitystore::{whose}:identitystore/d-9067642ac7"
            user_id = str(uuid.uuid5(uuid.NAMESPACE_URL, principal))
            behalf = {"userId": user_id, "identityStoreArn": store}
            return {"type": "IdentityCenterUser", "accountId": whose, "onBehalfOf": behalf}
        case "account":
            return {"type": "AWSAccount", "accountId": whose}
    if kind == "root":
        return {"type": "Root", "principalId": account, "arn": principal, "accountId": account}
    return {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": principal, "accountId": account, "userName": rest}


def _uuid(estate: Estate) -> str:
    return str(uuid.UUID(int=estate.random.getrandbits(128), version=4))
