"""The other services, a call or two each: tags, the quota, signs of life, dead letters."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from standby.aws.call import MALFORMED, call
from standby.core.model import Unknown, Workspace, WorkspaceId, halves, legible
from standby.core.outcomes import Answer
from standby.core.plan import QUOTA_CODE
from standby.core.settings import NAMESPACE, Settings, is_for_selection

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_service_quotas import ServiceQuotasClient
    from mypy_boto3_sqs import SQSClient

    from standby.aws.call import Pacer
    from standby.telemetry import PowertoolsTelemetry

Tags = tuple[tuple[str, str], ...]
# ARNs of one GetResources.
_MOST_ARNS = 100


@dataclass
class TagReader:
    """Adds tags to WorkSpaces that wait for nothing else. The client must not repeat calls by itself.

    GetResources leaves out what has no tags, and what it does not know yet: absence from a whole answer is no tag.
    `arn_prefix` is what stands before the id in the ARN of a WorkSpace of the primary Region.
    """

    client: Any
    arn_prefix: str
    settings: Settings
    pacer: Pacer
    has_time: Callable[[], bool]
    telemetry: PowertoolsTelemetry

    def tagged(self, found: Sequence[Workspace]) -> Sequence[Workspace]:
        """The WorkSpaces, with the tags of those whose standby hangs on them; None where they could not be read."""
        asked = [one.id for one in found if is_for_selection(one, self.settings)]
        tags = self.read(asked)
        if unknown := [one for one in asked if one not in tags]:
            self.telemetry.gauge("TagsUnknown", len(unknown))
        return [dataclasses.replace(one, tags=tags.get(one.id)) for one in found]

    def read(self, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Tags]:
        """The tags of those WorkSpaces of which they could be read; empty for one that has none."""
        tags: dict[WorkspaceId, Tags] = {}
        for start in range(0, len(ids), _MOST_ARNS):
            tags |= self._read(ids[start : start + _MOST_ARNS])
        return tags

    def _read(self, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Tags]:
        """The tags of each, empty where there are none; nothing at all for those of whom the answer was not whole."""
        if not self.has_time():
            return {}
        self.pacer.wait()
        answer = call(self.client.get_resources, ResourceARNList=[f"{self.arn_prefix}{one}" for one in ids])
        if not isinstance(answer, Answer):
            return self._unknown(ids, answer.code, answer.message)
        told = self._told(answer.body.get("ResourceTagMappingList"), ids)
        if told is None:
            return self._unknown(ids, MALFORMED, "GetResources gave an answer that cannot be read")
        if not answer.body.get("PaginationToken"):
            return {one: told.get(one, ()) for one in ids}
        # Called with ARNs it takes no token: what one answer has no room for is asked for in two.
        if len(ids) == 1:
            return self._unknown(ids, "PartialAnswer", "GetResources did not tell all tags of one WorkSpace")
        return {one: tags for half in halves(ids) for one, tags in self._read(half).items()}

    def _told(self, listed: Any, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Tags] | None:
        """The tags in an answer; None unless it speaks of each of the WorkSpaces once at most, and of nothing else."""
        told: dict[WorkspaceId, Tags] = {}
        if not isinstance(listed, list):
            return None
        try:
            for entry in listed:
                one = WorkspaceId(entry["ResourceARN"].removeprefix(self.arn_prefix))
                tags = tuple((tag["Key"], tag["Value"]) for tag in entry.get("Tags", []))
                if one not in ids or one in told or not all(isinstance(text, str) for pair in tags for text in pair):
                    return None
                told[one] = tags
        except (AttributeError, KeyError, TypeError):
            return None
        return told

    def _unknown(self, ids: Sequence[WorkspaceId], code: str, message: str) -> dict[WorkspaceId, Tags]:
        told = f"The tags of {len(ids)} WorkSpaces could not be read, so nothing is decided about them"
        self.telemetry.problem(f"{told}: {code}: {message}", error_code=code)
        return {}


# GetServiceQuota knows quotas that were changed; of the others, only the default is to be had.
# https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
_NOT_APPLIED = "NoSuchResourceException"
# Beyond any account's; the ledger's numbers end at 38 digits.
_MOST_OF_A_QUOTA = 10**12


def standby_quota(client: ServiceQuotasClient) -> int | Unknown:
    """The standbys that the account may have in the client's Region, or why that is not known."""
    found = _quota(client.get_service_quota)
    if isinstance(found, Unknown) and found.code == _NOT_APPLIED:
        found = _quota(client.get_aws_default_service_quota)
    return found


def _quota(ask: Callable[..., Any]) -> int | Unknown:
    answer = call(ask, ServiceCode="workspaces", QuotaCode=QUOTA_CODE)
    if not isinstance(answer, Answer):
        return Unknown(answer.code, answer.message)
    quota = answer.body.get("Quota")
    value = quota.get("Value") if isinstance(quota, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_OF_A_QUOTA:
        return Unknown(MALFORMED, "Service Quotas answered without a value")  # also what is no number
    return int(value)


def beat(cloudwatch: CloudWatchClient, metric: str, stack: str, telemetry: PowertoolsTelemetry) -> None:
    """Give a sign of life that alarms listen for, in one Region. One that does not listen stops nothing here."""
    datum: Any = {"MetricName": metric, "Dimensions": [{"Name": "Stack", "Value": stack}], "Value": 1, "Unit": "Count"}
    answer = call(cloudwatch.put_metric_data, Namespace=NAMESPACE, MetricData=[datum])
    if not isinstance(answer, Answer):
        telemetry.problem(f"No sign of life ({metric}) was taken: {answer.code}: {answer.message}")


_MOST_CHARACTERS = 200_000  # below SQS's 256 KiB even if some take more than a byte


class NotKept(Exception):
    """An event could not be put aside: the invocation has to fail, so that Lambda keeps it."""


def put_aside(sqs: SQSClient, queue_url: str, event: object, reason: str) -> None:
    """Put an event in which only a person may find a primary into the dead-letter queue; `NotKept` if that fails."""
    answer = call(
        sqs.send_message,
        QueueUrl=queue_url,
        MessageBody=json.dumps(event, default=str)[:_MOST_CHARACTERS],
        MessageAttributes={"reason": {"DataType": "String", "StringValue": legible(reason, 1000)}},
    )
    if not isinstance(answer, Answer):
        raise NotKept(f"the dead-letter queue did not take the event: {answer.code}: {answer.message}")
