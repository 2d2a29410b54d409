"""What keeps a command from its answer, as a person reads it, and the exit statuses."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """The exit status of every command."""

    GOOD = 0
    FOUND = 1  # something that needs attention was found; --exit-zero makes it 0
    WRONG_USE = 2  # an option, an id or the configuration is wrong, or a question could not be asked
    REFUSED = 3  # AWS refused, or the function did
    INCOMPLETE = 4  # not everything could be seen: a Region, a page, a permission
    INTERRUPTED = 130


MEANINGS = {
    Status.GOOD: "Good.",
    Status.FOUND: "Something was found that needs attention. --exit-zero makes it 0.",
    Status.WRONG_USE: "Wrong use: an option, an id or the configuration is wrong, or a question needs an option.",
    Status.REFUSED: "AWS refused the request, or the function did. Nothing more was done.",
    Status.INCOMPLETE: "Not everything could be seen: a Region, a page or a permission is missing.",
    Status.INTERRUPTED: "Interrupted with Ctrl-C.",
}


class Problem(Exception):
    """Why there is no answer.

    Attributes
    ----------
    code : str
        For programs, e.g. `NoStack`.
    message, fix : str
        What is wrong and where; what to do. Whole sentences.
    status : Status
        The exit status.
    """

    def __init__(self, code: str, message: str, fix: str = "", status: Status = Status.WRONG_USE) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fix = fix
        self.status = status

    def __str__(self) -> str:
        """What is wrong and what to do, also where that was added later."""
        return f"{self.message} {self.fix}".rstrip()
