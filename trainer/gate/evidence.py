"""What the gate decides by: two models' answers on texts that neither was trained on, their speed, their manners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.engine import Probabilities

LATER = "later in time"
"""Labels set aside on arrival: what the stream is like now. Here a challenger must be superior."""

GOLDEN = "golden"
"""Texts that people chose and labelled with care, of every kind."""

OLD = "old domain"
"""What the champion was trained for: here it shows what a challenger forgot."""

RARE = "rare classes"
"""Texts of the classes that other slices hold few of; chosen by class, so that only recalls mean something here."""

TOGETHER = "all slices"
"""The texts of all of them, which show a class's loss that no single slice has enough texts for."""


@dataclass(frozen=True)
class Slice:
    """One set of labelled texts, scored by both models.

    Attributes:
        truth: index of the label, int64 [texts].
        champion: float32 [texts, classes].
        challenger: the same texts, columns in the same order.
        weights: inverse of the probability with which each text was chosen to be labelled, float64 [texts].
    """

    truth: npt.NDArray[np.int64]
    champion: Probabilities
    challenger: Probabilities
    weights: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Passed:
    """How many cases of one behavioural check each model passed."""

    cases: int
    champion: int
    challenger: int


@dataclass(frozen=True)
class Evidence:
    """All that the gate sees of a champion and a challenger, for one task.

    Attributes:
        labels: names of the columns.
        slices: by name, see the constants above; others are judged for non-inferiority like `OLD`.
        speed_ratio: challenger's texts per second by the champion's, None where not measured.
        behaviour: by check, see `trainer.gate.behaviour`.
    """

    labels: tuple[str, ...]
    slices: Mapping[str, Slice]
    speed_ratio: float | None
    behaviour: Mapping[str, Passed]
