"""The kinds of messages in the dead-letter queue, recognised by their form.

Several services send messages there, each in its own form:

- Lambda, after the last retry of an asynchronous invocation of protect: a record with the event as `requestPayload`,
  https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
- EventBridge, events that it could not deliver to protect or to the topic: the event, with the attributes RULE_ARN,
  TARGET_ARN, ERROR_CODE and ERROR_MESSAGE,
  https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
- protect, events that only a person can resolve: the event, with the attribute `reason`
- Lambda, changes that announce could not publish: a record with DDBStreamBatchInfo, which has times but no rows,
  https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
- EventBridge Scheduler, starts of the watcher or the sweep that failed: the target's input, with the attribute
  SCHEDULE_ARN, https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from standby.core.model import WorkspaceId
from standby.events import BadEvent, read

_RETRIED: Final = "the schedule starts the next execution. Delete the message with --delete-unreadable"
_SHOWN: Final = 120  # characters of a body that is not an event
_EXECUTION_ENDED: Final = "Step Functions Execution Status Change"


class Kind(StrEnum):
    """The kind of a message, which decides what can be done with it."""

    EVENT = "event"
    """protect can process it."""
    EMPTY = "empty"
    """An event that names no primary that could get a standby: protect would ignore it."""
    UNREADABLE = "unreadable"
    """Only a person can find out which WorkSpaces it is about."""
    CHANGES = "changes"
    """Changes in the ledger that were not published."""
    START = "start"
    """A start of the watcher or the sweep that failed."""
    NOTICE = "notice"
    """A notice about an execution of the watcher or the sweep that could not be sent."""


@dataclass(frozen=True)
class Letter:
    """One message, read.

    Attributes
    ----------
    at : str
        When it was sent to the queue, UTC.
    what, why : str
        What it is about, and why it is in the queue.
    advice : str
        What a person has to do; empty if protect can process it.
    event, ids
        The event for protect, and the WorkSpaces that protect has to decide about.
    """

    kind: Kind
    at: str
    what: str
    why: str
    advice: str = ""
    event: Mapping[str, Any] | None = None
    ids: tuple[WorkspaceId, ...] = ()


def read_letter(message: Mapping[str, Any], *, account: str, region: str, dr_region: str | None = None) -> Letter:
    """Read a message of the queue.

    Parameters
    ----------
    message
        As ReceiveMessage returns it, with all attributes.
    account, region, dr_region
        Of the stack; events of another account or Region are rejected.
    """
    stack = {"account": account, "region": region, "dr_region": dr_region}
    at, text = _sent_at(message), str(message.get("Body", ""))
    attributes = _attributes(message)
    body = _object(text)
    if "reason" in attributes:
        return _unreadable(at, text, attributes["reason"])
    if "SCHEDULE_ARN" in attributes or body == {}:
        return _start(at, attributes)
    if ":sns:" in attributes.get("TARGET_ARN", "") or (body or {}).get("detail-type") == _EXECUTION_ENDED:
        return _notice(at, body or {}, attributes)
    if body is None:
        return _unreadable(at, text, "it is not a JSON object")
    if isinstance(batch := body.get("DDBStreamBatchInfo"), Mapping):
        return _changes(at, batch, _failure(body))
    if isinstance(body.get("requestContext"), Mapping):
        if "requestPayload" not in body:
            return _unreadable(at, text, f"Lambda kept no event in its record ({_failure(body)})")
        return _event(at, body["requestPayload"], _failure(body), stack)
    return _event(at, body, _undelivered(attributes), stack)


def _event(at: str, event: Any, why: str, stack: Mapping[str, Any]) -> Letter:
    try:
        hint = read(event, **stack)
    except BadEvent as bad:
        if bad.for_a_person:
            return _unreadable(at, json.dumps(event), str(bad))
        return Letter(Kind.EMPTY, at, _name(event), str(bad))
    return Letter(Kind.EVENT, at, f"{_name(event)} of {_list(hint.ids)}", why, event=event, ids=hint.ids)


def _unreadable(at: str, text: str, why: str) -> Letter:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    advice = (
        "find the affected WorkSpaces, run `standby protect` for them, then delete the message with --delete-unreadable"
    )
    return Letter(Kind.UNREADABLE, at, f"an event that names no WorkSpace, {shown}", why, advice)


def _changes(at: str, batch: Mapping[str, Any], why: str) -> Letter:
    first, last = (str(batch.get(f"approximateArrivalOf{which}Record", "?")) for which in ("First", "Last"))
    advice = (
        "no notices were sent for these changes, but the ledger has them: "
        f"run `standby audit --since {first} --until {last}`, then delete the message with --delete-unreadable"
    )
    return Letter(Kind.CHANGES, at, f"{batch.get('batchSize', '?')} changes that were not published", why, advice)


def _start(at: str, attributes: Mapping[str, str]) -> Letter:
    advice = f"no action needed, because {_RETRIED}"
    what = f"a failed start of {_machine(attributes.get('SCHEDULE_ARN'))}"
    return Letter(Kind.START, at, what, _undelivered(attributes), advice)


def _notice(at: str, body: Mapping[str, Any], attributes: Mapping[str, str]) -> Letter:
    detail = body.get("detail")
    detail = detail if isinstance(detail, Mapping) else {}
    machine = _machine(detail.get("stateMachineArn"))
    what = f"a notice: execution {detail.get('name', '?')} of {machine} ended as {detail.get('status', '?')}"
    return Letter(Kind.NOTICE, at, what, _undelivered(attributes), f"no action needed, because {_RETRIED}")


def _machine(arn: object) -> str:
    """The state machine that an ARN belongs to; a schedule has the name of its state machine."""
    for name, title in (("-watch", "the watcher"), ("-sweep", "the sweep")):
        if isinstance(arn, str) and arn.endswith(name):
            return title
    return "the watcher or the sweep"


def _name(event: Any) -> str:
    if not isinstance(event, Mapping):
        return "an event"
    if event.get("mode") == "reconcile":
        return "a manual call"
    detail = event.get("detail")
    return str(detail.get("eventName", "an event")) if isinstance(detail, Mapping) else "an event"


def _list(ids: tuple[WorkspaceId, ...]) -> str:
    return ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")


def _failure(body: Mapping[str, Any]) -> str:
    """Why Lambda stopped retrying, from its record."""
    context, answer = body.get("requestContext", {}), body.get("responsePayload")
    words = [f"{context.get('condition', 'failed')} after {context.get('approximateInvokeCount', '?')} tries"]
    if isinstance(answer, Mapping):
        words += [str(answer[name]) for name in ("errorType", "errorMessage") if answer.get(name)]
    return ": ".join(words)


def _undelivered(attributes: Mapping[str, str]) -> str:
    """Why EventBridge or EventBridge Scheduler stopped retrying, from a message's attributes."""
    words = [attributes[name] for name in ("ERROR_CODE", "ERROR_MESSAGE") if attributes.get(name)]
    return ": ".join(words) or "not delivered"


def _sent_at(message: Mapping[str, Any]) -> str:
    milliseconds = int(message.get("Attributes", {}).get("SentTimestamp", 0))
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _attributes(message: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value.get("StringValue", "")) for name, value in message.get("MessageAttributes", {}).items()}


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
