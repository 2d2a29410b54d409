"""The AWS CLI, for whoever has none: the CDK brings it.

A Lambda layer with the AWS CLI is among the dependencies that aws-cdk-lib pins. The CLI's own code is taken out of it;
botocore and the other libraries are the project's.
"""

import sys
import tarfile
import zipfile
from importlib.metadata import files
from pathlib import Path
from typing import Any

_PARTS = ("awscli", "colorama", "docutils", "pyasn1", "rsa")


def unpack(folder: Path) -> Path:
    """Put the CLI into a folder, and return it: it has the program ``aws``, and the modules in ``awscli``."""
    (archive,) = [one for one in files("aws-cdk.asset-awscli-v1") or () if one.name.endswith(".tgz")]
    with tarfile.open(str(archive.locate())) as package:
        packed: Any = package.extractfile("package/lib/layer.zip")
        with zipfile.ZipFile(packed) as layer:
            layer.extractall(folder, [name for name in layer.namelist() if name.split("/")[1] in _PARTS])  # noqa: S202
    program = folder / "aws"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{folder.resolve()}/awscli" exec "{sys.executable}" -m awscli "$@"\n')
    program.chmod(0o755)
    return folder
