"""The model of the configuration file: its keys, their defaults, and the form of each value.

Rules between several values are in `config_rules`. `config_file` reads the file and reports mistakes. The description
of each field says what to write: it is the advice of error messages ("Write ..."), the help that editors show from the
JSON Schema, and the table in docs/configuration.md.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from infra import known, odd_text
from infra.version import VERSION

DIRECTORY_ID: Final = r"^(d-[0-9a-f]{8,63}|wsd-[0-9a-z]{8,63})$"
REGION: Final = r"^[a-z]{2,}(-[a-z]+)+-[1-9][0-9]*$"
ACCOUNT: Final = r"^[0-9]{12}$"
KEY_ARN: Final = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"
TOPIC_ARN: Final = r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$"
# An AWS managed policy has no account: arn:aws-us-gov:iam::aws:policy/PowerUserAccess.
POLICY_ARN: Final = r"^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+$"
_IN_EMAIL: Final = r"[^@\s<>()\[\]:;,\"\\.]+"
EMAIL: Final = rf"^{_IN_EMAIL}(\.{_IN_EMAIL})*@{_IN_EMAIL}(\.{_IN_EMAIL})+$"
# The characters that WorkSpaces allows in tags.
TAG_TEXT: Final = r"^[\w +\-=.:/@]*$"
# [abc] is one of these characters; a bracket that is not closed is a mistake.
GLOB: Final = r"^([^\[\]\x00-\x1f\x7f-\x9f]|\[[^\]\x00-\x1f\x7f-\x9f]+\])+$"

SUBNET: Final = r"^subnet-[0-9a-f]{8,17}$"
SECURITY_GROUP: Final = r"^sg-[0-9a-f]{8,17}$"
NAME_PREFIX: Final = r"^([A-Za-z][A-Za-z0-9-]*)?$"
ROLE_PATH: Final = r"^/([A-Za-z0-9+=,.@_-]+/)*$"

# ComputeTypeName of the service, whose list grows.
COMPUTE_TYPE: Final = r"^[A-Z][A-Z0-9_]{1,63}$"


def _known(region: str) -> str:
    if region not in known.regions():
        raise PydanticCustomError("unknown_region", "botocore does not know it")
    return region


def _as_typed(address: str) -> str:
    if odd_text.as_meant(address)[1]:
        raise PydanticCustomError("odd_text", "no mail would arrive there")
    return address


DirectoryId = Annotated[str, StringConstraints(pattern=DIRECTORY_ID)]
Region = Annotated[str, StringConstraints(pattern=REGION), AfterValidator(_known)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DirectoryMapping(_Section):
    """The DR directory of a directory, and the properties of its standbys."""

    dr_directory: DirectoryId = Field(
        description="the id of the directory in the DR Region for its standbys, for example d-926722edaf",
    )
    volume_encryption_key: Annotated[str, StringConstraints(pattern=KEY_ARN)] | None = Field(
        default=None,
        description="the ARN of a symmetric KMS key in the DR Region, for example "
        "arn:aws:kms:us-west-2:123456789012:key/1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d (not an alias); "
        "needed for WorkSpaces with encrypted volumes",
    )
    data_replication: Literal["NO_REPLICATION", "PRIMARY_AS_SOURCE"] = Field(
        default="NO_REPLICATION",
        description="NO_REPLICATION, or PRIMARY_AS_SOURCE (one-way copies every 12 hours, at an extra monthly charge); "
        "it applies to new standbys, and existing ones are changed in place, from the primary",
    )


ComputeType = Annotated[str, StringConstraints(pattern=COMPUTE_TYPE)]
MonthlyAmount = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]
Glob = Annotated[str, StringConstraints(pattern=GLOB, min_length=1, max_length=256)]


class Rules(_Section):
    """Rules that match WorkSpaces; each entry is one rule."""

    tags: Annotated[
        dict[Annotated[str, StringConstraints(pattern=TAG_TEXT, min_length=1, max_length=127)], Glob],
        Field(min_length=1, max_length=50),
    ] = Field(
        default_factory=dict,
        description="tags of the WorkSpace, each a key and a value, both case-sensitive, with * for any text and ? "
        "for any character in the value, for example {Standby: no, Environment: dev*}; no regular expressions",
    )
    users: Annotated[list[Glob], Field(min_length=1)] = Field(
        default_factory=list,
        description="user names, not case-sensitive, with * for any text and ? for any character, in quotes, for "
        'example ["svc-*"], one entry for each name; no regular expressions; "[UNDEFINED]" are desktops without a user',
    )
    directories: Annotated[list[DirectoryId], Field(min_length=1)] = Field(
        default_factory=list,
        description="ids of directories that are also under directories, for example [d-906732325d]",
    )


class Vpc(_Section):
    """The VPC of the functions, if they run in one."""

    subnets: Annotated[list[Annotated[str, StringConstraints(pattern=SUBNET)]], Field(min_length=1, max_length=16)] = (
        Field(description="ids of private subnets in the primary Region, for example [subnet-0a1b2c3d4e5f60718]")
    )
    security_groups: Annotated[
        list[Annotated[str, StringConstraints(pattern=SECURITY_GROUP)]], Field(min_length=1, max_length=5)
    ] = Field(
        description="ids of security groups that allow outbound HTTPS, for example [sg-0a1b2c3d4e5f60718]",
    )


class Pair(_Section):
    """A primary Region and its DR Region, with one stack in each."""

    primary_region: Region = Field(description="the Region whose WorkSpaces get standbys, for example us-east-1")
    dr_region: Region = Field(description="the Region in which the standbys are created, for example us-west-2")
    account: Annotated[str, StringConstraints(pattern=ACCOUNT)] | None = Field(
        default=None,
        description='the 12 digits of the AWS account, in quotes, for example "123456789012"; '
        "without it, the account of the deploying credentials is used",
    )
    directories: Annotated[dict[DirectoryId, DirectoryMapping], Field(min_length=1)] = Field(
        description="at least one directory of the primary Region, each with its DR directory: "
        "{d-906732325d: {dr_directory: d-926722edaf}}",
    )
    tags: Annotated[
        dict[
            Annotated[str, StringConstraints(pattern=TAG_TEXT, min_length=1, max_length=127)],
            Annotated[str, StringConstraints(pattern=TAG_TEXT, max_length=255)],
        ],
        Field(max_length=40),
    ] = Field(
        default_factory=dict,
        description="tags for every standby, each a text of letters, digits, spaces and + - = . : / @, "
        'in quotes if it looks like a number or is true or false, for example {CostCenter: "4711"}; at most 40',
    )
    mode: Literal["protect", "observe"] = Field(
        default="protect",
        description="protect, or observe to decide and record without creating anything",
    )
    first_look_minutes: Annotated[float, Field(gt=0, le=1440, allow_inf_nan=False)] = Field(
        default=15,
        description="the minutes from a create until its row is first checked, for example 15 (at most 1440)",
    )
    poll_interval_seconds: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = Field(
        default=120,
        description="the seconds between two checks of a row, for example 120 (at most 3600)",
    )
    primary_deadline_minutes: Annotated[float, Field(gt=0, le=43200, allow_inf_nan=False)] = Field(
        default=240,
        description="the minutes until a new primary must be ready, for example 240 (at most 43200, 30 days)",
    )
    standby_deadline_minutes: Annotated[float, Field(gt=0, le=43200, allow_inf_nan=False)] = Field(
        default=120,
        description="the minutes from the request until a standby must be ready, for example 120 "
        "(at most 43200, 30 days)",
    )
    max_new_standbys_per_day: Annotated[int, Field(ge=1)] = Field(
        default=200,
        description="how many standbys may be created in a UTC day, a whole number from 1, for example 200 "
        "(to create none, set mode: observe)",
    )
    max_standbys: Annotated[int, Field(ge=1)] = Field(
        default=5000,
        description="how many standbys there may be in total, a whole number from 1, for example 5000 "
        "(to create none, set mode: observe)",
    )
    sweep_interval_minutes: Annotated[int, Field(ge=15, le=1440)] = Field(
        default=60,
        description="the minutes between two sweeps of the whole fleet, a whole number from 15 to 1440, for example 60 "
        "(a sweep of 20,000 desktops and their standbys takes about half an hour, and an hour while a desktop waits "
        "for its standby)",
    )
    coverage_target: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = Field(
        default=95,
        description="the percentage of protected desktops, among the eligible ones, below which an alarm fires, from 0 "
        "to 100, for example 95 (not 0.95)",
    )
    coverage_grace_hours: Annotated[float, Field(gt=0, le=144, allow_inf_nan=False)] = Field(
        default=4,
        description="the hours for which coverage must be below coverage_target, for example 4 (at most 144)",
    )
    rpo_hours: Annotated[float, Field(gt=0, le=8760, allow_inf_nan=False)] = Field(
        default=36,
        description="the hours after which the replicated data on a standby is too old, for example 36 (AWS copies "
        "every 12 hours, so data is 12 to 24 hours old)",
    )
    existing_fleet: Literal["report", "protect"] = Field(
        default="report",
        description="report, to see how many desktops exist and what their standbys would cost, and to accept each "
        "directory; or protect, to create these standbys without acceptance",
    )
    calls_per_second: Annotated[float, Field(ge=0.1, le=50, allow_inf_nan=False)] = Field(
        default=1.0,
        description="the calls a second that protect makes to the WorkSpaces API, from 0.1 to 50, for example 1.0; "
        "the sweep makes as many, or half as many while a desktop waits for its standby (by default, AWS allows an "
        "account 2 in a Region, for all its tools)",
    )
    recreate_missing: bool = Field(
        default=False,
        description="false, to be notified of a standby that is gone; or true, to let the sweep create it again within "
        "the limits, whoever terminated it",
    )
    backfill_in_flight: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=100,
        description="how many desktops of accepted fleets may be in progress at once, a whole number from 1 to "
        "10000, for example 100",
    )
    prices: dict[ComputeType, MonthlyAmount] = Field(
        default_factory=dict,
        description="what a standby costs a month in the DR Region, in USD, by compute type, for example "
        "{STANDARD: 5.75, VALUE: 3.25}, each more than 0 and at most 10000; data replication and hours of use are "
        "extra, and compute types without a price are reported as not priced",
    )
    include: Rules | None = Field(
        default=None,
        description="which WorkSpaces get a standby: those that match one of these rules; by default all, for "
        'example {users: ["exec-*"], tags: {Standby: "yes"}}',
    )
    exclude: Rules | None = Field(
        default=None,
        description="which WorkSpaces get no standby, whatever include says: those that match one of these rules, for "
        'example {users: ["svc-*"], directories: [d-906732325d]}',
    )
    notify: list[Annotated[str, StringConstraints(pattern=EMAIL), AfterValidator(_as_typed)]] = Field(
        default_factory=list,
        description="a list of e-mail addresses, for example [ops@example.com]; subscribed in both Regions, or, with "
        "notify_topic_arn, in the DR Region only (subscribe webhooks and telephones to your own topic)",
    )
    notify_topic_arn: Annotated[str, StringConstraints(pattern=TOPIC_ARN)] | None = Field(
        default=None,
        description="the ARN of an existing SNS topic in the primary Region, for example "
        "arn:aws:sns:us-east-1:123456789012:ops; its policy must allow CloudWatch and EventBridge to publish, and its "
        "key's policy must allow them to use the key (docs/configuration.md, An existing topic)",
    )
    permissions_boundary: Annotated[str, StringConstraints(pattern=POLICY_ARN)] | None = Field(
        default=None,
        description="the ARN of a managed policy as permissions boundary of every role of the stacks, for example "
        "arn:aws:iam::123456789012:policy/boundary, or an AWS managed one: arn:aws:iam::aws:policy/PowerUserAccess",
    )
    customer_managed_keys: bool = Field(
        default=False,
        description="false, or true to encrypt the ledger, logs, queues and the functions' environment with a "
        "customer-managed key in each Region, as the topics are",
    )
    vpc: Vpc | None = Field(
        default=None,
        description="subnets and security groups of the functions, for example {subnets: [subnet-0a1b2c3d4e5f60718], "
        "security_groups: [sg-0a1b2c3d4e5f60718]}; by default they do not run in a VPC",
    )
    resource_tags: dict[
        Annotated[str, StringConstraints(pattern=TAG_TEXT, min_length=1, max_length=127)],
        Annotated[str, StringConstraints(pattern=TAG_TEXT, max_length=255)],
    ] = Field(
        default_factory=dict,
        description="tags for every resource of the stacks that supports tags, for example {Owner: desktops}",
    )
    name_prefix: Annotated[str, StringConstraints(pattern=NAME_PREFIX)] = Field(
        default="",
        description="a prefix for the names of stacks and resources, of letters, digits and -, for example acme-",
    )
    role_path: Annotated[str, StringConstraints(pattern=ROLE_PATH, max_length=512)] = Field(
        default="/",
        description="the path of every role of the stacks, with / at both ends, for example /standby/",
    )

    @property
    def stack_name(self) -> str:
        """The name of the primary Region's stack and of its ledger table, and the first part of most other names."""
        return f"{self.name_prefix}Standby-{self.primary_region}-{self.dr_region}"

    @property
    def dr_stack_name(self) -> str:
        """The name of the DR Region's stack."""
        return f"{self.stack_name}-dr"

    @property
    def encryption_keys(self) -> list[str]:
        """The ARNs of the configured KMS keys, each once, sorted."""
        return sorted({m.volume_encryption_key for m in self.directories.values() if m.volume_encryption_key})

    @property
    def has_tag_rules(self) -> bool:
        """Whether a rule needs the tags of WorkSpaces."""
        return any(rules is not None and rules.tags for rules in (self.include, self.exclude))

    @property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of this pair as canonical JSON, with defaults filled in."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


class Configuration(_Section):
    """The whole configuration file."""

    pairs: Annotated[list[Pair], Field(min_length=1)] = Field(
        description="a list with at least one pair of Regions: - primary_region: …, dr_region: …, directories: …",
    )

    def settings(self, pair: Pair) -> dict[str, Any]:
        """The content of `settings.json` for the functions of a pair; all times are in seconds.

        `mutual`: the directory is also the DR directory of another pair, so it contains that pair's standbys, and a
        standby must never get a standby. `elsewhere`: the directories of the same Region that other pairs map, each
        with its stack; their events arrive here too and are ignored.
        """
        dr_directories = {(p.dr_region, m.dr_directory) for p in self.pairs for m in p.directories.values()}
        neighbours = [
            p for p in self.pairs if p.primary_region == pair.primary_region and p.dr_region != pair.dr_region
        ]
        return {
            "version": VERSION,
            "config_digest": pair.digest,
            "stack": pair.stack_name,
            "primary_region": pair.primary_region,
            "dr_region": pair.dr_region,
            "mode": pair.mode,
            "tags": dict(sorted(pair.tags.items())),
            "first_look_seconds": _plain(pair.first_look_minutes * 60),
            "poll_interval_seconds": _plain(pair.poll_interval_seconds),
            "primary_deadline_seconds": _plain(pair.primary_deadline_minutes * 60),
            "standby_deadline_seconds": _plain(pair.standby_deadline_minutes * 60),
            "max_new_standbys_per_day": pair.max_new_standbys_per_day,
            "max_standbys": pair.max_standbys,
            "sweep_interval_seconds": pair.sweep_interval_minutes * 60,
            "rpo_seconds": _plain(pair.rpo_hours * 3600),
            "existing_fleet": pair.existing_fleet,
            "recreate_missing": pair.recreate_missing,
            "backfill_in_flight": pair.backfill_in_flight,
            "calls_per_second": _plain(pair.calls_per_second),
            "prices": {name: str(amount) for name, amount in sorted(pair.prices.items())},
            "include": pair.include.model_dump() if pair.include else None,
            "exclude": pair.exclude.model_dump() if pair.exclude else None,
            "directories": {
                directory: {**mapping.model_dump(), "mutual": (pair.primary_region, directory) in dr_directories}
                for directory, mapping in sorted(pair.directories.items())
            },
            "elsewhere": {directory: p.stack_name for p in neighbours for directory in sorted(p.directories)},
        }


def _plain(seconds: float) -> float:
    """120.0 as 120, so that the file is easy to read."""
    return int(seconds) if seconds == int(seconds) else seconds


def json_schema() -> str:
    """The JSON Schema of the configuration file, for editors."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Configuration.model_json_schema(),
        "title": "WorkSpaces Standby configuration",
    }
    return json.dumps(schema, indent=2) + "\n"
