"""The tags of WorkSpaces, in bulk, by the Resource Groups Tagging API's GetResources; only where a rule asks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from standby.decisions.eligibility import is_for_selection
from standby.model import Workspace, WorkspaceId
from standby.service.answers import error_of, failure
from standby.service.describe import MalformedAnswer, halves
from standby.settings import Settings

if TYPE_CHECKING:
    from standby.clock import Pacer
    from standby.ledger.recorder import Telemetry

# ARNs of one GetResources.
MOST_ARNS = 100

Tags = tuple[tuple[str, str], ...]


class TaggingClient(Protocol):
    """What is used of boto3's client of `resourcegroupstaggingapi`."""

    def get_resources(self, *, ResourceARNList: Sequence[str]) -> Any:  # noqa: N803 (boto3's spelling)
        """The tags of resources."""
        ...


class TagReader:
    """Adds tags to WorkSpaces that wait for nothing else. The client must not repeat calls by itself.

    GetResources leaves out what has no tags, and what it does not know yet: absence from a whole answer is no tag.

    Parameters
    ----------
    arn_prefix
        What stands before the id in the ARN of a WorkSpace of the primary Region.
    has_time
        Whether there is time for another call; the tags that there is none for are unknown.
    """

    def __init__(
        self,
        client: TaggingClient,
        arn_prefix: str,
        settings: Settings,
        pacer: Pacer,
        has_time: Callable[[], bool],
        telemetry: Telemetry,
    ) -> None:
        self._client = client
        self._arn_prefix = arn_prefix
        self._settings = settings
        self._pacer = pacer
        self._has_time = has_time
        self._telemetry = telemetry

    def tagged(self, found: Sequence[Workspace]) -> Sequence[Workspace]:
        """The WorkSpaces, with the tags of those whose standby hangs on them; None where they could not be read."""
        asked = [one.id for one in found if is_for_selection(one, self._settings)]
        tags: dict[WorkspaceId, Tags] = {}
        for start in range(0, len(asked), MOST_ARNS):
            tags |= self._read(asked[start : start + MOST_ARNS])
        unknown = [one for one in asked if one not in tags]
        if unknown:
            self._telemetry.gauge("TagsUnknown", len(unknown))
        return [dataclasses.replace(one, tags=tags.get(one.id)) for one in found]

    def _read(self, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Tags]:
        """The tags of each, empty where there are none; nothing at all for those of whom the answer was not whole."""
        if not self._has_time():
            return {}
        self._pacer.wait()
        try:
            answer: Any = self._client.get_resources(ResourceARNList=[f"{self._arn_prefix}{one}" for one in ids])
            told = self._told(answer, ids)
        except ClientError as problem:
            return self._unknown(ids, *error_of(problem))
        except (BotoCoreError, OSError, MalformedAnswer) as problem:
            return self._unknown(ids, *failure(problem))
        except Exception:
            # botocore's parser gives up on what is not of the service's form.
            return self._unknown(ids, "MalformedAnswer", "GetResources gave an answer that cannot be read")
        if not answer.get("PaginationToken"):
            return {one: told.get(one, ()) for one in ids}
        # Called with ARNs it takes no token: what one answer has no room for is asked for in two.
        if len(ids) == 1:
            return self._unknown(ids, "PartialAnswer", "GetResources did not tell all tags of one WorkSpace")
        return {one: tags for half in halves(ids) for one, tags in self._read(half).items()}

    def _told(self, answer: Mapping[str, Any], ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Tags]:
        """The tags in an answer, which must speak of each of the WorkSpaces once at most, and of nothing else."""
        listed = answer.get("ResourceTagMappingList")
        if not isinstance(listed, list):
            raise MalformedAnswer("GetResources answered without a list of resources")
        told: dict[WorkspaceId, Tags] = {}
        for entry in listed:
            one = WorkspaceId(entry["ResourceARN"].removeprefix(self._arn_prefix))
            tags = tuple((tag["Key"], tag["Value"]) for tag in entry.get("Tags", []))
            if one not in ids or one in told or not all(isinstance(text, str) for pair in tags for text in pair):
                raise MalformedAnswer("GetResources answered with an entry that cannot be read")
            told[one] = tags
        return told

    def _unknown(self, ids: Sequence[WorkspaceId], code: str, message: str) -> dict[WorkspaceId, Tags]:
        told = f"The tags of {len(ids)} WorkSpaces could not be read, so nothing is decided about them"
        self._telemetry.problem(f"{told}: {code}: {message}", error_code=code)
        return {}
