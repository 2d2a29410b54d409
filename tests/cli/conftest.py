"""What the operator's commands are tested with."""

from pathlib import Path

import pytest

from tests.cli.handed_over import Made, made_in
from tests.cli.scenes import Scene, make_scene
from tests.cli.stage import Stage


@pytest.fixture(autouse=True)
def _nobodys_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of nobody: no test may reach an account."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A deployed pair with the command line in front of it, in a folder without a configuration file."""
    monkeypatch.chdir(tmp_path)
    return Stage()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The report of the tests' story; nothing changes the model after it."""
    return made_in(tmp_path_factory.mktemp("report"))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A deployed pair with a fleet and an orphan, in a folder without a configuration file."""
    monkeypatch.chdir(tmp_path)
    return make_scene()
