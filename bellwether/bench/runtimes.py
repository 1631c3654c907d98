"""All runtimes on the same version, texts and threads in one run: speed, and what each loses against full precision."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bellwether.bench import onnx_engine
from bellwether.bench.engine import Order, scored
from bellwether.bench.turns import Turns, take_turns
from models import compare as comparing
from models import registry
from models.engines import openvino_int8, torch_engine
from models.engines.padded import Facts
from models.manifest import Manifest
from models.text import clean

if TYPE_CHECKING:
    from models.engine import Engine


@dataclass(frozen=True)
class Labelled:
    """Texts with a true label of one task; may be empty."""

    task: str
    texts: Sequence[str]
    labels: Sequence[str]


def compare(order: Order, data: Path | None) -> dict[str, Any]:
    """Measure every runtime that this machine has, in turn.

    Args:
        order: as for `bellwether.bench.engine.measure`; `engine` is not used.
        data: labelled file whose accuracy the table shows; None shows none.

    Returns:
        `rows`, one a runtime: texts per second, agreement and largest difference to torch-fp32 per task, how far a
        text's score moves with its batch mates, accuracy and how many points it lies below torch-fp32's.
    """
    folder = registry.resolve(order.version, order.registry)
    manifest = registry.verified(folder, order.trust)
    with ExitStack() as stack:
        engines = _open_all(stack, manifest, folder, order)
        turns = take_turns(
            {name: (lambda engine=engine: scored(engine, order.texts)) for name, engine in engines.items()},  # type: ignore[misc]
            order.rounds,
            tell=order.tell,
        )
        labelled = _labelled(data, manifest) if data else Labelled("", (), ())
        rows = _rows(engines, turns, order.texts, labelled)
    return {
        "model_version": manifest.version,
        "encoder": manifest.encoder,
        "threads": order.threads,
        "texts": len(order.texts),
        "labelled": len(labelled.texts),
        "task": labelled.task,
        "rounds": order.rounds,
        "rows": rows,
    }


def as_json(table: dict[str, Any]) -> str:
    """The table for a script."""
    return json.dumps(table)


def as_markdown(table: dict[str, Any]) -> str:
    """The table for `docs/engines.md`."""
    title = (
        f"{table['encoder']}, {table['model_version']}, {table['threads']} threads, {table['texts']} texts, "
        f"median of {table['rounds']} rounds"
    )
    if table["labelled"]:
        title += f"; accuracy of {table['task']} on {table['labelled']} labelled texts"
    lines = [
        title,
        "",
        "| runtime | texts/s | texts/CPU-s | same label as fp32 | farthest off | moves with mates | accuracy | lost |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in table["rows"]:
        same = ", ".join(f"{task} {share:.1%}" for task, share in row["agreement"].items())
        accuracy = f"{row['accuracy']:.4f} | {row['points_lost']:+.2f}" if row["accuracy"] is not None else "– | –"
        lines.append(
            f"| {row['engine']} | {row['texts_per_second']:.0f} | {row['texts_per_cpu_second']:.0f} | {same} "
            f"| {row['tolerance']:.3f} | {row['moved_by_batch_mates']:.4f} | {accuracy} |"
        )
    return "\n".join(lines)


def _open_all(stack: ExitStack, manifest: Manifest, folder: Path, order: Order) -> dict[str, Engine]:
    import torch

    torch.set_num_threads(order.threads)
    engines: dict[str, Engine] = {}
    for name in (torch_engine.FP32, torch_engine.BF16):
        engines[name] = torch_engine.open_torch(manifest, folder, name, order.threads)
    files = onnx_engine.export(
        torch_engine.load_wide(manifest, folder),
        folder,
        manifest.max_tokens,
        Path(stack.enter_context(tempfile.TemporaryDirectory())),
    )
    facts = Facts.of(manifest, torch_engine.FP32)
    for name, file in files.items():
        engines[name] = onnx_engine.OnnxEngine(replace(facts, name=name), folder, file, order.threads)
    engines[openvino_int8.NAME] = openvino_int8.open_openvino(manifest, folder, order.threads)
    for engine in engines.values():
        stack.callback(engine.close)
    return engines


def _rows(engines: dict[str, Engine], turns: Turns, texts: Sequence[str], labelled: Labelled) -> list[dict[str, Any]]:
    expected = engines[torch_engine.FP32].score(texts)
    best = _accuracy(engines[torch_engine.FP32], labelled)
    rows = []
    for name, engine in engines.items():
        found = engine.score(texts)
        accuracy = _accuracy(engine, labelled)
        rows.append(
            {
                "engine": name,
                "texts_per_second": round(turns.median(name), 1),
                "texts_per_cpu_second": round(turns.cpu_median(name), 1),
                "spread": round(turns.spread(name), 3),
                "agreement": {task: comparing.agreement(expected[task], found[task]) for task in expected},
                "tolerance": round(max(float(np.abs(expected[task] - found[task]).max()) for task in expected), 5),
                "moved_by_batch_mates": round(_moved(engine, texts), 5),
                "accuracy": accuracy,
                "points_lost": None if accuracy is None or best is None else round(100 * (best - accuracy), 3),
            }
        )
    return rows


def _moved(engine: Engine, texts: Sequence[str], count: int = 64) -> float:
    """Largest difference between a text's probabilities alone and among others."""
    some = texts[:: max(1, len(texts) // count)]
    together = engine.score(some)
    alone = [engine.score([text]) for text in some]
    return max(
        float(np.abs(together[task][row] - one[task][0]).max()) for row, one in enumerate(alone) for task in together
    )


def _labelled(data: Path, manifest: Manifest) -> Labelled:
    """Rows of the task whose labels the file uses; other rows are left out."""
    from streams.ingest import opening

    with opening.file(data) as rows:
        values = [row.values for row in rows.iterator]
    pairs = [
        (text, str(value["label"]))
        for value in values
        if isinstance(value, dict) and value.get("label") and (text := clean(str(value.get("text") or "")))
    ]
    by_task = {name: [pair for pair in pairs if pair[1] in task.labels] for name, task in manifest.tasks.items()}
    chosen = max(by_task, key=lambda name: len(by_task[name]))
    return Labelled(chosen, [text for text, _ in by_task[chosen]], [label for _, label in by_task[chosen]])


def _accuracy(engine: Engine, labelled: Labelled) -> float | None:
    if not labelled.texts:
        return None
    labels = engine.tasks[labelled.task].labels
    hits = 0
    for start in range(0, len(labelled.texts), 256):
        rows = engine.score(labelled.texts[start : start + 256])[labelled.task]
        truth = labelled.labels[start : start + 256]
        hits += sum(labels[int(top)] == label for top, label in zip(rows.argmax(axis=1), truth, strict=True))
    return hits / len(labelled.texts)
