"""The deployment: the stacks, the rules and schedules that start them, notification, and whether sweeps run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cli import times
from cli.doctor.findings import DEPLOY, Finding, check, counted, in_both, named, ok, problem, unknown, warning
from cli.doctor.table import ledger
from infra.version import VERSION
from standby.core.row import PAUSE

if TYPE_CHECKING:
    from cli.doctor.asking import Answer
    from cli.doctor.place import Place
    from standby.ledger.table import Item

OUTPUTS: Final = (
    "ConfigDigest",
    "DeadLetterQueueUrl",
    "EventRuleName",
    "LedgerTableName",
    "NotificationTopicArn",
    "ProtectFunctionName",
    "SweepStateMachineArn",
    "Version",
    "WatchFunctionName",
    "WatchStateMachineArn",
)
DR_OUTPUTS: Final = ("NotificationTopicArn",)
# The rules of both Regions' stacks: the end of each name, and a part of its target's ARN.
RULES: Final = {
    "new-workspaces": ":function:{stack}-protect",
    "ended-workspaces": ":function:{stack}-protect",
    "watch-failed-executions": ":sns:",
    "sweep-failed-executions": ":sns:",
}
DR_RULES: Final = {"ended-workspaces": ":events:{region}:"}
# An alarm fires after the same number of intervals without a complete sweep.
_INTERVALS: Final = 3
_DEFAULT_INTERVAL: Final = timedelta(hours=1)
_ABSENT: Final = "ResourceNotFoundException"
# IAM simulates specific ARNs; any WorkSpace represents all.
_ANY_WORKSPACE: Final = "workspace/ws-000000000"


# The stacks


@check("Without its stacks, no desktop is protected and no notice is sent.")
def stacks(place: Place) -> Iterator[Finding]:
    """Whether both stacks exist and are complete."""
    if not place.is_deployed:
        yield problem(f"{place.stack} is not deployed in {place.region}. No desktop is protected.", "Deploy.", DEPLOY)
        return

    def examine(region: str) -> Iterator[Finding]:
        is_primary = region == place.region
        name = place.stack if is_primary else place.dr_stack
        yield is_whole(name, region, place.stack_in(region), OUTPUTS if is_primary else DR_OUTPUTS)

    yield from in_both(place, examine)


def is_whole(name: str, region: str, shown: Answer | None, outputs: Sequence[str]) -> Finding:
    """Whether a stack exists and is complete."""
    if shown is None:
        return problem(f"There is no stack {name} in {region}.", "Deploy again.", DEPLOY)
    status = str(shown["StackStatus"])
    if status.endswith("_IN_PROGRESS"):
        return warning(f"{name} in {region} is {status}.", "Run `standby doctor` again when the operation has ended.")
    if status.endswith("_FAILED") or "ROLLBACK" in status:
        events = (
            f"aws cloudformation describe-stack-events --region {region} --stack-name {name} "
            "--query 'StackEvents[?contains(ResourceStatus, `FAILED`)].[LogicalResourceId, ResourceStatusReason]'"
        )
        return problem(f"{name} in {region} is {status}.", "Find out what failed, then deploy again.", events, DEPLOY)
    there = {one["OutputKey"] for one in shown.get("Outputs", ())}
    if missing := [one for one in outputs if one not in there]:
        return problem(f"{name} has no output {named(missing)}.", "Deploy again.", DEPLOY)
    return ok(f"{name} in {region} is {status}.")


@check("The command and the deployed functions must have the same version.")
def version(place: Place) -> Iterator[Finding]:
    """Whether the versions are the same."""
    deployed = place.output(place.region, "Version")
    if deployed == VERSION:
        yield ok(f"Version {VERSION} is deployed.")
    else:
        yield warning(
            f"Version {deployed} is deployed. This command has version {VERSION}.", "Deploy this version.", DEPLOY
        )


@check("Changes in the configuration file take effect with the next deployment.")
def digest(place: Place) -> Iterator[Finding]:
    """Whether the configuration file is deployed."""
    if place.configured is None:
        yield unknown("There is no configuration file to compare with the deployment.", "Name the file with --config.")
        return
    deployed, wanted = place.output(place.region, "ConfigDigest"), place.configured.digest
    if deployed == wanted:
        yield ok(f"The configuration file is deployed ({deployed}).")
    else:
        what = f"The configuration file ({wanted}) differs from the deployed configuration ({deployed})."
        yield warning(what, "Review the changes, then deploy.", "standby diff", DEPLOY)


@check("Without these permissions AWS refuses every standby (reason code ACCESS_DENIED).")
def permissions(place: Place) -> Iterator[Finding]:
    """Whether the role of protect may create standbys, by IAM's simulation."""
    name = place.output(place.region, "ProtectFunctionName")
    function = place.asker.ask("lambda:GetFunctionConfiguration", place.region, FunctionName=name)
    _, partition, _, _, account, *_ = function["FunctionArn"].split(":")
    kinds = [_ANY_WORKSPACE, *(f"directory/{one}" for region in place.regions for one in place.ids_in(region)[:4])]
    arns = [f"arn:{partition}:workspaces:{region}:{account}:{kind}" for region in place.regions for kind in kinds]
    results = _simulated(place, function["Role"], ["CreateStandbyWorkspaces"], arns)
    for region in place.regions:
        results += _simulated(place, function["Role"], ["CreateTags", "DescribeWorkspaces"], ["*"], region)
    yield may_create(results)


def _simulated(place: Place, role: str, actions: list[str], arns: list[str], region: str = "") -> list[Answer]:
    key = {"ContextKeyName": "aws:RequestedRegion", "ContextKeyType": "string", "ContextKeyValues": [region]}
    found = place.asker.ask(
        "iam:SimulatePrincipalPolicy",
        place.region,
        PolicySourceArn=role,
        ActionNames=[f"workspaces:{one}" for one in actions],
        ResourceArns=arns,
        ContextEntries=[key] if region else [],
    )
    return list(found["EvaluationResults"])


def may_create(results: Sequence[Answer]) -> Finding:
    """Whether a simulation denies nothing."""
    denied = [one for one in results if one["EvalDecision"] != "allowed"]
    if not denied:
        return ok("The role of protect may create and tag standbys, according to IAM's simulation.")
    actions = named(sorted({str(one["EvalActionName"]) for one in denied}))
    where = named(sorted({str(one["EvalResourceName"]) for one in denied}))
    details = [one.get("OrganizationsDecisionDetail") or {} for one in denied]
    fix = "Check whether a permissions boundary denies it. If there is none, deploy again."
    if any(one.get("AllowedByOrganizations") is False for one in details):
        fix = "A service control policy of the organisation denies it. Ask its administrator."
    return problem(f"The role of protect is denied {actions} on {where}.", fix)


# Rules and schedules


@check("EventBridge rules deliver the events about new and terminated desktops.")
def rules(place: Place) -> Iterator[Finding]:
    """Whether all rules are enabled, with their targets."""

    def examine(region: str) -> Iterator[Finding]:
        is_primary = region == place.region
        stack, wanted = (place.stack, RULES) if is_primary else (place.dr_stack, DR_RULES)
        found = [_rule(place, region, f"{stack}-{end}", target) for end, target in wanted.items()]
        yield from [one for one in found if one is not None] or [
            ok(f"{counted(len(found), 'rule')} in {region}: enabled.")
        ]

    yield from in_both(place, examine)


def _rule(place: Place, region: str, name: str, target: str) -> Finding | None:
    shown = place.asker.find("events:DescribeRule", region, _ABSENT, Name=name)
    if shown is None:
        return problem(f"There is no rule {name} in {region}.", "Deploy again.", DEPLOY)
    if not str(shown["State"]).startswith("ENABLED"):
        command = f"aws events enable-rule --region {region} --name {name}"
        return problem(f"The rule {name} in {region} is {shown['State']}.", "Enable it.", command)
    targets = place.asker.ask("events:ListTargetsByRule", region, Rule=name)["Targets"]
    if not any(target.format(stack=place.stack, region=place.region) in one["Arn"] for one in targets):
        return problem(f"The target of the rule {name} in {region} is missing.", "Deploy again.", DEPLOY)
    return None


@check("Schedules start the watcher and the sweep.")
def schedules(place: Place) -> Iterator[Finding]:
    """Whether both schedules are enabled."""
    good = True
    for name in (f"{place.stack}-watch", f"{place.stack}-sweep"):
        shown = place.asker.find("scheduler:GetSchedule", place.region, _ABSENT, Name=name)
        if shown is None:
            good = False
            yield problem(f"There is no schedule {name} in {place.region}.", "Deploy again.", DEPLOY)
        elif shown["State"] != "ENABLED":
            good = False
            what = f"The schedule {name} in {place.region} is {shown['State']}."
            yield problem(what, "Enable it in the EventBridge Scheduler console. The AWS CLI has no command for this.")
    if good:
        yield ok("Both schedules are enabled.")


@check("Notices and bus events are sent from the ledger's stream.")
def outbox(place: Place) -> Iterator[Finding]:
    """Whether announce reads the stream."""
    name, region = f"{place.stack}-announce", place.region
    shown = place.asker.ask("lambda:ListEventSourceMappings", region, FunctionName=name)["EventSourceMappings"]
    off = [one for one in shown if str(one["State"]) in ("Disabled", "Disabling")]
    if not shown:
        yield problem(f"{name} in {region} does not read the ledger's stream.", "Deploy again.", DEPLOY)
    elif off:
        uuid = off[0]["UUID"]
        command = f"aws lambda update-event-source-mapping --region {region} --uuid {uuid} --enabled"
        yield problem(f"The trigger of {name} in {region} is {off[0]['State']}.", "Enable it.", command)
    else:
        yield ok(f"{name} reads the ledger's stream.")


# Notification


@check("Without a confirmed subscription, notices and alarms reach no one.")
def subscriptions(place: Place) -> Iterator[Finding]:
    """Whether each Region has a confirmed subscription, and which subscriptions are not confirmed."""

    def examine(region: str) -> Iterator[Finding]:
        topic = place.output(region, "NotificationTopicArn")
        shown = place.asker.pages("sns:ListSubscriptionsByTopic", region, "Subscriptions", TopicArn=topic)
        yield is_confirmed(topic, region, shown)

    yield from in_both(place, examine)


def is_confirmed(topic: str, region: str, shown: Sequence[Answer]) -> Finding:
    """Whether a topic has a confirmed subscription, and no unconfirmed ones."""
    pending = [one for one in shown if not str(one["SubscriptionArn"]).startswith("arn:")]
    asked = [(one["Protocol"], one["Endpoint"]) for one in pending] or [("email", "ops@example.com")]
    commands = [
        f"aws sns subscribe --region {region} --topic-arn {topic} --protocol {protocol} --notification-endpoint {to}"
        for protocol, to in asked
    ]
    if not shown:
        what = f"The topic in {region} has no subscription."
        return problem(what, "Subscribe your own address, and confirm the message from AWS.", *commands)
    confirmed = counted(len(shown) - len(pending), "confirmed subscription")
    if not pending:
        return ok(f"{confirmed} in {region}.")
    what = f"Not confirmed in {region}: the subscription of {named([str(one['Endpoint']) for one in pending])}."
    fix = "Confirm the message from AWS. It is valid for three days. The command sends a new one."
    return (problem if len(pending) == len(shown) else warning)(what, fix, *commands)


@check("Messages in the dead-letter queue were not processed. A desktop may be waiting for one.")
def dead_letters(place: Place) -> Iterator[Finding]:
    """Whether the dead-letter queue has messages."""
    name, url = "ApproximateNumberOfMessages", place.output(place.region, "DeadLetterQueueUrl")
    shown = place.asker.ask("sqs:GetQueueAttributes", place.region, QueueUrl=url, AttributeNames=[name])
    if count := int(shown["Attributes"][name]):
        fix = "List the messages, then send them to protect again."
        commands = ("standby redrive --list", "standby redrive")
        yield problem(f"{counted(count, 'message')} in the dead-letter queue.", fix, *commands)
    else:
        yield ok("The dead-letter queue is empty.")


@check("An alarm in state ALARM needs attention now.")
def alarms(place: Place) -> Iterator[Finding]:
    """Which alarms are in state ALARM, and which have no enabled actions."""

    def examine(region: str) -> Iterator[Finding]:
        prefix = f"{place.stack if region == place.region else place.dr_stack}-"
        shown = place.asker.pages("cloudwatch:DescribeAlarms", region, "MetricAlarms", AlarmNamePrefix=prefix)
        yield from are_quiet(region, shown)

    yield from in_both(place, examine)


def are_quiet(region: str, shown: Sequence[Answer]) -> Iterator[Finding]:
    """Which alarms are in state ALARM, and which have no enabled actions."""
    if not shown:
        yield problem(f"There are no alarms in {region}.", "Deploy again.", DEPLOY)
        return
    raised = [one for one in shown if one["StateValue"] == "ALARM"]
    for one in raised:
        yield problem(f"{one['AlarmName']} in {region} is in state ALARM.", str(one.get("AlarmDescription", "")))
    if silent := [str(one["AlarmName"]) for one in shown if one.get("ActionsEnabled") is False]:
        names = " ".join(silent)
        command = f"aws cloudwatch enable-alarm-actions --region {region} --alarm-names {names}"
        what = f"Alarm actions are disabled in {region}: {named(silent)} would notify no one."
        yield problem(what, "Enable their actions.", command)
    if not raised and not silent:
        yield ok(f"{counted(len(shown), 'alarm')} in {region}, none in state ALARM.")


# Activity


@check("The sweep finds new desktops whose event was lost, and desktops and standbys that no longer exist.")
def sweep(place: Place) -> Iterator[Finding]:
    """Whether each directory had a complete sweep within three intervals."""
    configured = place.configured
    interval = timedelta(minutes=configured.sweep_interval_minutes) if configured else _DEFAULT_INTERVAL
    ended = {one.directory: place.swept_at(one.directory) for one in place.directories}
    machine = place.output(place.region, "SweepStateMachineArn")
    yield is_recent(ended, _INTERVALS * interval, place.now, machine)


def is_recent(ended: Mapping[str, datetime | None], most: timedelta, now: datetime, machine: str) -> Finding:
    """Whether the last complete sweep of each directory is recent enough."""
    late = [
        f"{one} (the last ended {times.age(now - at)} ago)" if at else f"{one} (none in the last days)"
        for one, at in ended.items()
        if at is None or now - at > most
    ]
    if not late:
        oldest = min((at for at in ended.values() if at is not None), default=now)
        return ok(f"The last complete sweep of each directory ended within {times.age(now - oldest)}.")
    region = machine.split(":")[3]
    see = f"aws stepfunctions list-executions --region {region} --state-machine-arn {machine}"
    what = f"No complete sweep in the last {times.age(most)}: {named(late)}."
    fix = "After a new deployment, wait for two intervals. Otherwise check how the last sweeps ended."
    return problem(what, fix, see)


@check("No standby is requested while the pair is paused.")
def pause(place: Place) -> Iterator[Finding]:
    """Whether the pair is paused, and by whom."""
    yield is_paused(place.rows([(PAUSE, PAUSE)]))


def is_paused(rows: Sequence[Item]) -> Finding:
    """Whether the pause row exists. A row that was written manually may not have the attribute `paused`."""
    row = rows[0] if rows else {"paused": False}
    if row.get("paused", True) is False:
        return ok("The pair is not paused.")
    since = f" since {times.local(row['paused_at'])}" if "paused_at" in row else ""
    by = f" by {row['paused_by']}" if "paused_by" in row else ""
    why = f": {row['because']}" if "because" in row else ""
    return warning(f"The pair is paused{since}{by}{why}.", "Resume it when you are ready.", "standby resume")


# All checks except the first need a deployed stack.
CHECKS = (
    stacks,
    version,
    digest,
    permissions,
    rules,
    schedules,
    outbox,
    ledger,
    subscriptions,
    dead_letters,
    alarms,
    sweep,
    pause,
)
