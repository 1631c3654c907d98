"""What was planted in the built-in stream: the answers that alert tests compare with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bellwether.demo import vocabulary

QUIET_PART = 0.8
"""The first four fifths hold nothing planted: 28 of 35 days, for thresholds to settle."""
MIN_DAYS = 5
"""A shorter stream has no room for quiet days before a shock: nothing is planted."""

_PLANS = (("VLCRM", 29 / 35, 13, 3, 60, 40), ("CLDRN", 31 / 35, 8, 2, 24, 30))
"""Ticker, part of the stream, hour (UTC), hours long, stories, points more negative than usual."""
_DRIFT_PART = 32 / 35
_MOST_OF_STREAM = 0.05
"""A shock takes at most this part of a small stream's stories, so that it stays a shock and not the stream."""


@dataclass(frozen=True)
class Shock:
    """An entity that is suddenly in the news, and for the worse."""

    entity: str
    begins: datetime
    ends: datetime
    """Exclusive."""
    stories: int
    negative: int
    """How many of them are negative; the others keep their usual proportion."""
    usual_share: float
    """Share of negative stories that the entity has otherwise, on average."""

    @property
    def points(self) -> float:
        """Percentage points more negative than usual."""
        return 100 * (self.negative / self.stories - self.usual_share)


@dataclass(frozen=True)
class Drift:
    """New themes enter the vocabulary; sentiment stays as it was."""

    begins: datetime
    share: float
    """Part of the phrases that come from the new vocabulary."""


@dataclass(frozen=True)
class Truth:
    """Everything planted in one stream."""

    shocks: tuple[Shock, ...] = ()
    drift: Drift | None = None


def planted(days: int, per_day: int, start: datetime) -> Truth:
    """What `stream.generate` plants for these arguments; it does not depend on the seed."""
    if days < MIN_DAYS:
        return Truth()
    usual = vocabulary.load().base_share("negative")
    shocks = []
    for ticker, part, hour, hours, stories, points in _PLANS:
        begins = start + timedelta(days=int(days * part), hours=hour)
        count = min(stories, int(days * per_day * _MOST_OF_STREAM))
        if count:
            negative = round(count * (usual + points / 100))
            shocks.append(Shock(ticker, begins, begins + timedelta(hours=hours), count, negative, usual))
    drift = Drift(start + timedelta(days=int(days * _DRIFT_PART)), share=0.5)
    return Truth(tuple(shocks), drift)
