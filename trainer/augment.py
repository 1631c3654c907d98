"""Random changes of a training text that leave its meaning: what one source does by habit must decide nothing."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from models.text import UNSPACED, URL_MASK
from trainer.recipe import Augment

_CASHTAG = re.compile(r"\$[A-Za-z][\w.]{0,6}\b")
_TAG_SIGN = re.compile(r"[#$](?=[A-Za-z])")
_URL_MASK = re.compile(rf"\s*\b{URL_MASK}\b")
_LEAD = re.compile(rf"^[^:：–—-]{{2,24}}(?:(?::| [–—-]) +(?=\S+ \S+ \S+)|：\s*(?=[{UNSPACED}]{{6}}))")
"""A few words up to a colon or a spaced dash, where at least three words or six characters without spaces follow."""

_WORD = re.compile(rf"\s*(?:[{UNSPACED}]|[^\s{UNSPACED}]+)")
"""A word with the space before it; in scripts without spaces a character."""

MIN_WORDS = 5
"""Shorter texts lose no words: one of four may be all that carries the label."""


def cashtags_of(texts: Sequence[str]) -> list[str]:
    """All cashtags of some texts, as often as they occur."""
    return [tag for text in texts for tag in _CASHTAG.findall(text)]


def augmented(text: str, how: Augment, cashtags: Sequence[str], rng: random.Random) -> str:
    """The text with each change of `how` applied by its own probability; never empty.

    Args:
        text: cleaned.
        how: probabilities.
        cashtags: what a cashtag may become.
        rng: the only source of chance, so that the same seed gives the same text.
    """
    changed = text
    if rng.random() < how.drop_lead:
        changed = _LEAD.sub("", changed)
    if cashtags and rng.random() < how.swap_cashtags:
        changed = _CASHTAG.sub(lambda _: rng.choice(cashtags), changed)
    if rng.random() < how.plain_tags:
        changed = _TAG_SIGN.sub("", changed)
    if rng.random() < how.drop_urls:
        changed = _URL_MASK.sub("", changed)
    words = _WORD.findall(changed)
    if how.drop_words and len(words) >= MIN_WORDS:
        changed = "".join(word for word in words if rng.random() >= how.drop_words)
    return changed.strip() or text
