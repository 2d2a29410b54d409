"""`make ask-aws`: check undocumented behaviour of AWS, which tests cannot show, in a live account.

Each check is one question. It has the product's present assumption, which is safe whatever the answer, and reads the
answer from the account. Only `writing.py` can write, and only with `--write`. Administrators use `standby doctor`.
"""

from tools.ask_aws import desktops, history, orphans, writing
from tools.ask_aws.checks import CHECKS

__all__ = ["CHECKS", "desktops", "history", "orphans", "writing"]
