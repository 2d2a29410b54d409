"""Cross-Region redirection: connection aliases, and what associates them with directories.

An alias is of one Region; the same connection string in another Region is another alias. What AWS does not document
takes the harder reading: an alias is not ready at once, and neither a directory nor an alias has two associations.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.workspaces.context import PAGE, Context, page
from local.workspaces.errors import ServiceError, invalid

_MOST_ALIASES = 20  # of a Region (quota L-0798A2C9), which AWS does not raise
_SECONDS = 2.0


@dataclass
class ConnectionAlias:
    """A connection alias of one Region."""

    alias_id: str
    connection_string: str
    created_at: datetime
    directory_id: str | None = None
    connection_identifier: str = ""
    associated_at: datetime | None = None

    def state(self, now: datetime) -> str:
        """Return its state."""
        return "CREATED" if now >= self.created_at + timedelta(seconds=_SECONDS) else "CREATING"

    def association(self, now: datetime) -> str:
        """Return the status of its association."""
        if self.associated_at is None:
            return "NOT_ASSOCIATED"
        ready = now >= self.associated_at + timedelta(seconds=_SECONDS)
        return "ASSOCIATED_WITH_OWNER_ACCOUNT" if ready else "PENDING_ASSOCIATION"


def create_connection_alias(context: Context) -> dict[str, Any]:
    """Create an alias for a fully qualified domain name."""
    string, here = context.params["ConnectionString"], _aliases(context)
    if "." not in string.strip("."):
        raise invalid("The connection string must be a fully qualified domain name.")
    if any(alias.connection_string == string for alias in here.values()):
        raise ServiceError("ResourceAlreadyExistsException", f"There is a connection alias for {string}.")
    if len(here) >= _MOST_ALIASES:
        raise ServiceError("ResourceLimitExceededException", f"A Region can have {_MOST_ALIASES} connection aliases.")
    alias = ConnectionAlias(context.estate.new_id("wsca"), string, context.now)
    here[alias.alias_id] = alias
    return {"AliasId": alias.alias_id}


def associate_connection_alias(context: Context) -> dict[str, Any]:
    """Associate an alias with a directory of the Region that is called; the identifier is for the TXT record."""
    alias, directory_id = _alias(context), context.params["ResourceId"]
    directory = context.estate.directory(context.region, directory_id)
    if alias.state(context.now) != "CREATED":
        raise ServiceError("InvalidResourceStateException", f"The connection alias is {alias.state(context.now)}.")
    if directory.state != "REGISTERED":
        raise ServiceError("InvalidResourceStateException", f"The directory is {directory.state}.")
    if any(other.directory_id == directory_id for other in _aliases(context).values()):
        raise ServiceError("ResourceAssociatedException", "The directory is associated with a connection alias.")
    if alias.directory_id is not None:
        raise ServiceError("ResourceAssociatedException", "The connection alias is associated with a directory.")
    alias.directory_id, alias.associated_at = directory_id, context.now
    alias.connection_identifier = context.estate.new_id("wscx").replace("-", "").upper()
    return {"ConnectionIdentifier": alias.connection_identifier}


def disassociate_connection_alias(context: Context) -> dict[str, Any]:
    """Take an alias's association away."""
    alias = _alias(context)
    if alias.directory_id is None:
        raise ServiceError("InvalidResourceStateException", "The connection alias is not associated.")
    alias.directory_id, alias.associated_at, alias.connection_identifier = None, None, ""
    return {}


def delete_connection_alias(context: Context) -> dict[str, Any]:
    """Delete an alias that is not associated."""
    alias = _alias(context)
    if alias.directory_id is not None:
        raise ServiceError("ResourceAssociatedException", "The connection alias is associated with a directory.")
    del _aliases(context)[alias.alias_id]
    return {}


def describe_connection_aliases(context: Context) -> dict[str, Any]:
    """Show the aliases of the Region, of some ids, or of one directory."""
    params = context.params
    if "AliasIds" in params and "ResourceId" in params:
        raise invalid("AliasIds and ResourceId cannot be combined.")
    found = [
        _show(context, alias)
        for alias in _aliases(context).values()
        if alias.alias_id in params.get("AliasIds", (alias.alias_id,))
        and params.get("ResourceId", alias.directory_id) == alias.directory_id
    ]
    return page(context, "ConnectionAliases", found, params.get("Limit", PAGE))


def describe_connection_alias_permissions(context: Context) -> dict[str, Any]:
    """Show with which accounts an alias is shared: here, with none."""
    return {"AliasId": _alias(context).alias_id, "ConnectionAliasPermissions": []}


def _aliases(context: Context) -> dict[str, ConnectionAlias]:
    return context.estate.aliases.setdefault(context.region, {})


def _alias(context: Context) -> ConnectionAlias:
    found = _aliases(context).get(context.params["AliasId"])
    if found is None:
        fields = {"ResourceId": context.params["AliasId"]}
        raise ServiceError("ResourceNotFoundException", "The connection alias does not exist.", fields=fields)
    return found


def _show(context: Context, alias: ConnectionAlias) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "AliasId": alias.alias_id,
        "ConnectionString": alias.connection_string,
        "State": alias.state(context.now),
        "OwnerAccountId": context.estate.account,
    }
    if alias.directory_id is None:
        return {**shown, "Associations": [{"AssociationStatus": "NOT_ASSOCIATED"}]}
    association = {
        "AssociationStatus": alias.association(context.now),
        "AssociatedAccountId": context.estate.account,
        "ResourceId": alias.directory_id,
        "ConnectionIdentifier": alias.connection_identifier,
    }
    return {**shown, "Associations": [association]}
