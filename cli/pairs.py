"""Find the deployed pairs that a command reads or changes.

A pair is found by `--stack`, by the configuration file (`--config`, or `standby.yaml` in this folder), or else by the
stacks of the account. If CloudFormation in the primary Region does not answer, the fixed names and the DR Region's
stack are used.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli.aws import is_no_answer, is_of, problem_of, side_by_side, unseen
from cli.problems import Problem, Status
from infra.version import OLDEST_SERVED, is_older
from standby.core.outcomes import Refusal

if TYPE_CHECKING:
    from cli.aws import Aws
    from cli.options import Options

CONFIGURATION: Final = Path("standby.yaml")
_REGION: Final = r"[a-z]{2,}(?:-[a-z]+)+-[1-9][0-9]*"
STACK_NAME: Final = re.compile(
    rf"(?P<stack>[A-Za-z0-9-]*Standby-(?P<region>{_REGION})-(?P<dr_region>{_REGION}?))(?P<dr>-dr)?"
)
# The Regions with Multi-Region Resilience (2026), searched if neither a stack nor a Region is named.
SEARCHED: Final = ("us-east-1", "us-east-2", "us-west-2", "eu-central-1", "eu-west-1")


def for_make(file: Path) -> str:
    """What `make deploy` and its like need after them for a configuration file: ` CONFIG=…`, or nothing."""
    return "" if file == CONFIGURATION else f" CONFIG={shlex.quote(str(file))}"


@dataclass(frozen=True)
class Pair:
    """One deployed pair.

    Attributes
    ----------
    stack, region, dr_region : str
        The name of the primary Region's stack, and both Regions.
    outputs : mapping of str to str
        The outputs of the primary Region's stack; empty if they could not be read.
    seen_in : str
        The Region whose CloudFormation answered; empty if neither did.
    missing : tuple of str
        What could not be read, in sentences.
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
        """The name of the protect function, which makes every change."""
        return self.outputs.get("ProtectFunctionName", f"{self.stack}-protect")

    @property
    def reader_policy(self) -> str:
        """The name of the managed policy for reading."""
        return f"{self.stack}-reader"

    @property
    def operator_policy(self) -> str:
        """The name of the managed policy for operators, who make changes."""
        return f"{self.stack}-operator"

    @property
    def outdated(self) -> str:
        """A sentence if the deployed functions are too old for this command; empty if they are not.

        Also empty if the outputs could not be read, because the version is then not known.
        """
        version = self.outputs.get("Version", "" if self.outputs else OLDEST_SERVED)
        if not is_older(version, OLDEST_SERVED):
            return ""
        deployed = version or "(unknown)"
        return f"{self.stack} is deployed in version {deployed}. This command needs version {OLDEST_SERVED} or later."

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
        No pair is found where the options say, or AWS refuses the request.
    """
    if names := _named(options):
        return [_look_up(aws, name, options.region) for name in names]
    regions = [one for one in (options.region or aws.region,) if one] or list(SEARCHED)
    found, missing = _searched(aws, regions)
    if not found and aws.down:
        # The Region of the profile is lost: the DR Region's stack names the pair.
        others = [one for one in SEARCHED if one not in regions]
        found, more = _searched(aws, others)
        regions += others
        missing += more
    if not found:
        where = ", ".join(regions)
        fix = "Use --stack to name the stack, --config to name the configuration, or --profile for another account."
        words = f"No stack of WorkSpaces Standby was found in {where}."
        raise Problem("NoStack", " ".join([words, *missing]), fix, Status.INCOMPLETE if missing else Status.WRONG_USE)
    # The DR Region's stack names the pair; the primary Region's stack has its outputs.
    return [pair if pair.seen_in == pair.region else _described(aws, pair) for _, pair in sorted(found.items())]


def dr_pairs(options: Options, aws: Aws) -> tuple[list[tuple[Pair, Aws]], list[str]]:
    """The pairs as their DR Regions describe them, each with clients that do not call its primary Region.

    During an outage, a Region may be slow or give wrong answers. If neither a pair nor a Region is named, all Regions
    are searched at the same time, for at most `cli.aws.LONGEST` seconds.

    Returns
    -------
    list of (Pair, Aws), list of str
        At least one pair, and what could not be read, in sentences.

    Raises
    ------
    Problem
        No pair is found, or AWS refuses the request.
    """
    if names := _named(options):
        pairs = [_parsed(name, options.region) for name in names]
        found, missing = _shown(aws, pairs)
    else:
        regions = [options.region] if options.region else list(dict.fromkeys([*SEARCHED, *filter(None, [aws.region])]))
        by_name, missing = _searched(aws, regions, is_dr=True)
        found = [pair for _, pair in sorted(by_name.items())]
    if not found:
        fix = "Use --stack to name the stack, or --region to name the DR Region."
        words = " ".join(["No stack of WorkSpaces Standby was found in a DR Region.", *missing])
        raise Problem("NoStack", words, fix, Status.INCOMPLETE if missing else Status.WRONG_USE)
    return [(pair, aws.without(pair.region)) for pair in found], missing


def one_pair(options: Options, aws: Aws) -> Pair:
    """The pair that a command changes; Problem if there are several and none is named."""
    found = pairs_of(options, aws)
    if len(found) > 1:
        names = ", ".join(pair.stack for pair in found)
        raise Problem("SeveralStacks", f"There are several pairs: {names}.", "Use --stack to name one.")
    if found[0].region in aws.down:
        words = f"{found[0].region} does not answer. All changes are made in that Region."
        raise Problem("NoAnswer", words, "Try again when the Region is available.", Status.REFUSED)
    if found[0].outdated:
        # An older function would ignore parameters that it does not know, for example a dry run.
        fix = "Nothing was changed. Deploy this version with `make deploy`, or use the command of the deployed version."
        raise Problem("OldVersion", found[0].outdated, fix, Status.REFUSED)
    return found[0]


def outputs_of(aws: Aws, stack: str, region: str) -> dict[str, str]:
    """The outputs of a stack; Problem if it cannot be described."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        (found,) = aws.client("cloudformation", region, quick=True).describe_stacks(StackName=stack)["Stacks"]
    except (ClientError, BotoCoreError) as problem:
        raise unseen(f"The stack {stack} in {region} cannot be described", problem) from None
    return _outputs(found)


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
        fix = f"Run `standby check {file}`, or use --stack to name the stack."
        raise Problem("BadConfiguration", f"{file} cannot be used: {problem}", fix) from None


def _parsed(name: str, region: str | None) -> Pair:
    """The pair that a stack's name describes; Problem if the name is invalid, or `region` is not one of its Regions."""
    named = STACK_NAME.fullmatch(name)
    if named is None:
        fix = "Write a name like Standby-us-east-1-us-west-2."
        raise Problem("BadStackName", f"{name} is not the name of a pair's stack.", fix)
    pair = Pair(named["stack"], named["region"], named["dr_region"])
    if region is not None and region not in (pair.region, pair.dr_region):
        raise Problem(
            "WrongRegion", f"{pair.stack} is not in {region}.", f"It is in {pair.region} and {pair.dr_region}."
        )
    return pair


def _look_up(aws: Aws, name: str, region: str | None) -> Pair:
    return _described(aws, _parsed(name, region))


def _described(aws: Aws, pair: Pair) -> Pair:
    """The pair with CloudFormation's data, from the DR Region if the primary Region does not answer."""
    missing: list[str] = []
    for region in (pair.region, pair.dr_region):
        if region in aws.down:
            continue
        found = _seen(aws, pair, region)
        if found is not None:
            return dataclasses.replace(found, missing=(*missing, *found.missing))
        missing.append(f"{region} does not answer.")
    return dataclasses.replace(pair, missing=tuple(missing))


def _shown(aws: Aws, pairs: Sequence[Pair]) -> tuple[list[Pair], list[str]]:
    """Some pairs as their DR Regions describe them, and sentences about Regions that do not answer."""
    ask = functools.partial(_seen, aws)
    questions = {one.stack: (one.dr_region, functools.partial(ask, one, one.dr_region)) for one in pairs}
    answers = side_by_side(aws, questions)
    lost = [f"{one.dr_region} does not answer. {one.stack} is left out." for one in pairs if not answers.get(one.stack)]
    return [found for one in pairs if (found := answers.get(one.stack))], lost


def _seen(aws: Aws, pair: Pair, region: str) -> Pair | None:
    """The pair as the stack in one of its Regions describes it; None if that Region does not answer."""
    from botocore.exceptions import BotoCoreError, ClientError

    name = pair.stack if region == pair.region else pair.dr_stack
    try:
        answer = aws.client("cloudformation", region, quick=True).describe_stacks(StackName=name)
    except (ClientError, BotoCoreError) as problem:
        if "does not exist" in str(problem):
            words = f"There is no stack {name} in {region}."
            fix = "Check the stack's name, and the account (AWS_PROFILE or --profile)."
            raise Problem("NoStack", words, fix) from None
        if is_no_answer(problem):
            aws.down.add(region)
            return None
        if is_of(Refusal.DENIED, problem):
            # Names are fixed: a caller who may read the ledger does not need to read stacks.
            denied = problem_of(f"{name} cannot be described", problem, pair.reader_policy)
            return dataclasses.replace(pair, missing=(str(denied),))
        raise problem_of(f"The stack {name} in {region} cannot be described", problem) from None
    (found,) = answer["Stacks"]
    return _of_stack(pair, found, region)


def _of_stack(pair: Pair, stack: Mapping[str, Any], region: str) -> Pair:
    """The pair with the data of its stack in a Region."""
    return dataclasses.replace(
        pair,
        # The DR Region's stack has other outputs of the same names.
        outputs=_outputs(stack) if region == pair.region else {},
        account=str(stack["StackId"]).split(":")[4],
        status=stack["StackStatus"],
        seen_in=region,
    )


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}


def _searched(aws: Aws, regions: Sequence[str], *, is_dr: bool = False) -> tuple[dict[str, Pair], list[str]]:
    """The pairs with stacks in some Regions, by name, and what could not be read; `is_dr`: only by DR stacks."""
    answers = side_by_side(aws, {one: (one, functools.partial(_in_region, aws, one)) for one in regions})
    found: dict[str, Pair] = {}
    missing: list[str] = []
    for region in regions:
        stacks, problem = answers.get(region) or ([], f"{region} does not answer. Its stacks are not known.")
        missing += [problem] * bool(problem)
        for stack in stacks:
            name = STACK_NAME.fullmatch(stack["StackName"])
            if name and (name["dr"] or not is_dr):
                pair = _of_stack(Pair(name["stack"], name["region"], name["dr_region"]), stack, region)
                is_better = pair.seen_in == pair.region or pair.stack not in found
                found |= {pair.stack: pair} if is_better else {}
    return found, missing


def _in_region(aws: Aws, region: str) -> tuple[list[Mapping[str, Any]], str]:
    """The stacks in a Region, and an error if the list may be incomplete."""
    from botocore.exceptions import BotoCoreError, ClientError

    found: list[Mapping[str, Any]] = []
    try:
        found += _stacks(aws, region)
    except (ClientError, BotoCoreError) as problem:
        if is_no_answer(problem):
            aws.down.add(region)
        return found, str(problem_of(f"The stacks in {region} cannot be listed", problem))
    return found, ""


def _stacks(aws: Aws, region: str) -> Iterator[Mapping[str, Any]]:
    pages: Any = aws.client("cloudformation", region, quick=True).get_paginator("describe_stacks").paginate()
    for page in pages:
        for stack in page["Stacks"]:
            if _outputs(stack).keys() & {"LedgerTableName", "NotificationTopicArn"}:
                yield stack
