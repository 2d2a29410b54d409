"""Every reason that a row can have: its code, its sentence, and what to do.

Only here does a reason code get its words. The table in docs/operate/reason-codes.md is generated from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any, Self


@dataclass(frozen=True)
class Meaning:
    """What a reason means to a person.

    `sentence` says what is, `advice` what to do. `notify` says whether a person is sent a notice. `about` names the
    attributes of the row that a message shows beside the sentence, for example `user_name`.
    """

    sentence: str
    advice: str
    notify: bool = False
    about: tuple[str, ...] = ()


# The reason of a row that a later version has written.
_NEW = Meaning(
    "This version does not know the reason code.", "Read the message. A later version wrote the row and its reason."
)
# What to do about a standby that cannot be changed.
REPLACED = "terminate the standby. `standby protect ID`, or a sweep with recreate_missing: true, creates a new one."
_RETRIED = "No action needed. It is retried automatically."
_CHECKED = "No action needed. The standby is checked automatically until it is ready."
_NOT_OFFERED = "No action needed. AWS does not offer it."

_USER = ("user_name", "dr_directory_id")
_DIRECTORY = ("primary_directory_id",)
_DR_REGION = ("dr_region",)


def _says(sentence: str, advice: str = _RETRIED, *about: str) -> Any:
    return auto(), Meaning(sentence, advice, about=about)


def _notice(sentence: str, advice: str, *about: str) -> Any:
    return auto(), Meaning(sentence, advice, notify=True, about=about)


class Reason(StrEnum):
    """Why a primary has its status: a code, which is the member's name, and its `meaning`.

    The list is closed: the tests and the table of reason codes go through all of it.
    """

    meaning: Meaning

    def __new__(cls, code: str, meaning: Meaning = _NEW) -> Self:
        """Make a reason whose value is its code."""
        one = str.__new__(cls, code)
        one._value_, one.meaning = code, meaning
        return one

    @staticmethod
    def _generate_next_value_(name: str, *_: Any) -> str:
        return name

    # on the way
    NOT_VISIBLE_YET = _says(
        "DescribeWorkspaces does not return the WorkSpace, or returns it without some of its details."
    )
    PRIMARY_PENDING = _says("The primary is not AVAILABLE or STOPPED yet.")
    PRIMARY_PAUSED_BY_SERVICE = _says(
        "The primary is SUSPENDED or in ADMIN_MAINTENANCE. Its deadline is paused.",
        "No action needed. If the primary stays in this state, restore it in the WorkSpaces console.",
    )
    DESCRIBE_FAILED = _says(
        "DescribeWorkspaces gave no usable answer. The call is repeated.",
        "No action needed unless this continues. Then run `standby show ID` and read error_code and error_message.",
    )
    TAGS_UNKNOWN = _says(
        "A selection rule needs the primary's tags, and they could not be read. No standby is created until they can.",
        "No action needed unless this continues. Then read the functions' logs. A policy can deny tag:GetResources.",
    )
    READY = _says(
        "The primary is ready. Its standby can be requested.", "No action needed. The standby is requested next."
    )
    CREATE_THROTTLED = _says("CreateStandbyWorkspaces was throttled. The request is sent again.")
    CREATE_UNREACHABLE = _says(
        "The WorkSpaces endpoint of the DR Region could not be reached, or could not process the request. Nothing was"
        " created. The request is sent again.",
        "No action needed unless this continues. Then check the health of the DR Region, and the network and the role"
        " of the function protect.",
        *_DR_REGION,
    )
    STATE_REFUSED = _says(
        "The service did not accept the primary in its current state. The request is sent again.",
        "No action needed unless this continues. Then run `standby show ID` and read error_message.",
    )
    USER_NOT_IN_DR_DIRECTORY = _says(
        "The user is not in the DR directory yet. The request is repeated for 24 hours.",
        "Create the user in the DR directory, or wait until your directory synchronisation has created it.",
        *_USER,
    )
    DR_DESKTOP_UNCLEAR = _says(
        "The user has, or may have, a desktop in the DR directory. It is not known yet which primary it belongs to.",
        _RETRIED,
        *_USER,
    )
    STANDBY_TERMINATING = _says("The standby is being terminated. A new one is not created until it is gone.")
    CLAIM_TAKEN = _says("The primary is claimed. The request for its standby is about to be sent.", _CHECKED)
    LEASE_TOO_SHORT = _says(
        "Too little time was left on the claim's lease to send the request safely. The claim was released and is taken"
        " again."
    )
    REQUEST_UNCERTAIN = _says(
        "CreateStandbyWorkspaces gave no clear answer, so the standby may exist. The request is not sent again until"
        " two complete lookups have found no standby."
    )
    NOTHING_SEEN_ONCE = _says(
        "A first complete lookup after an unclear request found no standby. A second lookup must confirm it."
    )
    CREATE_ACCEPTED = _says("The service accepted the request and is creating the standby.", _CHECKED)
    STANDBY_STARTING = _says("The standby exists but is not ready yet.", _CHECKED)
    # settled well
    STANDBY_READY = _says("The standby is ready.", "No action needed.")
    ADOPTED = _says(
        "The primary has a standby that this stack did not create. It is monitored like any other standby.",
        "No action needed.",
    )
    REPLICATION_STALE = _notice(
        "Standbys hold old data: for longer than rpo_hours, no copy of their primaries' data has arrived.",
        "Run `standby list --stale` and check data replication in the WorkSpaces console. If you find no cause, ask AWS"
        " Support why no copies arrive.",
    )
    STANDBY_UNWELL = _says(
        "A sweep found the standby in ERROR, UNHEALTHY or IMPAIRED. The next sweep decides whether it has failed."
    )
    MAPPING_REMOVED = _says(
        "The primary's directory is no longer in the configuration. Nothing is created or terminated for the primary.",
        "Add the directory to the configuration again. If nobody needs the primary's standby, terminate it instead.",
        *_DIRECTORY,
    )
    DR_DIRECTORY_CHANGED = _says(
        "The dr_directory of the primary's directory has changed. The primary's standby is in the former DR directory,"
        " or the primary has no standby yet.",
        "If the primary has no standby, run `standby accept DIRECTORY`. To get its standby in the new DR directory,"
        " terminate the old standby and run `standby protect ID`.",
        *_DIRECTORY,
    )
    # held
    PAUSED = _notice(
        "The pause switch is on. No standbys are created.",
        "Run `standby resume` when standbys may be created again.",
    )
    PAUSE_ON = _notice(
        "The pause switch was turned on. No standbys are created until it is turned off.",
        "Read in the message who turned it on, and why. Run `standby resume` when standbys may be created again.",
    )
    PAUSE_OFF = _notice(
        "The pause switch was turned off. Standbys are created again.",
        "Read in the message who turned it off, and why. To turn it on again, run `standby pause`.",
    )
    OBSERVE_MODE = _says(
        "The pair is in observe mode. Decisions are recorded, but no standbys are created.",
        "To create standbys, set mode: protect and deploy.",
    )
    DAILY_CAP = _notice(
        "The limit of new standbys for today (max_new_standbys_per_day) is reached. The others are created on later"
        " days (UTC).",
        "Wait for the next day (UTC), or raise max_new_standbys_per_day and deploy.",
    )
    CEILING = _notice(
        "The limit of all standbys (max_standbys) is reached. No standbys are created.",
        "To get more standbys, raise max_standbys and deploy.",
    )
    QUOTA_REACHED = _notice(
        "The account's quota of standby WorkSpaces in the DR Region is used up. No standbys are created for this pair.",
        "Request a higher quota L-9A67B5CB in Service Quotas, in the DR Region. Creation is retried every hour.",
        *_DR_REGION,
    )
    DIRECTORY_REFUSED = _notice(
        "WorkSpaces refuses standbys in a DR directory because of the directory itself. No standbys are created there.",
        "Read AWS's message, and check that the DR directory is REGISTERED and ACTIVE. Creation is retried every hour.",
        *_DIRECTORY,
        "dr_directory_id",
    )
    ACCESS_DENIED = _notice(
        "AWS denies the permission to create standbys for a directory. No standbys are created for it.",
        "Look for a permissions boundary, an SCP or a key policy that denies it. Creation is retried every hour.",
        *_DIRECTORY,
    )
    BACKFILL = _says(
        "The desktop is part of an existing fleet that was accepted. Its standby is created when its turn comes.",
        "No action needed. The standbys of the fleet are created a few at a time.",
        *_DIRECTORY,
    )
    # only reported
    EXISTING_FLEET = _says(
        "The desktop existed before its directory was watched. It is reported, and no standby is created for it.",
        "To create a standby for it alone, run `standby protect ID`. For all desktops of the directory, run `standby"
        " accept DIRECTORY`.",
        *_DIRECTORY,
    )
    FLEET_FOUND = _notice(
        "The first sweep of a directory found desktops that existed before the directory was mapped.",
        "Read the plan in the message. To create standbys for these desktops, run `standby accept DIRECTORY`.",
        *_DIRECTORY,
    )
    FLEET_ACCEPTED = _says(
        "The existing fleet of a directory was accepted. Its standbys are created a few at a time.",
        "No action needed. The next sweep starts to create them.",
        *_DIRECTORY,
    )
    # cannot have one
    IS_STANDBY = _says("The WorkSpace is itself a standby.", "No action needed.")
    MAPPED_ELSEWHERE = _says(
        "The directory belongs to another pair in this configuration. That pair creates the standby.",
        "No action needed here. The message names the other pair's stack. The row is in that stack's ledger.",
        *_DIRECTORY,
    )
    DIRECTORY_NOT_MAPPED = _says(
        "The WorkSpace's directory is not in the configuration.",
        "To protect the directory's desktops, add it to standby.yaml and deploy.",
        *_DIRECTORY,
    )
    OPERATING_SYSTEM = _says(
        "The primary's operating system cannot have a standby. Only Windows and BYOL can.", _NOT_OFFERED
    )
    COMPUTE_TYPE = _says(
        "The primary's compute type cannot have a standby. Graphics types, GeneralPurpose.4xlarge and"
        " GeneralPurpose.8xlarge cannot.",
        _NOT_OFFERED,
    )
    NO_USER = _says(
        "The WorkSpace is not assigned to a user: its user name is [UNDEFINED]. Its standby could not be distinguished"
        " from the standbys of other such WorkSpaces.",
        "To get a standby, assign a user. Otherwise, exclude the user [UNDEFINED].",
    )
    NESTED_VIRTUALIZATION = _says(
        "Nested virtualization is enabled for the primary. Standbys do not support it.",
        "To get a standby, disable nested virtualization. Otherwise, no action is needed.",
    )
    AWS_MANAGED_KEY = _notice(
        "The primary's volumes are encrypted with the AWS managed key. A standby requires a customer managed key.",
        "To get a standby, create the desktop again with a customer managed key.",
    )
    NO_DR_KEY = _notice(
        "The primary's volumes are encrypted, and the configuration has no key in the DR Region for its directory.",
        "Set volume_encryption_key for the directory (a symmetric key in the DR Region) and deploy.",
        *_DR_REGION,
    )
    SECONDARY_EXISTS = _notice(
        "The user has a desktop in the DR directory that is not this primary's standby. AWS cannot convert it to one.",
        "Decide whether that desktop can be terminated. This product never changes it.",
        *_USER,
    )
    USER_HAS_STANDBY = _notice(
        "Another primary of the same user has the standby in the DR directory.",
        "Decide which primary is to have the standby. A user can have only one standby in a directory.",
        *_USER,
    )
    # is not to have one
    EXCLUDED_BY_RULE = _says(
        "A rule under exclude matches the primary.",
        "No action needed. To get a standby, change the rule or the tag.",
    )
    NOT_INCLUDED = _says(
        "No rule under include matches the primary.",
        "No action needed. To get a standby, change a rule or the tag.",
    )
    # settled badly
    PRIMARY_NOT_READY = _notice(
        "The primary was not ready before its deadline.",
        "Check the primary in the WorkSpaces console. Once it is AVAILABLE, run `standby retry ID`.",
    )
    STANDBY_NOT_READY = _notice(
        "The standby was not ready before its deadline.",
        "Check the standby in the DR Region's console. If it becomes ready later, the primary counts as protected.",
    )
    STANDBY_IN_ERROR = _notice(
        "The standby is in ERROR.",
        "Check it in the DR Region's console. If it does not recover, terminate it and run `standby retry ID`.",
    )
    STANDBY_UNHEALTHY = _notice(
        "The standby has been in ERROR, UNHEALTHY or IMPAIRED for longer than one sweep.",
        "Check it in the DR Region's console. Reboot it there, or terminate it and run `standby retry ID`. If it"
        " recovers, the primary counts as protected again.",
    )
    USER_NOT_FOUND = _notice(
        "The user was not in the DR directory for 24 hours.",
        "Create the user in the DR directory, then run `standby retry ID`.",
        *_USER,
    )
    SERVICE_REFUSED = _notice(
        "The service refused to create the standby. Its error is in error_code and error_message.",
        "Act on the service's message, then run `standby retry ID`.",
    )
    NO_CLEAR_ANSWER = _notice(
        "CreateStandbyWorkspaces gave no clear answer for this primary for 24 hours, and no standby was found.",
        "Send error_code and error_message of the primary's history to AWS Support. Then run `standby retry ID`.",
    )
    STANDBY_GONE = _notice(
        "The primary's standby no longer exists.",
        "Find out who terminated it. To create another one, run `standby retry ID`, or set recreate_missing: true and"
        " deploy.",
    )
    PRIMARY_TERMINATED = _says("The primary is being terminated or no longer exists.", "No action needed.")
    MIGRATION_FAILED = _says(
        "The migration did not succeed. Its new id was never ready, and the original WorkSpace is unchanged.",
        "No action needed for the standby. If you still want the migration, start it again.",
    )
    NEVER_RETURNED = _notice(
        "DescribeWorkspaces never returned a WorkSpace with this id before the deadline.",
        "Check the id and the Region. If the WorkSpace exists, the next sweep finds it.",
    )
    ORPHANED = _notice(
        "The primary no longer exists, but its standby does and is still billed.",
        "If nobody needs the data on the standby, run `standby orphans --terminate ID`. To keep it, run `standby keep"
        " ID`.",
    )
    ORPHAN_KEPT = _says(
        "The orphan is kept. A person decided that it must not be terminated.",
        "If it may be terminated after all, run `standby keep --undo ID`.",
    )
    ROW_UNREADABLE = _says(
        "This version cannot read the primary's row in the ledger and does not change it. A later version wrote the"
        " row, or it was edited manually.",
        "Deploy the version that wrote the row, or correct the attributes that the message names.",
    )
    # conditions, and what is about no row
    TWO_STANDBYS = _notice(
        "The primary has more than one standby. Each of them is billed.",
        "Keep the standby that the message names first. Terminate the others in the DR Region's console.",
    )
    TERMINATED_BY_SOMEBODY = _notice(
        "TerminateWorkspaces was called for the primary or for its standby. The message names the caller.",
        "If it was not intended, ask the caller and stop the cause (docs/operate/neighbours.md). To read what followed,"
        " run `standby show ID`.",
    )
    MIGRATED = _notice(
        "The primary was migrated and has a new id. The message names the new id and explains what the old standby is"
        " worth.",
        "When nobody needs the data on the old standby, terminate it. The next sweeps then protect the new id.",
    )
    DIRECTORY_NOT_REGISTERED = _notice(
        "A mapped directory is not registered with WorkSpaces.",
        "Register it again. AWS deregisters a Simple AD or AD Connector directory if none of its WorkSpaces was in use"
        " for 30 days.",
        *_DIRECTORY,
    )
    PCOIP_ENDS = _notice(
        "Desktops use PCoIP, which AWS discontinues.",
        "Change the primaries' protocol to DCV (WSP), in place or by migration. A standby's protocol cannot be changed."
        f" Once its primary uses DCV, {REPLACED}",
    )
    DOCTOR_KEPT = _says("The result of `standby doctor` was saved for reports.", "No action needed.")
    LETTER_DELETED = _says(
        "A person deleted a message of the dead-letter queue that could not be processed.", "No action needed."
    )
    NOT_IN_LEDGER = _says("The ledger has no primary and no standby with this id.", "No action needed.")


# Reasons of WorkSpaces that are not primaries of this pair. A row with one of them only records why.
NOT_OURS = frozenset({Reason.IS_STANDBY, Reason.MAPPED_ELSEWHERE})


def meaning_of(code: str) -> Meaning:
    """What a reason code means; a row of a later version may have a code that this version does not know."""
    try:
        return Reason(code).meaning
    except ValueError:
        return _NEW
