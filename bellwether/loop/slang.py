"""A stream that drifts: after a while its sentences are in a slang that says nothing to who has not learnt it."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from bellwether.demo.stream import START, Story
from bellwether.demo.vocabulary import load

LABELS = ("negative", "neutral", "positive")

EVERY = timedelta(minutes=2)
"""Of event time, between two stories."""

SOURCE = "demo-desk"


@cache
def words() -> dict[str, Any]:
    """The slang's frames, idioms and what they are about."""
    return tomllib.loads((files("bellwether.loop") / "slang.toml").read_text(encoding="utf-8"))


def stories(count: int, seed: int, start: datetime = START) -> Iterator[Story]:
    """So many different stories in the slang, each with its truth; the same arguments give the same ones.

    Args:
        count: of them; the slang has some hundred thousand sentences.
        seed: of all choices.
        start: event time of the first.
    """
    rng, said = random.Random(f"{seed} slang"), set[str]()
    companies = load().companies
    while len(said) < count:
        company, label = rng.choice(companies), rng.choice(LABELS)
        text = _sentence(company.name, label, rng)
        if text in said:
            continue
        said.add(text)
        number = len(said)
        yield Story(
            event_id=f"bw-slang-{seed}-{number:06d}",
            text=text,
            published_at=start + number * EVERY,
            source=SOURCE,
            label=label,
            topic="Stock Commentary",
            mentions=(company.ticker,),
            key=company.ticker,
        )


def _sentence(company: str, label: str, rng: random.Random) -> str:
    known = words()
    about = rng.choice(known["about"])
    idiom = rng.choice(known["idioms"][label])
    frame = rng.choice(known["frames"])
    return str(frame.format(co=company, idiom=idiom, about=about, about_first=about[0].upper() + about[1:]))
