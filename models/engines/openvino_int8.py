"""OpenVINO with static int8 weights and activations: what serves on a CPU.

Static means that each activation's scale was fixed when the version was built. Dynamic quantisation would take it from
the batch at hand, and a text's score would depend on its batch mates.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.engines import quietly
from models.engines.padded import Facts, Ids, Logits, PaddedEngine, Shape, load_tokenizer
from models.manifest import Manifest
from runtime.errors import CorruptVersionError

if TYPE_CHECKING:
    import openvino

NAME = "openvino-int8"

GRAPH_FILE = "model.xml"
WEIGHTS_FILE = "model.ov"

PADDED_TOKENS = 1024
"""One pass of one thread: its activations stay in the core's own cache. 512 to 1,024 measured best, 4,096 a sixth
slower."""


TOKENS_STEP = 8
"""Lengths that passes are padded to lie so far apart."""


def few_shapes(shape: Shape) -> Shape:
    """The next larger of a few shapes, because OpenVINO plans each new one anew, once a thread.

    A plan takes 15 ms (12 layers, 384 wide), more than a headline takes. With lengths in steps of 8, and texts in
    steps of 2 from 8 on and of 4 from 16 on, batches of 20 texts were scored 1.4 times as fast by a new engine and 1.1
    times by one that had met thousands, in a third of the memory; batches of 200 as fast as before (2 cores).

    >>> few_shapes((7, 19)), few_shapes((9, 24)), few_shapes((21, 25))
    ((7, 24), (10, 24), (24, 32))
    """
    texts, tokens = shape
    step = 1 if texts <= 8 else 2 if texts <= 16 else 4
    return math.ceil(texts / step) * step, math.ceil(tokens / TOKENS_STEP) * TOKENS_STEP


class OpenVinoInt8Engine(PaddedEngine):
    """A version's int8 form on OpenVINO's CPU plug-in.

    Each thread works on a group of its own (one stream a thread): groups need no word with each other, while threads
    that share one matrix product wait for each other several times a layer.

    Args:
        facts: names, tasks, temperatures.
        version: the verified version's folder, for the tokeniser.
        graph: folder of the int8 graph.
        threads: CPU threads, at least one.
    """

    def __init__(self, facts: Facts, version: Path, graph: Path, threads: int) -> None:
        super().__init__(
            facts,
            load_tokenizer(version, facts.max_tokens),
            max_padded_tokens=PADDED_TOKENS,
            min_groups=threads,
            padded_to=few_shapes,
        )
        self._requests: openvino.AsyncInferQueue | None = compiled(graph, threads)

    def _forward(self, groups: Sequence[tuple[Ids, Ids]]) -> list[Logits]:
        requests = self._requests
        if requests is None:
            raise RuntimeError("the engine is closed")
        results: list[Logits] = [np.empty((0, 0), dtype=np.float32)] * len(groups)

        def keep(request: openvino.InferRequest, position: Any) -> None:
            results[position] = request.get_output_tensor(0).data.copy()

        requests.set_callback(keep)
        for position, (ids, mask) in enumerate(groups):
            requests.start_async({"input_ids": ids, "attention_mask": mask}, position, share_inputs=True)
        requests.wait_all()
        return results

    def close(self) -> None:
        """Drop graph and weights."""
        self._requests = None


def open_openvino(manifest: Manifest, folder: Path, threads: int | None) -> OpenVinoInt8Engine:
    """Load a verified version's int8 form.

    Args:
        manifest: of that version.
        folder: of that version.
        threads: CPU threads; None takes all that this process may use.

    Raises:
        CorruptVersionError: the version carries no int8 form, or OpenVINO cannot read it.
    """
    facts = Facts.of(manifest, NAME)
    try:
        return OpenVinoInt8Engine(facts, folder, folder / "engines" / NAME, threads or available_threads())
    except RuntimeError as error:
        raise CorruptVersionError(
            f"OpenVINO cannot load {folder / 'engines' / NAME}: {error}; build the version again"
        ) from error


def available_threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compiled(graph: Path, threads: int) -> openvino.AsyncInferQueue:
    """A graph ready to run: one request a thread, float32 wherever it is not int8.

    Left alone, OpenVINO takes bf16 for the rest on processors that have it, and scores would differ between machines
    by more than int8 costs.
    """
    core = quietly.core()
    model = core.compile_model(
        core.read_model(graph / GRAPH_FILE, graph / WEIGHTS_FILE),
        "CPU",
        {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
        },
    )
    queue: openvino.AsyncInferQueue = quietly.openvino().AsyncInferQueue(model, threads)
    return queue
