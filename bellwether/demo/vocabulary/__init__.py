"""The words of the built-in stream as data, and what reads them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

SENTIMENTS = ("negative", "neutral", "positive")


@dataclass(frozen=True)
class Company:
    """An invented company."""

    name: str
    short: str
    ticker: str
    sector: str
    share: float = 1.0
    """How often it is in the news, against 1 of most."""


@dataclass(frozen=True)
class Topic:
    """What can be said under one topic."""

    name: str
    weight: float
    """Part of the stream, against the other topics' weights."""
    mix: tuple[float, float, float]
    """Parts of negative, neutral and positive stories."""
    templates: Mapping[str, tuple[str, ...]]
    """Sentiment to templates."""
    about_companies: bool


@dataclass(frozen=True)
class Vocabulary:
    """Everything that the stream is made of."""

    companies: tuple[Company, ...]
    topics: tuple[Topic, ...]
    shock_topics: tuple[Topic, ...]
    affairs: Mapping[str, tuple[str, ...]]
    """Ticker to the phrases for what the shock is about."""
    words: Mapping[str, tuple[str, ...]]
    sectors: Mapping[str, Mapping[str, tuple[str, ...]]]
    drift: Mapping[str, tuple[str, ...]]
    """What `words` and `sectors` are replaced by once the drift has begun."""

    def company(self, ticker: str) -> Company:
        """The company with this ticker."""
        return next(company for company in self.companies if company.ticker == ticker)

    def base_share(self, sentiment: str) -> float:
        """Expected share of a sentiment in ordinary stories about a company."""
        position = SENTIMENTS.index(sentiment)
        about = [topic for topic in self.topics if topic.about_companies]
        return sum(t.weight * t.mix[position] / sum(t.mix) for t in about) / sum(t.weight for t in about)


def alias_table(companies: tuple[Company, ...]) -> str:
    """The companies as an alias table in TOML, see `models/aliases.toml`: a user's own table for this stream."""
    rows = (f'{company.ticker} = ["{company.name}", "{company.short}"]' for company in companies)
    return "[entities]\n" + "\n".join(rows) + "\n"


@cache
def load() -> Vocabulary:
    """The built-in words, read once."""
    companies = _read("companies")
    words = _read("words")
    shock = _read("stories_shock")
    affairs = shock.pop("affairs")
    world = _topics(_read("stories_world"), about_companies=False)
    return Vocabulary(
        companies=_companies(companies),
        topics=(*_topics(_read("stories_companies"), about_companies=True), *world),
        shock_topics=_topics(shock, about_companies=True),
        affairs=_lists(affairs),
        words=_lists(words["words"]),
        sectors={name: _lists(slots) for name, slots in companies["sector"].items()},
        drift=_lists(words["drift"]),
    )


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def _lists(table: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in table.items()}


def _companies(table: Mapping[str, Any]) -> tuple[Company, ...]:
    known = [Company(**row) for row in table["company"]]
    rest = [Company(name, short, ticker, sector) for name, short, ticker, sector in table["rest"]["companies"]]
    return (*known, *rest)


def _topics(table: Mapping[str, Any], *, about_companies: bool) -> tuple[Topic, ...]:
    return tuple(
        Topic(
            name=name,
            weight=float(row["weight"]),
            mix=tuple(row.get("mix", (100, 0, 0))),
            templates={sentiment: tuple(row.get(sentiment, ())) for sentiment in SENTIMENTS},
            about_companies=about_companies,
        )
        for name, row in table.items()
    )
