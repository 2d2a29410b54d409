"""The ledger's table as CreateTable takes it, read from infra/ledger.py: importing the CDK takes seconds."""

import ast
import functools
import itertools
from pathlib import Path
from typing import Any

import infra


def definition(name: str) -> dict[str, Any]:
    """The table under this name, with its indexes."""
    indexes, keys_only = _read()["INDEXES"], _read()["KEYS_ONLY"]
    names = ["pk", "sk", *itertools.chain.from_iterable(indexes.values())]
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": one, "AttributeType": "S"} for one in names],
        "KeySchema": _keys("pk", "sk"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeySchema": _keys(*keys),
                "Projection": {"ProjectionType": "KEYS_ONLY" if index in keys_only else "ALL"},
            }
            for index, keys in indexes.items()
        ],
    }


@functools.cache
def _read() -> dict[str, Any]:
    """The constants of infra/ledger.py."""
    source = ast.parse((Path(infra.__path__[0]) / "ledger.py").read_text(encoding="utf-8"))
    return {
        node.target.id: ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    }


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
