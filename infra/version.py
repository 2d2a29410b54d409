"""The version of the stacks and of the command line. pyproject.toml reads it from here."""

from typing import Final

VERSION: Final = "0.1.0"
# The oldest deployed version whose functions support everything in this command line. It is raised with each option
# that an older version would ignore, such as a dry run.
OLDEST_SERVED: Final = "0.1.0"


def is_older(version: str, than: str) -> bool:
    """Whether a version such as `0.9.0` is older than another one; a version in another form counts as older."""
    try:
        one, other = (tuple(map(int, text.split("."))) for text in (version, than))
    except ValueError:
        return True
    return one < other
