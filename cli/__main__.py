"""`python -m cli`: the command `standby`, where nothing is installed as a script."""

import sys

from cli.main import main

if __name__ == "__main__":
    sys.exit(main())
