"""`standby redrive`: gives what is in the dead-letter queue to protect again.

Nothing is lost by breaking it off anywhere: a message is deleted only after protect has recorded what it decided, and
what was given to protect and not deleted is given to it once more, which is harmless.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from cli import aws
from cli.aws import AwsRefused
from cli.letters import Kind, Letter, read_letter
from infra.config_file import ConfigurationError, load
from standby.aws.workspaces import entries, string
from standby.core.outcomes import Refusal
from standby.core.reasons import Reason

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

HELP: Final = "give the messages of the dead-letter queue to protect again"
STACK_NAME: Final = re.compile(
    r"[A-Za-z0-9-]*Standby-(?P<region>[a-z]{2}(?:-[a-z]+)+-[0-9])-[a-z]{2}(?:-[a-z]+)+-[0-9]"
)

BATCH: Final = 10  # of SQS
# Longer than ten messages take protect, each up to its time-out of five minutes.
HIDDEN_SECONDS: Final = 3600
# Long polling asks all of the queue's servers: an empty answer means an empty queue.
WAIT_SECONDS: Final = 2
PROTECT_SECONDS: Final = 320


def add_command(commands: Any) -> None:
    """Add the command to the parser's commands."""
    command = commands.add_parser("redrive", help=HELP, description=f"{HELP}.")
    command.add_argument(
        "stack",
        nargs="?",
        metavar="STACK",
        help="for example Standby-us-east-1-us-west-2; default: that of standby.yaml",
    )
    command.add_argument("--region", help="the stack's Region; default: the first one in its name")
    instead = command.add_mutually_exclusive_group()
    instead.add_argument("--list", action="store_true", help="only show what is there")
    instead.add_argument(
        "--delete-unreadable", action="store_true", help="delete what cannot be given to protect, once you have read it"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command; 0 if nothing is left in the queue."""
    try:
        stack = find_stack(options.stack or configured_stack(Path("standby.yaml")), options.region)
        queue = Queue(aws.client("sqs", stack.region), stack.queue_url)
        protect = Protect(
            aws.client("lambda", stack.region, once=True, read_timeout=PROTECT_SECONDS), stack.protect_function
        )
        return Redrive(stack, queue, protect, shows=options.list, deletes=options.delete_unreadable).run()
    except AwsRefused as refused:
        print(refused, file=sys.stderr)
    except KeyboardInterrupt:
        print("Broken off. What was not finished is in the queue still: run it again.", file=sys.stderr)
    return 1


@dataclass(frozen=True)
class Stack:
    """What the command needs of a deployed stack."""

    name: str
    region: str
    account: str
    queue_url: str
    protect_function: str

    @property
    def dr_region(self) -> str:
        """The second Region in its name."""
        return self.name.rpartition(f"Standby-{self.region}-")[2]


def configured_stack(file: Path) -> str:
    """The stack of a configuration that has one pair.

    Raises
    ------
    AwsRefused
        It cannot be told which stack is meant.
    """
    try:
        names = [pair.stack_name for pair in load(file).pairs]
    except ConfigurationError:
        raise AwsRefused(f"Name the stack, for example Standby-us-east-1-us-west-2: {file} cannot be read.") from None
    if len(names) > 1:
        raise AwsRefused(f"Name one of the stacks of {file}: {', '.join(names)}.")
    return names[0]


def find_stack(name: str, region: str | None) -> Stack:
    """Look a stack up.

    Raises
    ------
    AwsRefused
        There is none, it is not one of this product, or CloudFormation cannot be asked.
    """
    if not region:
        named = STACK_NAME.fullmatch(name)
        if named is None:
            raise AwsRefused(f"{name} does not name a Region, as Standby-us-east-1-us-west-2 does: add --region.")
        region = named["region"]
    cloudformation = aws.client("cloudformation", region)
    try:
        (found,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as problem:
        if "does not exist" in str(problem):
            raise AwsRefused(
                f"There is no stack {name} in {region}. Look at its name and Region, and at the account: AWS_PROFILE."
            ) from None
        raise AwsRefused(f"The stack {name} cannot be looked up in {region}: {aws.sentence(problem)}") from None
    except BotoCoreError as problem:
        raise AwsRefused(f"The stack {name} cannot be looked up in {region}: {aws.sentence(problem)}") from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}
    if not {"DeadLetterQueueUrl", "ProtectFunctionName"} <= outputs.keys():
        status = found["StackStatus"]
        raise AwsRefused(f"The stack {name} in {region} has no dead-letter queue of this product; it is {status}.")
    account = str(found["StackId"]).split(":")[4]
    return Stack(name, region, account, outputs["DeadLetterQueueUrl"], outputs["ProtectFunctionName"])


class Queue:
    """The dead-letter queue, gone through once: each message is seen once, what is not deleted shows again after it."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url
        self._held: dict[str, str] = {}
        self.received = 0

    def count(self) -> int:
        """How many messages there are, those included that somebody else is reading; SQS tells approximately."""
        with aws.told("The dead-letter queue cannot be looked at"):
            names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            told = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return sum(int(told.get(name, 0)) for name in names)

    def messages(self) -> Iterator[Mapping[str, Any]]:
        """Yield each message that can be had.

        Raises
        ------
        AwsRefused
            The queue cannot be read.
        """
        while True:
            with aws.told("The dead-letter queue cannot be read"):
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
        AwsRefused
            It is still there.
        """
        with aws.told("A message that is done with cannot be deleted, and comes again"):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=self._held[message["MessageId"]])
        self._held[message["MessageId"]] = ""

    def release(self) -> None:
        """Let everything that was not deleted be seen again."""
        kept = [(key, handle) for key, handle in self._held.items() if handle]
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
            print(f"What is left shows again within the hour only: {aws.sentence(problem)}", file=sys.stderr)


class NotDone(Exception):
    """protect did not do it all; the message says why."""


class Protect:
    """The protect function, asked and waited for."""

    def __init__(self, client: LambdaClient, name: str) -> None:
        self._client = client
        self._name = name

    def decide(self, letter: Letter) -> str:
        """Let protect work on an event; return what it decided, in a few words.

        Raises
        ------
        NotDone
            A WorkSpace of the event has no decision that is in the ledger.
        AwsRefused
            It cannot be invoked at all.
        """
        try:
            answer = self._client.invoke(FunctionName=self._name, Payload=json.dumps(letter.event))
            told = json.loads(answer["Payload"].read())
        except ClientError as problem:
            if aws.is_of(Refusal.THROTTLED, problem):
                raise NotDone(f"protect was not run: {aws.sentence(problem)}") from None
            raise AwsRefused(f"{self._name} cannot be invoked: {aws.sentence(problem)}") from None
        except (BotoCoreError, OSError, ValueError) as problem:
            raise NotDone(f"protect gave no readable answer ({problem})") from None
        told = told if isinstance(told, Mapping) else {}
        if answer.get("FunctionError"):
            raise NotDone(f"protect failed: {told.get('errorType', 'Error')}: {told.get('errorMessage', '')}")
        return _judged(letter, entries(told, "decisions"))


def _judged(letter: Letter, decisions: list[Mapping[str, Any]]) -> str:
    by_id = {decision.get("primary_id"): decision for decision in decisions}
    if silent := [one for one in letter.ids if one not in by_id]:
        raise NotDone(f"protect decided nothing about {', '.join(silent)}")
    for one in letter.ids:
        message = string(by_id[one], "message") or ""
        if message.startswith("Not recorded:") or by_id[one].get("reason_code") == Reason.ROW_UNREADABLE:
            raise NotDone(f"{one}: {message}")
    told = Counter(
        f"{by_id[one].get('status') or 'nothing to do'} ({by_id[one].get('reason_code')})" for one in letter.ids
    )
    return ", ".join(what if len(letter.ids) == 1 else f"{count} {what}" for what, count in told.items())


class Became(StrEnum):
    """What became of a message."""

    GIVEN = "given to protect"
    DELETED = "deleted"
    LEFT = "left in the queue"


@dataclass
class Redrive:
    """One run over the queue.

    Attributes
    ----------
    shows : bool
        Only show.
    deletes : bool
        Delete what cannot be given to protect.
    """

    stack: Stack
    queue: Queue
    protect: Protect
    shows: bool = False
    deletes: bool = False
    totals: Counter[Became] = field(default_factory=Counter)

    def run(self) -> int:
        """Work through the queue, a line a message; 0 if nothing is left.

        Raises
        ------
        AwsRefused
            It had to be broken off; what was not deleted is in the queue still.
        """
        expected = self.queue.count()
        try:
            for message in self.queue.messages():
                letter = read_letter(
                    message, account=self.stack.account, region=self.stack.region, dr_region=self.stack.dr_region
                )
                became, words = self._work_on(message, letter)
                self.totals[became] += 1
                print(f"{letter.at}  {letter.what}. Why here: {letter.why}. Now {became}{words}.", flush=True)
        finally:
            self.queue.release()
        hidden = max(0, expected - self.queue.received)
        print(self._sum(hidden))
        return 1 if hidden or self.totals[Became.LEFT] else 0

    def _work_on(self, message: Mapping[str, Any], letter: Letter) -> tuple[Became, str]:
        if self.shows:
            return Became.LEFT, f" ({letter.kind})" + (f": {letter.advice}" if letter.advice else "")
        match letter.kind:
            case Kind.EVENT:
                try:
                    decided = self.protect.decide(letter)
                except NotDone as problem:
                    return Became.LEFT, f": {problem}".rstrip(".")
                self.queue.delete(message)
                return Became.GIVEN, f", and out of the queue: {decided}"
            case Kind.EMPTY:
                self.queue.delete(message)
                return Became.DELETED, ": no primary can come of it"
            case _ if self.deletes:
                self.queue.delete(message)
                return Became.DELETED, ""
            case _:
                return Became.LEFT, f": {letter.advice}"

    def _sum(self, hidden: int) -> str:
        if not self.queue.received and not hidden:
            return f"The dead-letter queue of {self.stack.name} is empty."
        told = ", ".join(f"{self.totals[became]} {became}" for became in Became if self.totals[became])
        count = self.queue.received
        text = f"{count} {'message' if count == 1 else 'messages'} in the dead-letter queue of {self.stack.name}"
        text += f": {told}." if told else "."
        if hidden:
            text += f" {hidden} more cannot be seen: another reader has them, for an hour at most. Run it again then."
        return text
