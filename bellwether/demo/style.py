"""How a sentence is dressed: as a wire headline, with cashtags as in a tweet, with a link, in capitals."""

from __future__ import annotations

import random
from dataclasses import dataclass

from bellwether.demo.vocabulary import Company

_FORMS = ("plain", "cashtag", "lead", "suffix")
_FORM_WEIGHTS = (45, 25, 20, 10)
_LINK_SHARE = 0.25
_HASHTAG_SHARE = 0.08
_PREFIX_SHARE = 0.05
_CAPITALS_SHARE = 0.08
_LINK_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_WIRE_TOPICS = frozenset(("Macro", "Fed | Central Banks", "Currencies", "Energy | Oil", "Markets", "Politics"))


@dataclass(frozen=True)
class Style:
    """The choices for one story, drawn before its sentence is."""

    form: str
    """How the company is named: `plain` (by name), `cashtag`, `lead` (`$TICK - `) or `suffix` (`… $TICK`)."""
    has_link: bool
    has_hashtags: bool
    has_prefix: bool
    in_capitals: bool

    @property
    def source(self) -> str:
        """Where such a text would come from."""
        return "demo-wire" if self.form == "plain" and not self.has_hashtags else "demo-social"


def draw(rng: random.Random, topic: str) -> Style:
    """Draw a style; only the agencies' topics shout in capitals."""
    return Style(
        form=rng.choices(_FORMS, _FORM_WEIGHTS)[0],
        has_link=rng.random() < _LINK_SHARE,
        has_hashtags=rng.random() < _HASHTAG_SHARE,
        has_prefix=rng.random() < _PREFIX_SHARE,
        in_capitals=rng.random() < _CAPITALS_SHARE and topic in _WIRE_TOPICS,
    )


def mention(company: Company, style: Style, rng: random.Random, *, is_first: bool) -> str:
    """A company's name as this style writes it."""
    if style.form == "cashtag":
        return "$" + company.ticker
    if not is_first:
        return company.short
    kind = rng.random()
    if style.form == "plain" and kind < 0.15:
        return f"{company.name} ({company.ticker})"
    return company.short if kind < 0.45 else company.name


def dress(sentence: str, style: Style, company: Company | None, rng: random.Random, words: dict[str, str]) -> str:
    """The finished text.

    Args:
        sentence: what the template said.
        style: the choices.
        company: whom the story is about, None where about nobody.
        rng: for the link.
        words: what to use for `prefix` and `hashtags`.
    """
    text = sentence if sentence[:1] == "$" else sentence[:1].upper() + sentence[1:]
    if style.in_capitals:
        text = text.upper()
    if company is not None and style.form == "lead":
        text = f"${company.ticker}{rng.choice((' - ', ': '))}{text}"
    elif style.has_prefix:
        text = words["prefix"] + text
    if company is not None and style.form == "suffix":
        text = f"{text} ${company.ticker}"
    if style.has_link:
        text += " https://nws.example/" + "".join(rng.choices(_LINK_ALPHABET, k=7))
    if style.has_hashtags:
        text += " " + words["hashtags"]
    return text
