"""Write one story: choose a template, fill its slots, dress the sentence, never say the same thing twice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bellwether.demo import figures, style
from bellwether.demo.grammar import expand, split_suffix
from bellwether.demo.repeats import NearRepeats
from bellwether.demo.style import Style
from bellwether.demo.vocabulary import Company, Vocabulary

MIN_WORDS = 5
MAX_WORDS = 30
_TAIL_SHARE = 0.22
_ATTEMPTS = 40
"""Drafts of a story; a fresh one is nearly always among the first five, and the last is taken as it is."""
_AGAIN = 4
"""Draws until a slot has words that this sentence does not hold yet."""


@dataclass(frozen=True)
class Plan:
    """What a story must say, decided before a word is written."""

    published_at: datetime
    topic: str
    sentiment: str
    templates: Sequence[str]
    ticker: str | None
    new_words: float
    """Part of the phrases that come from the drifted vocabulary."""


@dataclass(frozen=True)
class Written:
    """A finished text."""

    text: str
    source: str
    mentions: tuple[str, ...]


@dataclass
class _Draft:
    """Fills the slots of one sentence and remembers whom it named."""

    vocabulary: Vocabulary
    plan: Plan
    company: Company | None
    style: Style
    rng: random.Random
    used: set[str] = field(default_factory=set)
    mentions: list[str] = field(default_factory=list)

    def fill(self, slot: str) -> str:
        """Words for a slot."""
        if slot in figures.DRAWS:
            return figures.DRAWS[slot](self.rng)
        if slot in ("co", "co2"):
            return self._company(slot)
        name, change = (slot, str) if slot in self.vocabulary.words else split_suffix(slot)
        return change(self._phrase(name.rstrip("2"), is_other=name.endswith("2")))

    def _company(self, slot: str) -> str:
        company = self.company if slot == "co" else None
        while company is None:
            other = self.rng.choice(self.vocabulary.companies)
            company = other if other is not self.company else None
        is_first = company.ticker not in self.mentions
        if is_first:
            self.mentions.append(company.ticker)
        return style.mention(company, self.style, self.rng, is_first=is_first)

    def _phrase(self, name: str, *, is_other: bool) -> str:
        choices = self._choices(name, is_other=is_other)
        chosen = self.rng.choice(choices)
        for _ in range(_AGAIN):
            if chosen not in self.used:
                break
            chosen = self.rng.choice(choices)
        self.used.add(chosen)
        return chosen

    def _choices(self, name: str, *, is_other: bool) -> Sequence[str]:
        drift = self.vocabulary.drift
        if name == "unit" and is_other:
            return self.vocabulary.sectors[self.vocabulary.company(self.mentions[-1]).sector]["unit"]
        if name == "affair":
            return self.vocabulary.affairs[self.plan.ticker or ""]
        if name in drift and (name == "theme" or self.rng.random() < self.plan.new_words):
            return drift[name]
        sector = self.vocabulary.sectors[self.company.sector] if self.company is not None else {}
        return sector[name] if name in sector else self.vocabulary.words[name]


class Writer:
    """Writes the stories of one stream."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._repeats = NearRepeats()

    def write(self, plan: Plan, rng: random.Random) -> Written:
        """A text for this plan that is no near repeat of an earlier one, where that can be had."""
        written = self._draft(plan, rng)
        for _ in range(_ATTEMPTS):
            if MIN_WORDS <= len(written.text.split()) <= MAX_WORDS and not self._repeats.has_seen(written.text):
                break
            written = self._draft(plan, rng)
        self._repeats.add(written.text)
        return written

    def _draft(self, plan: Plan, rng: random.Random) -> Written:
        company = self._vocabulary.company(plan.ticker) if plan.ticker else None
        draft = _Draft(self._vocabulary, plan, company, style.draw(rng, plan.topic), rng)
        sentence = expand(rng.choice(plan.templates), draft.fill, rng)
        sentence = sentence.replace("s's ", "s' ")
        if rng.random() < _TAIL_SHARE and sentence[-1] not in ".?!" and sentence[-1].isascii():
            sentence = expand(sentence + rng.choice(self._vocabulary.words["tail"]), draft.fill, rng)
        words = {
            "prefix": expand("{prefix}", draft.fill, rng) + " ",
            "hashtags": " ".join(rng.sample(self._vocabulary.words["hashtag"], rng.randint(1, 3))),
        }
        text = style.dress(sentence, draft.style, company, rng, words)
        return Written(text, draft.style.source, tuple(draft.mentions))
