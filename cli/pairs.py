"""Which deployed pairs of Regions a command is about, and how they are found.

By `--stack`; by the configuration file (`--config`, or `standby.yaml` where it lies here); else by the stacks of the
account. CloudFormation of the primary Region may not answer: names are fixed, and the DR Region's stack has the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli.aws import is_no_answer, is_of, problem_of, unseen
from cli.problems import Problem, Status
from standby.core.outcomes import Refusal

if TYPE_CHECKING:
    from cli.aws import Aws
    from cli.options import Options

CONFIGURATION: Final = Path("standby.yaml")
_REGION: Final = r"[a-z]{2,}(?:-[a-z]+)+-[1-9][0-9]*"
STACK_NAME: Final = re.compile(
    rf"(?P<stack>[A-Za-z0-9-]*Standby-(?P<region>{_REGION})-(?P<dr_region>{_REGION}?))(?P<dr>-dr)?"
)
# Where Multi-Region Resilience is offered (2026): searched where neither a stack nor a Region is named.
SEARCHED: Final = ("us-east-1", "us-east-2", "us-west-2", "eu-central-1", "eu-west-1")


@dataclass(frozen=True)
class Pair:
    """One deployed pair.

    Attributes
    ----------
    stack, region, dr_region : str
        The name of the primary Region's stack, and both Regions.
    outputs : mapping of str to str
        Of the primary Region's stack; empty if they could not be read.
    seen_in : str
        The Region whose CloudFormation answered; empty if none did.
    missing : tuple of str
        What could not be seen, as sentences.
    """

    stack: str
    region: str
    dr_region: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    account: str = ""
    status: str = ""
    seen_in: str = ""
    missing: tuple[str, ...] = ()

    @property
    def dr_stack(self) -> str:
        """The name of the DR Region's stack."""
        return f"{self.stack}-dr"

    @property
    def table(self) -> str:
        """The ledger's name."""
        return self.outputs.get("LedgerTableName", self.stack)

    @property
    def protect_function(self) -> str:
        """The name of the function that changes things."""
        return self.outputs.get("ProtectFunctionName", f"{self.stack}-protect")

    @property
    def reader_policy(self) -> str:
        """The name of the managed policy of those who read."""
        return f"{self.stack}-reader"

    @property
    def operator_policy(self) -> str:
        """The name of the managed policy of those who change things."""
        return f"{self.stack}-operator"

    @property
    def queue_url(self) -> str:
        """The URL of the dead-letter queue; Problem if the stack could not be read."""
        if url := self.outputs.get("DeadLetterQueueUrl"):
            return url
        raise Problem(
            "NoOutputs", f"The outputs of {self.stack} cannot be read.", " ".join(self.missing), Status.REFUSED
        )


def pairs_of(options: Options, aws: Aws) -> list[Pair]:
    """The pairs that a command reads, at least one.

    Raises
    ------
    Problem
        None is deployed where the options say, or AWS refuses to say.
    """
    if names := _named(options):
        return [_look_up(aws, name, options.region) for name in names]
    regions = [one for one in (options.region or aws.region,) if one] or list(SEARCHED)
    found, missing = _searched(aws, regions)
    if not found and aws.down:
        # The Region where one works is lost: the DR Region's stack names the pair.
        regions += [one for one in SEARCHED if one not in regions]
        found, more = _searched(aws, [one for one in regions if one not in aws.down])
        missing += more
    if not found:
        where = ", ".join(regions)
        fix = "Name the stack with --stack, the configuration with --config, or another account with --profile."
        words = f"There is no stack of WorkSpaces Standby in {where}."
        raise Problem("NoStack", " ".join([words, *missing]), fix, Status.INCOMPLETE if missing else Status.WRONG_USE)
    return [_look_up(aws, name, None) for name in sorted(found)]


def dr_pairs(options: Options, aws: Aws) -> list[tuple[Pair, Aws]]:
    """The pairs whose primary Region is not asked at all, each with clients that leave it alone.

    In an outage a Region can be slow, or wrong, rather than silent. Without a name the stacks of DR Regions are looked
    for, where one usually works last: that is the primary Region for most.

    Raises
    ------
    Problem
        There is none, or AWS refuses to say.
    """
    names = _named(options)
    missing: list[str] = []
    if not names:
        others = [one for one in SEARCHED if one != aws.region]
        for regions in [[options.region]] if options.region else [others, [aws.region] if aws.region else []]:
            found, more = _searched(aws, regions, is_dr=True)
            missing += more
            if names := sorted(found):
                break
    if not names:
        fix = "Name the stack with --stack, or the DR Region with --region."
        words = " ".join(["No stack of WorkSpaces Standby was found in a DR Region.", *missing])
        raise Problem("NoStack", words, fix, Status.INCOMPLETE if missing else Status.WRONG_USE)
    views = []
    for name in names:
        named = STACK_NAME.fullmatch(name)
        avoiding = type(aws)(aws.profile, {named["region"]} if named else set())
        views.append((_look_up(avoiding, name, options.region), avoiding))
    return views


def one_pair(options: Options, aws: Aws) -> Pair:
    """The pair that a command changes; Problem if there are several and none is named."""
    found = pairs_of(options, aws)
    if len(found) > 1:
        names = ", ".join(pair.stack for pair in found)
        raise Problem("SeveralStacks", f"There are several pairs: {names}.", "Name one with --stack.")
    if found[0].region in aws.down:
        words = f"{found[0].region} does not answer, and every change is made there."
        raise Problem("NoAnswer", words, "Try again when the Region works.", Status.REFUSED)
    return found[0]


def outputs_of(aws: Aws, stack: str, region: str) -> dict[str, str]:
    """The outputs of a stack; Problem if it cannot be described."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        (found,) = aws.client("cloudformation", region, quick=True).describe_stacks(StackName=stack)["Stacks"]
    except (ClientError, BotoCoreError) as problem:
        raise unseen(f"The stack {stack} in {region} cannot be described", problem) from None
    return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())}


def _named(options: Options) -> list[str]:
    if options.stack:
        return [options.stack]
    file = options.config or CONFIGURATION
    if options.config is None and not file.exists():
        return []
    from infra.config_file import ConfigurationError, load  # pydantic, where there is a file to be read

    try:
        return [pair.stack_name for pair in load(file).pairs]
    except ConfigurationError as problem:
        fix = f"Run `standby check {file}`, or name the stack with --stack."
        raise Problem("BadConfiguration", f"{file} cannot be used: {problem}", fix) from None


def _look_up(aws: Aws, name: str, region: str | None) -> Pair:
    named = STACK_NAME.fullmatch(name)
    if named is None:
        fix = "A stack's name is like Standby-us-east-1-us-west-2."
        raise Problem("BadStackName", f"{name} names no pair of Regions.", fix)
    pair = Pair(named["stack"], named["region"], named["dr_region"])
    if region is not None and region not in (pair.region, pair.dr_region):
        raise Problem(
            "WrongRegion", f"{pair.stack} is not in {region}.", f"It is in {pair.region} and {pair.dr_region}."
        )
    return _described(aws, pair)


def _described(aws: Aws, pair: Pair) -> Pair:
    """The pair with what CloudFormation says of it."""
    from botocore.exceptions import BotoCoreError, ClientError

    missing: list[str] = []
    for name, region in ((pair.stack, pair.region), (pair.dr_stack, pair.dr_region)):
        if region in aws.down:
            continue
        try:
            answer = aws.client("cloudformation", region, quick=True).describe_stacks(StackName=name)
        except (ClientError, BotoCoreError) as problem:
            if "does not exist" in str(problem):
                words = f"There is no stack {name} in {region}."
                fix = "Check its name, and the account: AWS_PROFILE or --profile."
                raise Problem("NoStack", words, fix) from None
            if is_no_answer(problem):
                aws.down.add(region)
                missing.append(f"{region} does not answer.")
                continue
            if is_of(Refusal.DENIED, problem):
                # Names are fixed: who may read the ledger need not read stacks.
                return Pair(
                    pair.stack,
                    pair.region,
                    pair.dr_region,
                    missing=(str(problem_of(f"{name} cannot be described", problem, pair.reader_policy)),),
                )
            raise problem_of(f"The stack {name} in {region} cannot be described", problem) from None
        (found,) = answer["Stacks"]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())}
        return Pair(
            pair.stack,
            pair.region,
            pair.dr_region,
            # The DR Region's stack has other outputs of the same names.
            outputs if region == pair.region else {},
            str(found["StackId"]).split(":")[4],
            found["StackStatus"],
            region,
            tuple(missing),
        )
    return Pair(pair.stack, pair.region, pair.dr_region, missing=tuple(missing))


def _searched(aws: Aws, regions: Sequence[str], *, is_dr: bool = False) -> tuple[set[str], list[str]]:
    """The names of the pairs whose stacks are in some Regions, and what could not be seen; `is_dr`: DR stacks alone."""
    from botocore.exceptions import BotoCoreError, ClientError

    found: set[str] = set()
    missing: list[str] = []
    for region in regions:
        try:
            for stack in _stacks(aws, region):
                name = STACK_NAME.fullmatch(stack)
                if name and (name["dr"] or not is_dr):
                    found.add(name["stack"])
        except (ClientError, BotoCoreError) as problem:
            if is_no_answer(problem):
                aws.down.add(region)
            missing.append(str(problem_of(f"The stacks in {region} cannot be listed", problem)))
    return found, missing


def _stacks(aws: Aws, region: str) -> Iterator[str]:
    pages: Any = aws.client("cloudformation", region, quick=True).get_paginator("describe_stacks").paginate()
    for page in pages:
        for stack in page["Stacks"]:
            if {one["OutputKey"] for one in stack.get("Outputs", ())} & {"LedgerTableName", "NotificationTopicArn"}:
                yield stack["StackName"]
