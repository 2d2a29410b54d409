"""What no test here can show about AWS, and no document says, asked of a live account: `make ask-aws`.

Each check is one question, with what the product assumes meanwhile (safe whatever the answer), and reads its answer off
the account. Only `writing.py` can write, and only with `--write`. Administrators use `standby doctor`.
"""

from tools.ask_aws import desktops, history, orphans, writing
from tools.ask_aws.checks import CHECKS

__all__ = ["CHECKS", "desktops", "history", "orphans", "writing"]
