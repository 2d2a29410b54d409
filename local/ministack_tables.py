"""The emulator's DynamoDB, where a mapping's delivery and a global table's replicas have to be as they are at AWS.

The names it reaches for are asserted by :func:`local.ministack_patches.check`.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ministack.core import responses  # type: ignore[import-untyped]
from ministack.services import dynamodb, kms, lambda_svc  # type: ignore[import-untyped]
from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]

from local.outages import Outages
from local.stream_delivery import Delivery, Policy

_REPLICATION_SECONDS = 0.2
_READ_AT_ONCE = 1000
_EQUALS = re.compile(r"([#\w]+)\s*=\s*(:\w+)")
_SHORT, _SHARED_AT_MOST = 60, 10_000


def apply(window_scale: float, outages: Outages) -> None:
    """Apply the patches, after :func:`local.ministack_patches.check`."""
    deliver_streams_as_lambda_does(window_scale, outages)
    replicate_global_tables(outages)


def deliver_streams_as_lambda_does(window_scale: float, outages: Outages) -> None:
    """Let mappings of DynamoDB streams gather, bisect, take reports of failed items, count retries and give up.

    As it comes, MiniStack knows no window, takes a batch with reported failures for delivered, and retries a failed one
    for ever. The seconds of a window are multiplied by ``window_scale``.
    Nothing is delivered in a Region that is lost.
    """
    lambda_svc._poll_dynamodb_streams = _StreamPump(window_scale, outages).poll


class _StreamPump:
    def __init__(self, window_scale: float, outages: Outages) -> None:
        self._window_scale = window_scale
        self._outages = outages
        self._deliveries: dict[str, Delivery] = {}

    def poll(self) -> bool:
        """Look at every mapping once; true if any has moved on, so that there may be more at once."""
        advanced, lost = False, self._outages.lost()
        for account, region, mapping in lambda_svc._iter_all_esms():
            if (
                region not in lost
                and mapping.get("Enabled", True)
                and ":dynamodb:" in mapping.get("EventSourceArn", "")
            ):
                responses.set_request_account_id(account)
                responses.set_request_region(region)
                advanced = self._poll_mapping(mapping) or advanced
        return advanced

    def _poll_mapping(self, mapping: dict[str, Any]) -> bool:
        key, source = mapping["UUID"], mapping["EventSourceArn"]
        table = source.split("/")[1]
        function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
        if function is None or (dynamodb._tables.get(table) or {}).get("LatestStreamArn") != source:
            return False
        delivery = self._deliveries.setdefault(key, Delivery(Policy.of(mapping, self._window_scale)))
        self._take_in(mapping, table, delivery)
        records = delivery.due(time.time())
        if records is None:
            return False
        result = lambda_svc._execute_function(function, {"Records": records})
        failed = bool(result.get("error"))
        mapping["LastProcessingResult"] = "PROBLEM: Function call failed" if failed else "OK"
        given_up = delivery.settle(failed=failed, answer=result.get("body"), now=time.time())
        if given_up is not None:
            lambda_svc._send_ddb_stream_failure_record(
                mapping, function, given_up.records, source, result, given_up.condition
            )
        return True

    @staticmethod
    def _take_in(mapping: dict[str, Any], table: str, delivery: Delivery) -> None:
        key = mapping["UUID"]
        horizon, end = dynamodb.stream_start_position(table), dynamodb.stream_end_position(table)
        start = horizon if mapping.get("StartingPosition") == "TRIM_HORIZON" else end
        with lambda_svc._dynamodb_stream_positions_lock:
            position = max(lambda_svc._dynamodb_stream_positions.get(key, start), horizon)
        records = dynamodb.stream_records_since(table, position, _READ_AT_ONCE)
        with lambda_svc._dynamodb_stream_positions_lock:
            lambda_svc._dynamodb_stream_positions[key] = position + len(records)
        delivery.take_in(lambda_svc._apply_filter_criteria(records, mapping))


def replicate_global_tables(outages: Outages) -> None:
    """Let the replicas of a global table exist, with their own protection and recovery, and follow its writes.

    As it comes, MiniStack makes the one table of a template and ignores ``Replicas``, and what UpdateTable makes a
    replica of is there at once. Here replication is later, and goes one way, from the Region of the stack: what is
    written to a replica stays there, which no caller of ours does. It waits while one of the Regions is lost.
    """
    replication = _Replication(outages)
    dynamodb._replicate_write = lambda *_: None
    provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::GlobalTable"]["create"] = replication.create
    threading.Thread(target=replication.run, daemon=True).start()


@dataclass
class _Link:
    account: str
    region: str
    table: str
    position: int = 0


class _Replication:
    def __init__(self, outages: Outages) -> None:
        self._outages = outages
        self._create = provisioners._ddb_global_table_create
        self._links: list[_Link] = []

    def create(self, logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        """Make the table and its replicas."""
        here = responses.get_region()
        name, attributes = self._create(logical_id, properties, stack_name)
        try:
            for replica in properties.get("Replicas", ()):
                responses.set_request_region(replica["Region"])
                key = replica.get("SSESpecification", {}).get("KMSMasterKeyId")
                if key and kms._resolve_key(key) is None:
                    raise ValueError(f"there is no key {key} in {replica['Region']} for the replica there")
                if replica["Region"] != here:
                    self._create(logical_id, {**properties, "TableName": name}, stack_name)
                recovery = replica.get("PointInTimeRecoverySpecification", {})
                dynamodb._tables[name]["DeletionProtectionEnabled"] = _is_true(replica.get("DeletionProtectionEnabled"))
                dynamodb._pitr_settings[name] = _is_true(recovery.get("PointInTimeRecoveryEnabled"))
        finally:
            responses.set_request_region(here)
        dynamodb._set_replica_group(name, {here, *(replica["Region"] for replica in properties.get("Replicas", ()))})
        self._links.append(_Link(responses.get_account_id(), here, name))
        return name, attributes

    def run(self) -> None:
        """Replicate for ever."""
        while True:
            time.sleep(_REPLICATION_SECONDS)
            for link in self._links:
                self._replicate(link)

    def _replicate(self, link: _Link) -> None:
        responses.set_request_account_id(link.account)
        responses.set_request_region(link.region)
        if link.table not in dynamodb._tables:
            return
        regions = dynamodb._replica_group(dynamodb._tables[link.table])
        if set(regions) & set(self._outages.lost()):
            return
        records = dynamodb.stream_records_since(link.table, link.position, _READ_AT_ONCE)
        for region in set(regions) - {link.region}:
            responses.set_request_region(region)
            for record in records:
                image = record["dynamodb"].get("NewImage")
                if image is not None:
                    dynamodb._put_item({"TableName": link.table, "Item": image})
                else:
                    dynamodb._delete_item({"TableName": link.table, "Key": record["dynamodb"]["Keys"]})
        link.position += len(records)


def leading_keys(request: dict[str, Any]) -> list[str]:
    """Return the partition keys that a request names, which policies know as ``dynamodb:LeadingKeys``."""
    found = []
    for table, part in _parts(request):
        hash_key = _hash_key(table, part.get("IndexName"))
        names = part.get("ExpressionAttributeNames") or {}
        values = part.get("ExpressionAttributeValues") or {}
        for name, value in _EQUALS.findall(part.get("KeyConditionExpression") or ""):
            if names.get(name, name) == hash_key and value in values:
                found.append(values[value])
        keys = [part.get("Key"), part.get("Item"), *(part.get("Keys") or ())]
        found += [key[hash_key] for key in keys if isinstance(key, dict) and hash_key in key]
    return [str(next(iter(value.values()))) for value in found]


def _parts(request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each part of a request that names keys, with its table: the request itself, or what it is made of."""
    if "TableName" in request:
        yield request["TableName"], request
    for item in request.get("TransactItems") or ():
        for part in item.values():
            yield part.get("TableName", ""), part
    items = request.get("RequestItems") or {}
    for table, parts in items.items():
        for part in parts if isinstance(parts, list) else [parts]:
            yield from ((table, one) for one in (part.get("PutRequest"), part.get("DeleteRequest")) if one)
            yield table, part


def _hash_key(table: str, index: str | None) -> str:
    described = dynamodb._tables.get(table.rpartition("/")[2]) or {}
    indexes = {one["IndexName"]: one for one in described.get("GlobalSecondaryIndexes", ())}
    schema = indexes[index]["KeySchema"] if index in indexes else ()
    hashed = (key["AttributeName"] for key in schema if key["KeyType"] == "HASH")
    return str(next(hashed, described.get("pk_name", "")))


def load_items(account: str, table: str, file: str) -> int:
    """Put items into a table in every Region that has it, past its stream, and return how many they are.

    Parameters
    ----------
    file : str
        A file with an item a line, as JSON of DynamoDB, such as ``{"pk": {"S": "ws-0a1b2c3d4"}}``.
    """
    tables = []
    for owner, region, name in list(dynamodb._tables._data):
        if (owner, name) == (account, table):
            tables.append(dynamodb._tables._data[owner, region, name])
    if not tables:
        raise KeyError(table)
    # A fleet's rows have most of their values in common: what is the same is kept once.
    values: dict[str, dict[str, str]] = {}

    def shared(found: dict[str, Any]) -> dict[str, Any]:
        if len(found) == 1 and isinstance(text := found.get("S"), str) and len(text) <= _SHORT:
            if len(values) >= _SHARED_AT_MOST:
                values.clear()
            return values.setdefault(text, found)
        return found

    count = 0
    with Path(file).open(encoding="utf-8") as lines:
        for line in lines:
            item = json.loads(line, object_hook=shared)
            for one in tables:
                sort_key = item[one["sk_name"]] if one["sk_name"] else {"S": "__no_sort__"}
                keys = (next(iter(key.values())) for key in (item[one["pk_name"]], sort_key))
                dynamodb._set_item(one, *keys, item)
            count += 1
    return count


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"
