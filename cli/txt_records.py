"""The AWS CLI commands that set the TXT records for cross-Region redirection."""

from __future__ import annotations

import json
from typing import Final

# A placeholder: the first command finds the value.
ZONE: Final = "ZONE_ID"
_TTL: Final = 60  # seconds, for the hour of an outage


def commands(name: str, identifier: str) -> tuple[str, str]:
    """The command that finds the zone of a connection string, and the one that writes an identifier into its record."""
    parent = name.partition(".")[2]
    record = {"Name": name, "Type": "TXT", "TTL": _TTL, "ResourceRecords": [{"Value": f'"{identifier}"'}]}
    batch = json.dumps({"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]})
    return (
        f"aws route53 list-hosted-zones-by-name --dns-name {parent}",
        f"aws route53 change-resource-record-sets --hosted-zone-id {ZONE} --change-batch '{batch}'",
    )
