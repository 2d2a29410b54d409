"""What the messages of the dead-letter queue are, by their form.

Several services put messages there, each in a form of its own:

- Lambda, after the last retry of an asynchronous invocation of protect: a record with the event as `requestPayload`,
  https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
- EventBridge, what it could not hand to protect or to the topic: the event, with attributes RULE_ARN, TARGET_ARN,
  ERROR_CODE and ERROR_MESSAGE, https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
- protect, what only a person can put right: the event, with the attribute `reason`
- Lambda, changes that announce could not publish: a record with DDBStreamBatchInfo, which names times but no rows,
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

_SHOWN: Final = 120  # characters of a body that is not an event
_EXECUTION_ENDED: Final = "Step Functions Execution Status Change"


class Kind(StrEnum):
    """What a message is, and so what can be done with it."""

    EVENT = "event"
    """protect can work on it."""
    EMPTY = "empty"
    """An event that names no primary that could get a standby: protect would ignore it."""
    UNREADABLE = "unreadable"
    """Only a person can tell which WorkSpaces it is about."""
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
        When it came into the queue, UTC.
    what, why : str
        What it is about, and the reason for which it is here.
    advice : str
        What a person is to do, where nobody else can do anything.
    event, ids
        For protect, and the WorkSpaces that it has to decide about.
    """

    kind: Kind
    at: str
    what: str
    why: str
    advice: str = ""
    event: Mapping[str, Any] | None = None
    ids: tuple[WorkspaceId, ...] = ()


def read_letter(message: Mapping[str, Any], *, account: str, region: str, dr_region: str | None = None) -> Letter:
    """What a message of the queue is.

    Parameters
    ----------
    message
        As ReceiveMessage returns it, with all attributes.
    account, region, dr_region
        Of the stack: an event of another account or Region is not for it.
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
        "find the WorkSpaces that it is about, run `standby protect` for them, then delete it with --delete-unreadable"
    )
    return Letter(Kind.UNREADABLE, at, f"an event that names no WorkSpace, {shown}", why, advice)


def _changes(at: str, batch: Mapping[str, Any], why: str) -> Letter:
    first, last = (str(batch.get(f"approximateArrivalOf{which}Record", "?")) for which in ("First", "Last"))
    advice = (
        "nobody was notified of them, but the ledger has them: "
        f"run `standby audit --since {first} --until {last}`, then delete it with --delete-unreadable"
    )
    return Letter(Kind.CHANGES, at, f"{batch.get('batchSize', '?')} changes that were not published", why, advice)


def _start(at: str, attributes: Mapping[str, str]) -> Letter:
    advice = "no action needed: the schedule starts the next one. Delete it with --delete-unreadable"
    what = f"a start of {_machine(attributes.get('SCHEDULE_ARN'))}"
    return Letter(Kind.START, at, what, _undelivered(attributes), advice)


def _notice(at: str, body: Mapping[str, Any], attributes: Mapping[str, str]) -> Letter:
    detail = body.get("detail")
    detail = detail if isinstance(detail, Mapping) else {}
    machine = _machine(detail.get("stateMachineArn"))
    what = f"a notice: execution {detail.get('name', '?')} of {machine} ended as {detail.get('status', '?')}"
    advice = "no action needed: the schedule starts the next one. Delete it with --delete-unreadable"
    return Letter(Kind.NOTICE, at, what, _undelivered(attributes), advice)


def _machine(arn: object) -> str:
    """Which state machine an ARN is about: its own, or that of its schedule, which has the same name."""
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
    """Why Lambda gave up, from its record."""
    context, answer = body.get("requestContext", {}), body.get("responsePayload")
    words = [f"{context.get('condition', 'failed')} after {context.get('approximateInvokeCount', '?')} tries"]
    if isinstance(answer, Mapping):
        words += [str(answer[name]) for name in ("errorType", "errorMessage") if answer.get(name)]
    return ": ".join(words)


def _undelivered(attributes: Mapping[str, str]) -> str:
    """Why EventBridge or its Scheduler gave up, from a message's attributes."""
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
