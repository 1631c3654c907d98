"""A frozen encoder's view of texts, computed once: what makes training a challenger a matter of seconds."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Features = npt.NDArray[np.float32]
"""float32 [texts, 6 x the encoder's width]."""

ENCODER = "minilm-en"

MAX_TOKENS = 64
"""Tokens after which a text is cut: hardly a headline is longer."""

BATCH_TEXTS = 64


class Frozen:
    """An encoder that nothing trains."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel

        from models.classifier import load_tokenizer

        self._tokenizer: PreTrainedTokenizerBase = load_tokenizer(folder)
        self._model: PreTrainedModel = AutoModel.from_pretrained(folder, local_files_only=True).eval()

    def features(self, texts: Sequence[str], tell: Callable[[int], None] = lambda _: None) -> Features:
        """What the encoder makes of cleaned texts, in their order.

        First token, mean and maximum of the last layer, and the means of the three layers before it.

        Args:
            texts: cleaned, not empty.
            tell: takes how many texts are done.
        """
        import torch

        ids = self._tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
        order = sorted(range(len(texts)), key=lambda number: len(ids[number]))
        found: list[Any] = [None] * len(texts)
        with torch.inference_mode():
            for start in range(0, len(order), BATCH_TEXTS):
                batch = order[start : start + BATCH_TEXTS]
                padded = self._tokenizer.pad({"input_ids": [ids[i] for i in batch]}, return_tensors="pt")
                layers = self._model(**padded, output_hidden_states=True).hidden_states
                for number, row in zip(batch, _pooled(layers, padded["attention_mask"]).numpy(), strict=True):
                    found[number] = row
                tell(start + len(batch))
        return np.stack(found)


def cached(encoder: Frozen, texts: Sequence[str], folder: Path, tell: Callable[[int], None]) -> Features:
    """The features of many texts, kept in a file so that another seed need not encode them again."""
    digest = hashlib.sha256("\n".join([ENCODER, str(MAX_TOKENS), *texts]).encode()).hexdigest()
    path = folder / f"features-{digest[:16]}.npy"
    if path.is_file():
        found: Features = np.load(path)
        return found
    found = encoder.features(texts, tell)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".new", delete=False) as file:
        np.save(file, found)
    Path(file.name).replace(path)
    return found


def _pooled(layers: Any, mask: Any) -> Any:
    import torch

    kept = mask.unsqueeze(-1).float()
    means = [(layer * kept).sum(1) / kept.sum(1) for layer in layers[-4:]]
    highest = layers[-1].masked_fill(kept == 0, -torch.inf).amax(1)
    return torch.cat([layers[-1][:, 0], highest, *means], 1)
