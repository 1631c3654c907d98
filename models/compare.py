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


def entry(
    calibrations: Mapping[str, TaskCalibration],
    expected: Mapping[str, Probabilities],
    found: Mapping[str, Probabilities],
) -> EngineEntry:
    """Describe an engine by its probabilities beside full precision's for the same texts."""
    differences = np.concatenate([np.abs(expected[name] - found[name]).ravel() for name in expected])
    return EngineEntry(
        tasks=dict(calibrations),
        agreement={name: agreement(expected[name], found[name]) for name in expected},
        tolerance=round(float(differences.max()), 6),
        mean_difference=round(float(differences.mean()), 6),
    )


def fitted(
    calibrations: Mapping[str, TaskCalibration],
    expected: Mapping[str, Probabilities],
    found: Mapping[str, Probabilities],
) -> EngineEntry:
    """Describe an engine after its temperatures were moved to agree best with full precision.

    There are no labelled texts where a version is built, so full precision, which was calibrated on labelled ones, is
    the target: each task takes the factor with the least mean Kullback-Leibler divergence from its probabilities.
    Thresholds stay full precision's.

    Args:
        calibrations: what `found` was scored with.
        expected: full precision's probabilities per task, [texts, classes].
        found: the engine's.
    """
    moved, scores = {}, {}
    for name, calibration in calibrations.items():
        logits = np.log(np.maximum(found[name].astype(np.float64), 1e-12))  # at the temperature they were made with
        divergences = [divergence(expected[name], softmax(logits, factor)) for factor in TEMPERATURE_STEPS]
        factor = float(TEMPERATURE_STEPS[int(np.argmin(divergences))])
        moved[name] = TaskCalibration(
            round(calibration.temperature * factor, 6), calibration.abstain_below, calibration.confusion
        )
        scores[name] = softmax(logits, factor)
    return entry(moved, expected, scores)


def agreement(expected: Probabilities, found: Probabilities) -> float:
    """Share of texts with the same top label."""
    return float((expected.argmax(axis=1) == found.argmax(axis=1)).mean())


def divergence(expected: npt.NDArray[np.floating], found: npt.NDArray[np.floating]) -> float:
    """Mean Kullback-Leibler divergence of the found rows from the expected ones, in nats."""
    true = np.maximum(expected.astype(np.float64), 1e-12)
    return float((true * (np.log(true) - np.log(np.maximum(found, 1e-12)))).sum(axis=1).mean())
