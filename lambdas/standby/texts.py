"""Text from outside, made fit to be kept and sent on: JSON may hold half a character, control characters, anything."""

from __future__ import annotations

import re

# What SQS takes, and with it every other service here: tab, line ends, and all characters but surrogates' halves.
_ILLEGIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def legible(value: object, most: int) -> str:
    """`value` as text of at most so many characters, each of which every service takes."""
    return _ILLEGIBLE.sub("\N{REPLACEMENT CHARACTER}", str(value)[:most])
