"""How far an engine is from full precision on the same texts, and the temperature that brings it nearest. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from models.calibration import softmax
from models.engine import Probabilities
from models.manifest import EngineEntry, TaskCalibration

TEMPERATURE_STEPS = np.exp(np.linspace(np.log(0.8), np.log(1.25), 91))
"""Factors tried on an engine's temperature, 0.5 % apart: int8 moves it by 1 to 5 %."""

Logits = npt.NDArray[np.float32]
"""[texts, classes], before any temperature."""

Calibrations = Mapping[str, TaskCalibration]
"""By task."""


def entry(
    full: Calibrations, expected: Mapping[str, Logits], own: Calibrations, found: Mapping[str, Logits]
) -> EngineEntry:
    """Describe an engine by what it says of the texts that full precision was asked about too.

    Args:
        full: full precision's calibration.
        expected: full precision's logits.
        own: the engine's calibration.
        found: the engine's logits.
    """
    true = {name: softmax(expected[name], full[name].temperature) for name in expected}
    scores = {name: softmax(found[name], own[name].temperature) for name in expected}
    moved = _differences(true, scores)
    return EngineEntry(
        tasks=dict(own),
        agreement={name: agreement(true[name], scores[name]) for name in expected},
        tolerance=round(float(moved.max()), 6),
        mean_difference=round(float(moved.mean()), 6),
        logit_tolerance=round(float(_differences(expected, found).max()), 6),
    )


def fitted(full: Calibrations, expected: Mapping[str, Logits], found: Mapping[str, Logits]) -> EngineEntry:
    """Describe an engine with the temperatures at which it agrees best with full precision.

    There are no labelled texts where a version is built, so full precision, which was calibrated on labelled ones, is
    the target: each task takes the factor with the least mean Kullback-Leibler divergence from its probabilities.
    Thresholds stay full precision's.

    Args:
        full: full precision's calibration.
        expected: full precision's logits.
        found: the engine's.
    """
    own = {}
    for name, calibration in full.items():
        true = softmax(expected[name], calibration.temperature)
        tried = TEMPERATURE_STEPS * calibration.temperature
        best = tried[int(np.argmin([divergence(true, softmax(found[name], one)) for one in tried]))]
        own[name] = TaskCalibration(round(float(best), 6), calibration.abstain_below, calibration.confusion)
    return entry(full, expected, own, found)


def agreement(expected: Probabilities, found: Probabilities) -> float:
    """Share of texts with the same top label."""
    return float((expected.argmax(axis=1) == found.argmax(axis=1)).mean())


def divergence(expected: npt.NDArray[np.floating], found: npt.NDArray[np.floating]) -> float:
    """Mean Kullback-Leibler divergence of the found rows from the expected ones, in nats."""
    true = np.maximum(expected.astype(np.float64), 1e-12)
    return float((true * (np.log(true) - np.log(np.maximum(found, 1e-12)))).sum(axis=1).mean())


def _differences(one: Mapping[str, Logits], other: Mapping[str, Logits]) -> npt.NDArray[np.float32]:
    return np.concatenate([np.abs(one[name] - other[name]).ravel() for name in one])
