"""What a killed training run goes on from: trained weights, optimizer, schedule, chance and position in one file."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.errors import InputError

if TYPE_CHECKING:
    import torch


def save(
    file: Path,
    step: int,
    model: torch.nn.Module,
    optimizer: Any,
    schedule: torch.optim.lr_scheduler.LambdaLR,
    *,
    seconds: float,
) -> None:
    """Write all that the next step depends on; a kill while writing leaves the checkpoint before.

    Only torch draws chance inside a step (dropout); order and augmentation are functions of seed, epoch and text.
    """
    import torch

    state = {
        "step": step,
        "seconds": seconds,
        "weights": {name: p.detach() for name, p in model.named_parameters() if p.requires_grad},
        "optimizer": optimizer.state_dict(),
        "schedule": {"last_epoch": schedule.last_epoch},
        "chance": torch.get_rng_state(),
        "chance_gpu": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    temporary = file.with_name(file.name + ".part")
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, temporary)
    temporary.replace(file)


def restore(
    file: Path, model: torch.nn.Module, optimizer: Any, schedule: torch.optim.lr_scheduler.LambdaLR
) -> tuple[int, float]:
    """Go back to a checkpoint, where there is one.

    Returns:
        steps already done and the seconds they took, 0 without a checkpoint.

    Raises:
        InputError: the checkpoint is of another recipe or encoder, or damaged.
    """
    import torch

    if not file.exists():
        return 0, 0.0
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        own = {name: p for name, p in model.named_parameters() if p.requires_grad}
        is_same = {name: p.shape for name, p in own.items()} == {name: p.shape for name, p in state["weights"].items()}
        if is_same:
            optimizer.load_state_dict(state["optimizer"])
    except Exception as error:  # torch raises many kinds for a damaged file; each means the same to the user
        raise InputError(
            f"cannot go on from {file}: {error}; delete it to start anew, or choose another --out"
        ) from error
    if not is_same:
        raise InputError(f"{file} is of another recipe or encoder; delete it to start anew, or choose another --out")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(state["weights"][name])
    schedule.last_epoch = int(state["schedule"]["last_epoch"])
    torch.set_rng_state(state["chance"])
    with contextlib.suppress(RuntimeError):  # resumed on a machine with other GPUs: dropout differs, nothing else
        if state["chance_gpu"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["chance_gpu"])
    return int(state["step"]), float(state.get("seconds", 0.0))
