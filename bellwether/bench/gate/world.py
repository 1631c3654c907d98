"""What a run of `bench gate` stands on: texts and features, split into what trains and the pool of the trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bellwether.bench.gate import heads
from bellwether.bench.gate.features import Features, Frozen, cached
from bellwether.bench.gate.heads import Head
from bellwether.bench.gate.texts import Texts
from trainer.gate import behaviour

Indices = npt.NDArray[np.int64]

POOL_SHARE = 0.5
"""Half of the texts are the pool: the larger it is, the more two trials differ."""

CALIBRATION_SHARE = 0.1
"""Of the other half, what only fits temperatures."""

LEAST_SPREAD = 1e-6
"""A column that varies less is constant: the maximum over tokens is, where the first token always has it."""


@dataclass(frozen=True)
class World:
    """Everything that challengers and trials are made of.

    Attributes:
        features: of all texts, each column scaled by what trains.
        manners: features of the texts of `trainer.gate.behaviour`, by text.
        pool: texts that no champion and no challenger trains on.
        calibration: texts that fit temperatures.
        old: training texts of the old domain, shuffled.
        new: those of the new one.
        scaled: the features of other texts.
    """

    texts: Texts
    features: Features
    manners: dict[str, npt.NDArray[np.float32]]
    pool: Indices
    calibration: Indices
    old: Indices
    new: Indices
    scaled: Callable[[list[str]], Features]

    def trained(
        self,
        chosen: Indices,
        seed: int,
        labels: Indices | None = None,
        epochs: int = heads.EPOCHS,
        start: Head | None = None,
    ) -> Head:
        """A head trained on some of the texts, with their own labels or others."""
        own = self.texts.truth[chosen] if labels is None else labels
        return self.trained_on(self.features[chosen], own, seed, epochs, start)

    def trained_on(self, features: Features, labels: Indices, seed: int, epochs: int, start: Head | None) -> Head:
        """A head trained on any features, its temperature fitted on the calibration texts."""
        head = heads.train(features, labels, seed, epochs, start)
        return head.calibrated(self.features[self.calibration], self.texts.truth[self.calibration])


def build(texts: Texts, encoder: Frozen, cache: Path, seed: int, tell: Callable[[int], None] = lambda _: None) -> World:
    """Encode all texts, once, and split them.

    Args:
        texts: both domains.
        encoder: frozen.
        cache: folder where the features of all texts are kept.
        seed: of the split.
        tell: takes how many texts are encoded.
    """
    raw = cached(encoder, texts.texts, cache, tell)
    order = np.random.default_rng([seed, 0]).permutation(len(texts.texts))
    pool, rest = np.split(order, [round(POOL_SHARE * len(order))])
    calibration, training = np.split(rest, [round(CALIBRATION_SHARE * len(rest))])
    mean, spread = raw[training].mean(0), raw[training].std(0)
    spread = np.where(spread > LEAST_SPREAD, spread, np.float32(1))
    manners = behaviour.texts()
    return World(
        texts=texts,
        features=(raw - mean) / spread,
        manners=dict(zip(manners, (encoder.features(manners) - mean) / spread, strict=True)),
        pool=pool,
        calibration=calibration,
        old=training[~texts.is_new[training]],
        new=training[texts.is_new[training]],
        scaled=lambda more: (encoder.features(more) - mean) / spread,
    )
