"""README's tables are those of the code, and the files and folders that it names are there."""

import re
from pathlib import Path

import pytest

from infra.readme_tables import written

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Written by the commands that README tells of.
MADE = {
    "standby.yaml",
    "build/demo.json",
    "build/faults.json",
    "cdk.out/",
    "path/to/file.yaml",
    "build/cdk/node_modules/aws-cdk/bin/cdk",
}


def named_paths() -> list[str]:
    quoted = {found for found in re.findall(r"`([\w.-]+(?:/[\w.-]*)*)`", README) if "/" in found or "." in found}
    linked = set(re.findall(r"\]\(([^)#:]+)\)", README))
    return sorted(one for one in quoted | linked if re.search(r"/|\.(py|yaml|json|md|txt|toml)$", one))


@pytest.mark.parametrize("path", [one for one in named_paths() if one not in MADE])
def test_a_file_that_readme_names_is_there(path: str) -> None:
    homes = (ROOT, ROOT / "infra", ROOT / "lambdas", ROOT / "local", ROOT / "tests")
    assert any((home / path).exists() for home in homes), f"README names {path}"


def test_readmes_tables_are_current() -> None:
    assert "<!-- table: configuration -->" in README
    assert "<!-- table: reasons -->" in README
    assert written(README) == README, "run `make readme`"
