"""What can be chosen about a world."""

from dataclasses import dataclass

# What a setting may be that is a word.
_WORDS = {
    "quota_answers": ("value", "none", "throttle", "refuse", "error", "empty"),
    "quota_refusal": ("call", "item"),
    "refusals": ("item", "call"),
    "migration": ("at_once", "succeeds", "fails", "fails_late"),
    "replication_switch": ("primary", "standby"),
    "identity": ("arn", "invoked_by", "directory", "identity_center", "account"),
}


@dataclass(kw_only=True)
class Settings:
    """The choices about a world; each may be changed while it runs. All times are seconds.

    Attributes
    ----------
    strict : bool
        Refuse a second standby for a user. AWS does not say whether it does; ``False`` creates, and bills, a second.
    throttling : bool
        Apply WorkSpaces' limit of calls to each Region.
    calls_per_second : float
        That limit, with a burst of 2.5 seconds' calls: AWS's 2, or what it has been raised to.
    boot_seconds, standby_boot_seconds : float
        From PENDING to AVAILABLE.
    boot_spread_seconds : float
        How much longer that may take, drawn for each user in each Region; 0: all take the same time.
    encrypted_root_factor : float
        How many times longer a WorkSpace with an encrypted root volume takes.
    terminate_seconds : float
        From TERMINATING to absent.
    visibility_lag_seconds : float
        How long DescribeWorkspaces does not show a WorkSpace that was just created.
    partial_seconds : float
        How long after it became visible a WorkSpace is shown without its properties.
    relation_lag_seconds : float
        How long RelatedWorkspaces stays empty on both sides after CreateStandbyWorkspaces.
    auto_stop : bool
        Let AUTO_STOP WorkSpaces stop after their time-out, as they do at night.
    workspace_quota : int or None
        WorkSpaces, without standbys, that a Region may hold (quota L-34278094); ``None`` is no limit.
    standby_quota : int or None
        Standbys a Region may hold (quota L-9A67B5CB); ``None`` is no limit.
    quota_answers : str
        How Service Quotas answers: ``value``; ``none`` (where no quota is set, it does not know the default either);
        ``throttle``, ``refuse``, ``error`` or ``empty``.
    quota_refusal : str
        ``call``: a call above the quota fails as a whole and creates nothing. ``item``: the items above it fail.
    refusals : str
        ``item``: what cannot have a standby is a failed item. ``call``: it fails the whole call, with a declared
        exception.
    shout_user_names : bool
        Return the user names of standbys in capitals.
    exact_user_filter : bool
        Compare DescribeWorkspaces' UserName filter case by case.
    orphans_keep_relation : bool
        Keep a standby's entry of Type PRIMARY after its primary is gone.
    orphans_keep_replication : bool
        Still return a standby's data replication when its primary is being, or was, terminated. AWS does not say what
        it shows then; ``False`` shows NO_REPLICATION and no copy: its source is gone. The data remains.
    ragged_pages : bool
        Return pages shorter than asked for, sometimes empty, with a NextToken.
    standbys_keep_relation : bool
        Keep a primary's entry of Type STANDBY, in state TERMINATED, after its standby is gone.
    accepts_stopped : bool
        Grant standbys to STOPPED primaries. AWS does not say in which states it does.
    novel_states : bool
        Show states that botocore's model does not list: PROVISIONING for PENDING, HIBERNATED for STOPPED.
    opaque_codes : bool
        Give the failed items of CreateStandbyWorkspaces, whose codes are not documented, a meaningless code.
    flicker : float
        How probably, from 0 to 1, an answer of DescribeWorkspaces leaves out a WorkSpace that it has shown before.
    relation_flicker : float
        How probably an answer shows a WorkSpace without the relations that it has shown before.
    stray : float
        How probably a page of DescribeWorkspaces has a WorkSpace of the Region too that was not asked for.
    omission : float
        How probably CreateStandbyWorkspaces does not speak of an item that it created.
    false_failure : float
        How probably it lists an item that it created among the failed ones, as an internal failure.
    page_throttling : float
        How probably a call for a further page of DescribeWorkspaces is throttled.
    token_seconds : float
        How long a NextToken is good for; 0 is for ever.
    tag_lag_seconds : float
        How long GetResources does not know of tags that were just set.
    tag_page : int
        How many WorkSpaces an answer of GetResources speaks of before it says that there is more; 0 is all.
    trail_delay_seconds : float
        How long CloudTrail takes.
    trail_copies : int
        How many times CloudTrail delivers each event; 0 loses them.
    identity : str
        How CloudTrail says who called, but for roles: ``arn``; ``invoked_by`` (a service, nobody else); ``directory``
        (only ``userName``); ``identity_center`` (``onBehalfOf``, an id and the ARN of its store); ``account`` (only
        ``accountId``, which is that of the principal's ARN and may be another account's).
    migration : str
        What becomes of MigrateWorkspace: ``at_once``: the new WorkSpace exists, and the old one is being terminated.
        ``succeeds``: so it is after ``migration_seconds``; until then the new id is unknown. ``fails``: the new id is
        never used, and the old WorkSpace is after that time as it was. ``fails_late``: the same, and the new one is
        shown as PENDING meanwhile. AWS does not say in which states the old one is; here UPDATING, then REBUILDING.
    migration_seconds, modification_seconds : float
        How long a migration takes, and ModifyWorkspaceProperties, during which the WorkSpace is UPDATING.
    replication_switch : str
        Which id ModifyWorkspaceProperties takes for ``DataReplication``: the ``primary``'s or the ``standby``'s.
    shows_key_arns : bool
        Show a ``VolumeEncryptionKey`` that was given as an alias by its key's ARN, as AWS documents that member: so
        the AWS managed key cannot be recognised by its name.
    deregister_after_days : float
        After how many days without WorkSpaces a Simple AD or AD Connector directory is deregistered; AWS: 30; 0: never.
    deregistered_seconds : float
        How long DescribeWorkspaceDirectories shows DEREGISTERED before it leaves the directory out.
    """

    strict: bool = False
    throttling: bool = True
    calls_per_second: float = 2
    boot_seconds: float = 1200
    standby_boot_seconds: float = 1200
    boot_spread_seconds: float = 0
    encrypted_root_factor: float = 3
    terminate_seconds: float = 300
    visibility_lag_seconds: float = 0
    partial_seconds: float = 0
    relation_lag_seconds: float = 0
    auto_stop: bool = True
    workspace_quota: int | None = None
    standby_quota: int | None = None
    quota_answers: str = "value"
    quota_refusal: str = "call"
    refusals: str = "item"
    shout_user_names: bool = False
    exact_user_filter: bool = False
    orphans_keep_relation: bool = False
    orphans_keep_replication: bool = False
    ragged_pages: bool = False
    standbys_keep_relation: bool = False
    accepts_stopped: bool = True
    novel_states: bool = False
    opaque_codes: bool = False
    flicker: float = 0
    relation_flicker: float = 0
    stray: float = 0
    omission: float = 0
    false_failure: float = 0
    page_throttling: float = 0
    token_seconds: float = 0
    tag_lag_seconds: float = 0
    tag_page: int = 0
    trail_delay_seconds: float = 0
    trail_copies: int = 1
    identity: str = "arn"
    migration: str = "at_once"
    migration_seconds: float = 3600
    modification_seconds: float = 600
    replication_switch: str = "primary"
    shows_key_arns: bool = False
    deregister_after_days: float = 0
    deregistered_seconds: float = 60

    def __post_init__(self) -> None:
        """Refuse a word that is none of the choices."""
        self.change(**{name: getattr(self, name) for name in _WORDS})

    def change(self, **choices: object) -> None:
        """Set the named choices; raise ``ValueError`` for one that does not exist or has the wrong type."""
        for name, value in choices.items():
            if name not in self.__dataclass_fields__:
                raise ValueError(f"there is no setting {name!r}; there are {', '.join(self.__dataclass_fields__)}")
            present = getattr(self, name)
            wanted: tuple[type, ...] = (int, float) if isinstance(present, int | float) else (str,)
            if isinstance(present, bool):
                wanted = (bool,)
            if name.endswith("_quota"):
                wanted = (int, type(None))
            if not isinstance(value, wanted) or value not in _WORDS.get(name, (value,)):
                known = f"; it is one of {', '.join(_WORDS[name])}" if name in _WORDS else ""
                raise ValueError(f"setting {name} cannot be {value!r}{known}")
            setattr(self, name, value)
