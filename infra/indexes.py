"""The ledger's indexes, without the CDK: the template is made of them, and `standby doctor` looks for them."""

from typing import Final

# Each index has key attributes of its own, so that STATE and EVENT rows never mix in one.
INDEXES: Final = {
    "by_status": ("ix_status", "ix_status_at"),
    "by_user": ("ix_user", "ix_user_at"),
    "by_uncovered": ("ix_uncovered", "ix_uncovered_at"),
    "by_day": ("ix_day", "ix_day_at"),
    "by_due": ("ix_due", "ix_due_at"),
}
# Of what is due the watcher reads ids alone.
KEYS_ONLY: Final = ("by_due",)
