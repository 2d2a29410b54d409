"""Every place where the embedded cloud reaches into MiniStack's private names.

Each is asserted to exist before anything is changed, and the version is pinned, so that another MiniStack fails at the
start and not in the middle of a run. :mod:`local.ministack_tables`, :mod:`local.ministack_delivery` and
:mod:`local.ministack_account`, which reach in too, have their names here. MiniStack reads its environment when it is
imported.
"""

import importlib.metadata
import json
from collections.abc import Iterable
from datetime import datetime
from types import ModuleType
from typing import Any

from ministack import app  # type: ignore[import-untyped]
from ministack.core import (  # type: ignore[import-untyped]
    arn as arns,
)
from ministack.core import (
    iam_actions,
    iam_evaluator,
    lambda_runtime,
    responses,
    router,
)
from ministack.services import (  # type: ignore[import-untyped]
    dynamodb,
    ec2,
    eventbridge,
    iam,
    kms,
    lambda_svc,
    scheduler,
    sns,
    stepfunctions,
    sts,
)
from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]

from local.ministack_tables import leading_keys
from local.outages import Outages

VERSION = "1.5.33"
Response = tuple[int, dict[str, str], bytes]

# What is changed, called or read: a module, its functions, and its other names.
PATCH_POINTS: tuple[tuple[ModuleType, tuple[str, ...], tuple[str, ...]], ...] = (
    (app, ("app",), ("AUTH", "SERVICE_HANDLERS")),
    (router, ("extract_access_key_id", "extract_region"), ("SERVICE_PATTERNS",)),
    (arns, ("parse_arn",), ()),
    (responses, ("get_account_id", "get_region", "request_scope", "set_request_account_id", "set_request_region"), ()),
    (
        iam_evaluator,
        (
            "AuthError",
            "EvalContext",
            "_gather_role_policies",
            "_resource_policy",
            "_service_principal_matches",
            "EvalResult",
            "caller_arn",
            "enforce",
            "evaluate",
            "evaluate_resource_policy",
        ),
        ("_ALWAYS_ALLOWED_ACTIONS",),
    ),
    (iam, (), ("_roles",)),
    (kms, ("_create_key", "_resolve_key"), ("_keys",)),
    (ec2, ("_az_id_for_zone_name",), ("_subnets",)),
    (
        sns,
        (
            "_fanout",
            "_list_subscriptions",
            "_list_subscriptions_by_topic",
            "_p",
            "_refresh_subscription_counts",
            "_subscribe",
            "_topic_by_arn_any_scope",
        ),
        ("_topics",),
    ),
    (stepfunctions, ("_ExecutionError", "_call_lambda", "_run_execution"), ("_executions", "_state_machines")),
    (
        iam_actions,
        ("access_denied_response", "extract_resource_arn", "identity_denial_message", "request_tag_context"),
        (),
    ),
    (lambda_runtime, ("reset",), ("_lock", "_workers")),
    (sts, (), ("_sessions",)),
    (
        eventbridge,
        (
            "_dispatch_event",
            "_dispatch_to_event_bus",
            "_dispatch_to_lambda",
            "_dispatch_to_sqs",
            "_ensure_default_bus",
            "_events_log_list",
            "_invoke_target",
            "_pattern_event_view",
        ),
        ("_event_bus_policies", "_event_buses", "logger"),
    ),
    (
        lambda_svc,
        (
            "_apply_filter_criteria",
            "_execute_function",
            "_execute_function_warm",
            "_execution_record_for_config",
            "_get_func_record_for_qualifier",
            "_get_func_record_for_ref",
            "_iter_all_esms",
            "_poll_dynamodb_streams",
            "_send_ddb_stream_failure_record",
            "invoke_async_with_retry",
        ),
        ("_dynamodb_stream_positions", "_dynamodb_stream_positions_lock"),
    ),
    (
        dynamodb,
        (
            "_delete_item",
            "_put_item",
            "_replica_group",
            "_replicate_write",
            "_set_item",
            "_set_replica_group",
            "stream_end_position",
            "stream_records_since",
            "stream_start_position",
        ),
        ("_pitr_settings", "_tables"),
    ),
    (scheduler, ("_tick_schedules",), ("_schedule_last_fired", "_schedules")),
    (provisioners, ("_cw_metric_alarm_record", "_ddb_global_table_create"), ("_RESOURCE_HANDLERS",)),
)


class AnotherMinistackError(RuntimeError):
    """The installed MiniStack is not the one these patches are for."""


def check() -> None:
    """Raise :class:`AnotherMinistackError` unless every patch point is there."""
    installed = importlib.metadata.version("ministack")
    if installed != VERSION:
        raise AnotherMinistackError(f"MiniStack {installed} is installed; the embedded cloud is made for {VERSION}")
    for module, functions, names in PATCH_POINTS:
        for name in (*functions, *names):
            found = getattr(module, name, None)
            if found is None or (name in functions and not callable(found)):
                raise AnotherMinistackError(f"{module.__name__}.{name} is not there, or is something else")


def apply() -> None:
    """Apply the patches of this module, after :func:`check`."""
    retry_events_to_functions()
    add_condition_keys()
    name_resources()
    accept_metric_math()


def add_service(name: str, target_prefix: str, handler: Any) -> None:
    """Let ``handler`` answer a service's requests, which are recognised by their ``X-Amz-Target``."""
    router.SERVICE_PATTERNS[name] = {"target_prefixes": [target_prefix]}
    app.SERVICE_HANDLERS[name] = handler


def application() -> Any:
    """Return the emulator's ASGI application."""
    return app.app


# --- IAM


def region_of(headers: dict[str, str], query: dict[str, list[str]]) -> str:
    """Return the Region a request was signed for."""
    return str(router.extract_region(headers, query))


def caller() -> str:
    """Return the ARN of whoever signed the present request."""
    return str(iam_evaluator.caller_arn())


def denial(
    headers: dict[str, str],
    query: dict[str, list[str]],
    region: str,
    needed: Iterable[tuple[str, str, dict[str, Any]]],
) -> tuple[str, str, str] | None:
    """Evaluate what a request needs against the policies of whoever signed it.

    Parameters
    ----------
    needed
        Each action, the ARN it is evaluated on, and the condition keys of the request.

    Returns
    -------
    tuple or None
        The error's code, its message and the action, or ``None`` when everything is allowed.
    """
    access_key = router.extract_access_key_id(headers, query)
    for action, arn, context in needed:
        service = action.partition(":")[0]
        denied = iam_evaluator.enforce(access_key, action, service, region, resource_arn=arn, service_context=context)
        if isinstance(denied, iam_evaluator.AuthError):
            return denied.code, denied.message, action
        if denied is not None:
            message = iam_actions.identity_denial_message(action, denied.principal_arn, arn, denied.decision == "Deny")
            return "AccessDeniedException", message, action
    return None


def add_condition_keys() -> None:
    """Let policies use condition keys that MiniStack lacks: of events, of metrics, and the keys of DynamoDB's items."""
    tag_context = iam_actions.request_tag_context

    def context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found = dict(tag_context(service, action, body, params))
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            return found
        if action.startswith("dynamodb:") and (keys := leading_keys(request)):
            found["dynamodb:LeadingKeys"] = keys
        if action == "events:PutEvents":
            sources = sorted({str(entry.get("Source")) for entry in request.get("Entries", ())})
            found["events:source"] = sources[0] if len(sources) == 1 else sources
        if action == "cloudwatch:PutMetricData":
            found["cloudwatch:namespace"] = request.get("Namespace")
        return found

    iam_actions.request_tag_context = context


def name_resources() -> None:
    """Let policies name resources as AWS does, where MiniStack knows another name or none.

    A rule of the default bus has no bus in its ARN; ListTargetsByRule is about a rule, and a simulation about a role.
    """
    usual = iam_actions.extract_resource_arn

    def resource(
        service: str,
        method: str,
        path: str,
        headers: dict[str, Any],
        body: bytes,
        params: dict[str, Any],
        region: str,
        account: str,
    ) -> str:
        found = str(usual(service, method, path, headers, body, params, region, account))
        if service == "events" and (rule := _member(body, "Rule")):
            found = f"arn:aws:events:{region}:{account}:rule/{rule}"
        if service == "iam" and found == "*":
            source = params.get("PolicySourceArn", "*")
            found = str(source[0] if isinstance(source, list) else source)
        return found.replace(":rule/default/", ":rule/")

    iam_actions.extract_resource_arn = resource


def _member(body: bytes, name: str) -> str:
    try:
        return str(json.loads(body or b"{}").get(name) or "")
    except (AttributeError, ValueError):
        return ""


# --- EventBridge and Scheduler


def retry_events_to_functions() -> None:
    """Let EventBridge invoke functions as AWS does: asynchronously, with two retries and an on-failure destination.

    As it comes, MiniStack invokes once and forgets a failure.
    """

    def dispatch(arn: str, payload: str) -> None:
        function, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            eventbridge.logger.warning("EventBridge: function %s not found", name)
            return
        record = lambda_svc._execution_record_for_config(function, config)
        lambda_svc.invoke_async_with_retry(record, json.loads(payload))

    eventbridge._dispatch_to_lambda = dispatch


def deliver_event(event: dict[str, Any]) -> None:
    """Put an event of an AWS service on the default bus of its account and Region.

    PutEvents refuses ``aws.*`` sources, as it should; AWS's own events do not come that way.
    """
    responses.set_request_account_id(event["account"])
    responses.set_request_region(event["region"])
    record = {
        "EventId": event["id"],
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "EventBusName": "default",
        "Time": int(datetime.fromisoformat(event["time"]).timestamp()),
        "Resources": event["resources"],
        "Account": event["account"],
        "Region": event["region"],
    }
    eventbridge._events_log_list().append(record)
    eventbridge._dispatch_event(record)


def fire_schedules() -> int:
    """Let every EventBridge Scheduler schedule fire now, and return how many there are."""
    keys = list(scheduler._schedules._data)
    for key in keys:
        scheduler._schedule_last_fired[key] = 0
    scheduler._tick_schedules()
    return len(keys)


# --- CloudFormation


def accept_metric_math() -> None:
    """Let CloudFormation make alarms over an expression, which MiniStack refuses.

    They are kept and shown, and never evaluated: their state stays INSUFFICIENT_DATA.
    """
    simple = provisioners._cw_metric_alarm_record

    def record(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        metrics = properties.get("Metrics")
        if not metrics:
            return dict(simple(name, properties))
        rest = {key: value for key, value in properties.items() if key != "Metrics"}
        alarm = dict(simple(name, {**rest, "MetricName": "expression", "Namespace": "expression"}))
        return {**alarm, "MetricName": None, "Namespace": None, "Metrics": metrics}

    provisioners._cw_metric_alarm_record = record


# --- Lambda


def functions() -> list[dict[str, Any]]:
    """Return the processes that run functions: the function's name, the pid, and whether it is at work."""
    with lambda_runtime._lock:
        workers = [worker for pool in lambda_runtime._workers.values() for worker in pool]
    processes = [(worker.func_name, worker._proc, worker.in_use) for worker in workers]
    return [
        {"function": name, "pid": process.pid, "busy": busy}
        for name, process, busy in processes
        if process is not None and process.poll() is None
    ]


def function_of(access_key: str) -> str:
    """Return the name of the function to whose execution role an access key belongs; empty for another caller's."""
    arn = str(sts._sessions.get(access_key, {}).get("Arn", ""))
    return arn.rpartition("/")[2]


def run_functions_only_where(outages: Outages) -> None:
    """Let no function of a Region that is lost run, until it is back."""
    execute = lambda_svc._execute_function

    def execute_there(function: dict[str, Any], event: dict[str, Any]) -> Any:
        config = function.get("config") or function
        outages.wait(arns.parse_arn(config["FunctionArn"]).region)
        return execute(function, event)

    lambda_svc._execute_function = execute_there


def stop_functions() -> None:
    """End the processes in which functions run."""
    lambda_runtime.reset()
