"""The KMS keys for the volumes of standbys: usable, and configured where desktops are encrypted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cli.doctor.findings import DEPLOY, Finding, check, counted, named, ok, problem, unknown

if TYPE_CHECKING:
    from cli.doctor.place import Place
    from standby.core.model import Workspace

_WANTED: Final = {"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "KeyManager": "CUSTOMER"}
_UNCONFIGURED: Final = unknown(
    "Keys are in the configuration file, and there is no configuration file.", "Name the file with --config."
)


@check("AWS refuses a standby if it cannot encrypt the volumes with the configured key.")
def fit(place: Place) -> Iterator[Finding]:
    """Whether each configured key can encrypt volumes."""
    if place.configured is None:
        yield _UNCONFIGURED
        return
    for key in place.configured.encryption_keys:
        answer = place.asker.find("kms:DescribeKey", place.dr_region, "NotFoundException", KeyId=key)
        of = [one.directory for one in place.directories if one.key == key]
        yield is_fit(key, place.dr_region, of, None if answer is None else answer["KeyMetadata"])
    if not place.configured.encryption_keys:
        yield ok("No key is configured.")


def _configure(directories: Sequence[str], region: str) -> str:
    keys = named([f"directories.{one}.volume_encryption_key" for one in directories])
    return f"Set {keys} to an enabled symmetric customer-managed key in {region}, then deploy."


def is_fit(key_id: str, region: str, directories: Sequence[str], shown: Mapping[str, Any] | None) -> Finding:
    """Whether the key of some directories can encrypt a standby's volumes."""
    other = _configure(directories, region)
    if shown is None:
        return problem(f"{key_id} does not exist in {region}.", other, DEPLOY)
    if wrong := [f"{name} {shown[name]}" for name, value in _WANTED.items() if shown.get(name, value) != value]:
        return problem(f"{key_id} has {' and '.join(wrong)}.", other, DEPLOY)
    enable = f"aws kms enable-key --region {region} --key-id {key_id}"
    match shown["KeyState"]:
        case "Enabled":
            return ok(f"{key_id} is enabled and symmetric.")
        case "Disabled":
            return problem(f"{key_id} is disabled.", "Enable it.", enable)
        case "PendingDeletion":
            cancel = f"aws kms cancel-key-deletion --region {region} --key-id {key_id}"
            return problem(
                f"{key_id} is scheduled for deletion.", "Cancel the deletion, then enable it.", cancel, enable
            )
        case state:
            return problem(f"{key_id} is {state}.", other, DEPLOY)


@check("Without a key, a desktop with encrypted volumes gets no standby (reason code NO_DR_KEY).")
def configured(place: Place) -> Iterator[Finding]:
    """Whether a directory with encrypted desktops has no key."""
    if place.configured is None:
        yield _UNCONFIGURED
        return
    keyless = [one.directory for one in place.directories if one.key is None]
    found = [lacks_key(one, place.dr_region, *place.desktops(one)) for one in keyless]
    yield from [one for one in found if one is not None] or [ok("All encrypted desktops that were read have a key.")]


def lacks_key(directory: str, region: str, desktops: Sequence[Workspace], is_whole: bool) -> Finding | None:  # noqa: FBT001
    """The problem that a directory without a key has encrypted desktops; None if it has none."""
    if encrypted := sum(one.is_encrypted for one in desktops):
        of = "" if is_whole else f" among its first {len(desktops)}"
        what = f"{directory} has {counted(encrypted, 'encrypted desktop')}{of}, but no volume_encryption_key."
        return problem(what, _configure([directory], region), DEPLOY)
    return None


CHECKS = (fit, configured)
