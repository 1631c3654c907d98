"""PyTorch: full precision on a CPU, the reference of every other engine, and half precision on a GPU."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.engines.padded import Facts, Ids, Logits, PaddedEngine, load_tokenizer
from models.manifest import Manifest
from runtime.errors import CorruptVersionError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

FP32 = "torch-fp32"
BF16 = "torch-bf16"

HEADS_FOLDER = "heads"
ROOT_TASK = "sentiment"
"""The task that a version's root answers as a stock model, where it has this task; the others are in `heads/`."""

CPU_PADDED_TOKENS = 2048
"""One pass on a CPU: activations of 2,048 tokens of a small encoder stay in its cache; more measured slower."""

GPU_PADDED_TOKENS = 65_536
"""One pass on a GPU: fills a large one with a small encoder, and takes under 4 GiB with 512 dimensions."""


class TorchEngine(PaddedEngine):
    """A version on PyTorch.

    Args:
        facts: names, tasks, temperatures; `facts.name` chooses the precision.
        folder: the verified version.
        model: its wide model, from `load_wide`.
        device: `cpu`, `cuda`, ...
    """

    def __init__(self, facts: Facts, folder: Path, model: PreTrainedModel, device: str) -> None:
        budget = CPU_PADDED_TOKENS if device == "cpu" else GPU_PADDED_TOKENS
        super().__init__(facts, load_tokenizer(folder, facts.max_tokens), max_padded_tokens=budget)
        self._device = device
        self._model: PreTrainedModel | None = model.to(device).eval()  # type: ignore[arg-type]

    def _forward(self, groups: Sequence[tuple[Ids, Ids]]) -> list[Logits]:
        import torch

        if self._model is None:
            raise RuntimeError("the engine is closed")
        waiting = []
        with torch.inference_mode(), self._autocast():
            for ids, mask in groups:
                # All passes are queued before the first result is fetched: a GPU never waits for the next batch.
                logits = self._model(input_ids=self._moved(ids), attention_mask=self._moved(mask)).logits
                waiting.append(logits.float())
        return [logits.cpu().numpy() for logits in waiting]

    def close(self) -> None:
        """Drop the weights."""
        self._model = None

    def _moved(self, values: Ids) -> torch.Tensor:
        import torch

        return torch.from_numpy(values).to(self._device, non_blocking=True)

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.name != BF16:
            return contextlib.nullcontext()
        import torch

        half = torch.bfloat16
        if self._device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
            half = torch.float16  # GPUs before 2020
        return torch.autocast(self._device, half)


def has_gpu() -> bool:
    """Whether torch finds a GPU; asks the driver's device files first, because importing torch takes a second."""
    devices = ("nvidia[0-9]*", "kfd", "dxg")  # NVIDIA, AMD, either under WSL
    if not any(any(Path("/dev").glob(name)) for name in devices):
        return False
    import torch

    return torch.cuda.is_available()


def open_torch(manifest: Manifest, folder: Path, engine: str, threads: int | None) -> TorchEngine:
    """Load a verified version.

    Args:
        manifest: of that version.
        folder: of that version.
        engine: `torch-fp32` or `torch-bf16`.
        threads: CPU threads; None leaves torch's choice, all cores.

    Raises:
        CorruptVersionError: the weights do not fit the manifest.
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return TorchEngine(Facts.of(manifest, engine), folder, load_wide(manifest, folder), device)


def load_wide(manifest: Manifest, folder: Path) -> PreTrainedModel:
    """The model of all tasks, float32 on the CPU: the root's weights with the rows of `heads/` under its own.

    Raises:
        CorruptVersionError: a head is missing or does not fit, or the root's labels are not the manifest's.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from transformers import AutoModelForSequenceClassification

    from models.classifier import last_linear

    model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, dtype=torch.float32, use_safetensors=True
    )
    _, linear = last_linear(model)
    root = tuple(str(label) for _, label in sorted((model.config.id2label or {}).items()))
    if root != next(iter(manifest.tasks.values())).labels:
        raise CorruptVersionError(f"the labels of {folder / 'config.json'} are {root}; build the version again")
    weights, biases = [linear.weight.data], [linear.bias.data]
    for task in list(manifest.tasks)[1:]:
        path = folder / HEADS_FOLDER / f"{task}.safetensors"
        try:
            head = load_file(path)
        except (OSError, SafetensorError) as error:
            raise CorruptVersionError(f"{path} cannot be read: {error}; build the version again") from error
        classes = len(manifest.tasks[task].labels)
        shapes = {name: tuple(values.shape) for name, values in head.items()}
        if shapes != {"weight": (classes, linear.in_features), "bias": (classes,)}:
            raise CorruptVersionError(
                f"{path} has {shapes}, expected weight {(classes, linear.in_features)} and bias {(classes,)}; build "
                "the version again"
            )
        weights.append(head["weight"])
        biases.append(head["bias"])
    with torch.no_grad():
        linear.weight = torch.nn.Parameter(torch.cat(weights))
        linear.bias = torch.nn.Parameter(torch.cat(biases))
    linear.out_features = linear.weight.shape[0]
    model.config.num_labels = linear.out_features
    if hasattr(model, "num_labels"):
        model.num_labels = linear.out_features  # type: ignore[assignment]
    model.eval()
    return model
