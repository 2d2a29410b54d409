"""README's tables of keys, reason codes, alarms, metrics and costs, written from the code: `make readme`.

Each stands between a comment `<!-- table: NAME -->` and `<!-- end -->`; a test checks that they are current.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic_core import PydanticUndefined

from infra.config import DirectoryMapping, Pair, Rules, Vpc
from infra.purposes import ALARMS, COSTS, METRICS

ROOT: Final = Path(__file__).resolve().parent.parent
README: Final = ROOT / "README.md"
sys.path.insert(0, str(ROOT / "lambdas"))

from standby.core.reasons import Reason  # noqa: E402 (the path to lambdas/ comes first)

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_TABLE: Final = re.compile(r"(<!-- table: (?P<name>[a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def configuration() -> str:
    """The table of configuration keys."""
    lines = ["| key | default | what to write |", "|---|---|---|"]
    for name, field in Pair.model_fields.items():
        lines.append(_line(name, field))
        if name == "directories":
            lines += [_line(f"directories.ID.{inner}", field) for inner, field in DirectoryMapping.model_fields.items()]
        if name == "vpc":
            lines += [_line(f"vpc.{inner}", field) for inner, field in Vpc.model_fields.items()]
        if name == "exclude":
            lines += [
                _line(f"include.{inner}`, `exclude.{inner}", field) for inner, field in Rules.model_fields.items()
            ]
    return "\n".join(lines) + "\n"


def reasons() -> str:
    """The table of reason codes."""
    lines = ["| reason code | what it says | what to do | notice |", "|---|---|---|---|"]
    for reason in Reason:
        meaning = reason.meaning
        lines.append(f"| `{reason}` | {meaning.sentence} | {meaning.advice} | {'yes' if meaning.notify else ''} |")
    return "\n".join(lines) + "\n"


def alarms() -> str:
    """The table of alarms."""
    lines = ["| alarm | metrics, primary Region | metrics, DR Region | notices |", "|---|---|---|---|"]
    for name, alarm in ALARMS.items():
        condition = f" ({alarm.condition})" if alarm.condition else ""
        lines.append(f"| `{name}`{condition} | {alarm.primary or ''} | {alarm.dr or ''} | {alarm.notices} |")
    return "\n".join(lines) + "\n"


def metrics() -> str:
    """The table of metrics."""
    lines = ["| metrics | function | billed at rest | what for |", "|---|---|---|---|"]
    for one in METRICS:
        names = ", ".join(f"`{name}`" for name in one.names)
        lines.append(f"| {names} | {one.by} | {one.at_rest or ''} | {one.purpose} |")
    return "\n".join(lines) + "\n"


def costs() -> str:
    """The table of what the product costs at rest."""
    lines = ["| what | number | USD each | USD a month |", "|---|---|---|---|"]
    lines += [f"| {what} | {number:,} | {price:.2f} | {number * price:.2f} |" for what, number, price in COSTS]
    return "\n".join([*lines, f"| **sum** | | | **{sum(number * price for _, number, price in COSTS):.2f}** |"]) + "\n"


def written(text: str) -> str:
    """A README with its tables as they should be.

    Raises
    ------
    KeyError
        It asks for a table that does not exist.
    """
    made = (configuration, reasons, alarms, metrics, costs)
    tables = {table.__name__: table for table in made}
    return _TABLE.sub(lambda found: f"{found[1]}{tables[found['name']]()}{found[3]}", text)


def _line(name: str, field: FieldInfo) -> str:
    if field.is_required():
        default = "required"
    elif field.default is PydanticUndefined or field.default is None:
        default = "none"
    else:
        default = f"`{field.default if isinstance(field.default, str) else json.dumps(field.default)}`"
    description = (field.description or "").replace("|", "\\|")
    return f"| `{name}` | {default} | {description} |"


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
