"""From a PyTorch classifier to a static int8 OpenVINO graph: once per version, never while serving."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.engines import quietly
from models.engines.openvino_int8 import GRAPH_FILE, WEIGHTS_FILE
from models.engines.padded import load_tokenizer
from runtime.errors import ModelError

if TYPE_CHECKING:
    import openvino
    from transformers import PreTrainedModel

CALIBRATION_TEXTS = 128
"""Texts whose activations set the int8 ranges. With 128 instead of 64 the topics of 800 real texts were full
precision's for 97.1 % instead of 95.3 %, and the mean divergence fell by a third; some seconds more per version."""


def quantise(model: PreTrainedModel, version: Path, texts: Sequence[str], max_tokens: int, out: Path) -> None:
    """Write the int8 form of a wide model.

    Args:
        model: float32, in eval mode, on the CPU.
        version: folder with its tokeniser.
        texts: cleaned texts of the kind that will be scored; the first `CALIBRATION_TEXTS` are used.
        max_tokens: truncation of the version.
        out: folder for graph and weights; created.

    Raises:
        ModelError: the architecture cannot be converted or quantised.
    """
    quietly.openvino()
    with _quiet():
        import nncf

        try:
            graph = convert(model)
            tokenizer = load_tokenizer(version, max_tokens)
            samples = [
                {"input_ids": np.array([one.ids]), "attention_mask": np.ones((1, len(one.ids)), dtype=np.int64)}
                for one in tokenizer.encode_batch_fast(list(texts[:CALIBRATION_TEXTS]))
            ]
            quantised = nncf.quantize(
                graph,
                nncf.Dataset(samples),
                model_type=nncf.ModelType.TRANSFORMER,
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(samples),
            )
        except (RuntimeError, ValueError, nncf.errors.InternalError) as error:
            raise ModelError(
                f"{type(model).__name__} cannot be brought to int8: {error}; serve it with engine torch-fp32"
            ) from error
        save(quantised, out)


def convert(model: PreTrainedModel) -> openvino.Model:
    """The model as an OpenVINO graph from ids and mask (int64 [texts, tokens], both free) to logits, float32."""
    import torch

    runtime = quietly.openvino()

    class Wide(torch.nn.Module):
        def __init__(self, inner: PreTrainedModel) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.inner(input_ids=input_ids, attention_mask=attention_mask).logits
            return logits

    # The example has padding: without any, transformers leaves the mask out of what is traced.
    mask = torch.ones(2, 16, dtype=torch.long)
    mask[1, 10:] = 0
    example = {"input_ids": torch.arange(5, 37).reshape(2, 16) % model.config.vocab_size, "attention_mask": mask}
    free = runtime.PartialShape([-1, -1])
    with torch.no_grad():
        graph: openvino.Model = runtime.convert_model(
            Wide(model),
            example_input=example,
            input=[("input_ids", free, runtime.Type.i64), ("attention_mask", free, runtime.Type.i64)],
        )
    return graph


def save(graph: openvino.Model, out: Path) -> None:
    """Write graph and weights under our names."""
    out.mkdir(parents=True, exist_ok=True)
    quietly.openvino().save_model(graph, out / GRAPH_FILE, compress_to_fp16=False)
    (out / GRAPH_FILE).with_suffix(".bin").rename(out / WEIGHTS_FILE)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back progress bars and tracing warnings of the libraries."""
    sink: Any = io.StringIO()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("nncf").setLevel(logging.ERROR)
        yield
