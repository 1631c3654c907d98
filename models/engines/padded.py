"""What all transformer engines share: tokenise, batch by length, scale; a runtime adds the forward pass."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from models.batching import batches
from models.calibration import softmax
from models.engine import CallReport, Probabilities, Task
from models.manifest import Manifest
from runtime.errors import CorruptVersionError, EngineError

Ids = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]

TOKENIZER_FILE = "tokenizer.json"

MAX_CHARS_PER_TOKEN = 64
"""Characters read per token of the limit: a word has 5 to 15, and what lies behind would be truncated after
tokenising it in vain. Bounds the time for a text of 900 kB."""


@dataclass(frozen=True)
class Facts:
    """What an engine must know beside its weights.

    Attributes:
        max_tokens: tokens after which a text is cut, special tokens included.
        temperatures: per task, what its logits are divided by.
    """

    name: str
    version: str
    cleaning: str
    max_tokens: int
    tasks: Mapping[str, Task]
    temperatures: Mapping[str, float]

    @classmethod
    def of(cls, manifest: Manifest, engine: str) -> Facts:
        """The facts of one of a version's engines.

        Raises:
            CorruptVersionError: the version carries no such engine.
        """
        calibrations = manifest.calibrations_of(engine)
        return cls(
            name=engine,
            version=manifest.version,
            cleaning=manifest.cleaning,
            max_tokens=manifest.max_tokens,
            tasks=manifest.tasks_of(engine),
            temperatures={name: calibration.temperature for name, calibration in calibrations.items()},
        )


def load_tokenizer(folder: Path, max_tokens: int) -> Tokenizer:
    """The fast tokeniser of a version, truncating and not padding; needs no transformers.

    Raises:
        CorruptVersionError: the version has none that the tokenizers library reads.
    """
    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    except Exception as error:  # the library raises bare Exception
        raise CorruptVersionError(
            f"{folder / TOKENIZER_FILE} cannot be read: {error}; build it from an encoder with a fast tokenizer"
        ) from error
    tokenizer.enable_truncation(max_tokens)
    tokenizer.no_padding()
    return tokenizer


Shape = tuple[int, int]
"""Texts and tokens of a padded group."""


def exactly(shape: Shape) -> Shape:
    """A group's own shape."""
    return shape


class PaddedEngine(ABC):
    """An engine whose runtime takes padded token ids and gives the logits of all tasks side by side.

    Args:
        facts: names, tasks, temperatures.
        tokenizer: from `load_tokenizer`.
        max_padded_tokens: bound of one forward pass.
        min_groups: into how many groups a call is cut where it has that many texts; runtimes that work on several
            groups at once want one each.
        padded_to: the shape that a group of so many texts of so many tokens is padded to; more texts only for runtimes
            that plan each new shape anew.
    """

    def __init__(
        self,
        facts: Facts,
        tokenizer: Tokenizer,
        *,
        max_padded_tokens: int,
        min_groups: int = 1,
        padded_to: Callable[[Shape], Shape] = exactly,
    ) -> None:
        self.name = facts.name
        self.version = facts.version
        self.cleaning = facts.cleaning
        self.tasks: Mapping[str, Task] = facts.tasks
        self.last_call = CallReport()
        self._temperatures = facts.temperatures
        self._classes = sum(len(task.labels) for task in facts.tasks.values())
        self._tokenizer = tokenizer
        self._max_tokens = facts.max_tokens
        self._padded_to = padded_to
        self._max_chars = facts.max_tokens * MAX_CHARS_PER_TOKEN
        self._max_padded_tokens = max_padded_tokens
        self._min_groups = min_groups

    @abstractmethod
    def _forward(self, groups: Sequence[tuple[Ids, Ids]]) -> list[Logits]:
        """Logits of each group, float32 [texts, classes], from its ids and mask, both int64 [texts, tokens].

        The last of the texts may be padding: one token, for which any answer will do.
        """

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens per cleaned text, special tokens included, after truncation."""
        return [len(ids) for ids in self._tokenised(texts)]

    def score(self, texts: Sequence[str]) -> dict[str, Probabilities]:
        """Calibrated probabilities per task, in the order of the texts: float32 [texts, classes].

        Raises:
            EngineError: see `logits`.
        """
        return {name: softmax(own, self._temperatures[name]) for name, own in self.logits(texts).items()}

    def logits(self, texts: Sequence[str]) -> dict[str, Logits]:
        """What the model says per task before any temperature, in the order of the texts: float32 [texts, classes].

        Raises:
            EngineError: the runtime failed, or gave something else than finite numbers.
        """
        started = time.perf_counter()
        ids = self._tokenised(texts)
        tokenised = time.perf_counter()
        wide = np.zeros((len(texts), self._classes), dtype=np.float32)
        plan = batches([len(one) for one in ids], self._budget(ids))
        groups = [self._padded([ids[position] for position in group]) for group in plan]
        try:
            for group, logits in zip(plan, self._forward(groups), strict=True):
                wide[group] = logits[: len(group)]
        except RuntimeError as error:
            raise EngineError(
                f"{self.name} of {self.version} failed on a batch of {len(texts)} texts: {error}"
            ) from error
        if not np.isfinite(wide).all():
            raise EngineError(f"{self.name} of {self.version} gave logits that are not finite; use another engine")
        padded_tokens = sum(group[0].size for group in groups)
        self.last_call = CallReport(
            tokenised - started, time.perf_counter() - tokenised, sum(map(len, ids)), padded_tokens
        )
        return self._by_task(wide)

    @abstractmethod
    def close(self) -> None:
        """Give back the runtime's memory."""

    def _tokenised(self, texts: Sequence[str]) -> list[list[int]]:
        encoded = self._tokenizer.encode_batch_fast([text[: self._max_chars] for text in texts])
        return [one.ids for one in encoded]

    def _budget(self, ids: Sequence[Sequence[int]]) -> int:
        share = math.ceil(sum(map(len, ids)) / self._min_groups)
        return min(self._max_padded_tokens, max(share, 1))

    def _by_task(self, wide: Logits) -> dict[str, Logits]:
        ends = np.cumsum([len(task.labels) for task in self.tasks.values()])
        return dict(zip(self.tasks, np.split(wide, ends[:-1], axis=1), strict=True))

    def _padded(self, group: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
        """Ids and mask of texts of like length. Padded with 0, whatever the vocabulary calls it: the mask hides it."""
        longest = max(map(len, group))
        texts, tokens = self._padded_to((len(group), longest))
        shape = texts, max(longest, min(tokens, self._max_tokens))
        ids, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, one in enumerate(group):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        mask[len(group) :, 0] = 1  # of no token at all, attention has no average
        return ids, mask
