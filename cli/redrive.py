"""Read the dead-letter queue, and send its events to protect again.

An interruption loses nothing: a message is deleted only after protect has recorded its decision. An event that protect
has processed but that was not deleted is sent again, which is harmless.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from cli.answers import say
from cli.aws import asked, sentence
from cli.changing import counted
from cli.letters import Kind, Letter, read_letter
from cli.protect import CallFailed, Decision, Protect
from standby.events import REDRIVEN

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from cli.pairs import Pair

BATCH: Final = 10  # of SQS
# Seconds; longer than protect needs for ten messages, with up to five minutes each.
HIDDEN_SECONDS: Final = 3600
# Long polling asks all of the queue's servers: an empty answer means an empty queue.
WAIT_SECONDS: Final = 2


class Queue:
    """One pass through the dead-letter queue: each message is received once; undeleted messages are then released."""

    def __init__(self, client: SQSClient, url: str, policy: str) -> None:
        self._client = client
        self._policy = policy
        self._url = url
        self._held: dict[str, str] = {}
        self.received = 0

    def count(self) -> int:
        """The approximate number of messages, including those that another reader has received."""
        with asked("The dead-letter queue cannot be read", self._policy):
            names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return sum(int(found.get(name, 0)) for name in names)

    def messages(self) -> Iterator[Mapping[str, Any]]:
        """Yield each message that can be read.

        Raises
        ------
        Problem
            The queue cannot be read.
        """
        while True:
            with asked("The dead-letter queue cannot be read", self._policy):
                answer = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=BATCH,
                    VisibilityTimeout=HIDDEN_SECONDS,
                    WaitTimeSeconds=WAIT_SECONDS,
                    MessageAttributeNames=["All"],
                    MessageSystemAttributeNames=["SentTimestamp"],
                )
            found = answer.get("Messages", [])
            fresh = [message for message in found if message["MessageId"] not in self._held]
            self._held |= {message["MessageId"]: message["ReceiptHandle"] for message in found}
            self.received += len(fresh)
            if not fresh:
                return
            yield from fresh

    def delete(self, message: Mapping[str, Any]) -> None:
        """Delete a message.

        Raises
        ------
        Problem
            The message could not be deleted.
        """
        with asked("A processed message cannot be deleted, and will be received again", self._policy):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=self._held[message["MessageId"]])
        self._held[message["MessageId"]] = ""

    def release(self) -> None:
        """Make all messages that were not deleted visible again."""
        kept = [(key, handle) for key, handle in self._held.items() if handle]
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            for start in range(0, len(kept), BATCH):
                self._client.change_message_visibility_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                        for number, (_, handle) in enumerate(kept[start : start + BATCH])
                    ],
                )
        except (ClientError, BotoCoreError) as problem:
            say(f"The remaining messages can be received again after one hour: {sentence(problem)}")


class NotDone(Exception):
    """protect did not process an event completely; the message says why."""


def decide(protect: Protect, letter: Letter, because: str) -> str:
    """Send an event to protect again, for a reason, and return its decision in a few words.

    Raises
    ------
    NotDone
        For a WorkSpace of the event, no decision is in the ledger.
    Problem
        protect cannot be invoked.
    """
    try:
        answer = protect.invoke({**(letter.event or {}), REDRIVEN: protect.cause(because)})
    except CallFailed as failed:
        raise NotDone(failed.message) from None
    return _judged(letter, {one.subject: one for one in protect.decisions(answer)})


def _judged(letter: Letter, by_id: Mapping[str, Decision]) -> str:
    if silent := [one for one in letter.ids if one not in by_id]:
        raise NotDone(f"protect made no decision about {', '.join(silent)}")
    for one in letter.ids:
        if not by_id[one].is_recorded:
            raise NotDone(f"{one}: {by_id[one].message}")
    counts = Counter(f"{by_id[one].status or 'nothing to do'} ({by_id[one].reason_code})" for one in letter.ids)
    return ", ".join(what if len(letter.ids) == 1 else f"{count} {what}" for what, count in counts.items())


class Became(StrEnum):
    """What was done with a message."""

    GIVEN = "sent to protect"
    DELETED = "deleted"
    LEFT = "left in the queue"


@dataclass
class Redrive:
    """One pass through the queue.

    Attributes
    ----------
    because : str
        The reason, recorded with each resulting change.
    shows : bool
        Only list the messages.
    deletes : bool
        Delete messages that protect cannot process.
    hidden : int
        How many messages another reader holds at the end.
    """

    pair: Pair
    queue: Queue
    protect: Protect
    because: str
    shows: bool = False
    deletes: bool = False
    totals: Counter[Became] = field(default_factory=Counter)
    hidden: int = 0

    @property
    def is_done(self) -> bool:
        """Whether the queue is empty."""
        return not self.hidden and not self.totals[Became.LEFT]

    def run(self, each: Callable[[Mapping[str, Any]], None]) -> None:
        """Process the queue, and pass a row for each message to `each` as soon as it is processed.

        Raises
        ------
        Problem
            It had to stop. Messages that were not deleted are still in the queue.
        """
        expected = self.queue.count()
        try:
            for message in self.queue.messages():
                letter = read_letter(
                    message, account=self.pair.account, region=self.pair.region, dr_region=self.pair.dr_region
                )
                became, words = self._work_on(message, letter)
                self.totals[became] += 1
                each(
                    {
                        "at": letter.at,
                        "kind": str(letter.kind),
                        "what": letter.what,
                        "why": letter.why,
                        "became": str(became),
                        "detail": words,
                        "advice": letter.advice,
                        "workspace_ids": list(letter.ids),
                    }
                )
        finally:
            self.queue.release()
        self.hidden = max(0, expected - self.queue.received)

    def _work_on(self, message: Mapping[str, Any], letter: Letter) -> tuple[Became, str]:
        if self.shows:
            return Became.LEFT, letter.advice
        match letter.kind:
            case Kind.EVENT:
                try:
                    decided = decide(self.protect, letter, self.because)
                except NotDone as problem:
                    return Became.LEFT, str(problem)
                self.queue.delete(message)
                return Became.GIVEN, decided
            case Kind.EMPTY:
                self.queue.delete(message)
                return Became.DELETED, "it names no primary that could get a standby"
            case _ if self.deletes:
                self.protect.ask("discard", self.because, what=f"{letter.what}; cause: {letter.why}")
                self.queue.delete(message)
                return Became.DELETED, ""
            case _:
                return Became.LEFT, letter.advice

    def sum(self) -> str:
        """What was done with how many messages, in a sentence."""
        if not self.queue.received and not self.hidden:
            return f"The dead-letter queue of {self.pair.stack} is empty."
        totals = ", ".join(f"{self.totals[became]} {became}" for became in Became if self.totals[became])
        text = f"{counted(self.queue.received, 'message')} in the dead-letter queue of {self.pair.stack}"
        text += f": {totals}." if totals else "."
        if self.hidden:
            text += f" Another reader holds {self.hidden} more for up to one hour. Run the command again after that."
        return text
