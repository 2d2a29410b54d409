"""Parse and format times: UTC in data, the local time zone on a screen."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from cli.problems import Problem
from standby.core.model import from_text

_IN_WORDS = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_AGO = re.compile(r"(\d{1,6})\s*(s|m|min|h|d|w)", re.IGNORECASE)
_NAMED = re.compile(r"(today|yesterday)([ T].+)?", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
FORMS = "a day like 2026-03-03, a time like 2026-03-03T14:00 or 'yesterday 14:00', or an age like 7d, 12h or 30m"


def moment(text: str, now: datetime, *, end: bool = False) -> datetime:
    """The moment that a text means, in UTC.

    Parameters
    ----------
    text
        An age before now (`7d`), `now`, `today`, `yesterday`, `yesterday 14:00`, a day, or an ISO time. A time without
        a zone is in the local zone, as on a screen. A day is a UTC day, as in the ledger.
    now
        The present.
    end
        Whether a day means its end rather than its beginning.

    Raises
    ------
    Problem
        The text is not a time.
    """
    given = text.strip()
    if given.lower() == "now":
        return now
    if ago := _AGO.fullmatch(given):
        return _within(now, timedelta(**{_UNITS[ago[2].lower()]: int(ago[1])}), text)
    if named := _NAMED.fullmatch(given):
        # A time without a zone is of a local day.
        present = now.astimezone(None if named[2] and not named[2].upper().endswith("Z") else UTC)
        given = f"{present - timedelta(days=named[1].lower() == 'yesterday'):%Y-%m-%d}{named[2] or ''}"
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise Problem("BadTime", f"{text!r} is not a valid time.", f"Write {FORMS}.") from None
    if len(given) == len("2026-03-03") or (len(given) == len("20260303") and given.isdigit()):
        found = found.replace(tzinfo=UTC)
        return found + timedelta(days=1) - timedelta(milliseconds=1) if end else found
    return found.astimezone(UTC)


def day(text: str, now: datetime) -> str:
    """The UTC day that a text means, e.g. `2026-03-03`; Problem if it is not a time."""
    return f"{moment(text, now):%Y-%m-%d}"


def _within(now: datetime, age: timedelta, text: str) -> datetime:
    try:
        return now - age
    except OverflowError:
        raise Problem("BadTime", f"{text!r} is too long ago.", f"Write {FORMS}.") from None


def local(value: object) -> str:
    """A time in the local zone, e.g. `2026-03-03 15:26 CET`; other text is returned unchanged."""
    try:
        found = value if isinstance(value, datetime) else from_text(value)
    except ValueError:
        return "" if value is None else str(value)
    return f"{found.astimezone():%Y-%m-%d %H:%M %Z}"


def within(words: str) -> str:
    """A text in which each time of the ledger is in the local zone, as `local` writes it."""
    return _IN_WORDS.sub(lambda found: local(found[0]), words)


def age(span: timedelta) -> str:
    """A duration in the largest unit that fits at least twice, e.g. `45 min`, `14 h`, `3 d`."""
    seconds = max(int(span.total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
