"""One instant out of the many ways in which rows write it."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, tzinfo
from email.utils import parsedate_to_datetime

from streams.ingest.refusal import BAD_TIME, RowRefusedError, quoted

EPOCH_MS_FROM = 100_000_000_000
"""Numbers from here on are milliseconds: as seconds they would lie in the year 5138 and later."""

EPOCH_S_FROM = 100_000_000
"""Numbers below (before March 1973) are years, counts or prices in the wrong column, not times."""

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|(19|20)\d{6}")


def parse(value: object, zone: tzinfo | None = None) -> datetime:
    """An instant in UTC from ISO 8601, a date (its midnight), epoch seconds or milliseconds, or RFC 822.

    Args:
        value: string, number, datetime or date.
        zone: for times without an offset; a date is midnight there, in UTC where None.

    >>> str(parse("2026-03-01T09:30:00+01:00")), str(parse(1_767_225_600_000))
    ('2026-03-01 08:30:00+00:00', '2026-01-01 00:00:00+00:00')

    Raises:
        RowRefusedError: no such time, or one without an offset while no zone was given.
    """
    try:
        return _parse(value, zone)
    except RowRefusedError:
        raise
    except (ValueError, OverflowError, OSError, TypeError) as error:
        raise RowRefusedError(
            BAD_TIME, f"{quoted(value)} is no time; use ISO 8601, a date, epoch seconds or milliseconds, or RFC 822"
        ) from error


def _parse(value: object, zone: tzinfo | None) -> datetime:
    if isinstance(value, datetime):
        return _in_utc(value, zone, value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=zone or UTC).astimezone(UTC)
    if isinstance(value, str):
        return _from_text(value.strip(), zone)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return _from_epoch(value)


def _from_text(text: str, zone: tzinfo | None) -> datetime:
    if _DATE.fullmatch(text):
        return _parse(date.fromisoformat(text), zone)
    if _NUMBER.fullmatch(text):
        return _from_epoch(float(text) if "." in text else int(text))
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = parsedate_to_datetime(text)
    return _in_utc(time, zone, text)


def _from_epoch(number: float) -> datetime:
    if not math.isfinite(number):
        raise ValueError
    if abs(number) >= EPOCH_MS_FROM:
        number /= 1000
    if number < EPOCH_S_FROM:
        raise ValueError
    return datetime.fromtimestamp(number, tz=UTC)


def _in_utc(time: datetime, zone: tzinfo | None, value: object) -> datetime:
    if time.tzinfo is None:
        if zone is None:
            raise RowRefusedError(
                BAD_TIME, f"{quoted(str(value))} has no offset from UTC; say which zone it means with --timezone UTC"
            )
        time = time.replace(tzinfo=zone)
    return time.astimezone(UTC)
