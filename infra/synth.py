"""From a configuration file to a cloud assembly, the same with the CDK's command line and without it."""

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
    """Synthesise what the CDK context key `config` names; exit status 1 and a readable list if it is mistaken.

    With the context key `examples` as `refused`, as `make deploy` has it, the example's own ids and addresses end it,
    too. Without, they may be synthesised: templates do no harm.
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
        sys.stderr.write(f"{file}: nothing is deployed. With ARGS='-c examples=allowed' it is, into an emulator.\n")
        return 1
    _synthesise(app, configuration)
    return 0


def synthesise(config_path: Path, outdir: Path, *, strict: bool = False) -> None:
    """Write the cloud assembly of a configuration file into a directory, checked as `nag.check` says.

    Raises
    ------
    infra.config_file.ConfigurationError
        if the file is mistaken.
    """
    configuration = load(config_path)
    _synthesise(new_app(outdir), configuration, strict=strict)


def new_app(outdir: Path) -> App:
    """An app with the feature flags of `cdk.json`, which the CDK's command line would otherwise have to hand in."""
    flags = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return App(outdir=str(outdir), context=flags, analytics_reporting=False)


def add_stacks(app: App, configuration: Configuration, work: Path) -> None:
    """Two stacks for each pair of Regions; `work` holds what is zipped until the app has taken it over."""
    for pair in configuration.pairs:
        account = pair.account or os.environ.get("CDK_DEFAULT_ACCOUNT")
        assets = work / pair.stack_name
        bundle.build(assets, configuration.settings(pair))
        primary = PrimaryStack(app, pair=pair, account=account, bundle=assets)
        nag.acknowledge(primary)
        dr = DrStack(app, pair=pair, account=account)
        # The replica is encrypted with the key of the DR Region's stack, if it is not with AWS's own.
        first, second = (dr, primary) if pair.customer_managed_keys else (primary, dr)
        second.add_stack_dependency(first)
        nag.acknowledge_dr(dr)


def _synthesise(app: App, configuration: Configuration, *, strict: bool = False) -> None:
    with TemporaryDirectory() as work:
        add_stacks(app, configuration, Path(work))
        nag.check(app, strict=strict)
        app.synth()
