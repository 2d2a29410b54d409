"""``python -m local``, which is ``make local``: the embedded cloud with the product deployed in it, to practise on.

It synthesises the CDK app, starts the cloud, gives it an account with an existing fleet, deploys, writes
``build/local.json``, shows the notices that leave, and runs until Ctrl-C. At the end the file is gone.
"""

import signal
import sys
from types import FrameType


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; Ctrl-C is its ordinary end."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupt)
    try:
        # Imports take a second, in which an interrupt is as welcome as later.
        from local.place import run

        return run(arguments)
    except KeyboardInterrupt:
        print("\nThe embedded cloud has ended; nothing of it is left.", flush=True)
        return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End everything, once: who presses Ctrl-C again while it is being ended does not disturb that."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
