"""What every engine promises: texts in, calibrated probabilities per task out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]
"""float32 [batch, classes], rows sum to 1."""


@dataclass(frozen=True)
class Task:
    """One question that a model answers about a text.

    Attributes:
        name: `sentiment`, `topic`, ...; a key of the scored event.
        labels: label names in the order of the probability columns; nothing outside a version relies on the order.
        abstain_below: top probability under which the label is marked as abstained.
    """

    name: str
    labels: tuple[str, ...]
    abstain_below: float = 0.0


@dataclass(frozen=True)
class CallReport:
    """Where the time of one `score` call went and how much it had to do; feeds metrics and the token budget.

    Attributes:
        tokenise_s: seconds from text to token ids.
        predict_s: seconds from token ids to probabilities.
        tokens: tokens of the texts, special tokens included, after truncation.
        padded_tokens: tokens that the runtime really computed, padding included; at least `tokens`.
    """

    tokenise_s: float = 0.0
    predict_s: float = 0.0
    tokens: int = 0
    padded_tokens: int = 0


class Engine(Protocol):
    """One loaded model version on one runtime. Blocking; not thread-safe: one caller at a time."""

    name: str
    """Which runtime and precision: `torch-fp32`, `openvino-int8`, `noop`, ...; stands in each scored event."""

    version: str
    """The registry's name of the version (`v-` + 10 hex), the same for all its engines."""

    cleaning: str
    """Version of the cleaner (`models.text.CLEANING`) that the model was trained behind."""

    tasks: Mapping[str, Task]

    last_call: CallReport
    """About the last `score` call that succeeded; zeros before the first."""

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens per cleaned text, special tokens included, after truncation: what batching budgets."""
        ...

    def score(self, texts: Sequence[str]) -> dict[str, Probabilities]:
        """Calibrated probabilities per task for cleaned, non-empty texts, in the order of the texts.

        Raises:
            EngineError: the runtime failed on this batch; nothing was scored.
        """
        ...

    def close(self) -> None:
        """Give back memory and processes; a second call does nothing."""
        ...
