"""Decide what each story must say before a word is written: when, topic, sentiment, company."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime

from bellwether.demo import rhythm
from bellwether.demo.truth import Shock, Truth
from bellwether.demo.vocabulary import SENTIMENTS, Topic, Vocabulary
from bellwether.demo.writer import Plan

_AFFAIR_SHARE = 0.75
"""Most of a shock's bad stories tell of the one affair; the rest is bad news as usual."""


class Planner:
    """Plans one stream."""

    def __init__(self, vocabulary: Vocabulary, truth: Truth, rng: random.Random) -> None:
        self._vocabulary = vocabulary
        self._truth = truth
        self._rng = rng

    def plan(self, start: datetime, days: int, per_day: int) -> list[Plan]:
        """`days * per_day` plans in order of event time, the planted ones among them."""
        extra = sum(shock.stories for shock in self._truth.shocks)
        plans = [self._ordinary(at) for at in rhythm.times(self._rng, start, days, days * per_day - extra)]
        for shock in self._truth.shocks:
            plans += self._shocking(shock)
        return sorted(plans, key=lambda plan: plan.published_at)

    def _ordinary(self, at: datetime) -> Plan:
        topic = self._one_of(self._vocabulary.topics)
        sentiment = self._rng.choices(SENTIMENTS, topic.mix)[0]
        companies = self._vocabulary.companies
        company = self._rng.choices(companies, [company.share for company in companies])[0]
        return self._story(at, topic, sentiment, company.ticker if topic.about_companies else None)

    def _shocking(self, shock: Shock) -> Iterator[Plan]:
        sentiments = self._quota(shock)
        self._rng.shuffle(sentiments)
        about = tuple(topic for topic in self._vocabulary.topics if topic.about_companies)
        times = rhythm.times_between(self._rng, shock.begins, shock.ends, shock.stories)
        for at, sentiment in zip(times, sentiments, strict=True):
            is_affair = sentiment == "negative" and self._rng.random() < _AFFAIR_SHARE
            topic = self._one_of(self._vocabulary.shock_topics if is_affair else about)
            yield self._story(at, topic, sentiment, shock.entity)

    def _quota(self, shock: Shock) -> list[str]:
        others = shock.stories - shock.negative
        neutral, positive = self._vocabulary.base_share("neutral"), self._vocabulary.base_share("positive")
        good = round(others * positive / (neutral + positive))
        return ["negative"] * shock.negative + ["positive"] * good + ["neutral"] * (others - good)

    def _one_of(self, topics: tuple[Topic, ...]) -> Topic:
        return self._rng.choices(topics, [topic.weight for topic in topics])[0]

    def _story(self, at: datetime, topic: Topic, sentiment: str, ticker: str | None) -> Plan:
        drift = self._truth.drift
        new_words = drift.share if drift is not None and at >= drift.begins else 0.0
        return Plan(at, topic.name, sentiment, topic.templates[sentiment], ticker, new_words)
