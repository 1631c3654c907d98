"""A challenger of `bench gate`: a small network on frozen features, really trained, in seconds."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bellwether.bench.gate.features import Features
from models.calibration import fit_temperature, softmax
from models.engine import Probabilities
from models.labels import SENTIMENT_LABELS

if TYPE_CHECKING:
    import torch

WIDTH = 128
DROPOUT = 0.3
BATCH_TEXTS = 128
EPOCHS = 6
PEAK_RATE = 1e-3
LABEL_SMOOTHING = 0.05


@dataclass(frozen=True)
class Head:
    """A trained network with its temperature."""

    network: torch.nn.Module
    temperature: float = 1.0

    def logits(self, features: Features) -> npt.NDArray[np.float32]:
        """Logits, float32 [texts, classes]."""
        import torch

        with torch.inference_mode():
            return np.asarray(self.network(torch.from_numpy(features)).numpy())

    def probabilities(self, features: Features) -> Probabilities:
        """Calibrated probabilities, float32 [texts, classes]."""
        return softmax(self.logits(features), self.temperature)

    def calibrated(self, features: Features, truth: npt.NDArray[np.int64]) -> Head:
        """The same network with the temperature that fits these texts."""
        return Head(self.network, fit_temperature(self.logits(features), truth))


def train(
    features: Features, labels: npt.NDArray[np.int64], seed: int, epochs: int = EPOCHS, start: Head | None = None
) -> Head:
    """Train a network of one hidden layer by AdamW with a rise and fall of the rate (Smith & Topin 2019).

    Args:
        features: float32 [texts, width], each column scaled.
        labels: int64 [texts].
        seed: of weights, order and dropout.
        epochs: passes over the texts.
        start: a head to go on from; a fresh one by default.
    """
    import torch

    torch.manual_seed(seed)
    network = copy.deepcopy(start.network) if start else _fresh(features.shape[1])
    inputs, targets = torch.from_numpy(features), torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=0.01)
    steps = epochs * -(-len(labels) // BATCH_TEXTS)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=steps)
    network.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(labels)).split(BATCH_TEXTS):
            loss = torch.nn.functional.cross_entropy(
                network(inputs[batch]), targets[batch], label_smoothing=LABEL_SMOOTHING
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return Head(network.eval())


def _fresh(width: int) -> torch.nn.Module:
    from torch import nn

    return nn.Sequential(
        nn.Dropout(DROPOUT),
        nn.Linear(width, WIDTH),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(WIDTH, len(SENTIMENT_LABELS)),
    )
