"""The ledger's table as CreateTable takes it: importing the CDK, to read it off a template, takes seconds."""

import itertools
from typing import Any

from infra.indexes import INDEXES, KEYS_ONLY


def definition(name: str) -> dict[str, Any]:
    """The table under this name, with its indexes."""
    names = ["pk", "sk", *itertools.chain.from_iterable(INDEXES.values())]
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": one, "AttributeType": "S"} for one in names],
        "KeySchema": _keys("pk", "sk"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeySchema": _keys(*keys),
                "Projection": {"ProjectionType": "KEYS_ONLY" if index in KEYS_ONLY else "ALL"},
            }
            for index, keys in INDEXES.items()
        ],
    }


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
