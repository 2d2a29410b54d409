"""Names of people in a report: as they are, or as pseudonyms. The operator keeps the key of the pseudonyms.

A pseudonym is made from the name and a secret key (HMAC-SHA-256). The same name has the same pseudonym in every report
that is made with the key. Without the key, nobody can find the name by trying. Free text of people or AWS can contain
any name, so a redacted report leaves it out.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.people import who
from cli.problems import Problem
from standby.core.model import is_unassigned, user_key

LEFT_OUT: Final = "(left out: --redact)"
_KEY_BYTES: Final = 32
_DIGITS: Final = 12  # 48 bits: of 100,000 names, two share one in one of 56,000 keys
_ROLE: Final = re.compile(r"(?P<session>.+) (?P<role>\(role [^()]+\))")
# Callers that are AWS services, and no persons.
_PARTS_OF_AWS: Final = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")


@dataclass(frozen=True)
class Names:
    """Writes names: as pseudonyms if there is a key."""

    key: bytes | None = None

    @property
    def are_redacted(self) -> bool:
        """Whether they are pseudonyms."""
        return self.key is not None

    def user(self, name: object) -> str:
        """The name of a user; empty if the desktop has none."""
        given = "" if name is None else str(name)
        if self.key is None or not given or is_unassigned(given):
            return given
        return self._pseudonym("user", given)

    def who(self, principal: object) -> str:
        """A caller, as `people.who` names it. The role of a session stays readable."""
        named = who(principal)
        if self.key is None or not named or _PARTS_OF_AWS.fullmatch(named):
            return named
        if found := _ROLE.fullmatch(named):
            return f"{self.who(found['session'])} {found['role']}"
        return named if named.startswith("user-") else self._pseudonym("user", named)

    def text(self, words: object, instead: str = LEFT_OUT) -> str:
        """Free text of a person; a redacted report has `instead`."""
        given = "" if words is None else str(words)
        return given if self.key is None or not given else instead

    def noted(self, words: object) -> str:
        """Free text of a person in parentheses; empty if there is none."""
        given = self.text(words)
        return given if given in ("", LEFT_OUT) else f"({given})"

    def rule(self, rule: str) -> str:
        """A rule of the selection, e.g. `exclude.users: alice`. A name, or a pattern of names, becomes a pseudonym."""
        section, _, value = rule.partition("users: ")
        return rule if self.key is None or not value else f"{section}users: {self.user(value)}"

    def _pseudonym(self, kind: str, name: str) -> str:
        digest = hmac.new(self.key or b"", user_key(name).encode(), hashlib.sha256).hexdigest()
        return f"{kind}-{digest[:_DIGITS]}"


def key_of(file: Path) -> tuple[bytes, bool]:
    """The key in a file, and whether the file is new. Only its owner can read it.

    Raises
    ------
    Problem
        The file has no such key, or it cannot be read or created.
    """
    try:
        if not file.exists():
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as new:
                new.write(f"{secrets.token_hex(_KEY_BYTES)}\n")
            return bytes.fromhex(file.read_text(encoding="ascii").strip()), True
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except OSError as problem:
        raise Problem("NoKey", f"The key {file} cannot be used: {problem.strerror}.", "Name another file.") from None
    except ValueError:
        key = b""
    if len(key) < _KEY_BYTES:
        words = f"{file} holds no key of {_KEY_BYTES} bytes in hexadecimal digits."
        raise Problem("BadKey", words, "Name the key file of an earlier report, or a file that does not exist.")
    return key, False
