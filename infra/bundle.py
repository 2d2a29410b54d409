"""Builds the folder from which all functions of a pair are deployed.

It contains `lambdas/` unchanged, `settings.json`, the pure-Python libraries that the runtime lacks, and the bytecode of
all modules. It does not contain boto3 and botocore: the runtime has them. The libraries are the releases that
`requirements.txt` locks, and each file has the hash that its release records. The same inputs give the same bytes and
file modes. The CDK's command line zips in order and without times, so the zip is the same too, and an unchanged pair is
not deployed again. The Python that builds it is one of the inputs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).resolve().parent.parent
LAMBDAS: Final = ROOT / "lambdas"
LOCK: Final = ROOT / "requirements.txt"
# Powertools, and what its Logger needs: jmespath for its correlation ids, typing_extensions for its types.
VENDORED: Final = ("aws_lambda_powertools", "jmespath", "typing_extensions")
# Only Logger and Metrics are used. The parts that they do not import would be most of the zip.
UNUSED: Final = ("aws_lambda_powertools/event_handler/", "aws_lambda_powertools/utilities/")
_USED = ("aws_lambda_powertools/utilities/__init__.py", "aws_lambda_powertools/utilities/jmespath_utils/")
# Native code would tie the zip to one machine's architecture and Python.
NATIVE: Final = frozenset({".so", ".pyd", ".dll", ".dylib"})
# Fixed, because a umask and a checkout's executable bits would be in the zip.
FILE_MODE, FOLDER_MODE = 0o644, 0o755


def build(target: Path, settings: Mapping[str, Any]) -> None:
    """Fill an empty folder with the files that are zipped.

    Raises
    ------
    ValueError
        A vendored library has native code, or is not the locked release.
    """
    locked = _locked()
    shutil.copytree(LAMBDAS, target, ignore=shutil.ignore_patterns("__pycache__", ".*"), dirs_exist_ok=True)
    for name in VENDORED:
        library = distribution(name)
        wanted = locked[re.sub("[-_.]+", "-", library.name).lower()]
        if library.version != wanted:
            raise ValueError(
                f"{library.name} {library.version} is installed, but {LOCK.name} locks {wanted}: run `make setup`"
            )
        _vendor(library, target)
    (target / "settings.json").write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    _compile(target)
    for path in target.rglob("*"):
        path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)


def _locked() -> dict[str, str]:
    """The locked version of each library, by its normalised name."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE))


def _vendor(library: Distribution, target: Path) -> None:
    """Copy a library's modules and its licence."""
    for file in library.files or ():
        if file.suffix in NATIVE:
            raise ValueError(f"{library.name} has native code ({file}): it cannot be vendored into a pure-Python zip")
        name = file.as_posix()
        is_used = name.startswith(_USED) or not name.startswith(UNUSED)
        inside = file.parts[0] != ".." and "__pycache__" not in file.parts and is_used
        metadata = file.parts[0].endswith(".dist-info")
        if inside and (not metadata or file.name.upper().startswith(("LICENSE", "LICENCE", "NOTICE"))):
            content = file.read_binary()
            if file.hash is None or file.hash.value != _recorded(content):
                raise ValueError(
                    f"{file} is not that of {library.name} {library.version}: delete .venv and run `make setup`"
                )
            place = target / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def _recorded(content: bytes) -> str:
    """The SHA-256 of a file in the form of a wheel's RECORD."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _compile(target: Path) -> None:
    """Compile all modules. A function's folder is read-only, so without bytecode each cold start would compile them.

    The bytecode is for the Python that builds it; other versions ignore it because of its file name. "Unchecked" means
    that Python does not compare it with the source, whose time a zip does not keep exactly. A new process compiles it,
    because the strings that a process already has change some of the bytes.
    """
    how = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(target), "-p", "/var/task"]
    subprocess.run([sys.executable, "-I", "-S", "-m", "compileall", *how, str(target)], check=True)  # noqa: S603
