"""Builds the one directory that all functions of a pair are deployed from.

It holds `lambdas/` as it is, `settings.json`, and the pure-Python libraries that the runtime lacks. boto3 and botocore
are left out: the runtime brings them. The same inputs give the same bytes, so that an unchanged pair is not redeployed.
"""

from __future__ import annotations

import json
import shutil
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LAMBDAS: Final = Path(__file__).resolve().parent.parent / "lambdas"
# Powertools, and what it needs: jmespath for its envelopes, typing_extensions for its types.
VENDORED: Final = ("aws_lambda_powertools", "jmespath", "typing_extensions")
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


def _vendor(library: Distribution, target: Path) -> None:
    """Copy a library's modules, and its licence beside them."""
    for file in library.files or ():
        if file.suffix in NATIVE:
            raise ValueError(f"{library.name} holds native code ({file}): it cannot be vendored into a pure-Python zip")
        inside = file.parts[0] != ".." and "__pycache__" not in file.parts
        metadata = file.parts[0].endswith(".dist-info")
        if inside and (not metadata or file.name.upper().startswith(("LICENSE", "LICENCE", "NOTICE"))):
            place = target / file
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), place)
