"""Every reason a row can have, with its sentence and what to do: the one place, from which the README is written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any, Self


@dataclass(frozen=True)
class Meaning:
    """What a reason says to a person, and whether it has to be told to one."""

    sentence: str
    advice: str
    notify: bool = False


# Of a row of a later version.
_NEW = Meaning("The reason is a new one.", "See the message; the reason code is of a later version.")
REPLACED = "terminate it. `standby protect ID`, or a sweep with recreate_missing: true, makes a new one."


def _says(sentence: str, advice: str = "No action needed. It is retried automatically.") -> Any:
    return auto(), Meaning(sentence, advice)


def _notice(sentence: str, advice: str) -> Any:
    return auto(), Meaning(sentence, advice, notify=True)


class Reason(StrEnum):
    """Why a primary has the status it has: a code, which is its name, and its `meaning`.

    A closed list: the tests and the README's table go through all of it.
    """

    meaning: Meaning

    def __new__(cls, code: str, meaning: Meaning = _NEW) -> Self:
        """A reason that is its code."""
        one = str.__new__(cls, code)
        one._value_, one.meaning = code, meaning
        return one

    @staticmethod
    def _generate_next_value_(name: str, *_: Any) -> str:
        return name

    # on the way
    NOT_VISIBLE_YET = _says("DescribeWorkspaces does not show the WorkSpace, or not all of it, yet.")
    PRIMARY_PENDING = _says("The primary is not AVAILABLE or STOPPED yet.")
    PRIMARY_PAUSED_BY_SERVICE = _says(
        "The primary is SUSPENDED or in ADMIN_MAINTENANCE; its deadline stands still meanwhile.",
        "No action needed, or restore the WorkSpace in the console.",
    )
    DESCRIBE_FAILED = _says(
        "DescribeWorkspaces gave no usable answer; the WorkSpace is looked at again.",
        "No action needed if it passes. If it lasts, read error_code and error_message: `standby show ID`.",
    )
    TAGS_UNKNOWN = _says(
        "A rule asks for its tags, and they could not be read; nothing is created before they can.",
        "No action needed if it passes. If it lasts, the functions' logs say why: perhaps tag:GetResources is denied.",
    )
    READY = _says("The primary is ready for its standby to be requested.")
    CREATE_THROTTLED = _says("CreateStandbyWorkspaces was throttled; it is sent again.")
    CREATE_UNREACHABLE = _says(
        "The WorkSpaces endpoint of the DR Region could not be reached, or could not work, before anything was created;"
        " it is tried again.",
        "No action needed if it passes. If it lasts, check the DR Region, and the function's network and role.",
    )
    STATE_REFUSED = _says(
        "The service did not accept the primary in its present state; it is tried again.",
        "No action needed. If it lasts, read error_message: `standby show ID`.",
    )
    USER_NOT_IN_DR_DIRECTORY = _says(
        "The DR directory does not know the user yet; it is tried again for 24 hours.",
        "Create the user in the DR directory, or let the directories' synchronisation do it.",
    )
    DR_DESKTOP_UNCLEAR = _says(
        "The DR directory has a desktop of this user and the service does not say yet what it belongs to."
    )
    STANDBY_TERMINATING = _says("The standby is being terminated; nothing is created before it is gone.")
    CLAIM_TAKEN = _says("Claimed: the request for its standby is about to be sent.")
    LEASE_TOO_SHORT = _says(
        "The claim's time was too short to send the request safely; it was given back and is taken anew."
    )
    REQUEST_UNCERTAIN = _says(
        "CreateStandbyWorkspaces gave no clear answer, so the standby may exist; nothing is created again before two"
        " complete looks have found none."
    )
    NOTHING_SEEN_ONCE = _says("A first complete look after an unclear request found no standby; a second one decides.")
    CREATE_ACCEPTED = _says("The service accepted the request; the standby is being built.")
    STANDBY_STARTING = _says("The standby exists and is not ready yet.")
    # settled well
    STANDBY_READY = _says("The standby is ready.", "No action needed.")
    ADOPTED = _says(
        "The primary had a standby already, made by somebody else; it is watched like ours.", "No action needed."
    )
    REPLICATION_STALE = _notice(
        "Standbys hold old data: no copy of their primaries has reached them for longer than rpo_hours.",
        "Look at the rows with the condition STALE, and at data replication in the WorkSpaces console; AWS Support can"
        " tell why no copies come.",
    )
    STANDBY_UNWELL = _says("A sweep has seen the standby in ERROR, UNHEALTHY or IMPAIRED; the next one decides.")
    MAPPING_REMOVED = _says(
        "Its directory is not in the configuration any more; nothing is created or terminated for it.",
        "Map the directory again, or terminate the standby, if it has one and nobody needs it.",
    )
    DR_DIRECTORY_CHANGED = _says(
        "Its directory has another dr_directory now; the standby it has is in the former one, or it has none yet.",
        "If it has none: `standby accept DIRECTORY`. If it is to have one in the new DR directory:"
        " terminate the old one, and run `standby protect ID`.",
    )
    # held
    PAUSED = _notice(
        "The pause switch is on; nothing is created.", "Run `standby resume` when standbys may be created again."
    )
    PAUSE_ON = _notice(
        "The pause switch was switched on: no standby is created before it is switched off.",
        "Read in the message who did it and why; run `standby resume` when standbys may be created again.",
    )
    PAUSE_OFF = _notice(
        "The pause switch was switched off: standbys are created again.",
        "Read in the message who did it and why; `standby pause` switches it on again.",
    )
    OBSERVE_MODE = _says(
        "The pair is in observe mode: decided and recorded, not created.", "Set mode: protect and deploy."
    )
    DAILY_CAP = _notice(
        "Today's number of new standbys is reached; the rest follows on later days (UTC).",
        "Wait for the next day (UTC), or raise max_new_standbys_per_day and deploy.",
    )
    CEILING = _notice("The ceiling on all standbys is reached.", "Raise max_standbys and deploy, or leave it.")
    QUOTA_REACHED = _notice(
        "The account's quota of standby WorkSpaces in the DR Region is used up; the whole pair waits for it.",
        "Ask for a higher quota L-9A67B5CB (Service Quotas, DR Region). It is tried again every hour.",
    )
    DIRECTORY_REFUSED = _notice(
        "WorkSpaces refuses standbys in the DR directory because of the directory itself; its desktops wait.",
        "Read AWS's message, and see that the DR directory is REGISTERED and ACTIVE. It is tried again every hour.",
    )
    ACCESS_DENIED = _notice(
        "AWS refuses the permission to create standbys for the directory; its desktops wait.",
        "Look for a permissions boundary, an SCP or a key policy that denies it. It is tried again every hour.",
    )
    BACKFILL = _says(
        "It was there before its directory was watched, and is accepted; its standby is made when its turn comes."
    )
    # only reported
    EXISTING_FLEET = _says(
        "It was there before its directory was watched; it is reported, and nothing is created for it.",
        "If it is to have a standby: `standby accept DIRECTORY`, or `standby protect ID` for this one alone.",
    )
    FLEET_FOUND = _notice(
        "A directory was swept for the first time since it was mapped, and already contains desktops.",
        "Read the plan in its message; accept the directory if its desktops are to have standbys.",
    )
    FLEET_ACCEPTED = _says(
        "The existing fleet of a directory was accepted: its desktops get their standbys, a few at a time.",
        "No action needed. The next sweep takes them up.",
    )
    # cannot have one
    IS_STANDBY = _says("This WorkSpace is itself a standby.", "No action needed.")
    MAPPED_ELSEWHERE = _says(
        "Its directory is another pair's of this configuration, which sees to its standby.",
        "No action needed here. The ledger of the stack that the message names has its row.",
    )
    DIRECTORY_NOT_MAPPED = _says(
        "Its directory is not in the configuration.", "Add the directory to standby.yaml if it is to be protected."
    )
    OPERATING_SYSTEM = _says(
        "Its operating system cannot have a standby (Windows and BYOL only).",
        "No action needed. AWS does not offer it.",
    )
    COMPUTE_TYPE = _says(
        "Its compute type cannot have a standby (no graphics, GeneralPurpose.4xlarge or 8xlarge).",
        "No action needed. AWS does not offer it.",
    )
    NO_USER = _says(
        "The WorkSpace is assigned to nobody ([UNDEFINED]); its standby could not be told apart from those of others.",
        "Assign a user, if it is to have a standby; or exclude the user [UNDEFINED].",
    )
    NESTED_VIRTUALIZATION = _says(
        "Standbys do not support nested virtualization, which is enabled for it.",
        "No action needed, or disable nested virtualization if it is to have a standby.",
    )
    AWS_MANAGED_KEY = _notice(
        "Its volumes are encrypted with the AWS managed key, and only a customer managed key allows a standby.",
        "If it is to have a standby, create the desktop again with a customer managed key.",
    )
    NO_DR_KEY = _notice(
        "Its volumes are encrypted and the configuration names no key in the DR Region.",
        "Set volume_encryption_key for its directory (a symmetric key in the DR Region) and deploy.",
    )
    SECONDARY_EXISTS = _notice(
        "The user has a desktop in the DR directory that is not this primary's standby; AWS cannot convert it.",
        "Decide whether that desktop can go. It is never touched from here.",
    )
    USER_HAS_STANDBY = _notice(
        "Another primary of the same user has the standby in that DR directory.",
        "Decide which primary counts; a user has one standby in a directory.",
    )
    # is not to have one
    EXCLUDED_BY_RULE = _says(
        "A rule of the configuration excludes it.", "No action needed. Change the rule or the tag if it is to have one."
    )
    NOT_INCLUDED = _says(
        "No rule under include matches it.", "No action needed. Change a rule or the tag if it is to have one."
    )
    # settled badly
    PRIMARY_NOT_READY = _notice(
        "The primary was not ready before its deadline.",
        "Check the primary in the console. Once it is AVAILABLE, run `standby retry ID`.",
    )
    STANDBY_NOT_READY = _notice(
        "The standby was not ready before its deadline.",
        "Look at the standby in the DR Region's console. A late one still counts when it is seen.",
    )
    STANDBY_IN_ERROR = _notice(
        "The standby is in ERROR.",
        "Check it in the DR Region's console. Terminate it if it does not recover, then run `standby retry ID`.",
    )
    STANDBY_UNHEALTHY = _notice(
        "The standby has been in ERROR, UNHEALTHY or IMPAIRED for longer than a sweep.",
        "Check it in the DR Region's console. Reboot it there, or terminate it and run `standby retry ID`. It counts"
        " again when it is seen well.",
    )
    USER_NOT_FOUND = _notice(
        "The DR directory did not know the user for 24 hours.",
        "Create the user in the DR directory, then run `standby retry ID`.",
    )
    SERVICE_REFUSED = _notice(
        "The service refused the standby; its own code and words are in error_code and error_message.",
        "Act on the service's message, then run `standby retry ID`.",
    )
    NO_CLEAR_ANSWER = _notice(
        "For 24 hours CreateStandbyWorkspaces gave no clear answer for this primary, and no standby came of it.",
        "Ask AWS Support with error_code and error_message of its history. Then run `standby retry ID`.",
    )
    STANDBY_GONE = _notice(
        "Its standby is not there any more.",
        "Find out who terminated it. If it is to have another one, run `standby retry ID`, or set"
        " recreate_missing: true.",
    )
    PRIMARY_TERMINATED = _says("The primary is being terminated or is gone.", "No action needed.")
    MIGRATION_FAILED = _says(
        "The migration did not succeed: its new id was never ready, and the original WorkSpace stays as it was.",
        "No action needed for the standby. Migrate the primary again if you still want that.",
    )
    NEVER_RETURNED = _notice(
        "DescribeWorkspaces has not returned a WorkSpace of this id once, for as long as a new one is waited for.",
        "Check the id and the Region. If the WorkSpace exists, the next sweep finds it.",
    )
    ORPHANED = _notice(
        "The primary no longer exists, but its standby does and is still billed.",
        "If nobody needs the data on the standby, run `standby orphans --terminate ID`. To keep it: `standby keep ID`.",
    )
    ORPHAN_KEPT = _says(
        "The orphan is kept: a person has decided that it is not to be terminated.",
        "If it may be terminated after all, run `standby keep --undo ws-…`.",
    )
    ROW_UNREADABLE = _says(
        "The primary's row in the ledger was written by a later version, or by hand, and is left alone.",
        "Deploy the version that wrote it, or set the attributes that its message names right.",
    )
    # remarks, and what is said of no row
    TWO_STANDBYS = _notice(
        "The primary has more than one standby; each of them is billed.",
        "Keep the one that the message names first, and terminate the others in the console of the DR Region.",
    )
    TERMINATED_BY_SOMEBODY = _notice(
        "Somebody called TerminateWorkspaces for the primary, or for its standby; the message names who.",
        "If it was not meant: ask who is named, and stop what does it (README, Neighbours). `standby show ID` shows"
        " what follows.",
    )
    MIGRATED = _notice(
        "The primary was migrated and has a new id; the message says which, and what its old standby is worth.",
        "Terminate the old standby when nobody needs its data: then the next sweeps take up the new id.",
    )
    DIRECTORY_NOT_REGISTERED = _notice(
        "A mapped directory is not registered with WorkSpaces.",
        "Register it again. AWS deregisters a Simple AD or AD Connector that had no WorkSpace in use for 30 days.",
    )
    PCOIP_ENDS = _notice(
        "Desktops use PCoIP, which AWS discontinues.",
        "Change the primaries' protocol to DCV (WSP), in place or by migration. A standby's cannot be changed: once its"
        f" primary uses DCV, {REPLACED}",
    )
    DOCTOR_KEPT = _says("What `standby doctor` found was kept for reports.", "No action needed.")
    LETTER_DELETED = _says(
        "A message of the dead-letter queue that could not be handled was deleted by a person.", "No action needed."
    )
    NOT_IN_LEDGER = _says("The ledger knows no primary, and no standby, of this id.", "No action needed.")


# What is no primary of this pair: a row of it tells only why.
NOT_OURS = frozenset({Reason.IS_STANDBY, Reason.MAPPED_ELSEWHERE})


def meaning_of(code: str) -> Meaning:
    """What a reason code means; a row of a later version may have one that this version does not know."""
    try:
        return Reason(code).meaning
    except ValueError:
        return _NEW
