"""The gaps of the emulator that are patched, as a table for the contributors' page: from the patches' docstrings."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "contributing" / "embedded-cloud.md"
_TABLE: Final = re.compile(r"(?<=<!-- table: gaps -->\n).*?(?=<!-- end -->)", re.DOTALL)


def gaps() -> Iterator[tuple[str, str, str]]:
    """Each patch that a module's `apply` applies: the module, the function, and what its docstring says."""
    for path in sorted((ROOT / "local").glob("ministack_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        functions = {one.name: one for one in module.body if isinstance(one, ast.FunctionDef)}
        for node in ast.walk(functions["apply"]) if "apply" in functions else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                said = ast.get_docstring(functions[node.func.id]) or ""
                yield path.name, node.func.id, " ".join(said.split())


def written(page: str) -> str:
    """The page with its table as it is now."""
    lines = [f"| `{module}`, `{function}` | {said} |\n" for module, function, said in gaps()]
    return _TABLE.sub(
        "".join(["| patch | what it does, and what MiniStack does without it |\n|---|---|\n", *lines]), page
    )


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
