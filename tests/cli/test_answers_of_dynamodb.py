"""Commands take DynamoDB's answers without botocore's parser: what they get is the same."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from cli.aws import Aws, take_items_as_they_are

ITEM: dict[str, Any] = {
    "pk": {"S": "ws-1"},
    "version": {"N": "7"},
    "existing": {"BOOL": True},
    "nothing": {"NULL": True},
    "names": {"SS": ["a", "b"]},
    "conditions": {"M": {"DRIFT": {"M": {"note": {"S": "x≠y"}, "times": {"N": "2"}}}}},
    "scans": {"L": [{"S": "2026-01-05T09:00:00.000Z"}, {"N": "1.5"}]},
}
ANSWER = {"Items": [ITEM], "Count": 1, "ScannedCount": 3, "LastEvaluatedKey": {"pk": {"S": "ws-1"}}}
ASKED = {"TableName": "t", "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "a"}}}


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Any:
        yield self._content


def answered(client: Any, answer: dict[str, Any], status: int = 200) -> Any:
    """What a client makes of an answer of DynamoDB."""

    def send(request: Any, **_: Any) -> AWSResponse:
        raw: Any = _Body(json.dumps(answer).encode())
        headers: Any = {"Content-Type": "application/x-amz-json-1.0"}
        return AWSResponse(request.url, status, headers, raw)

    client.meta.events.register_first("before-send.dynamodb", send)
    return client.query(**ASKED)


@pytest.mark.parametrize("more", [{}, {"bytes": {"B": "AAEC"}}, {"many": {"BS": ["AAEC"]}}])
def test_an_item_of_every_type_is_what_botocore_makes_of_it(more: dict[str, Any]) -> None:
    answer = ANSWER | {"Items": [ITEM | more, ITEM]}
    plain = boto3.Session().client("dynamodb", region_name="us-east-1")
    expected, found = answered(plain, answer), answered(Aws().client("dynamodb", "us-east-1"), answer)
    assert found == expected
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_it_takes_the_answer_and_leaves_botocore_nothing_to_parse() -> None:
    response, taken = {"body": json.dumps(ANSWER).encode(), "status_code": 200}, dict[str, Any]()
    take_items_as_they_are(response, taken)
    assert (taken, response["body"]) == (ANSWER, b"{}")


def test_a_refusal_stays_one() -> None:
    client = Aws().client("dynamodb", "us-east-1", once=True)
    refusal = {"__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException", "message": "User: a"}
    with pytest.raises(client.exceptions.ClientError, match="AccessDeniedException"):
        answered(client, refusal, 400)
