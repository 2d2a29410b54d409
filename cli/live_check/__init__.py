"""`standby live-check`: what no test here can show about AWS, asked of a live account once.

Each check is one question, with what the product assumes meanwhile (safe whatever the answer), and reads its answer off
the account. Only `writing.py` can write, and only when it is told to.
"""

from cli.live_check import deployment, desktops, directories, history, ledger, orphans, writing
from cli.live_check.checks import CHECKS

__all__ = ["CHECKS", "deployment", "desktops", "directories", "history", "ledger", "orphans", "writing"]
