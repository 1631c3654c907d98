"""Finds texts that share nearly all words with one seen before. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict

ALIKE = 0.8
"""Jaccard similarity of two texts' word sets from which one is a near-copy of the other."""


class Alike:
    """Remembers sets of words and knows one that is nearly the same.

    >>> seen = Alike()
    >>> seen.add(frozenset("acme cuts its forecast for the year again".split()))
    >>> seen.has(frozenset("acme cuts its forecast for the year".split()))
    True
    """

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._by_word: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, words: frozenset[str]) -> None:
        """Remember the words of a text."""
        for word in words:
            self._by_word[word].append(len(self._sizes))
        self._sizes.append(len(words))

    def has(self, words: frozenset[str]) -> bool:
        """Whether a remembered text shares `ALIKE` of the words."""
        rarest = sorted(words, key=lambda word: len(self._by_word.get(word, ())))
        # Prefix filter (Chaudhuri et al. 2006): an alike text must hold one of the rarest words.
        needed = len(rarest) - int(ALIKE * len(rarest) + 0.999999) + 1
        candidates = {number for word in rarest[:needed] for number in self._by_word.get(word, ())}
        if not candidates:
            return False
        shared = Counter(n for word in rarest for n in self._by_word.get(word, ()) if n in candidates)
        return any(count / (len(words) + self._sizes[n] - count) >= ALIKE for n, count in shared.items())
