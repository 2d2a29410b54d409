"""Checks of what is deployed: the stacks, the rules, and whether protect's role may create."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from cli.live_check.checks import DEPLOY, Finding, as_assumed, check, differs, listed
from infra.config import VERSION

if TYPE_CHECKING:
    from cli.live_check.place import Place

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
# IAM simulates for ARNs that it is given; any WorkSpace stands for all.
ANY_WORKSPACE: Final = "workspace/ws-000000000"
MOST_ARNS: Final = 20


@check(
    "deployment",
    asks="Are both stacks there, of this version and of this configuration?",
    assumed="They are.",
    how="DescribeStacks in both Regions: outputs, Version, ConfigDigest",
)
def deployment(place: Place) -> Finding:
    """Compare the outputs with what would be deployed."""
    pair = place.pair
    try:
        outputs = place.outputs
        place.outputs_of(pair.dr_stack_name, pair.dr_region)
    except ClientError as problem:
        if "does not exist" in str(problem):
            text = f"{problem.response['Error']['Message']}."
            return differs(text, "Deploy. If the first deployment failed: README, After a failed deployment.", DEPLOY)
        raise
    wanted = {"ConfigDigest": pair.digest, "Version": VERSION}
    problems = [f"output {name} is missing" for name in OUTPUTS if name not in outputs]
    problems += [
        f"{name} is {outputs[name]}, not {value}" for name, value in wanted.items() if outputs.get(name, value) != value
    ]
    if problems:
        return differs(listed(problems), "Deploy this configuration file.", DEPLOY)
    return as_assumed(f"{pair.stack_name} and {pair.dr_stack_name}, version {VERSION}.")


@check(
    "rule",
    asks="Is the rule for new desktops enabled, and does it lead to protect?",
    assumed="It is.",
    how="DescribeRule and ListTargetsByRule",
)
def rule(place: Place) -> Finding:
    """Look at the rule and its target."""
    name, function = place.outputs["EventRuleName"], place.outputs["ProtectFunctionName"]
    problem = _broken(place, place.pair.primary_region, name, f":function:{function}")
    return problem or as_assumed(f"{name} is enabled and leads to {function}.")


@check(
    "ended-rules",
    asks="Are both Regions' rules for terminated desktops enabled, and does the DR Region's lead to the primary one?",
    assumed="They are; without them it is not on record who terminated a desktop, and the sweep finds what is gone.",
    how="DescribeRule and ListTargetsByRule in both Regions",
)
def ended_rules(place: Place) -> Finding:
    """Look at both rules and their targets."""
    pair = place.pair
    bus = f":events:{pair.primary_region}:{place.account.id}:event-bus/default"
    for stack, region, target in (
        (pair.stack_name, pair.primary_region, f":function:{place.outputs['ProtectFunctionName']}"),
        (pair.dr_stack_name, pair.dr_region, bus),
    ):
        if problem := _broken(place, region, f"{stack}-ended-workspaces", target):
            return problem
    return as_assumed(f"Both are enabled, and what {pair.dr_region} tells goes to {pair.primary_region}.")


def _broken(place: Place, region: str, name: str, target: str) -> Finding | None:
    """What is wrong with a rule that is to lead to an ARN with such an end."""
    try:
        state = place.account.ask("events", region, "describe_rule", Name=name)["State"]
        targets = place.account.ask("events", region, "list_targets_by_rule", Rule=name)["Targets"]
    except ClientError as problem:
        if problem.response["Error"]["Code"] == "ResourceNotFoundException":
            return differs(f"There is no rule {name} in {region}.", "Deploy again.", DEPLOY)
        raise
    if not str(state).startswith("ENABLED"):
        command = f"aws events enable-rule --region {region} --name {name}"
        return differs(f"{name} is {state}.", "Enable it.", command)
    if not any(str(one["Arn"]).endswith(target) for one in targets):
        return differs(f"{name} does not lead to {target.rpartition(':')[2]}.", "Deploy again.", DEPLOY)
    return None


@check(
    "permissions",
    asks="May protect's role create standbys, whichever Region's ARNs AWS looks at?",
    assumed="It may, on both Regions' ARNs; what is denied is told as REJECTED (ACCESS_DENIED).",
    how="SimulatePrincipalPolicy for the deployed role; of service control policies it shows what IAM can tell",
)
def permissions(place: Place) -> Finding:
    """Simulate the calls of protect's role."""
    pair = place.pair
    function = place.account.ask(
        "lambda", pair.primary_region, "get_function_configuration", FunctionName=place.outputs["ProtectFunctionName"]
    )
    partition, account = function["FunctionArn"].split(":")[1], place.account.id
    partners = [mapping.dr_directory for mapping in pair.directories.values()]
    kinds = [ANY_WORKSPACE, *(f"directory/{one}" for one in (*list(pair.directories)[:4], *partners[:4]))]
    arns = [
        f"arn:{partition}:workspaces:{region}:{account}:{kind}"
        for region in (pair.primary_region, pair.dr_region)
        for kind in kinds
    ][:MOST_ARNS]
    denied = _denied(place, function["Role"], ["workspaces:CreateStandbyWorkspaces"], arns)
    for region in (pair.primary_region, pair.dr_region):
        actions = ["workspaces:CreateTags", "workspaces:DescribeWorkspaces"]
        denied += _denied(place, function["Role"], actions, ["*"], region=region)
    if denied:
        advice = "Look for a permissions boundary or a service control policy that denies it; else deploy again."
        return differs(listed(denied), advice)
    return as_assumed(f"Allowed on {len(arns)} ARNs of both Regions, with the tags and the looks.")


def _denied(place: Place, role: str, actions: list[str], arns: list[str], region: str | None = None) -> list[str]:
    context: list[Any] = []
    if region is not None:
        key = {"ContextKeyName": "aws:RequestedRegion", "ContextKeyType": "string", "ContextKeyValues": [region]}
        context = [key]
    told = place.account.ask(
        "iam",
        place.pair.primary_region,
        "simulate_principal_policy",
        PolicySourceArn=role,
        ActionNames=actions,
        ResourceArns=arns,
        ContextEntries=context,
    )
    where = f" in {region}" if region else ""
    return [
        f"{one['EvalActionName']} on {one['EvalResourceName']}{where}: {one['EvalDecision']}"
        for one in told["EvaluationResults"]
        if one["EvalDecision"] != "allowed"
    ]
