"""Writes the generated parts of the documents from the code: `make docs`.

Each part is between a comment `<!-- generated: NAME -->` and `<!-- end -->`, in README.md or under docs/. A test checks
that all parts are current.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import PydanticUndefined

from infra.config import DirectoryMapping, Pair, Rules, Vpc
from infra.purposes import ALARMS, COSTS, METRICS

ROOT: Final = Path(__file__).resolve().parent.parent
EXAMPLE: Final = ROOT / "standby.example.yaml"
sys.path.insert(0, str(ROOT / "lambdas"))

from standby.core.reasons import Reason  # noqa: E402 (the path to lambdas/ comes first)

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_PART: Final = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
# Columns of the matrix: the heading, and what the logical ids of the policies begin with.
_PRINCIPALS: Final = (
    ("protect", ("ProtectRole",)),
    ("watch", ("WatchRole",)),
    ("sweep", ("SweepRole",)),
    ("announce", ("AnnounceRole",)),
    ("state machines", ("WatcherRole", "SweeperRole")),
    ("schedules", ("SchedulerRole",)),
    ("rule in the DR Region", ("ForwardingEndedWorkspacesEventsRole",)),
    ("reader", ("PeopleReader",)),
    ("operator", ("PeopleOperator",)),
)
# Every function may write its log and traces: these actions are left out of the matrix.
_OF_EVERY_FUNCTION: Final = ("logs:", "xray:")


@dataclass(frozen=True)
class Templates:
    """The CloudFormation templates of one pair."""

    primary: Mapping[str, Any]
    dr: Mapping[str, Any]


def documents() -> list[Path]:
    """README and its neighbours, and every page under docs/."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def written(text: str, templates: Templates) -> str:
    """A document with its generated parts as they should be.

    Raises
    ------
    KeyError
        The document names a part that does not exist.
    """
    parts: dict[str, Callable[[], str]] = {
        "configuration": configuration,
        "reasons": reasons,
        "alarms": alarms,
        "runbook": runbook,
        "metrics": metrics,
        "costs": costs,
        "cost": cost,
        "roles": lambda: roles(templates),
        "resources": lambda: resources(templates),
    }
    return _PART.sub(lambda found: f"{found[1]}{parts[found['name']]()}{found[3]}", text)


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
    """The table of alarms: when each fires, and how many metrics are billed for it."""
    lines = ["| alarm | fires when | metrics, primary Region | metrics, DR Region |", "|---|---|---|---|"]
    for name, alarm in ALARMS.items():
        link = f"[`{name}`](runbook.md#{name})"
        lines.append(
            f"| {link}{_only_if(alarm.condition)} | {alarm.fires} | {alarm.primary or ''} | {alarm.dr or ''} |"
        )
    return "\n".join(lines) + "\n"


def runbook() -> str:
    """The runbook: a section for each alarm."""
    return "\n".join(line for name in ALARMS for line in _section(name))


def _section(name: str) -> Iterator[str]:
    alarm = ALARMS[name]
    both = " and ".join(
        where for where, has in (("the primary Region", alarm.primary), ("the DR Region", alarm.dr)) if has
    )
    yield from (f"## {name}", "")
    yield f"In {both}{f', {alarm.condition}' if alarm.condition else ''}. Fires when {alarm.fires}."
    yield from ("", f"**What it means.** {alarm.means}", "")
    if alarm.in_dr:
        yield from (f"**In the DR Region.** {alarm.in_dr}", "")
    yield from ("**First command**", "", "```sh", alarm.first, "```", "", "**Usual causes, and what to do**", "")
    yield from (f"- {cause}" for cause in alarm.causes)
    yield from ("", f"**When it is over.** {alarm.over}", "")


def metrics() -> str:
    """The table of metrics."""
    lines = ["| metrics | function | billed at rest | what for |", "|---|---|---|---|"]
    for one in METRICS:
        names = ", ".join(f"`{name}`" for name in one.names)
        lines.append(f"| {names} | {one.by} | {one.at_rest or ''} | {one.purpose} |")
    return "\n".join(lines) + "\n"


def costs() -> str:
    """The table of the product's cost while nothing happens."""
    lines = ["| what | number | USD each | USD a month |", "|---|---|---|---|"]
    lines += [f"| {what} | {number:,} | {price:.2f} | {number * price:.2f} |" for what, number, price in COSTS]
    return "\n".join([*lines, f"| **sum** | | | **{_sum():.2f}** |"]) + "\n"


def cost() -> str:
    """The product's cost while nothing happens, in a line."""
    return (
        f"- **The product itself**: about USD {_sum():.0f} a month for each pair of Regions, with 500 desktops\n"
        "  ([what it is made of](docs/operate/metrics.md#cost)).\n"
    )


def _sum() -> float:
    return sum(number * price for _, number, price in COSTS)


def roles(templates: Templates) -> str:
    """The matrix of principals and actions in both templates."""
    policies = [*_statements(templates.primary), *_statements(templates.dr)]
    allowed = {
        heading: {action for name, action in policies if name.startswith(prefixes)} for heading, prefixes in _PRINCIPALS
    }
    actions = sorted({action for found in allowed.values() for action in found})
    lines = [f"| action | {' | '.join(allowed)} |", "|---" * (len(allowed) + 1) + "|"]
    lines += [
        f"| `{action}` | {' | '.join('yes' if action in found else '' for found in allowed.values())} |"
        for action in actions
    ]
    return "\n".join(lines) + "\n"


def _statements(template: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The logical id of each policy with each action that it allows.

    Raises
    ------
    ValueError
        The matrix has no column for the policy.
    """
    known = tuple(prefix for _, prefixes in _PRINCIPALS for prefix in prefixes)
    for name, resource in template["Resources"].items():
        if resource["Type"] not in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            continue
        if not name.startswith(known):
            raise ValueError(f"add the principal of the policy {name} to _PRINCIPALS in infra/documents.py")
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                if statement["Effect"] == "Allow" and not action.startswith(_OF_EVERY_FUNCTION):
                    yield name, action


def resources(templates: Templates) -> str:
    """The table of the resources that CloudFormation creates, by type."""
    counts = [Counter(one["Type"] for one in each["Resources"].values()) for each in (templates.primary, templates.dr)]
    lines = ["| type | primary Region | DR Region |", "|---|---|---|"]
    lines += [
        f"| `{kind}` | {counts[0][kind] or ''} | {counts[1][kind] or ''} |" for kind in sorted({*counts[0], *counts[1]})
    ]
    return "\n".join(lines) + "\n"


def _only_if(condition: str) -> str:
    return f" ({condition})" if condition else ""


def _line(name: str, field: FieldInfo) -> str:
    if field.is_required():
        default = "required"
    elif field.default is PydanticUndefined or field.default is None:
        default = "none"
    else:
        default = f"`{field.default if isinstance(field.default, str) else json.dumps(field.default)}`"
    description = (field.description or "").replace("|", "\\|")
    return f"| `{name}` | {default} | {description} |"


def main() -> None:
    """Write the generated parts of all documents, with the templates of the example configuration."""
    from infra.synth import synthesise

    with TemporaryDirectory() as folder:
        synthesise(EXAMPLE, Path(folder))
        (dr,) = Path(folder).glob("*-dr.template.json")
        primary = dr.with_name(dr.name.replace("-dr.template", ".template"))
        found = Templates(*(json.loads(one.read_text(encoding="utf-8")) for one in (primary, dr)))
    for path in documents():
        text = path.read_text(encoding="utf-8")
        if (now := written(text, found)) != text:
            path.write_text(now, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)} was updated.\n")


if __name__ == "__main__":
    main()
