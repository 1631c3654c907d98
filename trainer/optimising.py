"""What a training's steps are made with: groups of parameters, the rate over time, and chance."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def grouped(model: PreTrainedModel, weight_decay: float) -> list[dict[str, Any]]:
    """Trainable parameters for AdamW: matrices decay, vectors (biases) do not."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]


def linear(steps: int, warmup: float) -> Callable[[int], float]:
    """Factor of the learning rate per step: from 0 to 1 over the warm-up, then down to 0 at the last step."""
    rise = max(1, round(steps * warmup))
    return lambda step: min((step + 1) / rise, max(0.0, (steps - step) / max(1, steps - rise)))


def agreed(value: Any) -> Any:
    """What the main process has, in all of them: where each measures for itself, they would part ways."""
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]


def begin_by_chance(seed: int) -> None:
    """Seed everything; on a GPU also choose the operations that add up in the same order each time."""
    import accelerate
    import torch

    accelerate.utils.set_seed(seed)
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or its sums differ from run to run
        torch.use_deterministic_algorithms(True, warn_only=True)
