"""The version of what is deployed, and of the command line that goes with it."""

from typing import Final

VERSION: Final = "0.1.0"
