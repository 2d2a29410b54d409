"""What is zipped: our code, its settings, and pure-Python libraries."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import PackagePath
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import pytest

from infra import bundle
from local.deploy import zipped
from standby.core.settings import Settings
from tests.infra.templates import STACK, Assembly

SETTINGS = {"version": "0.1.0"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("bundle")
    bundle.build(target, SETTINGS)
    return target


def files(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def test_lambdas_is_zipped_as_it_is(built: Path) -> None:
    ours = {path.relative_to(bundle.LAMBDAS).as_posix() for path in bundle.LAMBDAS.rglob("*.py")}
    assert ours
    assert ours <= set(files(built))


def test_it_holds_no_native_code_and_neither_boto3_nor_pydantic(built: Path) -> None:
    for name in files(built):
        assert not name.endswith((".so", ".pyd", ".dylib")), name
    assert not {"boto3", "botocore", "pydantic", "aws_xray_sdk"} & {path.name for path in built.iterdir()}


def test_each_vendored_library_brings_its_licence(built: Path) -> None:
    for library in bundle.VENDORED:
        assert [name for name in files(built) if name.startswith(f"{library}-") and "LICENSE" in name.upper()], library


def test_the_same_inputs_give_the_same_zip(built: Path, tmp_path: Path) -> None:
    """From a checkout of another day with other modes, by a process of another umask that hashes otherwise."""
    checkout, there = tmp_path / "checkout", tmp_path / "there"
    shutil.copytree(bundle.LAMBDAS, checkout, ignore=shutil.ignore_patterns("__pycache__"))
    for path in checkout.rglob("*.py"):
        path.chmod(0o755)
        os.utime(path, (946_684_800, 946_684_800))
    code = (
        "import sys, infra.synth as s; from pathlib import Path; s.bundle.LAMBDAS = Path(sys.argv[1]); "
        f"s.bundle.build(Path(sys.argv[2]), {SETTINGS})"
    )
    command = [sys.executable, "-c", code, str(checkout), str(there)]
    environment = {"PYTHONHASHSEED": "7", "PYTHONOPTIMIZE": "1"}
    subprocess.run(command, cwd=bundle.ROOT, env=environment, umask=0o077, check=True)  # noqa: S603
    assert zipped(there) == zipped(built)


def test_each_module_has_bytecode_that_is_compared_with_nothing_and_that_another_python_ignores(built: Path) -> None:
    found = files(built)
    compiled = {name: content for name, content in found.items() if name.endswith(".pyc")}
    assert compiled.keys() == {cache_from_source(name, optimization="") for name in found if name.endswith(".py")}
    for name, content in compiled.items():
        # PEP 3147: the name of a Python that is not this one is another.
        assert name.endswith(f".{sys.implementation.cache_tag}.pyc")
        assert content[:4] == MAGIC_NUMBER
        assert int.from_bytes(content[4:8], "little") == 0b01, name  # PEP 552: by a hash that nobody checks


def test_the_functions_import_from_the_bundle_and_compile_nothing(built: Path) -> None:
    """With what the runtime brings, boto3, after it on the path."""
    code = (
        "import importlib, sys\n"
        f"sys.path.insert(0, {str(built)!r})\n"
        "for name in ('protect', 'watch', 'sweep', 'announce'): importlib.import_module(name)\n"
        "for name, module in sorted(sys.modules.items()):\n"
        f"    if str(getattr(module, '__file__', '')).startswith({str(built)!r}): print(name, module.__cached__)"
    )
    done = subprocess.run([sys.executable, "-v", "-c", code], capture_output=True, text=True, check=True, env={})  # noqa: S603
    modules = [line.split() for line in done.stdout.splitlines()]
    assert {"protect", "announce", "standby.core.row", "aws_lambda_powertools.metrics"} <= {name for name, _ in modules}
    read = {
        line.partition(" matches ")[0].removeprefix("# ") for line in done.stderr.splitlines() if " matches " in line
    }
    assert [name for name, cached in modules if cached not in read] == []


def test_no_start_of_a_function_collects_garbage(built: Path) -> None:
    """All four functions and their clients in one process, which is more than any of them loads."""
    code = (
        "import gc, importlib, standby\n"
        "def runs(): return sum(one['collections'] for one in gc.get_stats())\n"
        "before = runs()\n"
        "for name in ('protect', 'watch', 'sweep', 'announce'): importlib.import_module(name)\n"
        "from standby.wiring import make_client\n"
        "for name in ('cloudwatch', 'dynamodb', 'events', 'resourcegroupstaggingapi', 'stepfunctions', 'workspaces'):\n"
        "    make_client(name, 'us-east-1')\n"
        "print(before, runs() - before)"
    )
    environment = {"PYTHONPATH": str(built)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)  # noqa: S603
    before, since = map(int, done.stdout.split())
    assert before > 0  # that of Python's own start
    assert since == 0


def test_the_zip_stays_below_two_megabytes(built: Path) -> None:
    assert len(zipped(built)) < 2_000_000


def test_what_is_zipped_is_the_release_that_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(bundle.LOCK.read_text().replace("jmespath==1.1.0 ", "jmespath==1.0.9 "))
    monkeypatch.setattr(bundle, "LOCK", lock)
    with pytest.raises(ValueError, match=r"jmespath 1\.1\.0 is installed, but requirements.txt locks 1\.0\.9: run"):
        bundle.build(tmp_path / "bundle", SETTINGS)


def test_a_library_that_somebody_has_changed_is_not_zipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = PackagePath.read_binary
    monkeypatch.setattr(PackagePath, "read_binary", lambda file: read(file) + b"#" * (file.name == "lexer.py"))
    with pytest.raises(ValueError, match=r"jmespath/lexer.py is not that of jmespath 1\.1\.0: delete \.venv"):
        bundle.build(tmp_path, SETTINGS)


def test_powertools_imports_from_the_bundle_alone(built: Path) -> None:
    code = "import aws_lambda_powertools as p; from aws_lambda_powertools import Logger, Metrics; print(p.__file__)"
    found = subprocess.run(  # noqa: S603
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(built)!r}); {code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.startswith(str(built)), found.stderr


def test_a_library_with_native_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "VENDORED", ("PyYAML",))
    with pytest.raises(ValueError, match="native code"):
        bundle.build(tmp_path, SETTINGS)


def test_settings_say_all_that_the_functions_need_in_seconds(example: Assembly) -> None:
    plain = {"volume_encryption_key": None, "data_replication": "NO_REPLICATION", "mutual": False}
    assert example.settings[STACK] == {
        "config_digest": example.primary["Outputs"]["ConfigDigest"]["Value"],
        "version": "0.1.0",
        "stack": STACK,
        "primary_region": "us-east-1",
        "dr_region": "us-west-2",
        "mode": "protect",
        "tags": {},
        "first_look_seconds": 900,
        "poll_interval_seconds": 120,
        "primary_deadline_seconds": 14_400,
        "standby_deadline_seconds": 7_200,
        "max_new_standbys_per_day": 200,
        "max_standbys": 5_000,
        "sweep_interval_seconds": 3_600,
        "rpo_seconds": 129_600,
        "existing_fleet": "report",
        "recreate_missing": False,
        "backfill_in_flight": 100,
        "calls_per_second": 1,
        "prices": {},
        "include": None,
        "exclude": None,
        "directories": {
            "d-906732325d": {"dr_directory": "d-926722edaf", **plain},
            "d-9067328a7c": {"dr_directory": "d-926722f013", **plain},
        },
        "elsewhere": {},
    }


def test_the_functions_understand_their_settings(everything: Assembly) -> None:
    assert len(everything.settings) == 2
    for document in everything.settings.values():
        settings = Settings.from_document(document)
        assert settings.poll_interval.total_seconds() == 120
        assert len(settings.directories) == 2


def test_pairs_of_one_primary_region_know_each_others_directories_there(neighbours: Assembly) -> None:
    europe = "Standby-us-east-1-eu-west-1"
    assert {stack: settings["elsewhere"] for stack, settings in neighbours.settings.items()} == {
        STACK: {"d-9067000001": europe, "d-9067000002": europe},
        europe: {"d-906732325d": STACK},
        "Standby-us-west-2-us-east-1": {},
    }


def test_a_directory_that_holds_another_pairs_standbys_is_mutual(everything: Assembly) -> None:
    assert {
        directory: mapping["mutual"]
        for settings in everything.settings.values()
        for directory, mapping in settings["directories"].items()
    } == {"d-906732325d": True, "d-9067328a7c": False, "d-926722edaf": True, "d-9267000000": False}
