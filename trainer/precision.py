"""Which precision trains faster on this machine, measured once: so the same run stays the same."""

from __future__ import annotations

import math
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from runtime import whole_file
from trainer.feed import Feed

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FILE = "precision.json"
"""In the project's cache folder: what was measured, by machine and model."""


def faster(model: PreTrainedModel, feed: Feed, memory: Path | None = None) -> str:
    """`bf16` where autocast makes a step at least 5 % faster on this machine, else `fp32`.

    Two timings of a machine on which both are about as fast may differ, and then so would weights of the same recipe,
    data and seed: what was measured first counts, for this processor, release of torch, threads and size of model.

    Args:
        model: as it is trained.
        feed: of the training; its first batch is what is timed, about 2 s.
        memory: file of what was measured; nothing is remembered where None.
    """
    import torch

    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    capability, size = torch.backends.cpu.get_cpu_capability(), sum(one.numel() for one in model.parameters())
    machine = f"{platform.node()} {capability} torch {torch.__version__}"
    known = _read(memory)
    key = f"{machine}, {torch.get_num_threads()} threads, {size} weights"
    if key not in known:
        known[key] = measured(model, feed)
        _write(memory, known)
    return known[key]


def measured(model: PreTrainedModel, feed: Feed, repeats: int = 4) -> str:
    """The best of some steps of each, in seconds of processor."""
    import torch

    batch = feed.batch(feed.order(0)[0], 0)

    def seconds(enabled: bool) -> float:
        best = math.inf
        for _ in range(repeats):
            start = time.process_time()
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                loss = model(**batch.inputs).logits.float().square().mean()
            loss.backward()
            best = min(best, time.process_time() - start)
        model.zero_grad(set_to_none=True)
        return best

    return "bf16" if seconds(True) < 0.95 * seconds(False) else "fp32"


def _read(memory: Path | None) -> dict[str, str]:
    try:
        return msgspec.json.decode(memory.read_bytes(), type=dict[str, str]) if memory else {}
    except (OSError, msgspec.DecodeError):
        return {}


def _write(memory: Path | None, known: dict[str, str]) -> None:
    """A folder that cannot be written costs a measurement the next time, and no training."""
    if memory is None:
        return
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        whole_file.write(memory, msgspec.json.format(msgspec.json.encode(known, order="sorted"), indent=1))
