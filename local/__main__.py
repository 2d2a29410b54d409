"""``python -m local`` (``make local``): run the embedded cloud with the product deployed in it, for practice.

It synthesises the CDK app, starts the cloud, creates an account with an existing fleet, deploys, writes
``build/local.json``, prints the notices that are sent, and runs until Ctrl-C. It then removes the file.
"""

import signal
import sys
from types import FrameType


def main(arguments: list[str] | None = None) -> int:
    """Run the command line until Ctrl-C."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupt)
    try:
        # Imported here, so that Ctrl-C also works during the import, which takes a second.
        from local.place import run

        return run(arguments)
    except KeyboardInterrupt:
        print("\nThe embedded cloud has stopped. Its data was deleted.", flush=True)
        return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Stop everything once; a second Ctrl-C does not interrupt the shutdown."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
