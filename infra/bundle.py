"""Builds the one directory that all functions of a pair are deployed from.

It holds `lambdas/` as it is, `settings.json`, the pure-Python libraries that the runtime lacks, and the bytecode of all
modules. boto3 and botocore are left out: the runtime brings them. The libraries are the releases that
`requirements.txt` locks, and each of their files has the hash that its release records. The same inputs give the same
bytes and file modes, and the CDK's command line zips in order and without times: the zip is the same, too, so that an
unchanged pair is not redeployed. The Python that builds it is one of the inputs.
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
# Logger and Metrics are used of it. What they do not import, but for this one, would be most of the zip.
UNUSED: Final = ("aws_lambda_powertools/event_handler/", "aws_lambda_powertools/utilities/")
_USED = ("aws_lambda_powertools/utilities/__init__.py", "aws_lambda_powertools/utilities/jmespath_utils/")
# Native code would tie the zip to one machine's architecture and Python.
NATIVE: Final = frozenset({".so", ".pyd", ".dll", ".dylib"})
# A umask and a checkout's executable bits would be in the zip.
FILE_MODE, FOLDER_MODE = 0o644, 0o755


def build(target: Path, settings: Mapping[str, Any]) -> None:
    """Fill an empty directory with what is zipped.

    Raises
    ------
    ValueError
        if a vendored library holds native code, or is not the release that is locked.
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
    """The version of each library in the lock, by its normalised name."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE))


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
            content = file.read_binary()
            if file.hash is None or file.hash.value != _recorded(content):
                raise ValueError(
                    f"{file} is not the file of {library.name} {library.version}: delete .venv, and run `make setup`"
                )
            place = target / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def _recorded(content: bytes) -> str:
    """The SHA-256 of a file as a wheel's RECORD has it."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _compile(target: Path) -> None:
    """Put each module's bytecode beside it: a function's directory is read-only, and each start would compile it again.

    It is for the Python that builds it; another one ignores it, by its file's name. "Unchecked" means that Python does
    not compare it with its source, whose time a zip does not keep exactly. A new process compiles it: which strings a
    process already holds decides some of the bytes.
    """
    how = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(target), "-p", "/var/task"]
    subprocess.run([sys.executable, "-I", "-S", "-m", "compileall", *how, str(target)], check=True)  # noqa: S603
