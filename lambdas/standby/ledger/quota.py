"""The quota of standby WorkSpaces in the DR Region: asked for by the sweep, kept in the ledger for the watcher.

What is not known, or was measured too long ago, limits nothing here: the service refuses what is above its quota, and
then the whole pair waits (`gates.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from standby.clock import from_text, to_text
from standby.model import Unknown
from standby.service.answers import error_of, failure

if TYPE_CHECKING:
    from mypy_boto3_service_quotas import ServiceQuotasClient

    from standby.ledger.table import Table

SERVICE_CODE, QUOTA_CODE = "workspaces", "L-9A67B5CB"
QUOTA = "QUOTA"
# Somebody may have raised it since.
_GOOD_FOR = timedelta(days=1)
# GetServiceQuota knows quotas that were changed; of the others, only the default is to be had.
# https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
_NOT_APPLIED = "NoSuchResourceException"
_MALFORMED = Unknown("MalformedAnswer", "Service Quotas answered without a value")
# Beyond any account's; the ledger's numbers end at 38 digits.
_MOST = 10**12


class StandbyQuota:
    """Asks Service Quotas, of the DR Region."""

    def __init__(self, client: ServiceQuotasClient) -> None:
        self._client = client

    def ask(self) -> int | Unknown:
        """The standbys that the account may have in the Region, or why that is not known."""
        found = self._ask(self._client.get_service_quota)
        if isinstance(found, Unknown) and found.code == _NOT_APPLIED:
            found = self._ask(self._client.get_aws_default_service_quota)
        return found

    def _ask(self, call: Callable[..., Any]) -> int | Unknown:
        try:
            answer = call(ServiceCode=SERVICE_CODE, QuotaCode=QUOTA_CODE)
        except ClientError as problem:
            return Unknown(*error_of(problem))
        except (BotoCoreError, OSError) as problem:
            return Unknown(*failure(problem))
        except Exception:
            # botocore's parser gives up an answer that is not of the service's form.
            return _MALFORMED
        quota = answer.get("Quota")
        value = quota.get("Value") if isinstance(quota, Mapping) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
            return _MALFORMED  # which is also what is no number
        return int(value)


def keep_quota(table: Table, value: int, now: datetime) -> None:
    """Keep what was measured.

    Raises
    ------
    LedgerUnavailable
        It is not kept.
    """
    table.put({"pk": QUOTA, "sk": QUOTA, "value": value, "measured_at": to_text(now)})


def known_quota(item: Mapping[str, Any] | None, now: datetime) -> int | None:
    """The quota in the ledger's row of it; None if there is none that is still good, or the row is not one of ours."""
    try:
        measured_at, value = from_text((item or {})["measured_at"]), (item or {})["value"]
        is_good = type(value) is int and value >= 0 and now - measured_at < _GOOD_FOR
    except (KeyError, TypeError, ValueError):
        return None
    return value if is_good else None
