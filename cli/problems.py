"""`Problem`, the error that a command reports, and the exit statuses."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """The exit status of every command."""

    GOOD = 0
    FOUND = 1  # something needs attention; --exit-zero changes it to 0
    WRONG_USE = 2  # an option, an id or the configuration is wrong, or confirmation is missing
    REFUSED = 3  # AWS or the protect function refused the request
    INCOMPLETE = 4  # something could not be read: a Region, a page, a permission
    INTERRUPTED = 130


MEANINGS = {
    Status.GOOD: "Success. Nothing needs attention.",
    Status.FOUND: "Success. Something needs attention. --exit-zero changes this to 0.",
    Status.WRONG_USE: "Wrong use: an option, an id or the configuration is wrong, or confirmation is missing.",
    Status.REFUSED: "AWS or the protect function refused the request. Nothing more was done.",
    Status.INCOMPLETE: "The answer is incomplete: a Region, a page or a permission is missing.",
    Status.INTERRUPTED: "Interrupted with Ctrl-C.",
}


class Problem(Exception):
    """An error that ends a command.

    Attributes
    ----------
    code : str
        For programs, e.g. `NoStack`.
    message, fix : str
        What is wrong and where, and what to do, in sentences.
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
        """The message and the fix."""
        return f"{self.message} {self.fix}".rstrip()
