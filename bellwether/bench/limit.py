"""The most that a runtime could do: products of an encoder layer's own matrices and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from models.engines import quietly

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LAYERS = 4
"""Layers that are chained in one call: enough that the call's own cost does not count."""

Shapes = Sequence[tuple[int, int]]


def linear_shapes(model: PreTrainedModel) -> list[tuple[int, int]]:
    """(in, out) of every Linear within the encoder's layers, in the order of the model."""
    import torch

    return [
        (module.in_features, module.out_features)
        for name, module in model.base_model.named_modules()
        if isinstance(module, torch.nn.Linear) and any(part.isdigit() for part in name.split("."))
    ]


def multiply_adds(shapes: Shapes, hidden: int, layers: int, lengths: Sequence[int]) -> float:
    """Multiply-adds of some texts: all Linears for each real token, and the two products of attention; no padding."""
    per_token = sum(width * height for width, height in shapes)
    attention = sum(2 * layers * hidden * length * length for length in lengths)
    return float(per_token * sum(lengths) + attention)


def openvino_int8(shapes: Shapes, layers: int, tokens: int, threads: int) -> Callable[[], float]:
    """A run of static int8 products in OpenVINO, on as many streams as the engine has.

    Args:
        shapes: of all layers' Linears; the first `LAYERS` layers' are taken.
        layers: how many layers the shapes are of.
        tokens: rows of each product, as many as the engine's passes have.
        threads: streams.

    Returns:
        a function that runs once on every stream and returns the multiply-adds done.
    """
    runtime = quietly.openvino()
    chain = shapes[: LAYERS * len(shapes) // layers]
    model = quietly.core().compile_model(
        _graph(chain, tokens),
        "CPU",
        {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": threads, "INFERENCE_PRECISION_HINT": "f32"},
    )
    queue = runtime.AsyncInferQueue(model, threads)
    rng = np.random.default_rng(0)
    inputs = [rng.uniform(-1, 1, list(port.shape)).astype(np.float32) for port in model.inputs]

    def run() -> float:
        for _ in range(2 * threads):
            queue.start_async(inputs, share_inputs=True)
        queue.wait_all()
        return 2.0 * threads * tokens * sum(width * height for width, height in chain)

    return run


def torch_half(shapes: Shapes, tokens: int) -> Callable[[], float]:
    """A run of bf16 products on the GPU; returns as `openvino_int8`."""
    import torch

    left = {width: torch.randn(tokens, width, device="cuda", dtype=torch.bfloat16) for width, _ in shapes}
    right = [torch.randn(width, height, device="cuda", dtype=torch.bfloat16) for width, height in shapes]

    def run() -> float:
        with torch.inference_mode():
            for _ in range(8):
                for matrix in right:
                    torch.matmul(left[matrix.shape[0]], matrix)
        torch.cuda.synchronize()
        return 8.0 * tokens * sum(width * height for width, height in shapes)

    return run


def _graph(chain: Shapes, tokens: int) -> Any:
    """Products one after the other where widths fit, int8 in between; a new input where they do not."""
    runtime = quietly.openvino()
    ops = runtime.opset13
    rng = np.random.default_rng(0)
    inputs: list[Any] = []
    ends: list[Any] = []
    at: Any = None
    width_now = -1
    for width, height in chain:
        if width != width_now:
            if at is not None:
                ends.append(at)
            at = ops.parameter([tokens, width], np.float32)
            inputs.append(at)
        low, high = np.float32(-1.27), np.float32(1.28)
        activation = ops.fake_quantize(at, low, high, low, high, 256)
        weights = ops.constant(rng.integers(-127, 128, (height, width)).astype(np.int8))
        scaled = ops.multiply(
            ops.convert(weights, np.float32), ops.constant(np.full((height, 1), 1e-3, dtype=np.float32))
        )
        at = ops.matmul(activation, scaled, transpose_a=False, transpose_b=True)
        width_now = height
    ends.append(at)
    return runtime.Model(ends, inputs, "limit")
