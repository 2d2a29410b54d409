"""`python -m cli`: run the command `standby` where its script is not installed."""

import sys

from cli.main import main

if __name__ == "__main__":
    sys.exit(main())
