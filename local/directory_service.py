"""Directory Service, as far as WorkSpaces has to do with it: a model of DescribeDirectories over a world."""

import json
from typing import Any

from local.workspaces import Directory, World
from local.workspaces.directories import settings_of

TARGET_PREFIX = "DirectoryService_20150416"
_TYPES = {"AD_CONNECTOR": "ADConnector", "SIMPLE_AD": "SimpleAD"}


def answer(world: World, region: str, operation: str, params: dict[str, Any]) -> tuple[int, bytes]:
    """Return status and body of the answer to a call, about a Region's directories that are its own."""
    if operation != "DescribeDirectories":
        return 400, _body({"__type": "UnknownOperationException", "message": f"The model has no {operation}"})
    there = {one.directory_id: one for one in world.directories(region) if one.directory_type in _TYPES}
    asked = params.get("DirectoryIds") or list(there)
    if missing := [directory_id for directory_id in asked if directory_id not in there]:
        message = f"Directory {missing[0]} does not exist in the region {region}."
        return 400, _body({"__type": "EntityDoesNotExistException", "Message": message})
    return 200, _body({"DirectoryDescriptions": [_show(there[directory_id]) for directory_id in asked]})


def _show(directory: Directory) -> dict[str, Any]:
    settings = settings_of(directory)
    vpc = {"VpcId": "vpc-0a1b2c3d", "SubnetIds": list(directory.subnet_ids)}
    shown = {
        "DirectoryId": directory.directory_id,
        "Name": settings["DirectoryName"],
        "Size": "Small",
        "Alias": settings["Alias"],
        "DnsIpAddrs": settings["DnsIpAddresses"],
        "Stage": directory.status.capitalize(),
        "Type": _TYPES[directory.directory_type],
    }
    return {**shown, "ConnectSettings" if shown["Type"] == "ADConnector" else "VpcSettings": vpc}


def _body(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode()
