"""Engines without a model: the no-op of `bench line`, and a scripted one that fails on demand.

They are part of the product and pass the same checks (`models.checks`) as the real ones.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import numpy as np

from models import traps
from models.batching import estimate_tokens
from models.engine import CallReport, Probabilities, Task
from models.labels import SENTIMENT_LABELS, TOPIC_LABELS

SENTIMENT = Task("sentiment", SENTIMENT_LABELS)
TOPIC = Task("topic", TOPIC_LABELS)

TASKS: Mapping[str, Task] = MappingProxyType({task.name: task for task in (SENTIMENT, TOPIC)})

FAKE_CLEANING = "fake"
"""A fake was trained behind no cleaner."""


class NoopEngine:
    """Answers every text with the same probabilities at once: what is left is the platform's own cost."""

    name = "noop"
    cleaning = FAKE_CLEANING

    def __init__(self) -> None:
        self.version = "v-0000000000"
        self.tasks = TASKS
        self.last_call = CallReport()
        self._row = {task.name: _even_row(task) for task in TASKS.values()}

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens by estimate: there is no tokeniser."""
        return [estimate_tokens(text) for text in texts]

    def score(self, texts: Sequence[str]) -> dict[str, Probabilities]:
        """The same row for each text, without reading it."""
        return {name: np.repeat(row, len(texts), axis=0) for name, row in self._row.items()}

    def close(self) -> None:
        """Nothing is held."""


def _even_row(task: Task) -> Probabilities:
    """A row that favours the first label, so that argmax is unambiguous: float32 [1, classes]."""
    row = np.full((1, len(task.labels)), 0.5 / (len(task.labels) - 1), dtype=np.float32)
    row[0, 0] = 0.5
    return row


RISES = frozenset({"beat", "beats", "gains", "jumps", "raises", "rally", "record", "rises", "soars", "surges", "up"})
FALLS = frozenset({"cuts", "down", "drops", "falls", "loss", "misses", "plunges", "probe", "slumps", "sued", "warns"})


class ScriptedEngine:
    """Scores by a word list and does what a text tells it, so that tests can make an engine fail on purpose.

    What it obeys is in `models.traps`: `[[error]]`, `[[crash]]`, `[[hang]]` and others, anywhere in a text.

    Args:
        seconds_per_text: how long each text pretends to take; 0 answers at once.
        scratch: folder for what `[[crash-once]]` remembers; without it the marker acts like `[[crash]]`.
        version: registry name to answer with, so that two fakes can play a swap.
    """

    name = "scripted"
    cleaning = FAKE_CLEANING

    def __init__(
        self, *, seconds_per_text: float = 0.0, scratch: Path | None = None, version: str = "v-5c21b7ed00"
    ) -> None:
        self.version = version
        self.tasks = TASKS
        self.last_call = CallReport()
        self._seconds_per_text = seconds_per_text
        self._traps = traps.Traps(scratch)

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens by estimate: there is no tokeniser."""
        return [estimate_tokens(text) for text in texts]

    def score(self, texts: Sequence[str]) -> dict[str, Probabilities]:
        """Probabilities by word list, a topic by the text's digest; obeys the markers first.

        Raises:
            EngineError: a text holds `[[error]]`.
            MemoryError: too many texts hold `[[heavy]]`.
        """
        started = time.perf_counter()
        held = self._traps.obey(texts)
        if self._seconds_per_text:
            time.sleep(self._seconds_per_text * len(texts))
        tokens = sum(self.token_counts(texts))
        scores = {
            SENTIMENT.name: _rows([_sentiment(text) for text in texts], len(SENTIMENT.labels)),
            TOPIC.name: _rows([sha256(text.encode()).digest()[0] % 20 for text in texts], len(TOPIC.labels)),
        }
        held.clear()
        self.last_call = CallReport(0.0, time.perf_counter() - started, tokens, tokens)
        return scores

    def close(self) -> None:
        """Nothing is held."""


def _sentiment(text: str) -> int:
    """Column of the label that the word list gives: 0 negative, 1 neutral, 2 positive."""
    words = set(re.findall(r"[a-z]+", text.lower()))
    rises, falls = len(words & RISES), len(words & FALLS)
    return 1 + (rises > falls) - (falls > rises)


def _rows(columns: list[int], classes: int) -> Probabilities:
    """0.9 on the given column of each row, the rest spread evenly: float32 [texts, classes]."""
    rows = np.full((len(columns), classes), 0.1 / (classes - 1), dtype=np.float32)
    rows[np.arange(len(columns)), columns] = 0.9
    return rows
