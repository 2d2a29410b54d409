"""Whether a standby is what its primary is, and replicated as configured, as far as DescribeWorkspaces tells. Pure.

A standby cannot be modified: one that differs stays so until it is made anew, or AWS brings it along.
"""

from __future__ import annotations

import re

from standby.model import Workspace

_PROPERTIES = ("compute_type", "operating_system", "protocols", "root_volume_gib", "user_volume_gib")
REPLICATION = "data_replication"
_WORD = re.compile(r"[A-Za-z0-9_.,+-]+")


def digest(workspace: Workspace) -> str:
    """What is compared of a WorkSpace as one word, with nothing between two strokes where it is not told.

    E.g. `STANDARD/WINDOWS_SERVER_2022/PCOIP/80/50/NO_REPLICATION`, the last a standby's own; empty if nothing is told.
    """
    words = [
        workspace.compute_type,
        workspace.operating_system,
        ",".join(sorted(workspace.protocols)),
        workspace.root_gib and str(workspace.root_gib),
        workspace.user_gib and str(workspace.user_gib),
        workspace.data_replication,
    ]
    told = [word if word and _WORD.fullmatch(word) else "" for word in words]
    return "/".join(told) if any(told) else ""


def drift(
    primary: Workspace, standby: str, *, wanted: str | None, replication: str | None, before: str | None
) -> str | None:
    """In what a standby differs, e.g. `compute_type STANDARD≠VALUE; data_replication PRIMARY_AS_SOURCE≠NO_REPLICATION`.

    Parameters
    ----------
    standby
        Its `digest`.
    wanted, replication
        The data replication that is configured, and that the primary shows: where it shows none, as AWS may where there
        is none, the standby's own word counts.
    before
        What this was when it was asked last: it stands for what is not told now. Unknown is no drift, and no end of it.

    Returns
    -------
    str or None
        The primary's value, or the configured one, before the standby's; sorted; None if nothing is known to differ.
    """
    ours = [*digest(primary).split("/"), *[""] * len(_PROPERTIES)]
    theirs = [*standby.split("/"), *[""] * (len(_PROPERTIES) + 1)]
    compared = dict(zip(_PROPERTIES, zip(ours, theirs, strict=False), strict=False))
    compared[REPLICATION] = (wanted or "", replication or theirs[len(_PROPERTIES)])
    known = {entry.partition(" ")[0]: entry for entry in before.split("; ")} if before else {}
    found: list[str] = []
    for name, (one, other) in compared.items():
        if not (one and other):
            found += [known[name]] if name in known else []
        elif one != other:
            found.append(f"{name} {one}≠{other}")
    return "; ".join(sorted(found)) or None
