"""The identity of the credentials, and the cautions of the configuration file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cli.doctor.findings import Finding, check, counted, ok, problem, unknown, warning
from cli.pairs import for_make

if TYPE_CHECKING:
    from cli.doctor.place import Place


@check("All checks read the account of these credentials.")
def account(place: Place) -> Iterator[Finding]:
    """Whether the account is the configured one."""
    identity = place.asker.ask("sts:GetCallerIdentity", place.region)
    arn, found = identity["Arn"], identity["Account"]
    wanted = place.configured.account if place.configured else None
    if wanted in (None, found):
        yield ok(f"These are the credentials of {arn}.")
    else:
        what = f"These credentials ({arn}) belong to account {found}. The configured account is {wanted}."
        yield problem(what, f"Use credentials of account {wanted}: set AWS_PROFILE or --profile.")


@check("The configuration decides which desktops get a standby, and where.")
def configuration(place: Place) -> Iterator[Finding]:
    """The cautions about the file."""
    number = counted(len(place.directories), "mapped directory", "mapped directories")
    if place.file is None:
        what = f"There is no configuration file. The ledger has {number}. Keys and data replication are not known."
        yield unknown(what, "Name the file with --config.")
        return
    path, config = place.file.path, for_make(place.file.path)
    for caution in place.file.cautions:
        fix = (
            f"Edit {path}. `make deploy{config}` refuses it."
            if caution.stops
            else f"Edit {path}, unless this is intended."
        )
        yield warning(f"{path}: {str(caution).rstrip('.')}.", fix)
    if not place.file.cautions:
        yield ok(f"{path} is valid and has {number} for this pair.")


CHECKS = (account, configuration)
