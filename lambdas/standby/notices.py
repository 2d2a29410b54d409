"""What leaves the ledger: an event on the bus for each change, and a notice for each that needs a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from standby.core.model import legible
from standby.core.reasons import advice_for
from standby.ledger.table import plain

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

SOURCE = "workspaces-standby"
DETAIL_TYPE = "Standby Status Changed"
_SUBJECT_MOST = 99  # of SNS, in ASCII: "less than 100 characters"
_DETAIL_MOST = 250_000  # bytes, below what the bus takes with its other fields
# Characters of an attribute that somebody wrote by hand: sixteen of them, of any script, fit a notice.
_VALUE_MOST = 2000
_LABELS = (
    ("Primary", "primary_id"),
    ("User", "user_name"),
    ("Directory", "primary_directory_id"),
    ("Region", "primary_region"),
    ("DR Region", "dr_region"),
    ("DR directory", "dr_directory_id"),
    ("Standby", "standby_id"),
    ("Status", "status"),
    ("Reason", "reason_code"),
    ("AWS's error code", "error_code"),
    ("AWS's message", "error_message"),
    ("At", "at"),
    ("Because of", "cause_id"),
    ("Called by", "principal"),
    ("Primary created by", "created_by"),
)
_KEPT = ("pk", "sk", "message", *(name for _, name in _LABELS))


class NotSent(Exception):
    """The bus did not take an event; the message has its words."""


@dataclass
class Announcer:
    """Sends what an EVENT row says to the event bus and, where it needs a person, to the topic."""

    events: EventBridgeClient
    sns: SNSClient
    bus_name: str
    topic_arn: str

    def announce(self, event_row: Mapping[str, Any]) -> bool:
        """Send one EVENT row, and return whether it made a notice; whatever it raises, it has to be sent again.

        The bus comes first: its subscribers know a copy by version, a person does not.
        """
        bus, whole = self.bus_name, detail(event_row)
        event: Any = {"EventBusName": bus, "Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": whole}
        answer = self.events.put_events(Entries=[event])
        if answer.get("FailedEntryCount"):
            entry = answer["Entries"][0]
            raise NotSent(f"EventBridge: {entry.get('ErrorCode')}: {entry.get('ErrorMessage')}")
        if not event_row.get("notice"):
            return False
        self.sns.publish(TopicArn=self.topic_arn, Subject=subject(event_row), Message=text(event_row))
        return True


def row_in(image: object) -> dict[str, Any]:
    """The row in a record of the stream; an attribute of a type that is not known here stays as it came, as JSON.

    A record that cannot be announced would hold up all behind it for hours, and take them along when it is given up.
    """
    row: dict[str, Any] = {}
    for name, value in image.items() if isinstance(image, Mapping) else ():
        try:
            row[name] = TypeDeserializer().deserialize(value)
        except Exception:
            row[name] = json.dumps(value)
    return row


def detail(event_row: Mapping[str, Any]) -> str:
    """The row as JSON in ASCII; of one that is more than the bus takes, which somebody wrote by hand, what matters.

    A row that the bus refuses would hold up all behind it for hours.
    """
    whole = json.dumps(event_row, default=plain, sort_keys=True)
    if len(whole) <= _DETAIL_MOST:
        return whole
    kept = {name: legible(event_row[name], 1000) for name in _KEPT if name in event_row}
    return json.dumps({**kept, "cut": True}, sort_keys=True)


def subject(event_row: Mapping[str, Any]) -> str:
    """The notice's subject: who, and what, in the ASCII characters that SNS allows."""
    who = event_row.get("user_name") or event_row.get("primary_id")
    words = f"WorkSpaces Standby: {who}: {event_row.get('status')} ({_code(event_row)})"
    ascii_ = words[:_SUBJECT_MOST].encode("ascii", "replace").decode("ascii")
    return "".join(one if one.isprintable() else "?" for one in ascii_)


def _code(event_row: Mapping[str, Any]) -> str:
    """What a notice is about: a remark that the row was given, or its reason."""
    return str(event_row.get("notice_code") or event_row.get("reason_code"))


def text(event_row: Mapping[str, Any]) -> str:
    """The notice: what happened, where, what to do."""
    message = legible(event_row.get("message"), _VALUE_MOST)
    lines = [message, "", f"What to do: {advice_for(_code(event_row))}", ""]
    for label, name in _LABELS:
        if event_row.get(name):
            lines.append(f"{label}: {legible(event_row[name], _VALUE_MOST)}")
    return "\n".join(lines)
