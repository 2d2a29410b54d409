"""Whose credentials these are, and what is to be known of the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cli.doctor.findings import Finding, cannot_tell, check, counted, ok, problem, warning

if TYPE_CHECKING:
    from cli.doctor.place import Place


@check("Everything is read from the account of these credentials.")
def account(place: Place) -> Iterator[Finding]:
    """Whether it is the account that is configured."""
    identity = place.asker.ask("sts:GetCallerIdentity", place.region)
    arn, found = identity["Arn"], identity["Account"]
    wanted = place.configured.account if place.configured else None
    if wanted in (None, found):
        yield ok(f"These are the credentials of {arn}.")
    else:
        what = f"These credentials ({arn}) are of account {found}; configured is {wanted}."
        yield problem(what, f"Use credentials of {wanted}: AWS_PROFILE, or --profile.")


@check("The configuration decides who gets a standby, and where.")
def configuration(place: Place) -> Iterator[Finding]:
    """What the file says and probably does not mean."""
    number = counted(len(place.directories), "mapped directory", "mapped directories")
    if place.file is None:
        what = f"There is no configuration file. The ledger knows {number}; keys and data replication are not known."
        yield cannot_tell(what, "Name the file with --config.")
        return
    path = place.file.path
    for caution in place.file.cautions:
        yield warning(f"{path}: {caution.rstrip('.')}.", f"Edit {path}, or leave it if it is meant.")
    if not place.file.cautions:
        yield ok(f"{path} is valid, with {number} for this pair.")


CHECKS = (account, configuration)
