"""The ledger's indexes, without the CDK: the template is made from them, and `standby doctor` checks them."""

from typing import Final

# Each index has its own key attributes, so that STATE and EVENT rows are never in one index.
INDEXES: Final = {
    "by_status": ("ix_status", "ix_status_at"),
    "by_user": ("ix_user", "ix_user_at"),
    "by_uncovered": ("ix_uncovered", "ix_uncovered_at"),
    "by_day": ("ix_day", "ix_day_at"),
    "by_due": ("ix_due", "ix_due_at"),
}
# The watcher only reads ids of due rows.
KEYS_ONLY: Final = ("by_due",)
