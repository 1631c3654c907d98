"""When stories are published: busy mornings and closings, quiet nights and weekends."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

_HOURS = (2, 1, 1, 1, 2, 3, 5, 7, 8, 7, 6, 6, 7, 9, 10, 8, 7, 6, 6, 8, 9, 6, 4, 3)
"""Stories per hour of the day (UTC), relative: European opening, American opening and close."""
_WEEKDAYS = (1.0, 1.1, 1.15, 1.1, 0.95, 0.3, 0.35)
"""Monday to Sunday, relative."""


def times(rng: random.Random, start: datetime, days: int, count: int) -> list[datetime]:
    """`count` instants in order, to the second, spread over `days` days by the rhythm of the week."""
    weights = [_WEEKDAYS[(start + timedelta(days=day)).weekday()] for day in range(days)]
    drawn = []
    for day in rng.choices(range(days), weights, k=count):
        hour = rng.choices(range(24), _HOURS)[0]
        drawn.append(start + timedelta(days=day, hours=hour, seconds=rng.randrange(3600)))
    return sorted(drawn)


def times_between(rng: random.Random, begins: datetime, ends: datetime, count: int) -> list[datetime]:
    """`count` instants in order, to the second, evenly likely in a span."""
    seconds = int((ends - begins).total_seconds())
    return sorted(begins + timedelta(seconds=rng.randrange(seconds)) for _ in range(count))
