"""What leaves the ledger: an event on the bus for each change, and a notice for each change that needs a person."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from standby.core.model import is_unassigned, legible, plain
from standby.core.reasons import meaning_of
from standby.core.row import PAUSE, SHARDS
from standby.core.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

    from standby.ledger.table import Item

SOURCE = "workspaces-standby"
DETAIL_TYPE = "Standby Status Changed"
_SUBJECT_MOST = 99  # of SNS, in ASCII: "less than 100 characters"
_ENTRIES_MOST = 10  # of a call of the bus
_DETAIL_MOST = 25_000  # bytes: `_ENTRIES_MOST` entries of this size are below the limit of a call
# Characters of an attribute, which a person may have edited: sixteen such attributes, in any script, fit a notice.
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
# The attributes of each row in a notice about several rows.
_LISTED = ("at", "user_name", "primary_id", "primary_directory_id", "status", "message")
_KEPT = ("pk", "sk", "message", *(name for _, name in _LABELS))


@dataclass
class Announcer:
    """Sends EVENT rows to the event bus and, if they need a person, as notices to the topic.

    `sns` makes the SNS client when it is needed: few batches have a notice, and this makes cold starts shorter.
    """

    events: EventBridgeClient
    sns: Callable[[], SNSClient]
    bus_name: str
    topic_arn: str
    settings: Settings

    def announce(self, rows: Sequence[Item]) -> tuple[int, int, str]:
        """Send EVENT rows in order. Returns how many are done, how many notices were sent, and why it stopped, or "".

        The bus comes first: its subscribers recognise a repeated event by its version, a person does not. A notice only
        covers rows that the bus accepted. Notices are sent in the order of their first rows, so that all rows before
        the first failure are notified. A notice that was sent also covers later rows; these are notified again when
        they are retried.
        """
        done, problem = self._to_bus(rows)
        groups: dict[str, list[int]] = {}
        for at, row in enumerate(rows[:done]):
            if row.get("notice"):
                groups.setdefault(_group(row), []).append(at)
        for sent, group in enumerate(groups.values()):
            try:
                self._notify([rows[at] for at in group])
            except Exception as failure:
                return group[0], sent, f"SNS: {failure}"
        return done, len(groups), problem

    def _to_bus(self, rows: Sequence[Item]) -> tuple[int, str]:
        """How many rows, from the first on, the bus accepted, and why it stopped, or ""."""
        common = {"EventBusName": self.bus_name, "Source": SOURCE, "DetailType": DETAIL_TYPE}
        for done in range(0, len(rows), _ENTRIES_MOST):
            entries: Any = [{**common, "Detail": detail(row)} for row in rows[done : done + _ENTRIES_MOST]]
            try:
                answers = self.events.put_events(Entries=entries)["Entries"]
                for at, (answer, _) in enumerate(zip(answers, entries, strict=True), done):
                    if not answer.get("EventId"):
                        return at, f"EventBridge: {answer.get('ErrorCode')}: {answer.get('ErrorMessage')}"
            except Exception as failure:
                return done, f"EventBridge: {failure}"
        return len(rows), ""

    def _notify(self, rows: Sequence[Item]) -> None:
        sns = self.sns()
        # A text that SNS refuses would be refused for hours. A text without foreign values is sent instead.
        with suppress(sns.exceptions.InvalidParameterException):
            sns.publish(TopicArn=self.topic_arn, Subject=subject(rows), Message=text(rows, self.settings))
            return
        sns.publish(
            TopicArn=self.topic_arn, Message=f"SNS refused the text of a notice. {command(rows, self.settings)}"
        )


def row_in(image: object) -> dict[str, Any]:
    """The row in a record of the stream. An attribute of an unknown type is kept as JSON.

    A record that cannot be announced would block all records behind it for hours, until the batch is given up.
    """
    row: dict[str, Any] = {}
    for name, value in image.items() if isinstance(image, Mapping) else ():
        try:
            row[name] = TypeDeserializer().deserialize(value)
        except Exception:
            row[name] = json.dumps(value)
    return row


def detail(event_row: Item) -> str:
    """The row as JSON in ASCII. A row above the limit of the bus, which a person edited, is cut to the main attributes.

    A row that the bus refuses would block all rows behind it for hours.
    """
    whole = json.dumps(event_row, default=plain, sort_keys=True)
    if len(whole) <= _DETAIL_MOST:
        return whole
    kept = {name: legible(event_row[name], 100) for name in _KEPT if name in event_row}
    return json.dumps({**kept, "cut": True}, sort_keys=True)


def subject(rows: Sequence[Item]) -> str:
    """A notice's subject: the user or WorkSpace, and the status, in the ASCII characters that SNS allows."""
    one, user = rows[0], str(rows[0].get("user_name") or "")  # a person may have edited it to a number
    who = ("" if is_unassigned(user) else user) or one.get(
        "primary_directory_id" if "#" in _group(one) else "primary_id"
    )
    who = f"{len(rows)} desktops" if rows[1:] else who or "all directories"
    statuses = ", ".join(sorted({str(row.get("status")) for row in rows}))
    words = f"WorkSpaces Standby: {who}: {statuses} ({_code(rows[0])})"
    ascii_ = words[:_SUBJECT_MOST].encode("ascii", "replace").decode("ascii")
    return "".join(one if one.isprintable() else "?" for one in ascii_)


def _code(event_row: Item) -> str:
    """The reason code of a notice: that of a condition, or else the row's."""
    return str(event_row.get("notice_code") or event_row.get("reason_code"))


def _group(event_row: Item) -> str:
    """The key that groups rows into one notice. A row about the pair or a directory (HOLD#…, PAUSE) is alone."""
    pk = str(event_row.get("pk"))
    return f"{pk} {event_row.get('sk')}" if "#" in pk or pk == PAUSE else _code(event_row)


def text(rows: Sequence[Item], settings: Settings) -> str:
    """The text of a notice: what happened, what to do, where. For many rows: the first twenty, and a command."""
    meaning = meaning_of(_code(rows[0]))
    if len(rows) == 1:
        what = legible(rows[0].get("message"), _VALUE_MOST)
        known = ((label, rows[0].get(name)) for label, name in _LABELS)
        # A row about the pair or a directory has no primary: its key is no id.
        own = "Primary" if str(rows[0].get("primary_id")).startswith("ws-") else "Ledger entry"
        where = [
            f"{own if label == 'Primary' else label}: {legible(value, _VALUE_MOST)}" for label, value in known if value
        ]
    else:
        what = meaning.sentence
        where = ["  ".join(legible(row.get(name), 300) for name in _LISTED) for row in rows[:20]]
        where += ["", f"These are {len(where)} of {len(rows)} desktops. {command(rows, settings)}"]
    return "\n".join([what, "", f"What to do: {meaning.advice}", "", *where])


def command(rows: Sequence[Item], settings: Settings) -> str:
    """A shell command that lists everything that was notified for the reason of these rows, from the first one on."""
    times = sorted(str(row.get("at")) for row in rows)
    # A person may have edited these values, and the shell must not run anything in them.
    code, *times = (re.sub("[^A-Za-z0-9_:.-]", "_", one[:99]) for one in (_code(rows[0]), *times))
    return f"""To list all of them, and later ones of the same reason on that day (UTC), run in a shell:

for day in {" ".join(sorted({at[:10] for at in times}))}; do for shard in {" ".join(map(str, range(SHARDS)))}; do
  aws dynamodb query --region {settings.primary_region} --table-name {settings.stack} --index-name by_day \\
    --key-condition-expression 'ix_day = :day AND ix_day_at >= :since' --filter-expression \\
    'notice = :yes AND (notice_code = :code OR attribute_not_exists(notice_code) AND reason_code = :code)' \\
    --expression-attribute-values '{{":day": {{"S": "'$day'#'$shard'"}}, ":since": {{"S": "{times[0]}"}},
      ":code": {{"S": "{code}"}}, ":yes": {{"BOOL": true}}}}' \\
    --query 'Items[].[{".S, ".join(_LISTED)}.S]' --output text
done; done"""
