"""How much a stream repeats itself: exact copies, and texts that share nearly all words with an earlier one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from models.alike import Alike

_NOISE = re.compile(r"https?://\S+|#\w+|\d[\d.,]*")
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> frozenset[str]:
    """The words that count: lower case, without links, hashtags and numbers.

    >>> sorted(words_of("Gold +1.5% today! #markets https://nws.example/x"))
    ['gold', 'today']
    """
    return frozenset(_WORD.findall(_NOISE.sub(" ", text.lower())))


class NearRepeats:
    """Remembers texts and knows one that says nearly the same."""

    def __init__(self) -> None:
        self._alike = Alike()

    def add(self, text: str) -> None:
        """Remember a text."""
        self._alike.add(words_of(text))

    def has_seen(self, text: str) -> bool:
        """Whether an earlier text shares `models.alike.ALIKE` of its words."""
        return self._alike.has(words_of(text))


@dataclass(frozen=True)
class Repetition:
    """Shares of a stream that repeat something earlier in it."""

    exact: float
    near: float
    """Exact repeats included."""


def measure(texts: Iterable[str]) -> Repetition:
    """How much of a stream was said before in it."""
    seen: set[str] = set()
    repeats = NearRepeats()
    total = exact = near = 0
    for text in texts:
        total += 1
        exact += text in seen
        near += repeats.has_seen(text)
        seen.add(text)
        repeats.add(text)
    return Repetition(exact / max(total, 1), near / max(total, 1))
