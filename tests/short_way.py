"""Spares a ledger's calls their way through botocore, which takes most of their time.

DynamoDB's answers are plain JSON, so what goes well is the same answer; there is no binary value in the ledger. What
fails, or is refused, has to go all the way: botocore's retries and errors are the product's.
"""

from collections.abc import Callable
from typing import Any

_OPERATIONS = ("Query", "BatchGetItem", "PutItem", "UpdateItem", "TransactWriteItems")

WholeWay = Callable[[str, dict[str, Any]], Any]


def let_take(client: Any, ask: Callable[[str, dict[str, Any], WholeWay], Any]) -> None:
    """Let ``ask`` have the calls of ``client``, a boto3 client of ``dynamodb``: an operation and its parameters.

    It returns what the client's method shall, or what the third argument does, which is the whole way.
    """
    whole_way = client._make_api_call

    def make_api_call(operation: str, parameters: dict[str, Any]) -> Any:
        if operation not in _OPERATIONS:
            return whole_way(operation, parameters)
        return ask(operation, parameters, whole_way)

    client._make_api_call = make_api_call
