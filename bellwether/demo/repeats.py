"""How much a stream repeats itself: exact copies, and texts that share nearly all words with an earlier one."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

ALIKE = 0.8
"""Jaccard similarity of two texts' word sets from which one is a near repeat of the other."""

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
        self._sizes: list[int] = []
        self._by_word: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, text: str) -> None:
        """Remember a text."""
        words = words_of(text)
        for word in words:
            self._by_word[word].append(len(self._sizes))
        self._sizes.append(len(words))

    def has_seen(self, text: str) -> bool:
        """Whether an earlier text shares `ALIKE` of its words."""
        words = sorted(words_of(text), key=lambda word: len(self._by_word.get(word, ())))
        # Prefix filter (Chaudhuri et al. 2006): an alike text must hold one of the rarest words.
        needed = len(words) - int(ALIKE * len(words) + 0.999999) + 1
        candidates = {number for word in words[:needed] for number in self._by_word.get(word, ())}
        if not candidates:
            return False
        shared = Counter(n for word in words for n in self._by_word.get(word, ()) if n in candidates)
        return any(count / (len(words) + self._sizes[n] - count) >= ALIKE for n, count in shared.items())


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
