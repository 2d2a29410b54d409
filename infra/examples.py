"""The example's own ids and addresses: with them a deployment would protect nothing and notify nobody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from infra.config_rules import Caution

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.config import Configuration

# Ids of directories, accounts and keys, and addresses.
_IDS: Final = re.compile(
    r"\bd-[0-9a-f]{8,63}\b|\b[0-9]{12}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
)
# RFC 2606 keeps these for examples: no mail arrives there.
_NOBODYS: Final = re.compile(r".+@(.+\.)?(example\.(com|net|org)|example|test|invalid|localhost)", re.IGNORECASE)


def untouched(configuration: Configuration, example: Path) -> Iterator[Caution]:
    """A caution for each pair that holds what only the example holds, or what is kept for examples."""
    of_the_example = frozenset(_IDS.findall(example.read_text(encoding="utf-8")))
    for index, pair in enumerate(configuration.pairs):
        found = [one for one in _IDS.findall(pair.model_dump_json()) if one in of_the_example]
        theirs = dict.fromkeys([*found, *filter(_NOBODYS.fullmatch, pair.notify)])
        if theirs:
            message = (
                f"{', '.join(theirs)}: only examples have {'this' if len(theirs) == 1 else 'these'}; write your own. "
                "`make deploy` stops at this"
            )
            yield Caution(f"pairs[{index}]", message, stops=True)
