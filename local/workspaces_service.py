"""WorkSpaces and their tags as services of the emulator: what stands between a signed request and the model.

A request is authorised as AWS authorises it, against the policies of whoever signed it, with the condition keys of
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonworkspaces.html. Where AWS does not say
which ARNs it evaluates, all that it could are.
"""

import asyncio
import json
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from local import ministack_patches as emulator
from local.botocore_adapter import CONTENT_TYPE, NotJsonError, answer, read_request
from local.workspaces import ServiceError, TransportFault, World
from local.workspaces.directories import SETTINGS

# The gateway reads here which fault of the transport the present request has to show.
transport_fault: ContextVar[list[str] | None] = ContextVar("transport_fault", default=None)

Needed = tuple[str, str, dict[str, Any]]
_KEY_USER_ACTIONS = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey")


class WorkspacesService:
    """What the emulator calls for each request to WorkSpaces."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_request(
        self, _method: str, _path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> emulator.Response:
        """Authorise a request, hand it to the world and return its answer."""
        try:
            operation, params = read_request(headers, body)
        except (NotJsonError, ValueError) as error:
            return _refused("SerializationException", str(error))
        region = emulator.region_of(headers, query)
        denied = emulator.denial(headers, query, region, self._needed(region, operation, params))
        if denied is not None:
            code, message, _ = denied
            self._world.record_denial(region, operation, params, emulator.caller(), ServiceError(code, message))
            return _refused(code, message)
        try:
            status, sent, content = await asyncio.to_thread(
                answer, self._world, region, operation, params, emulator.caller()
            )
        except TransportFault as fault:
            shown = transport_fault.get()
            if shown is not None:
                shown.append(fault.kind)
            return _refused("InternalServerException", fault.kind)
        del sent["x-amzn-RequestId"]  # the emulator gives its own
        return status, sent, content

    def _needed(self, region: str, operation: str, params: dict[str, Any]) -> Iterator[Needed]:
        """Yield each action, ARN and condition context that a request has to be allowed."""
        action = f"workspaces:{operation}"
        match operation:
            case "CreateStandbyWorkspaces":
                yield from self._needed_for_standbys(region, params)
            case "TerminateWorkspaces" | "StopWorkspaces" | "StartWorkspaces":
                for item in _items(params):
                    workspace_id = item.get("WorkspaceId", "*")
                    yield (
                        action,
                        self._arn(region, "workspace", workspace_id),
                        self._resource_tags(region, workspace_id),
                    )
            case "MigrateWorkspace" | "ModifyWorkspaceProperties":
                workspace_id = params.get("SourceWorkspaceId", params.get("WorkspaceId", "*"))
                yield action, self._arn(region, "workspace", workspace_id), self._resource_tags(region, workspace_id)
            case "CreateWorkspaces":
                for item in _items(params):
                    yield action, self._arn(region, "directory", item.get("DirectoryId", "*")), _request_tags(item)
            case "GetResources":
                yield "tag:GetResources", "*", {}
            case _:
                yield from self._needed_for_surroundings(region, operation, params)

    def _needed_for_surroundings(self, region: str, operation: str, params: dict[str, Any]) -> Iterator[Needed]:
        action = f"workspaces:{operation}"
        match operation:
            case "CreateConnectionAlias":
                yield action, self._arn(region, "connectionalias", "*"), _request_tags(params)
            case "CreateIpGroup":
                yield action, self._arn(region, "workspaceipgroup", "*"), _request_tags(params)
            case _ if "AliasId" in params:
                yield action, self._arn(region, "connectionalias", params["AliasId"]), {}
            case "AssociateIpGroups" | "DisassociateIpGroups":
                yield action, self._arn(region, "directory", params.get("DirectoryId", "*")), {}
                for group_id in params.get("GroupIds", ()):
                    yield action, self._arn(region, "workspaceipgroup", group_id), {}
            case _ if operation in SETTINGS:
                yield action, self._arn(region, "directory", params.get("ResourceId", "*")), {}
            case _:
                yield action, "*", {}

    def _needed_for_standbys(self, region: str, params: dict[str, Any]) -> Iterator[Needed]:
        action = "workspaces:CreateStandbyWorkspaces"
        for item in _items(params):
            tags = _request_tags(item)
            primary_region, primary_id = params.get("PrimaryRegion", region), item.get("PrimaryWorkspaceId", "*")
            # Which Region's ARNs are evaluated is not documented; a caller has to be allowed on both.
            yield action, self._arn(primary_region, "workspace", primary_id), tags
            yield action, self._arn(region, "workspace", primary_id), tags
            yield action, self._arn(primary_region, "directory", self._directory_of(primary_id)), tags
            yield action, self._arn(region, "directory", item.get("DirectoryId", "*")), tags
            yield "workspaces:CreateTags", "*", tags
            yield "workspaces:DescribeWorkspaces", "*", {}
            key = item.get("VolumeEncryptionKey")
            if key:
                for name in _KEY_USER_ACTIONS:
                    yield f"kms:{name}", key, {}
                yield "kms:CreateGrant", key, {"kms:GrantIsForAWSResource": "true"}

    def _arn(self, region: str, kind: str, name: str) -> str:
        return f"arn:aws:workspaces:{region}:{self._world.account}:{kind}/{name}"

    def _directory_of(self, workspace_id: str) -> str:
        try:
            return self._world.workspace(workspace_id).directory_id
        except KeyError:
            return "*"

    def _resource_tags(self, region: str, workspace_id: str) -> dict[str, Any]:
        """Return the tags of a WorkSpace as condition keys; the Region that is called knows those of its own."""
        try:
            found = self._world.workspace(workspace_id)
        except KeyError:
            return {}
        tags = found.tags if found.region == region else {}
        return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}


def _items(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items of a request that has one list of them; what is malformed is the model's to refuse."""
    lists = [value for value in params.values() if isinstance(value, list)]
    return [item for items in lists for item in items if isinstance(item, dict)]


def _request_tags(item: dict[str, Any]) -> dict[str, Any]:
    tags = {tag.get("Key", ""): tag.get("Value", "") for tag in item.get("Tags", ())}
    if not tags:
        return {}
    return {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{key}": value for key, value in tags.items()}}


def _refused(code: str, message: str) -> emulator.Response:
    return 400, {"Content-Type": CONTENT_TYPE}, json.dumps({"__type": code, "message": message}).encode()
