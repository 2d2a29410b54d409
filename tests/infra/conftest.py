"""The configurations whose templates are looked at. Each is synthesised once a run (tests/conftest.py)."""

from pathlib import Path
from uuid import UUID

import pytest

from tests.conftest import Synthesise
from tests.infra.templates import Assembly

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
# All that strict accounts demand. Its Regions are no other configuration's, so that one cloud can have both.
STRICT = """
pairs:
  - primary_region: eu-west-1
    dr_region: eu-central-1
    account: "123456789012"
    directories:
      d-936732325d: {dr_directory: d-996722edaf, data_replication: PRIMARY_AS_SOURCE}
    exclude: {tags: {Standby: "no"}}
    first_look_minutes: 0.01
    poll_interval_seconds: 1
    sweep_interval_minutes: 1440
    notify: [ops@example.com]
    permissions_boundary: arn:aws:iam::123456789012:policy/boundary
    customer_managed_keys: true
    vpc: {subnets: [subnet-0a1b2c3d4e5f60718, subnet-1a1b2c3d4e5f60718], security_groups: [sg-0a1b2c3d4e5f60718]}
    resource_tags: {Owner: desktops, CostCenter: "4711"}
    name_prefix: acme-
    role_path: /standby/
"""
LARGE = """
pairs:
  - primary_region: us-east-1
    dr_region: us-west-2
    account: "123456789012"
    notify: [ops@example.com]
    directories:
""" + "".join(
    f"""
      d-90{number:08x}:
        dr_directory: d-92{number:08x}
        volume_encryption_key: arn:aws:kms:us-west-2:123456789012:key/{UUID(int=number)}
"""
    for number in range(500)
)


@pytest.fixture(scope="session")
def example(synthesised: Synthesise) -> Assembly:
    """The example file, as it is in the repository."""
    return Assembly(synthesised(EXAMPLE.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def everything(synthesised: Synthesise) -> Assembly:
    """An account, a key, an existing topic, a boundary, and a selection, and two pairs that point at each other."""
    return Assembly(synthesised(EVERYTHING))


@pytest.fixture(scope="session")
def neighbours(synthesised: Synthesise) -> Assembly:
    """Two pairs of one primary Region, and one of another; DR Regions are primary ones, too."""
    return Assembly(synthesised(NEIGHBOURS))


@pytest.fixture(scope="session")
def strict(synthesised: Synthesise) -> Assembly:
    """All that strict accounts demand."""
    return Assembly(synthesised(STRICT, strict=True), "acme-Standby-eu-west-1-eu-central-1")


@pytest.fixture(scope="session")
def large(synthesised: Synthesise) -> Assembly:
    """Five hundred directories, each with a key of its own."""
    return Assembly(synthesised(LARGE))


@pytest.fixture
def assembly(request: pytest.FixtureRequest) -> Assembly:
    """The one of these that `templates.each_of` names."""
    found: Assembly = request.getfixturevalue(request.param)
    return found
