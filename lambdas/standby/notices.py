"""What leaves the ledger: an event on the bus for each change, and a notice for each that needs a person."""

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
_DETAIL_MOST = 25_000  # bytes: so many entries are below what a call takes
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
# Of each of several rows in one notice.
_LISTED = ("at", "user_name", "primary_id", "primary_directory_id", "status", "message")
_KEPT = ("pk", "sk", "message", *(name for _, name in _LABELS))


@dataclass
class Announcer:
    """Sends what EVENT rows say to the event bus and, where they need a person, to the topic.

    `sns` makes its client: few batches have a notice, and a cold start need not read what SNS is.
    """

    events: EventBridgeClient
    sns: Callable[[], SNSClient]
    bus_name: str
    topic_arn: str
    settings: Settings

    def announce(self, rows: Sequence[Item]) -> tuple[int, int, str]:
        """Send EVENT rows in order: how many are done, how many notices left, and why not all are done ("" if all).

        The bus comes first: its subscribers recognise a copy by its version, a person does not. A notice is only about
        rows that the bus took. Notices leave in the order of their first rows, so that all rows before the first one
        that fails are notified. What a notice that left says about later rows is repeated when they come again.
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
        """How many rows, from the first on, the bus took, and why not all."""
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
        # What is refused for its words would be refused for hours: then with none that came from elsewhere.
        with suppress(sns.exceptions.InvalidParameterException):
            sns.publish(TopicArn=self.topic_arn, Subject=subject(rows), Message=text(rows, self.settings))
            return
        sns.publish(TopicArn=self.topic_arn, Message=f"A notice that SNS refused: {command(rows, self.settings)}")


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


def detail(event_row: Item) -> str:
    """The row as JSON in ASCII; of one that is more than the bus takes, which somebody wrote by hand, what matters.

    A row that the bus refuses would hold up all behind it for hours.
    """
    whole = json.dumps(event_row, default=plain, sort_keys=True)
    if len(whole) <= _DETAIL_MOST:
        return whole
    kept = {name: legible(event_row[name], 100) for name in _KEPT if name in event_row}
    return json.dumps({**kept, "cut": True}, sort_keys=True)


def subject(rows: Sequence[Item]) -> str:
    """A notice's subject: who, and what, in the ASCII characters that SNS allows."""
    one, user = rows[0], str(rows[0].get("user_name") or "")  # somebody may have written it manually, as a number
    who = ("" if is_unassigned(user) else user) or one.get(
        "primary_directory_id" if "#" in _group(one) else "primary_id"
    )
    who = f"{len(rows)} desktops" if rows[1:] else who or "all directories"
    statuses = ", ".join(sorted({str(row.get("status")) for row in rows}))
    words = f"WorkSpaces Standby: {who}: {statuses} ({_code(rows[0])})"
    ascii_ = words[:_SUBJECT_MOST].encode("ascii", "replace").decode("ascii")
    return "".join(one if one.isprintable() else "?" for one in ascii_)


def _code(event_row: Item) -> str:
    """What a notice is about: a remark that the row was given, or its reason."""
    return str(event_row.get("notice_code") or event_row.get("reason_code"))


def _group(event_row: Item) -> str:
    """What the rows of one notice share. A row of the pair or of a directory, as HOLD#… or PAUSE, has its own."""
    pk = str(event_row.get("pk"))
    return f"{pk} {event_row.get('sk')}" if "#" in pk or pk == PAUSE else _code(event_row)


def text(rows: Sequence[Item], settings: Settings) -> str:
    """The notice: what happened, what to do, where; of several rows the first twenty, and how to list them all."""
    meaning = meaning_of(_code(rows[0]))
    if len(rows) == 1:
        what = legible(rows[0].get("message"), _VALUE_MOST)
        known = ((label, rows[0].get(name)) for label, name in _LABELS)
        where = [f"{label}: {legible(value, _VALUE_MOST)}" for label, value in known if value]
    else:
        what = meaning.sentence
        where = ["  ".join(legible(row.get(name), 300) for name in _LISTED) for row in rows[:20]]
        where += ["", f"These are {len(where)} of {len(rows)}. {command(rows, settings)}"]
    return "\n".join([what, "", f"What to do: {meaning.advice}", "", *where])


def command(rows: Sequence[Item], settings: Settings) -> str:
    """How to list all that was notified for the reason of these rows, from the first one on."""
    times = sorted(str(row.get("at")) for row in rows)
    # Somebody may have written these by hand, and a shell is to run nothing of that.
    code, *times = (re.sub("[^A-Za-z0-9_:.-]", "_", one[:99]) for one in (_code(rows[0]), *times))
    return f"""To list all, and what followed for the same reason that day (UTC), run in a shell:

for day in {" ".join(sorted({at[:10] for at in times}))}; do for shard in {" ".join(map(str, range(SHARDS)))}; do
  aws dynamodb query --region {settings.primary_region} --table-name {settings.stack} --index-name by_day \\
    --key-condition-expression 'ix_day = :day AND ix_day_at >= :since' --filter-expression \\
    'notice = :yes AND (notice_code = :code OR attribute_not_exists(notice_code) AND reason_code = :code)' \\
    --expression-attribute-values '{{":day": {{"S": "'$day'#'$shard'"}}, ":since": {{"S": "{times[0]}"}},
      ":code": {{"S": "{code}"}}, ":yes": {{"BOOL": true}}}}' \\
    --query 'Items[].[{".S, ".join(_LISTED)}.S]' --output text
done; done"""
