"""Synthesises once a session: the Node.js behind the CDK takes seconds to start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tests.infra.templates import STACK, Assembly

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE = Path(__file__).parents[2] / "standby.example.yaml"

EVERYTHING = """
pairs:
  - primary_region: us-east-1
    dr_region: us-west-2
    account: "123456789012"
    directories:
      d-906732325d:
        dr_directory: d-926722edaf
        volume_encryption_key: arn:aws:kms:us-west-2:123456789012:key/11111111-2222-3333-4444-555555555555
        data_replication: PRIMARY_AS_SOURCE
      d-9067328a7c:
        dr_directory: d-926722f013
    tags: {CostCenter: dr}
    exclude: {users: ["svc-*"], tags: {Standby: "no"}}
    sweep_interval_minutes: 15
    notify_topic_arn: arn:aws:sns:us-east-1:123456789012:ops
    permissions_boundary: arn:aws:iam::123456789012:policy/boundary
  - primary_region: us-west-2
    dr_region: us-east-1
    account: "123456789012"
    directories:
      d-926722edaf: {dr_directory: d-906732325d}
      d-9267000000: {dr_directory: d-9067000000}
    sweep_interval_minutes: 1440
    notify: [ops@example.com]
"""


NEIGHBOURS = """
pairs:
  - primary_region: us-east-1
    dr_region: us-west-2
    account: "123456789012"
    directories:
      d-906732325d: {dr_directory: d-926722edaf, data_replication: PRIMARY_AS_SOURCE}
    notify: [ops@example.com]
  - primary_region: us-east-1
    dr_region: eu-west-1
    account: "123456789012"
    directories:
      d-9067000002: {dr_directory: d-9367000002}
      d-9067000001: {dr_directory: d-9367000001, data_replication: PRIMARY_AS_SOURCE}
    notify: [ops@example.com]
  - primary_region: us-west-2
    dr_region: us-east-1
    account: "123456789012"
    directories:
      d-9267000000: {dr_directory: d-9067000000}
    notify: [ops@example.com]
"""


def five_hundred_directories() -> str:
    lines = [
        "pairs:",
        "  - primary_region: us-east-1",
        "    dr_region: us-west-2",
        '    account: "123456789012"',
        "    notify: [ops@example.com]",
        "    directories:",
    ]
    for number in range(500):
        lines += [
            f"      d-90{number:08x}:",
            f"        dr_directory: d-92{number:08x}",
            f"        volume_encryption_key: arn:aws:kms:us-west-2:123456789012:key/{UUID(int=number)}",
        ]
    return "\n".join(lines)


@pytest.fixture(scope="session")
def assemble(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Assembly]:
    from infra.synth import synthesise

    def run(config: Path) -> Assembly:
        out = tmp_path_factory.mktemp("cdk.out")
        synthesise(config, out)
        primary, dr = (json.loads((out / f"{name}.template.json").read_text()) for name in (STACK, f"{STACK}-dr"))
        return Assembly(out, primary, dr)

    return run


@pytest.fixture(scope="session")
def example(assemble: Callable[[Path], Assembly]) -> Assembly:
    """The example file, as it is in the repository."""
    return assemble(EXAMPLE)


@pytest.fixture(scope="session")
def everything(assemble: Callable[[Path], Assembly], tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """An account, a key, an existing topic, a boundary, and a selection, and two pairs that point at each other."""
    config = tmp_path_factory.mktemp("everything") / "standby.yaml"
    config.write_text(EVERYTHING)
    return assemble(config)


@pytest.fixture(scope="session")
def neighbours(assemble: Callable[[Path], Assembly], tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """Two pairs of one primary Region, and one of another; DR Regions are primary ones, too."""
    config = tmp_path_factory.mktemp("neighbours") / "standby.yaml"
    config.write_text(NEIGHBOURS)
    return assemble(config)


@pytest.fixture(scope="session")
def large(assemble: Callable[[Path], Assembly], tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """Five hundred directories, each with a key of its own."""
    config = tmp_path_factory.mktemp("large") / "standby.yaml"
    config.write_text(five_hundred_directories())
    return assemble(config)
