from __future__ import annotations

import numpy as np
import pytest

from models import compare
from models.calibration import softmax
from models.manifest import TaskCalibration

RNG = np.random.default_rng(3)
LOGITS = RNG.normal(0, 2, (60, 3)).astype(np.float32)


def test_an_engine_that_is_the_same_agrees_wholly() -> None:
    scores = {"sentiment": softmax(LOGITS)}
    entry = compare.entry({"sentiment": TaskCalibration(1.2, 0.4)}, scores, scores)
    assert (entry.agreement, entry.tolerance, entry.mean_difference) == ({"sentiment": 1.0}, 0.0, 0.0)


def test_agreement_counts_equal_top_labels() -> None:
    flipped = softmax(LOGITS).copy()
    flipped[:6] = np.roll(flipped[:6], 1, axis=1)
    assert compare.agreement(softmax(LOGITS), flipped) == pytest.approx(0.9)


def test_fitting_finds_the_factor_by_which_an_engine_is_too_sharp() -> None:
    expected = {"sentiment": softmax(LOGITS, 1.5)}
    sharp = {"sentiment": softmax(LOGITS * 1.1, 1.5)}
    entry = compare.fitted({"sentiment": TaskCalibration(1.5, 0.4)}, expected, sharp)
    assert entry.tasks["sentiment"].temperature == pytest.approx(1.65, rel=0.01)
    assert entry.tasks["sentiment"].abstain_below == 0.4
    assert entry.tolerance < 0.005 < float(np.abs(expected["sentiment"] - sharp["sentiment"]).max())


def test_divergence_is_zero_only_for_the_same() -> None:
    one = softmax(LOGITS)
    assert compare.divergence(one, one) == pytest.approx(0.0, abs=1e-7)
    assert compare.divergence(one, softmax(LOGITS, 2.0)) > 0.01
