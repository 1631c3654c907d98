"""What a killed training run goes on from: trained weights, optimizer, schedule and position in one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.errors import InputError
from trainer.identity import Identity, differences

if TYPE_CHECKING:
    import torch

_CURE = "choose another --out, or delete it to start anew"


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was read and found to be of the same run.

    Attributes:
        identity: what the run was begun with, its chosen precision included.
    """

    file: Path
    identity: Identity
    state: dict[str, Any]


def save(
    file: Path,
    step: int,
    model: torch.nn.Module,
    optimizer: Any,
    schedule: torch.optim.lr_scheduler.LambdaLR,
    *,
    identity: Identity,
    seconds: float,
    more: Mapping[str, Any],
) -> None:
    """Write all that the next step depends on; a kill while writing leaves the checkpoint before.

    Chance is a function of seed and step (dropout) or of seed, epoch and text (order, augmentation), so it needs no
    place here. `more` is what the loop remembers besides: tensors, numbers, texts, and lists and dicts of them.
    """
    import torch

    state = {
        "identity": dict(identity),
        "step": step,
        "seconds": seconds,
        "weights": {name: p.detach() for name, p in model.named_parameters() if p.requires_grad},
        "optimizer": optimizer.state_dict(),
        "schedule": {"last_epoch": schedule.last_epoch},
        "more": dict(more),
    }
    temporary = file.with_name(file.name + ".part")
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, temporary)
    temporary.replace(file)


def read(file: Path, identity: Identity) -> Saved | None:
    """The checkpoint of a run that was begun with the same; None where there is no file.

    Args:
        file: where it would lie.
        identity: what this run is; what it leaves open (the precision, where `auto` shall choose) may be anything.

    Raises:
        InputError: the checkpoint is of another run, or damaged.
    """
    import torch

    if not file.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        begun = {str(name): str(value) for name, value in state.get("identity", {}).items()}
    except Exception as error:  # torch raises many kinds for a damaged file; each means the same to the user
        raise InputError(f"cannot go on from {file}: {error}; {_CURE}") from error
    if not begun:
        raise InputError(f"{file} does not say what it was begun with, an older Bellwether wrote it; {_CURE}")
    if found := differences(begun, identity):
        raise InputError(f"{file} is of a run with another {', '.join(found)}; {_CURE}")
    return Saved(file, begun, state)


def restore(
    saved: Saved | None, model: torch.nn.Module, optimizer: Any, schedule: torch.optim.lr_scheduler.LambdaLR
) -> tuple[int, float, Mapping[str, Any]]:
    """Go back to a checkpoint, where there is one.

    Returns:
        steps already done, the seconds they took, and what else was saved; 0 and nothing without a checkpoint.

    Raises:
        InputError: it does not fit the model: another version of Bellwether or of peft wrote it.
    """
    import torch

    if saved is None:
        return 0, 0.0, {}
    state = saved.state
    own = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if {name: p.shape for name, p in own.items()} != {name: p.shape for name, p in state["weights"].items()}:
        raise InputError(f"{saved.file} has other weights than the model, an older Bellwether wrote it; {_CURE}")
    optimizer.load_state_dict(state["optimizer"])
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(state["weights"][name])
    schedule.last_epoch = int(state["schedule"]["last_epoch"])
    return int(state["step"]), float(state["seconds"]), state.get("more", {})
