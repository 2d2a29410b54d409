"""A model of Amazon WorkSpaces in all Regions of one account: its rules, its delays, its faults.

It knows no emulator, no network and no real clock. Where AWS's behaviour is not documented, it takes the reading that
is harder on a caller, and :class:`Settings` says which other readings can be chosen.
"""

from local.workspaces.clock import Clock, ManualClock, OffsetClock
from local.workspaces.errors import ServiceError, TransportFault
from local.workspaces.estate import Bundle, Directory, Workspace
from local.workspaces.faults import KINDS, Fault
from local.workspaces.settings import Settings
from local.workspaces.world import Call, World

__all__ = [
    "KINDS",
    "Bundle",
    "Call",
    "Clock",
    "Directory",
    "Fault",
    "ManualClock",
    "OffsetClock",
    "ServiceError",
    "Settings",
    "TransportFault",
    "Workspace",
    "World",
]
