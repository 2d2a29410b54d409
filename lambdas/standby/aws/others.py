"""Calls of the other services: tags, the quota, heartbeats, dead letters."""

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
# ARNs of one GetResources call.
_MOST_ARNS = 100


@dataclass
class TagReader:
    """Adds tags to WorkSpaces for which only the selection is left to decide. The client must not retry calls.

    GetResources leaves out resources without tags, and those that it does not know yet: absence from a complete answer
    means no tags. `arn_prefix` is the part before the id in the ARN of a WorkSpace of the primary Region.
    """

    client: Any
    arn_prefix: str
    settings: Settings
    pacer: Pacer
    has_time: Callable[[], bool]
    telemetry: PowertoolsTelemetry

    def tagged(self, found: Sequence[Workspace]) -> Sequence[Workspace]:
        """The WorkSpaces, with the tags of those that need them; their tags are None if they could not be read."""
        asked = [one.id for one in found if is_for_selection(one, self.settings)]
        tags = self.read(asked)
        if unknown := [one for one in asked if one not in tags]:
            self.telemetry.gauge("TagsUnknown", len(unknown))
        return [dataclasses.replace(one, tags=tags.get(one.id)) for one in found]

    def read(self, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Tags]:
        """The tags of the WorkSpaces whose tags could be read; empty for a WorkSpace without tags."""
        tags: dict[WorkspaceId, Tags] = {}
        for start in range(0, len(ids), _MOST_ARNS):
            tags |= self._read(ids[start : start + _MOST_ARNS])
        return tags

    def _read(self, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Tags]:
        """The tags of each WorkSpace; WorkSpaces with an incomplete answer are left out."""
        if not self.has_time():
            return {}
        self.pacer.wait()
        answer = call(self.client.get_resources, ResourceARNList=[f"{self.arn_prefix}{one}" for one in ids])
        if not isinstance(answer, Answer):
            return self._unknown(ids, answer.code, answer.message)
        found = self._tags_in(answer.body.get("ResourceTagMappingList"), ids)
        if found is None:
            return self._unknown(ids, MALFORMED, "GetResources gave an answer that cannot be read")
        if not answer.body.get("PaginationToken"):
            return {one: found.get(one, ()) for one in ids}
        # With ARNs, the call takes no token: if one answer has no room for all, two calls are made.
        if len(ids) == 1:
            return self._unknown(ids, "PartialAnswer", "GetResources did not return all tags of one WorkSpace")
        return {one: tags for half in halves(ids) for one, tags in self._read(half).items()}

    def _tags_in(self, listed: Any, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Tags] | None:
        """The tags in an answer; None if it contains a WorkSpace twice, or anything else."""
        found: dict[WorkspaceId, Tags] = {}
        if not isinstance(listed, list):
            return None
        try:
            for entry in listed:
                one = WorkspaceId(entry["ResourceARN"].removeprefix(self.arn_prefix))
                tags = tuple((tag["Key"], tag["Value"]) for tag in entry.get("Tags", []))
                if one not in ids or one in found or not all(isinstance(text, str) for pair in tags for text in pair):
                    return None
                found[one] = tags
        except (AttributeError, KeyError, TypeError):
            return None
        return found

    def _unknown(self, ids: Sequence[WorkspaceId], code: str, message: str) -> dict[WorkspaceId, Tags]:
        what = f"The tags of {len(ids)} WorkSpaces could not be read, so nothing is decided about them"
        self.telemetry.problem(f"{what}: {code}: {message}", error_code=code)
        return {}


# GetServiceQuota returns only quotas that were changed; the others have only a default.
# https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
_NOT_APPLIED = "NoSuchResourceException"
# More than any account has; the ledger's numbers have at most 38 digits.
_MOST_OF_A_QUOTA = 10**12


def standby_quota(client: ServiceQuotasClient) -> int | Unknown:
    """The quota of standbys of the account in the client's Region, or why it is not known."""
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
        return Unknown(MALFORMED, "Service Quotas gave an answer without a valid value")
    return int(value)


def beat(cloudwatch: CloudWatchClient, metric: str, stack: str, telemetry: PowertoolsTelemetry) -> None:
    """Publish a heartbeat metric that an alarm watches, in one Region. A failure is logged and stops nothing."""
    datum: Any = {"MetricName": metric, "Dimensions": [{"Name": "Stack", "Value": stack}], "Value": 1, "Unit": "Count"}
    answer = call(cloudwatch.put_metric_data, Namespace=NAMESPACE, MetricData=[datum])
    if not isinstance(answer, Answer):
        telemetry.problem(f"The metric {metric} could not be published: {answer.code}: {answer.message}")


_MOST_CHARACTERS = 200_000  # below SQS's 256 KiB even if some take more than a byte


class NotKept(Exception):
    """An event could not be put into the dead-letter queue: the invocation has to fail, so that Lambda keeps it."""


def put_aside(sqs: SQSClient, queue_url: str, event: object, reason: str) -> None:
    """Put an event that only a person can process into the dead-letter queue; `NotKept` if that fails."""
    answer = call(
        sqs.send_message,
        QueueUrl=queue_url,
        MessageBody=json.dumps(event, default=str)[:_MOST_CHARACTERS],
        MessageAttributes={"reason": {"DataType": "String", "StringValue": legible(reason, 1000)}},
    )
    if not isinstance(answer, Answer):
        raise NotKept(f"the dead-letter queue did not accept the event: {answer.code}: {answer.message}")
