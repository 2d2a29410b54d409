"""Which part of the product may know which, how large it may be, and where time, environment and clients come from."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "lambdas"
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in ROOT.rglob("*.py")}
CODE = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
# Of what a part, in the folder of its name, may know besides itself: modules, and packages with all that is in them;
# and what more of it for the type checker alone.
MAY_KNOW = {
    "core": ((), ()),
    "aws": (("standby.core",), ("standby.clock", "standby.telemetry")),
    "ledger": (("standby.core", "standby.aws.call", "standby.clock"), ()),
}
# Who else may know a module of the standard library, or of the runtime.
ONLY_IN = {
    "os": {"standby.wiring"},
    "uuid": {"standby.wiring"},
    "random": {"standby.ledger.table"},  # jitter
    "time": {"standby.clock"},
    "boto3": {"standby.wiring"},
    "botocore.config": {"standby.wiring"},
    "aws_lambda_powertools": {"standby.telemetry", "standby.wiring"},
}
OF_CORE = """__future__ array bisect collections dataclasses datetime decimal enum fnmatch functools itertools json math
pathlib re"""


def imports(code: ast.AST, *, typing: bool) -> Iterator[str]:
    """The modules that a module imports, wherever that stands; for the type checker alone, or when it runs."""
    for node in ast.iter_child_nodes(code):
        match node:
            case ast.If(test=ast.Name("TYPE_CHECKING")):
                if typing:
                    yield from (name for part in node.body for name in imports(ast.Module([part], []), typing=False))
            case ast.ImportFrom(module=str(module), names=names):
                whole = [f"{module}.{alias.name}" for alias in names]
                yield from [] if typing else [one if one in MODULES else module for one in whole]
            case ast.Import(names=names):
                yield from [] if typing else [alias.name for alias in names]
            case _:
                yield from imports(node, typing=typing)


def known(name: str, *, typing: bool = False) -> set[str]:
    return set(imports(CODE[name], typing=typing))


def is_below(name: str, *places: str) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("part", MAY_KNOW)
def test_a_part_knows_only_those_below_it(part: str) -> None:
    here, (more, for_typing) = f"standby.{part}", MAY_KNOW[part]
    inside = [name for name in MODULES if is_below(name, here)]
    assert inside
    for name in inside:
        assert [one for one in known(name) if is_below(one, "standby") and not is_below(one, here, *more)] == [], name
        typed = [one for one in known(name, typing=True) if is_below(one, "standby")]
        assert [one for one in typed if not is_below(one, here, *more, *for_typing)] == [], name


def test_the_core_knows_nothing_but_the_standard_library() -> None:
    known_there = {one.partition(".")[0] for name in MODULES if is_below(name, "standby.core") for one in known(name)}
    assert known_there - {*OF_CORE.split(), "standby", "types", "typing", "zlib"} == set()


def test_who_reads_goes_downwards_only() -> None:
    """No two modules know each other, be it by way of others."""
    order = graphlib.TopologicalSorter({name: known(name) & MODULES.keys() for name in MODULES})
    assert set(order.static_order()) >= set(MODULES)


def test_nobody_knows_a_handler() -> None:
    handlers = {name for name in MODULES if "." not in name}
    assert handlers == {"announce", "protect", "sweep", "watch"}
    assert {one for name in MODULES for one in known(name)} & handlers == set()


@pytest.mark.parametrize("module", ONLY_IN)
def test_time_environment_and_clients_are_handed_in(module: str) -> None:
    assert {name for name in MODULES if module in known(name)} == ONLY_IN[module]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_nobody_asks_the_machine_for_the_time_but_the_clock(name: str) -> None:
    asked = {
        node.attr
        for node in ast.walk(CODE[name])
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in ("datetime", "date")
        and node.attr in ("now", "utcnow", "today")
    }
    assert asked == ({"now"} if name == "standby.clock" else set())


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_client_is_made_when_a_module_is_imported(name: str) -> None:
    made = [
        ast.unparse(call)
        for node in CODE[name].body
        if not isinstance(node, ast.FunctionDef | ast.ClassDef)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] in ("client", "resource", "Session")
    ]
    assert made == []


def test_the_product_stays_small() -> None:
    assert 30 < len(MODULES) <= 45
