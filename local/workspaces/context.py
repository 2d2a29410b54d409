"""What an operation is given: the estate, the call, the faults of its items, and how answers are paged."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.workspaces.errors import invalid
from local.workspaces.estate import Estate
from local.workspaces.faults import Fault

# What an answer holds at most, unless asked for less.
PAGE = 25


@dataclass(frozen=True)
class Context:
    """One call, as its operation sees it.

    Attributes
    ----------
    item_fault : callable
        Given a kind, a user name and an id, returns the injected fault that this item meets.
    """

    estate: Estate
    region: str
    params: dict[str, Any]
    now: datetime
    item_fault: Callable[[str, str, str | None], Fault | None]

    def happens(self, probability: float) -> bool:
        """Throw the world's dice; what never happens throws none, so that the other throws stay as they were."""
        return probability > 0 and self.estate.random.random() < probability

    def failed(self, user: str, workspace_id: str | None) -> dict[str, str] | None:
        """Return the injected error of an item, as the members of a failed request."""
        fault = self.item_fault("fail_item", user, workspace_id)
        if fault is None:
            return None
        return {
            "ErrorCode": fault.code or "InternalFailure",
            "ErrorMessage": fault.message or "The request could not be carried out.",
        }


Operation = Callable[[Context], dict[str, Any]]


def page(context: Context, member: str, found: list[dict[str, Any]], size: int) -> dict[str, Any]:
    """Return a page of what was found, with a token for the next one if there is more."""
    token = context.params.get("NextToken", "0")
    if not token.isdecimal():
        raise invalid("The token is not valid.")
    start = int(token)
    following = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return {member: found[start : start + size], **following}
