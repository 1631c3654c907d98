"""When to end a training early: after some looks at the validation part without a gain. The best weights count."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class Stopping:
    """Remembers the best look.

    Args:
        patience: looks in a row without a gain after which it is enough; 0 never looks.
        state: what `state` gave, to go on from; empty to begin.
    """

    def __init__(self, patience: int, state: Mapping[str, Any]) -> None:
        self.patience = patience
        self._best = float(state.get("best", math.inf))
        self._since = int(state.get("since", 0))
        self.best_step = int(state.get("step", 0))
        self._weights: dict[str, torch.Tensor] = dict(state.get("weights", {}))

    def look(self, step: int, loss: float, model: torch.nn.Module) -> None:
        """Take note of the validation loss after a step; the weights are copied where it is the lowest so far."""
        if loss < self._best:
            self._best, self._since, self.best_step = loss, 0, step
            self._weights = {name: p.detach().clone() for name, p in _open(model)}
        else:
            self._since += 1

    def is_enough(self) -> bool:
        """Whether the last gain is `patience` looks ago."""
        return self.patience > 0 and self._since >= self.patience

    def restore_best(self, model: torch.nn.Module) -> None:
        """Give the model the weights of the best look, where there was one."""
        import torch

        with torch.no_grad():
            for name, parameter in _open(model):
                if name in self._weights:
                    parameter.copy_(self._weights[name])

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"best": self._best, "since": self._since, "step": self.best_step, "weights": self._weights}


def _open(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
