"""The dead-letter queue, for events in which no primary can be found but a person may find one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from standby.texts import legible

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_MOST_CHARACTERS = 200_000  # below SQS's 256 KiB even if some take more than a byte


class DeadLetters:
    """Puts events aside with the reason."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, event: Any, reason: str) -> None:
        """Put an event aside.

        Raises
        ------
        botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
            The queue did not take it.
        """
        body = json.dumps(event, default=str)
        self._client.send_message(
            QueueUrl=self._queue_url,
            MessageBody=body[:_MOST_CHARACTERS],
            MessageAttributes={"reason": {"DataType": "String", "StringValue": legible(reason, 1000)}},
        )
