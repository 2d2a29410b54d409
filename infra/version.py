"""The version of what is deployed, and of the command line that goes with it. pyproject.toml takes it from here."""

from typing import Final

VERSION: Final = "0.1.0"
# The oldest deployed version whose functions do all that this command line asks of them. It is raised with whatever an
# older one would ignore, such as a dry run.
OLDEST_SERVED: Final = "0.1.0"


def is_older(version: str, than: str) -> bool:
    """Whether a version such as `0.9.0` is older than another; one that is not written so is."""
    try:
        one, other = (tuple(map(int, text.split("."))) for text in (version, than))
    except ValueError:
        return True
    return one < other
