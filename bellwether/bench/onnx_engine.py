"""ONNX Runtime as a rival in the comparison of runtimes; never serves. Needs onnxruntime and onnxscript."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.build import builtin_headlines
from models.engines.padded import Facts, Ids, Logits, PaddedEngine, load_tokenizer
from models.engines.quantise import CALIBRATION_TEXTS
from runtime.errors import DependencyError

PADDED_TOKENS = 2048
"""One pass: ONNX Runtime shares a product among its threads, so passes are as large as torch's."""

FP32 = "onnx-fp32"
STATIC = "onnx-int8-static"
DYNAMIC = "onnx-int8-dynamic"


class OnnxEngine(PaddedEngine):
    """A graph on ONNX Runtime's CPU provider.

    Args:
        facts: names, tasks, temperatures.
        version: folder with the tokeniser.
        graph: the `.onnx` file.
        threads: CPU threads.
    """

    def __init__(self, facts: Facts, version: Path, graph: Path, threads: int) -> None:
        import onnxruntime

        super().__init__(facts, load_tokenizer(version, facts.max_tokens), max_padded_tokens=PADDED_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def _forward(self, groups: Sequence[tuple[Ids, Ids]]) -> list[Logits]:
        return [self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0] for ids, mask in groups]

    def close(self) -> None:
        """Drop the session."""
        self._session = None


def export(model: Any, version: Path, max_tokens: int, out: Path) -> dict[str, Path]:
    """Write the wide model as ONNX in float32, static int8 and dynamic int8.

    Returns:
        a file per name.

    Raises:
        DependencyError: onnxruntime or onnxscript is not installed.
    """
    try:
        import onnxscript  # noqa: F401 (torch's exporter needs it)
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        raise DependencyError(f"{error.name} is not installed; the comparison needs the `dev` extra") from error
    files = {name: out / f"{name}.onnx" for name in (FP32, STATIC, DYNAMIC)}
    with _quiet():
        _to_onnx(model, files[FP32])
        prepared = out / "prepared.onnx"
        quant_pre_process(str(files[FP32]), str(prepared), skip_symbolic_shape=True)
        quantization.quantize_dynamic(
            prepared, files[DYNAMIC], per_channel=True, op_types_to_quantize=["MatMul", "Gemm"]
        )
        quantization.quantize_static(
            prepared,
            files[STATIC],
            _samples(version, max_tokens),
            per_channel=True,
            op_types_to_quantize=["MatMul", "Gemm"],
            weight_type=quantization.QuantType.QInt8,
        )
    return files


def _to_onnx(model: Any, file: Path) -> None:
    import torch

    class Wide(torch.nn.Module):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.inner(input_ids=input_ids, attention_mask=attention_mask).logits
            return logits

    mask = torch.ones(2, 16, dtype=torch.long)
    mask[1, 10:] = 0
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    torch.onnx.export(
        Wide(model),
        (torch.arange(5, 37).reshape(2, 16), mask),
        str(file),
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_shapes={"input_ids": free, "attention_mask": free},
        dynamo=True,
        external_data=False,
    )


def _samples(version: Path, max_tokens: int) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    tokenizer = load_tokenizer(version, max_tokens)
    encoded = tokenizer.encode_batch_fast(builtin_headlines()[:CALIBRATION_TEXTS])

    class Samples(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._ids = iter(encoded)

        def get_next(self) -> Any:
            one = next(self._ids, None)
            if one is None:
                return None
            return {"input_ids": np.array([one.ids]), "attention_mask": np.ones((1, len(one.ids)), dtype=np.int64)}

    return Samples()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    sink: Any = io.StringIO()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
