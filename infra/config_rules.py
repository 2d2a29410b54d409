"""Rules between the values of a configuration, and warnings about values that are allowed but may be unintended."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from infra import known, odd_text
from infra.selection_rules import OWN_TAGS, broken_selection, selection_cautions

if TYPE_CHECKING:
    from infra.config import Configuration, Pair

KeyPath = tuple[str | int, ...]

# The longest name of an EventBridge rule or a function, and the longest ending of a name here.
MOST_OF_A_NAME: Final = 64
LONGEST_END: Final = "-watch-failed-executions"
RESERVED_TAGS: Final = ("aws:", OWN_TAGS)


@dataclass(frozen=True)
class BrokenRule:
    """Values that are valid each, but not together."""

    path: KeyPath
    problem: str
    advice: str


@dataclass(frozen=True)
class Caution:
    """A warning about something that is allowed but may be unintended. With `stops`, it stops a deployment."""

    path: str
    message: str
    line: int | None = None
    stops: bool = False

    def __str__(self) -> str:
        line = f" (line {self.line})" if self.line else ""
        return odd_text.printable(f"{self.path}: {self.message}{line}")


@dataclass(frozen=True)
class _Written:
    """A pair as written in the file. Values may be missing or of a wrong type, which is reported elsewhere."""

    index: int
    keys: dict[Any, Any]

    def at(self, *path: str | int) -> KeyPath:
        return ("pairs", self.index, *path)

    def text(self, key: str) -> str | None:
        value = self.keys.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str, default: float) -> float | None:
        value = self.keys.get(key, default)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None

    def directories(self) -> Iterator[tuple[str, dict[Any, Any]]]:
        written = self.keys.get("directories")
        for directory, mapping in written.items() if isinstance(written, dict) else ():
            if isinstance(directory, str) and isinstance(mapping, dict):
                yield directory, mapping


def broken_rules(document: Any) -> list[BrokenRule]:
    """All rules between values that the file, as written, breaks."""
    written = document.get("pairs") if isinstance(document, dict) else None
    pairs = [
        _Written(index, keys)
        for index, keys in enumerate(written if isinstance(written, list) else ())
        if isinstance(keys, dict)
    ]
    return [broken for rule in _RULES for broken in rule(pairs)]


def _two_regions(pairs: list[_Written]) -> Iterator[BrokenRule]:
    seen: set[tuple[str, str]] = set()
    for pair in pairs:
        primary, dr = pair.text("primary_region"), pair.text("dr_region")
        if primary is None or dr is None:
            continue
        if primary == dr:
            advice = "Write another Region: a standby in the primary's Region would be lost together with the primary"
            yield BrokenRule(pair.at("dr_region"), f"{dr} is also the primary Region", advice)
        elif (primary, dr) in seen:
            advice = "Move its directories to the other entry: two Regions are one pair, with one stack in each"
            yield BrokenRule(pair.at("primary_region"), f"{primary} and {dr} are already a pair", advice)
        seen.add((primary, dr))


def _one_mapping_a_directory(pairs: list[_Written]) -> Iterator[BrokenRule]:
    seen: dict[tuple[str | None, str], int] = {}
    for pair in pairs:
        for directory, _ in pair.directories():
            first = seen.setdefault((pair.text("primary_region"), directory), pair.index)
            if first != pair.index:
                advice = "Map the directory in only one pair: a primary gets one standby, in one DR Region"
                yield BrokenRule(pair.at("directories", directory), f"pairs[{first}] also maps this directory", advice)


def _one_directory_per_dr_directory(pairs: list[_Written]) -> Iterator[BrokenRule]:
    seen: dict[tuple[str | None, str], str] = {}
    for pair in pairs:
        for directory, mapping in pair.directories():
            dr_directory, path = mapping.get("dr_directory"), pair.at("directories", directory, "dr_directory")
            if not isinstance(dr_directory, str):
                continue
            if dr_directory == directory:
                advice = "Write the id of the directory in the DR Region"
                yield BrokenRule(path, f"{dr_directory} is its own DR directory", advice)
                continue
            first = seen.setdefault((pair.text("dr_region"), dr_directory), directory)
            if first != directory:
                advice = "Give each directory its own DR directory: a user can have only one WorkSpace in a directory"
                yield BrokenRule(path, f"{dr_directory} is already the DR directory of {first}", advice)


def _arns_in_their_place(pairs: list[_Written]) -> Iterator[BrokenRule]:
    for pair in pairs:
        dr, primary, account = pair.text("dr_region"), pair.text("primary_region"), pair.text("account")
        for directory, mapping in pair.directories():
            found = _arn_part(mapping.get("volume_encryption_key"), 3)
            if found and dr and found != dr:
                path = pair.at("directories", directory, "volume_encryption_key")
                advice = f"Write the ARN of a key in {dr}: the standbys' volumes are encrypted there"
                yield BrokenRule(path, f"the key is in {found}", advice)
        found = _arn_part(pair.text("notify_topic_arn"), 3)
        if found and primary and found != primary:
            advice = f"Write the ARN of a topic in {primary}: alarms and functions publish in their own Region"
            yield BrokenRule(pair.at("notify_topic_arn"), f"the topic is in {found}", advice)
        found = _arn_part(pair.text("permissions_boundary"), 4)
        if found and account and found not in {account, "aws"}:
            advice = f"Write the ARN of a policy in account {account}: a boundary must be in the role's account"
            yield BrokenRule(pair.at("permissions_boundary"), f"the policy is in account {found}", advice)


def _arn_part(arn: Any, index: int) -> str | None:
    parts = arn.split(":") if isinstance(arn, str) else []
    return parts[index] if len(parts) > 5 else None


def _times_that_can_work(pairs: list[_Written]) -> Iterator[BrokenRule]:
    for pair in pairs:
        first_look, poll = pair.number("first_look_minutes", 15), pair.number("poll_interval_seconds", 120)
        primary, standby = pair.number("primary_deadline_minutes", 240), pair.number("standby_deadline_minutes", 120)
        if first_look and primary and primary <= first_look:
            advice = (
                f"Write more than first_look_minutes ({first_look:g}): a row would time out before it is first checked"
            )
            yield BrokenRule(pair.at("primary_deadline_minutes"), f"{primary:g} minutes are too few", advice)
        for key, deadline in (("primary_deadline_minutes", primary), ("standby_deadline_minutes", standby)):
            if poll and deadline and deadline * 60 <= poll:
                advice = f"Write more than poll_interval_seconds ({poll:g} s): a row would time out between two checks"
                yield BrokenRule(pair.at(key), f"{deadline:g} minutes are too few", advice)


def _names_that_fit(pairs: list[_Written]) -> Iterator[BrokenRule]:
    for pair in pairs:
        prefix, primary, dr = pair.text("name_prefix"), pair.text("primary_region"), pair.text("dr_region")
        if prefix and primary and dr:
            room = MOST_OF_A_NAME - len(f"Standby-{primary}-{dr}{LONGEST_END}")
            if len(prefix) > room:
                advice = (
                    f"Write at most {max(room, 0)} characters: the names of rules may have at most {MOST_OF_A_NAME}"
                )
                yield BrokenRule(pair.at("name_prefix"), f"{prefix} is too long for these two Regions", advice)


def _tags_of_the_operator(pairs: list[_Written]) -> Iterator[BrokenRule]:
    for pair in pairs:
        for section in ("tags", "resource_tags"):
            tags = pair.keys.get(section)
            for key in tags if isinstance(tags, dict) else ():
                for reserved in RESERVED_TAGS:
                    if isinstance(key, str) and key.lower().startswith(reserved):
                        advice = f"Choose another key: {reserved} is reserved for the tags of AWS and of this product"
                        yield BrokenRule(pair.at(section, key), "this tag cannot be set", advice)


def _each_address_once(pairs: list[_Written]) -> Iterator[BrokenRule]:
    for pair in pairs:
        notify = pair.keys.get("notify")
        addresses = [a.casefold() for a in notify if isinstance(a, str)] if isinstance(notify, list) else []
        for address in sorted({a for a in addresses if addresses.count(a) > 1}):
            yield BrokenRule(pair.at("notify"), f"{address} is listed twice", "Keep one of the two")


def _selection(pairs: list[_Written]) -> Iterator[BrokenRule]:
    for pair in pairs:
        for path, problem, advice in broken_selection(pair.keys):
            yield BrokenRule(pair.at(*path), problem, advice)


_RULES: Final[tuple[Callable[[list[_Written]], Iterator[BrokenRule]], ...]] = (
    _two_regions,
    _one_mapping_a_directory,
    _one_directory_per_dr_directory,
    _arns_in_their_place,
    _times_that_can_work,
    _names_that_fit,
    _tags_of_the_operator,
    _each_address_once,
    _selection,
)

# Values below these only cause more calls or false alarms in a real account: a WorkSpace takes about 20 minutes to
# become AVAILABLE, one with an encrypted root volume up to an hour, and the API allows 2 calls a second in all.
_SMALLEST: Final = (
    ("first_look_minutes", 5, "a WorkSpace takes about 20 minutes to become ready, so earlier checks find nothing"),
    ("poll_interval_seconds", 30, "the API allows 2 calls a second, shared with all other tools in the account"),
    ("primary_deadline_minutes", 90, "an encrypted WorkSpace takes up to an hour and would be reported as timed out"),
    ("rpo_hours", 25, "AWS copies every 12 hours, so data that is 24 hours old is normal"),
    ("standby_deadline_minutes", 90, "an encrypted standby takes up to an hour and would be reported as timed out"),
)


# The share of `calls_per_second` that the sweep uses while a watcher works, as in standby.wiring.
SWEEPS_SHARE: Final = 0.5
_CALLS_OF_AN_ACCOUNT: Final = 2.0


def cautions(configuration: Configuration, today: date | None = None) -> list[Caution]:
    """Warnings about what is allowed but may be unintended. The embedded cloud's configuration has some on purpose.

    Without `today`, no date counts as a date in the future.
    """
    found = []
    for index, pair in enumerate(configuration.pairs):
        warned: set[str] = set()  # an earlier rule's warning about a key is more specific than a later one's
        for rule in _CAUTIONS:
            each = [(path, message) for path, message in rule(pair, today) if path not in warned]
            warned |= {path for path, _ in each}
            found += [Caution(f"pairs[{index}].{path}", message) for path, message in each]
    return [*found, *_about_shared_regions(configuration)]


def _about_shared_regions(configuration: Configuration) -> Iterator[Caution]:
    """Warnings about pairs with one account and primary Region that together make more calls than AWS allows."""
    rates: dict[tuple[str | None, str], float] = {}
    for index, pair in enumerate(configuration.pairs):
        others = rates.get((pair.account, pair.primary_region), 0.0)
        together = others + pair.calls_per_second * (1 + SWEEPS_SHARE)
        rates[pair.account, pair.primary_region] = together
        if others and together > _CALLS_OF_AN_ACCOUNT:
            message = (
                f"together with the pairs above, it makes up to {together:g} calls a second in {pair.primary_region}. "
                f"By default, AWS allows an account {_CALLS_OF_AN_ACCOUNT:g}, for all its tools. Write less in each of "
                "these pairs"
            )
            yield Caution(f"pairs[{index}].calls_per_second", message)


Warnings = Iterator[tuple[str, str]]  # key path below the pair, and message


def _about_regions(pair: Pair, _: date | None) -> Warnings:
    for key in ("primary_region", "dr_region"):
        region = getattr(pair, key)
        if region not in known.STANDBY_REGIONS:
            regions = ", ".join(known.STANDBY_REGIONS)
            yield key, f"{region} is not a Region that this version knows for standby WorkSpaces ({regions})"
    partition, other = known.regions()[pair.primary_region], known.regions()[pair.dr_region]
    if partition != other:
        message = f"it is in the partition {other}, but {pair.primary_region} is in {partition}"
        yield "dr_region", f"{message}. No account is in both partitions, so no standby can be created"


def _about_numbers(pair: Pair, _: date | None) -> Warnings:
    for key, least, why in _SMALLEST:
        value = getattr(pair, key)
        if value < least:
            yield key, f"{value:g} is too small for a real account: {why}. Write {least} or more"
    if 0 < pair.coverage_target <= 1:
        target = pair.coverage_target
        yield (
            "coverage_target",
            f"{target:g} means {target:g} percent. Write {target * 100:g} for {target * 100:g} percent",
        )
    for name in pair.prices:
        if name not in known.compute_types():
            likely = known.nearest(name, known.compute_types())
            advice = f"Write {likely}" if likely else "Correct it"
            yield f"prices.{name}", f"this version does not know the compute type {name}. {advice}, unless it is new"


def _about_the_fleet(pair: Pair, _: date | None) -> Warnings:
    if pair.existing_fleet == "protect":
        message = (
            f"existing desktops get standbys, up to max_standbys ({pair.max_standbys}), each at a monthly fee, without "
            "acceptance. Write report to see the plan first"
        )
        yield "existing_fleet", message


def _about_arns(pair: Pair, _: date | None) -> Warnings:
    """Warnings about ARNs of another partition or account than the pair's."""
    partitions = known.regions()[pair.primary_region], known.regions()[pair.dr_region]
    keys = {
        f"directories.{name}.volume_encryption_key": m.volume_encryption_key for name, m in pair.directories.items()
    }
    arns = {**keys, "notify_topic_arn": pair.notify_topic_arn, "permissions_boundary": pair.permissions_boundary}
    for path, arn in arns.items():
        partition, account = _arn_part(arn, 1), _arn_part(arn, 4)
        if partition and partition not in partitions:
            yield path, f"it is in the partition {partition}, not in that of the Regions. Write arn:{partitions[0]}:…"
        elif account and pair.account and account not in {pair.account, "aws"}:
            yield path, f"it is in account {account}. Its policy must allow account {pair.account} to use it"


def _about_notify(pair: Pair, _: date | None) -> Warnings:
    for index, address in enumerate(pair.notify):
        if not address.isascii():
            yield (
                f"notify[{index}]",
                f"{address} has characters that are not ASCII, and SNS may refuse it. Write its domain as xn--…",
            )
    if not pair.notify:
        if pair.notify_topic_arn is None:
            yield "notify", "no one receives notices and alarms. Write an address, or set notify_topic_arn"
        else:
            message = f"no one receives the alarms in {pair.dr_region}, because a topic belongs to one Region. Write an"
            yield "notify", f"{message} address too, or subscribe to the DR stack's topic yourself"


_DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ].*)?")


def _about_texts(pair: Pair, today: date | None) -> Warnings:
    return _about_text("", pair.model_dump(), today)


def _about_text(path: str, value: Any, today: date | None) -> Warnings:
    """Path and message of each text, key or value, that is probably unintended."""
    if isinstance(value, dict):
        if {key.casefold() for key in value} == {"key", "value"}:
            yield (
                path,
                f"these are two tags. Write one, {{{': '.join(map(str, value.values()))}}}, unless you mean two",
            )
        for key, below in value.items():
            place = f"{path}.{key}" if path else key
            yield from _about_text(place, key, None)
            yield from _about_text(place, below, today)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _about_text(f"{path}[{index}]", one, today)
    elif isinstance(value, str):
        meant, odd = odd_text.as_meant(value)
        if odd:
            advice = f"Write {odd_text.quoted(meant)}" if meant != value else "Type it again"
            yield path, f"{odd_text.quoted(value)} has {odd_text.in_words(odd)}. {advice}, unless this is intended"
        elif today and _is_after(today, value):
            yield path, f"{value[:10]} is in the future. Correct it, unless this is intended"


def _is_after(today: date, text: str) -> bool:
    match = _DATE.fullmatch(text)
    try:
        return match is not None and date.fromisoformat(match[1]) > today
    except ValueError:
        return False


def _about_the_selection(pair: Pair, _: date | None) -> Warnings:
    return selection_cautions(pair)


_CAUTIONS: Final[tuple[Callable[[Pair, date | None], Warnings], ...]] = (
    _about_regions,
    _about_numbers,
    _about_the_fleet,
    _about_arns,
    _about_texts,
    _about_the_selection,
    _about_notify,
)
