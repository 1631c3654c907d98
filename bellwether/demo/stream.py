"""The built-in stream: seeded, realistic headlines about invented companies, each with its truth."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bellwether.demo.planner import Planner
from bellwether.demo.truth import planted
from bellwether.demo.vocabulary import load
from bellwether.demo.writer import Writer
from runtime.errors import InputError

DAYS = 35
PER_DAY = 143
"""With `DAYS` about 5,000 stories."""
SEED = 7
START = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday."""


class Story(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of the stream, with the truth that a competent reader would agree with."""

    event_id: str
    text: str
    published_at: datetime
    source: str
    label: str
    """Sentiment: negative, neutral or positive."""
    topic: str
    mentions: tuple[str, ...] = ()
    """Tickers of the companies that the text names, the one it is about first; the worker is not told."""
    key: str | None = None
    """Kafka key: the ticker of the company that the story is about."""


def generate(days: int = DAYS, per_day: int = PER_DAY, seed: int = SEED, start: datetime = START) -> Iterator[Story]:
    """`days * per_day` stories in order of event time; the same arguments give the same stories.

    Raises:
        InputError: no day, or no story a day.
    """
    if days < 1 or per_day < 1:
        raise InputError(f"--days {days} --per-day {per_day} is an empty stream; give at least 1 of each")
    vocabulary = load()
    plans = Planner(vocabulary, planted(days, per_day, start), random.Random(f"{seed} plan")).plan(start, days, per_day)
    # One generator of randomness per story: what one of them draws does not move all that follow.
    writer = Writer(vocabulary)
    for number, plan in enumerate(plans, 1):
        written = writer.write(plan, random.Random(f"{seed} story {number}"))
        yield Story(
            event_id=f"bw-{seed}-{number:06d}",
            text=written.text,
            published_at=plan.published_at,
            source=written.source,
            label=plan.sentiment,
            topic=plan.topic,
            mentions=written.mentions,
            key=plan.ticker,
        )


def write(stories: Iterable[Story], path: Path) -> int:
    """Write JSON Lines and return how many.

    Raises:
        InputError: the file cannot be written.
    """
    count = 0
    try:
        with path.open("wb") as file:
            for count, story in enumerate(stories, 1):  # noqa: B007 (the last count is the result)
                file.write(msgspec.json.encode(story) + b"\n")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose a folder that exists and is yours") from error
    return count
