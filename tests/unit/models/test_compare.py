from __future__ import annotations

import numpy as np
import pytest

from models import compare
from models.calibration import softmax
from models.manifest import TaskCalibration

RNG = np.random.default_rng(3)
LOGITS = RNG.normal(0, 2, (60, 3)).astype(np.float32)


def test_an_engine_that_is_the_same_agrees_wholly() -> None:
    own = {"sentiment": TaskCalibration(1.2, 0.4)}
    entry = compare.entry(own, {"sentiment": LOGITS}, own, {"sentiment": LOGITS})
    assert (entry.agreement, entry.tolerance, entry.mean_difference) == ({"sentiment": 1.0}, 0.0, 0.0)
    assert entry.logit_tolerance == 0.0


def test_a_logit_is_farthest_off_by_what_was_added_to_it() -> None:
    own, moved = {"sentiment": TaskCalibration(1.2, 0.4)}, LOGITS.copy()
    moved[7, 1] -= 0.75
    entry = compare.entry(own, {"sentiment": LOGITS}, own, {"sentiment": moved})
    assert entry.logit_tolerance == pytest.approx(0.75)
    assert 0 < entry.tolerance < 0.75 / 4 / 1.2, "a probability moves by a quarter of its logit at most"


def test_agreement_counts_equal_top_labels() -> None:
    flipped = softmax(LOGITS).copy()
    flipped[:6] = np.roll(flipped[:6], 1, axis=1)
    assert compare.agreement(softmax(LOGITS), flipped) == pytest.approx(0.9)


def test_fitting_finds_the_factor_by_which_an_engine_is_too_sharp() -> None:
    full = {"sentiment": TaskCalibration(1.5, 0.4)}
    entry = compare.fitted(full, {"sentiment": LOGITS}, {"sentiment": LOGITS * 1.1})
    assert entry.tasks["sentiment"].temperature == pytest.approx(1.65, rel=0.01)
    assert entry.tasks["sentiment"].abstain_below == 0.4
    assert entry.tolerance < 0.005 < float(np.abs(softmax(LOGITS, 1.5) - softmax(LOGITS * 1.1, 1.5)).max())


def test_divergence_is_zero_only_for_the_same() -> None:
    one = softmax(LOGITS)
    assert compare.divergence(one, one) == pytest.approx(0.0, abs=1e-7)
    assert compare.divergence(one, softmax(LOGITS, 2.0)) > 0.01
