"""The calls of doctor to AWS: read-only, paced, each made once; errors become `Unseen`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from cli.doctor.findings import Status, Unseen
from standby.aws.call import Pacer, error_of
from standby.clock import Clock
from standby.core.outcomes import Refusal

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

    from cli.aws import Aws

# All calls of doctor. `--policy` prints them as a policy, and `Asker` refuses any other call.
RIGHTS: Final = (
    "cloudformation:DescribeStacks",
    "cloudtrail:DescribeTrails",
    "cloudtrail:GetEventSelectors",
    "cloudtrail:GetTrailStatus",
    "cloudwatch:DescribeAlarms",
    "ds:DescribeDirectories",
    "dynamodb:DescribeContinuousBackups",
    "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive",
    "ec2:DescribeSubnets",
    "events:DescribeRule",
    "events:ListTargetsByRule",
    "iam:SimulatePrincipalPolicy",
    "kms:DescribeKey",
    "lambda:GetFunctionConfiguration",
    "lambda:ListEventSourceMappings",
    "scheduler:GetSchedule",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
    "sns:ListSubscriptionsByTopic",
    "sqs:GetQueueAttributes",
    "sts:GetCallerIdentity",
    "workspaces:DescribeConnectionAliases",
    "workspaces:DescribeIpGroups",
    "workspaces:DescribeWorkspaceBundles",
    "workspaces:DescribeWorkspaceDirectories",
    "workspaces:DescribeWorkspaces",
)
# The call by which cli.ledger reads rows.
LEDGER_RIGHT: Final = "dynamodb:BatchGetItem"
_CLIENTS: Final = {"servicequotas": "service-quotas"}
# All tools of the account share 2 calls a second, with a burst of 5, in a Region.
_PACED: Final = "workspaces"
_CALLS_PER_SECOND: Final = 1.0
_BURST: Final = 3
# A Region in which this many services do not answer is not called again.
_SILENT_SERVICES: Final = 2
_MOST_PAGES: Final = 40

Answer = Mapping[str, Any]


def policy() -> dict[str, Any]:
    """The IAM policy that allows all calls of doctor."""
    actions = sorted({*RIGHTS, LEDGER_RIGHT})
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}


def not_allowed(right: str, region: str) -> str:
    """A sentence that a call was denied."""
    return f"{right} is not allowed in {region}."


class Asker:
    """Calls AWS with one of RIGHTS, and keeps each answer, because several checks and pairs need the same."""

    def __init__(self, aws: Aws, clock: Clock | None = None) -> None:
        self.aws = aws
        self._clock = clock or Clock()
        self._pacers: dict[str, Pacer] = {}
        self._kept: dict[str, Answer | Unseen | None] = {}
        self._silent: defaultdict[str, set[str]] = defaultdict(set)

    def ask(self, right: str, region: str, **arguments: Any) -> Answer:
        """The answer to a call.

        Raises
        ------
        Unseen
            The call is denied, refused or throttled, or the Region does not answer.
        """
        answer = self.find(right, region, "", **arguments)
        if answer is None:
            raise TypeError(f"{right} answered nothing")
        return answer

    def find(self, right: str, region: str, absent: str, **arguments: Any) -> Answer | None:
        """The answer to a call; None if it is refused with an error that contains `absent`.

        Raises
        ------
        Unseen
            As for `ask`.
        """
        key = json.dumps([right, region, arguments], sort_keys=True)
        if key not in self._kept:
            try:
                self._kept[key] = self._send(right, region, absent, arguments)
            except Unseen as unseen:
                self._kept[key] = unseen
        found = self._kept[key]
        if isinstance(found, Unseen):
            raise found
        return found

    def pages(self, right: str, region: str, member: str, **arguments: Any) -> list[Answer]:
        """The items in `member` of all pages of an answer; Unseen as for `ask`, or if there are too many pages."""
        found: list[Answer] = []
        for _ in range(_MOST_PAGES):
            answer = self.ask(right, region, **arguments)
            found += answer[member]
            if not answer.get("NextToken"):
                return found
            arguments["NextToken"] = answer["NextToken"]
        raise Unseen(Status.NO_ANSWER, f"{right} in {region} has more than {_MOST_PAGES} pages.")

    def _send(self, right: str, region: str, absent: str, arguments: Mapping[str, Any]) -> Answer | None:
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError

        if right not in RIGHTS:
            raise KeyError(right)
        prefix, operation = right.split(":")
        self._refuse_silent(prefix, region)
        if prefix == _PACED:
            self._pacer(region).wait()
        client = self.aws.client(_CLIENTS.get(prefix, prefix), region, quick=True)
        try:
            answer: Answer = getattr(client, xform_name(operation))(**arguments)
        except (ClientError, BotoCoreError) as refused:
            if absent and isinstance(refused, ClientError) and absent in ": ".join(error_of(refused)):
                return None
            raise self._unseen(right, region, refused) from None
        return answer

    def _pacer(self, region: str) -> Pacer:
        if region not in self._pacers:
            self._pacers[region] = Pacer(self._clock, _CALLS_PER_SECOND, _BURST)
        return self._pacers[region]

    def _refuse_silent(self, prefix: str, region: str) -> None:
        if region in self.aws.down:
            raise Unseen(Status.NO_ANSWER, f"{region} does not answer.", "Try again when the Region is available.")
        if prefix in self._silent[region]:
            raise Unseen(Status.NO_ANSWER, f"{prefix} in {region} does not answer.", "Check the network.")

    def _unseen(self, right: str, region: str, refused: ClientError | BotoCoreError) -> Unseen:
        from cli.aws import explained, is_no_answer, is_of

        _, words, fix = explained(refused)
        if is_of(Refusal.DENIED, refused):
            return Unseen(Status.NOT_ALLOWED, not_allowed(right, region), fix)
        if is_no_answer(refused):
            self._silent[region].add(right.partition(":")[0])
            if len(self._silent[region]) >= _SILENT_SERVICES:
                self.aws.down.add(region)
        return Unseen(Status.NO_ANSWER, f"{right} in {region}: {words}", fix)
