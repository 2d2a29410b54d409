"""Run the checks for each pair."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from cli.asking import progress
from cli.doctor import bundles, credentials, deployment, directories, keys, quotas, redirection, trails
from cli.doctor.asking import Asker
from cli.doctor.findings import DEPLOY, Finding
from cli.doctor.place import File, Place
from cli.doctor.report import Found
from cli.pairs import CONFIGURATION, for_make
from cli.problems import Problem

if TYPE_CHECKING:
    from cli.doctor.place import Resolve
    from cli.running import Run

GROUPS: Final = {
    module.__name__.rpartition(".")[2]: module.CHECKS
    for module in (credentials, directories, redirection, keys, quotas, bundles, trails, deployment)
}


def chosen(only: Sequence[str]) -> list[str]:
    """The named groups, or all; Problem if a group does not exist."""
    for one in only:
        if one not in GROUPS:
            near = difflib.get_close_matches(one, GROUPS, n=1)
            fix = f"Did you mean {near[0]}? " if near else ""
            raise Problem("NoSuchGroup", f"There is no group {one}.", f"{fix}The groups are: {', '.join(GROUPS)}.")
    return [one for one in GROUPS if not only or one in only]


def examine(run: Run, groups: Sequence[str], resolve: Resolve) -> Iterator[Found]:
    """Run the checks of some groups; what cannot be read is a finding, too.

    Raises
    ------
    Problem
        The credentials cannot be used, the configuration has mistakes, or there is no pair.
    """
    _ = run.aws.session  # a profile that does not exist is an error, not a finding
    for place in _places(run, resolve):
        for group in groups:
            # Before the first deployment, the only finding is that it does not exist.
            checks = GROUPS[group] if group != "deployment" or place.is_deployed else GROUPS[group][:1]
            for check in checks:
                with progress(f"Checking {group} of {place.stack}"):
                    found = check.findings(place)
                yield from (Found(place.stack, group, check, _of_file(one, place.file)) for one in found)


def _of_file(finding: Finding, file: File | None) -> Finding:
    """The finding, with commands that deploy the file that was checked."""
    deploy = DEPLOY + for_make(file.path if file else CONFIGURATION)
    return dataclasses.replace(finding, commands=tuple(deploy if one == DEPLOY else one for one in finding.commands))


def _places(run: Run, resolve: Resolve) -> list[Place]:
    """The pairs in the configuration file, or without a file the deployed pairs."""
    asker = Asker(run.aws)
    file = _file(run)
    configured = [
        Place(pair.stack_name, pair.primary_region, pair.dr_region, asker, resolve, run.now, pair, file)
        for pair in (file.pairs if file else ())
        if run.options.stack in (None, pair.stack_name)
    ]
    return configured or [Place(pair.stack, pair.region, pair.dr_region, asker, resolve, run.now) for pair in run.pairs]


def _file(run: Run) -> File | None:
    path = run.options.config or CONFIGURATION
    if run.options.config is None and not path.exists():
        return None
    from infra.config_file import ConfigurationError, load_with_cautions

    try:
        configuration, cautions = load_with_cautions(path, run.now.date())
    except ConfigurationError as mistakes:
        raise Problem(
            "BadConfiguration", f"{path} cannot be used: {mistakes}", f"Run `standby check {path}`."
        ) from None
    return File(path, configuration.pairs, cautions)
