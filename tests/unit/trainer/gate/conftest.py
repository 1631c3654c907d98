"""Evidence made to measure: models that are right on a stated share of texts, by chance with a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from trainer.gate.evidence import GOLDEN, LATER, OLD, RARE, Evidence, Passed, Slice

LABELS = ("negative", "neutral", "positive")

MakeSlice = Callable[..., Slice]
MakeEvidence = Callable[..., Evidence]


def answers(truth: np.ndarray, is_right: np.ndarray, sure: float) -> np.ndarray:
    """Rows that name the truth where right and the next class elsewhere, `sure` of it."""
    rows = np.full((len(truth), 3), (1 - sure) / 2, dtype=np.float32)
    rows[np.arange(len(truth)), np.where(is_right, truth, (truth + 1) % 3)] = sure
    return rows


@pytest.fixture
def make_slice() -> MakeSlice:
    def make(
        texts: int,
        champion: float,
        challenger: float | tuple[float, float, float],
        seed: int = 0,
        sure: float = 0.8,
    ) -> Slice:
        rng = np.random.default_rng(seed)
        truth = np.arange(texts) % 3
        luck = rng.random(texts)  # shared, so that the two are right on mostly the same texts
        theirs = luck < champion
        mine = luck < np.broadcast_to(challenger, 3)[truth]
        return Slice(truth, answers(truth, theirs, sure), answers(truth, mine, sure), np.ones(texts))

    return make


@pytest.fixture
def make_evidence(make_slice: MakeSlice) -> MakeEvidence:
    def make(speed_ratio: float | None = 1.0, behaviour: dict[str, Passed] | None = None, **slices: Slice) -> Evidence:
        names = {"later": LATER, "golden": GOLDEN, "old": OLD, "rare": RARE}
        found = {
            "later": make_slice(1500, 0.78, 0.82, 1),
            "golden": make_slice(600, 0.78, 0.79, 2),
            "old": make_slice(900, 0.78, 0.78, 3),
            **slices,
        }
        return Evidence(LABELS, {names[name]: one for name, one in found.items()}, speed_ratio, behaviour or {})

    return make
