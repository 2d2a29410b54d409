"""What can be chosen about a world."""

from dataclasses import dataclass


@dataclass(kw_only=True)
class Settings:
    """The choices about a world; each may be changed while it runs. All times are seconds.

    Attributes
    ----------
    strict : bool
        Refuse a second standby for a user. AWS does not say whether it does; ``False`` creates, and bills, a second.
    throttling : bool
        Apply WorkSpaces' limit of 2 calls a second with a burst of 5 to each Region.
    boot_seconds, standby_boot_seconds : float
        From PENDING to AVAILABLE.
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
    standby_quota : int or None
        Standbys a Region may hold (quota L-9A67B5CB); ``None`` is no limit.
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
    ragged_pages : bool
        Return pages shorter than asked for, sometimes empty, with a NextToken.
    trail_delay_seconds : float
        How long CloudTrail takes.
    trail_copies : int
        How many times CloudTrail delivers each event; 0 loses them.
    """

    strict: bool = False
    throttling: bool = True
    boot_seconds: float = 1200
    standby_boot_seconds: float = 1200
    encrypted_root_factor: float = 3
    terminate_seconds: float = 300
    visibility_lag_seconds: float = 0
    partial_seconds: float = 0
    relation_lag_seconds: float = 0
    auto_stop: bool = True
    standby_quota: int | None = None
    quota_refusal: str = "call"
    refusals: str = "item"
    shout_user_names: bool = False
    exact_user_filter: bool = False
    orphans_keep_relation: bool = False
    ragged_pages: bool = False
    trail_delay_seconds: float = 0
    trail_copies: int = 1

    def change(self, **choices: object) -> None:
        """Set the named choices; raise ``ValueError`` for one that does not exist or has the wrong type."""
        for name, value in choices.items():
            if name not in self.__dataclass_fields__:
                raise ValueError(f"there is no setting {name!r}; there are {', '.join(self.__dataclass_fields__)}")
            present = getattr(self, name)
            wanted: tuple[type, ...] = (int, float) if isinstance(present, int | float) else (str,)
            if isinstance(present, bool):
                wanted = (bool,)
            if name == "standby_quota":
                wanted = (int, type(None))
            if not isinstance(value, wanted):
                raise ValueError(f"setting {name} cannot be {value!r}")  # noqa: TRY004 - from JSON: a value, not a type
            setattr(self, name, value)
