"""The ids and addresses of the example: a deployment with them would protect nothing and notify no one."""

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
# RFC 2606 reserves these for examples: no mail arrives there.
_UNDELIVERABLE: Final = re.compile(r".+@(.+\.)?(example\.(com|net|org)|example|test|invalid|localhost)", re.IGNORECASE)


def untouched(configuration: Configuration, example: Path) -> Iterator[Caution]:
    """A caution for each pair that has ids or addresses of the example, or addresses that are reserved for examples."""
    of_the_example = frozenset(_IDS.findall(example.read_text(encoding="utf-8")))
    for index, pair in enumerate(configuration.pairs):
        found = [one for one in _IDS.findall(pair.model_dump_json()) if one in of_the_example]
        theirs = dict.fromkeys([*found, *filter(_UNDELIVERABLE.fullmatch, pair.notify)])
        if theirs:
            message = (
                f"{', '.join(theirs)}: {'this is' if len(theirs) == 1 else 'these are'} from the example. Write your "
                "own. `make deploy` refuses examples"
            )
            yield Caution(f"pairs[{index}]", message, stops=True)
