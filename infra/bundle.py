"""Builds the one directory that all functions of a pair are deployed from.

It holds `lambdas/` as it is, `settings.json`, the pure-Python libraries that the runtime lacks, and the bytecode of all
modules. boto3 and botocore are left out: the runtime brings them. The same inputs give the same bytes, so that an
unchanged pair is not redeployed; the Python that builds it is one of the inputs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LAMBDAS: Final = Path(__file__).resolve().parent.parent / "lambdas"
# Powertools, and what its Logger needs: jmespath for its correlation ids, typing_extensions for its types.
VENDORED: Final = ("aws_lambda_powertools", "jmespath", "typing_extensions")
# Logger and Metrics are used of it. What they do not import, but for this one, would be most of the zip.
UNUSED: Final = ("aws_lambda_powertools/event_handler/", "aws_lambda_powertools/utilities/")
_USED = ("aws_lambda_powertools/utilities/__init__.py", "aws_lambda_powertools/utilities/jmespath_utils/")
# Native code would tie the zip to one machine's architecture and Python.
NATIVE: Final = frozenset({".so", ".pyd", ".dll", ".dylib"})


def build(target: Path, settings: Mapping[str, Any]) -> None:
    """Fill an empty directory with what is zipped.

    Raises
    ------
    ValueError
        if a vendored library holds native code.
    """
    shutil.copytree(LAMBDAS, target, ignore=shutil.ignore_patterns("__pycache__", ".*"), dirs_exist_ok=True)
    for name in VENDORED:
        _vendor(distribution(name), target)
    (target / "settings.json").write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    _compile(target)


def _vendor(library: Distribution, target: Path) -> None:
    """Copy a library's modules, and its licence beside them."""
    for file in library.files or ():
        if file.suffix in NATIVE:
            raise ValueError(f"{library.name} holds native code ({file}): it cannot be vendored into a pure-Python zip")
        name = file.as_posix()
        is_used = name.startswith(_USED) or not name.startswith(UNUSED)
        inside = file.parts[0] != ".." and "__pycache__" not in file.parts and is_used
        metadata = file.parts[0].endswith(".dist-info")
        if inside and (not metadata or file.name.upper().startswith(("LICENSE", "LICENCE", "NOTICE"))):
            place = target / file
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), place)


def _compile(target: Path) -> None:
    """Put each module's bytecode beside it: a function's directory is read-only, and each start would compile it again.

    It is for the Python that builds it; another one ignores it, by its file's name. "Unchecked" means that Python does
    not compare it with its source, whose time a zip does not keep exactly. A new process compiles it: which strings a
    process already holds decides some of the bytes.
    """
    how = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(target), "-p", "/var/task"]
    subprocess.run([sys.executable, "-I", "-S", "-m", "compileall", *how, str(target)], check=True)  # noqa: S603
