"""Synthesises a cloud assembly from a configuration file, with or without the CDK's command line."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from aws_cdk import App

from infra import bundle, nag
from infra.config_file import ConfigurationError, load, load_with_cautions
from infra.dr_stack import DrStack
from infra.stack import PrimaryStack

if TYPE_CHECKING:
    from infra.config import Configuration

ROOT: Final = Path(__file__).resolve().parent.parent
DEFAULT_CONFIGURATION: Final = "standby.yaml"


def main() -> int:
    """Synthesise the configuration that the CDK context key `config` names; returns the exit status.

    It is 1 if the configuration has mistakes, which are written to standard error. With the context key `examples` as
    `refused`, which `make deploy` sets, ids and addresses of the example are refused too. Without it, they can be
    synthesised: templates do no harm.
    """
    app = new_app(Path(os.environ.get("CDK_OUTDIR", "cdk.out")))
    file = Path(str(app.node.try_get_context("config") or DEFAULT_CONFIGURATION))
    try:
        configuration, cautions = load_with_cautions(file, datetime.now(UTC).date())
    except ConfigurationError as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    is_deployment = app.node.try_get_context("examples") == "refused"
    for caution in cautions:
        if is_deployment or not caution.stops:
            sys.stderr.write(f"{file}: warning: {caution}\n")
    if is_deployment and any(caution.stops for caution in cautions):
        sys.stderr.write(f"{file}: nothing was deployed. For an emulator, add ARGS='-c examples=allowed'.\n")
        return 1
    _synthesise(app, configuration)
    return 0


def synthesise(config_path: Path, outdir: Path, *, strict: bool = False) -> None:
    """Write the cloud assembly of a configuration file into a directory, checked as `nag.check` says.

    Raises
    ------
    infra.config_file.ConfigurationError
        The file has mistakes.
    """
    configuration = load(config_path)
    _synthesise(new_app(outdir), configuration, strict=strict)


def new_app(outdir: Path) -> App:
    """An app with the feature flags of `cdk.json`, which otherwise only the CDK's command line passes in."""
    flags = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return App(outdir=str(outdir), context=flags, analytics_reporting=False)


def add_stacks(app: App, configuration: Configuration, work: Path) -> None:
    """Add two stacks for each pair of Regions. `work` is a folder for the functions' files until the app reads them."""
    for pair in configuration.pairs:
        account = pair.account or os.environ.get("CDK_DEFAULT_ACCOUNT")
        assets = work / pair.stack_name
        bundle.build(assets, configuration.settings(pair))
        primary = PrimaryStack(app, pair=pair, account=account, bundle=assets)
        nag.acknowledge(primary)
        dr = DrStack(app, pair=pair, account=account)
        # With customer managed keys, the replica is encrypted with the key of the DR Region's stack.
        first, second = (dr, primary) if pair.customer_managed_keys else (primary, dr)
        second.add_stack_dependency(first)
        nag.acknowledge_dr(dr)


def _synthesise(app: App, configuration: Configuration, *, strict: bool = False) -> None:
    with TemporaryDirectory() as work:
        add_stacks(app, configuration, Path(work))
        nag.check(app, strict=strict)
        app.synth()
