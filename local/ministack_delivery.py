"""Who may set off whom in the emulator: rules, schedules and state machines need roles and policies as they do at AWS.

As it comes, MiniStack lets them reach whatever they name in their own Region, and no bus in another one. The names used
here are asserted by :func:`local.ministack_patches.check`.
"""

import json
import re
from contextvars import ContextVar
from typing import Any

from ministack.core import arn as arns  # type: ignore[import-untyped]
from ministack.core import iam_evaluator, responses
from ministack.services import eventbridge, iam, lambda_svc, stepfunctions  # type: ignore[import-untyped]
from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]

from local.outages import Outages

_ACTIONS = {
    "events": "events:PutEvents",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
    "states": "states:StartExecution",
}
_MOST_BYTES_OF_A_STATE = 256 * 1024
_ERROR_LINE = re.compile(r"(?:\w+\.)*(?P<name>\w+)(?::|$)")
# The role of the state machine whose execution the present thread walks through.
_machine_role: ContextVar[str] = ContextVar("machine_role", default="")


def apply(outages: Outages) -> None:
    """Apply the patches, after :func:`local.ministack_patches.check`."""
    make_bus_policies()
    guard_targets(outages)
    route_between_buses()
    guard_tasks()
    name_errors()


def make_bus_policies() -> None:
    """Let CloudFormation write a statement into the policy of an event bus, which MiniStack cannot."""

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        bus, name = properties.get("EventBusName", "default"), properties["StatementId"]
        delete(name, properties)
        policy = eventbridge._event_bus_policies.setdefault(bus, {"Version": "2012-10-17", "Statement": []})
        policy["Statement"].append({**properties["Statement"], "Sid": name})
        return name, {}

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        policy = eventbridge._event_bus_policies.get(properties.get("EventBusName", "default"))
        if policy:
            policy["Statement"] = [one for one in policy["Statement"] if one.get("Sid") != properties["StatementId"]]

    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {"create": create, "delete": delete}


def guard_targets(outages: Outages) -> None:
    """Let a rule or schedule reach a target only if its role, or the target's policy, allows it; else dead-letter.

    In a Region that is lost, it reaches it when the Region is back: EventBridge tries for a day.
    """
    invoke = eventbridge._invoke_target

    def guarded(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
        outages.when_back(responses.get_region(), reach, target, event, rule, view)

    def reach(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any) -> None:
        source = str(rule.get("Arn", ""))
        service = "scheduler.amazonaws.com" if source.startswith("arn:aws:scheduler:") else "events.amazonaws.com"
        if _may_reach(target.get("Arn", ""), target.get("RoleArn"), service, source):
            invoke(target, event, rule, view)
            return
        eventbridge.logger.warning("%s may not reach %s", source, target.get("Arn"))
        dead_letters = (target.get("DeadLetterConfig") or {}).get("Arn")
        # A rule's queue has to let EventBridge in by its own policy, whatever the target's role may do.
        role = target.get("RoleArn") if service == "scheduler.amazonaws.com" else None
        if dead_letters and _may_reach(dead_letters, role, service, source):
            body = target.get("Input") or json.dumps(eventbridge._pattern_event_view(event).event_with_detail())
            eventbridge._dispatch_to_sqs(arns.parse_arn(dead_letters), body)

    eventbridge._invoke_target = guarded


def route_between_buses() -> None:
    """Let a rule hand an event to a bus of another Region, where MiniStack drops it.

    The event keeps the name of the Region that it came from. What a bus got from another bus is not routed to a
    third, in this Region or in another.
    """
    route_within = eventbridge._dispatch_to_event_bus

    def route(spec: Any, event: dict[str, Any], rule: dict[str, Any], path: set[str], payload: str | None) -> None:
        if path:
            eventbridge.logger.warning("%s: what came from another bus does not reach %s", rule.get("Arn"), spec)
        elif spec.account_id != responses.get_account_id() or spec.region == responses.get_region():
            route_within(spec, event, rule, path, payload)
        else:
            _hand_over(spec, {**event, "_DispatchPath": [rule.get("Arn")]}, payload)

    eventbridge._dispatch_to_event_bus = route


def _hand_over(bus: Any, event: dict[str, Any], payload: str | None) -> None:
    """Put an event on a bus, given as a parsed ARN, of this account in another Region."""
    name = bus.resource.partition("/")[2]
    with responses.request_scope(bus.account_id, bus.region):
        eventbridge._ensure_default_bus()
        if name not in eventbridge._event_buses:
            eventbridge.logger.warning("there is no event bus %s", bus)
            return
        detail = {} if payload is None else {"Detail": payload}
        eventbridge._dispatch_event({**event, "EventBusName": name, **detail})


def guard_tasks() -> None:
    """Let a state machine invoke only the functions its role allows, and name what goes wrong as AWS does."""
    run, call = stepfunctions._run_execution, stepfunctions._call_lambda

    def run_with_role(execution_arn: str) -> None:
        execution = stepfunctions._executions.get(execution_arn) or {}
        machine = stepfunctions._state_machines.get(execution.get("stateMachineArn")) or {}
        token = _machine_role.set(machine.get("roleArn", ""))
        try:
            run(execution_arn)
        finally:
            _machine_role.reset(token)

    def call_guarded(function: str, event: Any) -> Any:
        _, config, _ = lambda_svc._get_func_record_for_ref(function)
        if config and not _role_allows(_machine_role.get(), "states.amazonaws.com", "lambda", config["FunctionArn"]):
            cause = f"{_machine_role.get()} is not authorized to perform: lambda:InvokeFunction on {function}"
            raise stepfunctions._ExecutionError("Lambda.AWSLambdaException", cause)
        try:
            answer = call(function, event)
        except stepfunctions._ExecutionError as error:
            if "TooManyRequestsException" in error.cause:
                raise stepfunctions._ExecutionError("Lambda.TooManyRequestsException", error.cause) from None
            raise
        if len(json.dumps(answer).encode()) > _MOST_BYTES_OF_A_STATE:
            cause = f"{function} returned a result with a size exceeding the maximum number of bytes service limit."
            raise stepfunctions._ExecutionError("States.DataLimitExceeded", cause)
        return answer

    stepfunctions._run_execution, stepfunctions._call_lambda = run_with_role, call_guarded


def name_errors() -> None:
    """Name a function's error by the exception's class, where MiniStack calls all of them Runtime.HandlerError."""
    execute = lambda_svc._execute_function_warm

    def named(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = execute(function, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
            body["errorType"] = _error_name(body.get("errorMessage", ""), result.get("log", ""))
        return result

    lambda_svc._execute_function_warm = named


def _error_name(message: str, log: str) -> str:
    if message == "Worker process died":
        return "Runtime.ExitError"
    _, _, trace = log.rpartition("Traceback (most recent call last):")
    for line in trace.splitlines():
        # The frames of a traceback are indented; the error is the first line that is not.
        found = _ERROR_LINE.match(line)
        if found:
            return found["name"]
    return "Runtime.HandlerError"


def _may_reach(arn: str, role: str | None, service: str, source: str) -> bool:
    kind = arn.split(":")[2] if arn.count(":") > 2 else ""
    if kind not in _ACTIONS:
        return False
    if role or service == "scheduler.amazonaws.com":
        return _role_allows(role or "", service, kind, arn) and _bus_lets_in(kind, arn)
    policy = iam_evaluator._resource_policy(kind, arn)
    context = _context(service, _ACTIONS[kind], arn, {"aws:sourcearn": source})
    found = policy and iam_evaluator.evaluate_resource_policy(policy[0], context, service=service)
    return bool(found) and found.decision == "Allow"


def _bus_lets_in(kind: str, arn: str) -> bool:
    """Whether a bus of another Region takes events by its own policy; everything else, and a nearer one, need not say.

    Whether AWS asks for it is disputed: this is the harsher reading.
    """
    spec = arns.parse_arn(arn)
    if kind != "events" or spec.region == responses.get_region():
        return True
    account = responses.get_account_id()
    with responses.request_scope(account, spec.region):
        policy = eventbridge._event_bus_policies.get(spec.resource.partition("/")[2]) or {"Statement": []}
    # PutPermission keeps an account's bare id.
    statements = [
        {**one, "Principal": {"AWS": one["Principal"]} if isinstance(one["Principal"], str) else one["Principal"]}
        for one in policy["Statement"]
    ]
    caller = _context(f"arn:aws:iam::{account}:root", _ACTIONS[kind], arn, {})
    return str(iam_evaluator.evaluate_resource_policy({"Statement": statements}, caller).decision) == "Allow"


def _role_allows(role_arn: str, service: str, kind: str, arn: str) -> bool:
    account, name = responses.get_account_id(), role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get_scoped(account, None, name)
    if role is None or not _trusts(role.get("AssumeRolePolicyDocument", {}), service):
        return False
    caller = f"arn:aws:sts::{account}:assumed-role/{name}/{service.partition('.')[0]}"
    context = _context(caller, _ACTIONS[kind], arn, {})
    decision = iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(name, account)).decision
    return str(decision) == "Allow"


def _trusts(document: Any, service: str) -> bool:
    statements = (json.loads(document) if isinstance(document, str) else document).get("Statement", [])
    return any(
        statement.get("Effect") == "Allow"
        and iam_evaluator._service_principal_matches(statement.get("Principal"), service)
        for statement in (statements if isinstance(statements, list) else [statements])
    )


def _context(caller: str, action: str, arn: str, keys: dict[str, Any]) -> Any:
    account = responses.get_account_id()
    return iam_evaluator.EvalContext(
        principal_arn=caller,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=arn,
        region=responses.get_region(),
        source_ip="127.0.0.1",
        secure_transport=True,
        service_context={"aws:sourceaccount": account, **keys},
    )
