"""The TXT records that redirect users, and the commands of Route 53 that set them."""

from __future__ import annotations

import json
from typing import Final

# To be filled in: the first command finds it.
ZONE: Final = "ZONE_ID"
_TTL: Final = 60  # seconds, for the hour of an outage


def commands(name: str, identifier: str) -> tuple[str, str]:
    """What finds the zone of a connection string, and what writes a connection identifier into its record."""
    parent = name.partition(".")[2]
    record = {"Name": name, "Type": "TXT", "TTL": _TTL, "ResourceRecords": [{"Value": f'"{identifier}"'}]}
    batch = json.dumps({"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]})
    return (
        f"aws route53 list-hosted-zones-by-name --dns-name {parent}",
        f"aws route53 change-resource-record-sets --hosted-zone-id {ZONE} --change-batch '{batch}'",
    )
