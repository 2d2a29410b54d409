"""How figures are written in a report: UTC, thousands with commas, never a value for an unknown one. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from standby.core.model import from_text

NOT_KNOWN: Final = "not known"


def utc(value: object) -> str:
    """A time in UTC, e.g. `2026-03-03 14:26 UTC`: a report is read in other time zones than it is made in."""
    try:
        found = value if isinstance(value, datetime) else from_text(value)
    except ValueError:
        return NOT_KNOWN if value is None else str(value)
    return f"{found.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def count(value: int | None, none: str = NOT_KNOWN) -> str:
    """A number, e.g. `1,912`."""
    return none if value is None else f"{value:,}"


def percent(value: float | None, none: str = NOT_KNOWN) -> str:
    """A percentage, e.g. `98.4 %`."""
    return none if value is None else f"{value:.1f} %"


def span(value: timedelta | float | None) -> str:
    """A duration, or a number of seconds, e.g. `45 min`, `14 h`, `1 h 5 min`, `3 d 4 h`."""
    if value is None:
        return NOT_KNOWN
    seconds = int(value.total_seconds() if isinstance(value, timedelta) else value)
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days >= 2:
        return f"{days} d {hours} h" if hours else f"{days} d"
    hours += 24 * days
    parts = ([f"{hours} h"] if hours else []) + ([f"{minutes} min"] if minutes else [])
    return " ".join(parts)


def hours(value: float | None) -> str:
    """An age in hours, as `span`."""
    return NOT_KNOWN if value is None else span(value * 3600)


def money(value: Decimal | str | None) -> str:
    """An amount, e.g. `USD 1,234.50`."""
    return NOT_KNOWN if value is None else f"USD {Decimal(value):,.2f}"


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things, e.g. `1 desktop`, `1,912 desktops`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
