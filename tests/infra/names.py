"""What CloudFormation knows each resource by: logical id, type and name. `make names` writes `names.txt` anew.

Almost every resource has a fixed name, and CloudFormation makes the new one before it deletes the old one. A construct
that moves gets another logical id: an update fails because the name is taken, or, without a name, loses what the
resource holds.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from tests.infra.conftest import EXAMPLE, STRICT

FILE = Path(__file__).with_name("names.txt")
CONFIGURATIONS = {
    "standby.example.yaml": EXAMPLE.read_text(encoding="utf-8"),
    "all that strict accounts demand": STRICT,
}


def written(assemblies: dict[str, Path]) -> str:
    """The whole file: a line for each resource of each template of each assembly."""
    lines = []
    for title, assembly in assemblies.items():
        lines.append(f"# {title}")
        for template in sorted(assembly.glob("*.template.json")):
            found = json.loads(template.read_text(encoding="utf-8"))["Resources"]
            lines.append(template.name.removesuffix(".template.json"))
            lines += sorted(f"  {logical} {one['Type']} {_name(one['Properties'])}" for logical, one in found.items())
    return "\n".join(lines) + "\n"


def _name(properties: dict[str, Any]) -> str:
    """The name that a template gives; the name of what a resource belongs to is a reference."""
    own = [properties.get("StatementId"), *(value for key, value in properties.items() if key.endswith("Name"))]
    return next((value for value in own if isinstance(value, str) and value != "WorkSpaces Standby"), "-")


if __name__ == "__main__":
    from infra.synth import synthesise  # starts Node.js, which the tests that import this module do not need

    with tempfile.TemporaryDirectory() as work:
        made = {}
        for title, text in CONFIGURATIONS.items():
            config, made[title] = Path(work) / "standby.yaml", Path(work) / title
            config.write_text(text, encoding="utf-8")
            synthesise(config, made[title])
        FILE.write_text(written(made), encoding="utf-8")
