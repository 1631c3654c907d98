"""How fast an engine is: beside transformers' `pipeline` on the same version, and beside the machine's own limit."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bellwether.bench import limit
from bellwether.bench.turns import Turns, take_turns
from models import registry
from models.engines import openvino_int8, torch_engine
from models.manifest import Manifest
from models.text import clean
from runtime.errors import InputError

if TYPE_CHECKING:
    from models.engine import Engine

PIPELINE_1_TEXTS = 64
"""Texts per round for the pipeline at batch 1, evenly taken from all: the slowest variant need not see each."""


@dataclass(frozen=True)
class Order:
    """What to measure.

    Attributes:
        texts: cleaned texts, of a real distribution of lengths.
        threads: CPU threads of every variant.
        rounds: how often each variant is measured.
        tell: called after each round with its number.
    """

    version: str
    registry: Path
    trust: Path
    texts: Sequence[str]
    engine: str | None = None
    threads: int = 1
    rounds: int = 5
    tell: Callable[[int], None] = lambda _: None


def measure(order: Order) -> dict[str, Any]:
    """Measure one engine in turn with the pipeline at batch 1 and 32 and with the limit.

    Returns:
        texts_per_second, ratio_to_pipeline (batch 32), ratio_to_limit, and what they were computed from.

    Raises:
        ModelError: the version cannot be opened.
    """
    import torch

    folder = registry.resolve(order.version, order.registry)
    manifest = registry.verified(folder, order.trust)
    name = order.engine or registry.best_engine(manifest)
    engine = registry.open_engine(
        order.version, registry=order.registry, trust=order.trust, engine=name, threads=order.threads
    )
    torch.set_num_threads(order.threads)
    variants: dict[str, Callable[[], float]] = {
        "engine": lambda: scored(engine, order.texts),
        "pipeline_1": pipeline(folder, manifest, order.texts[:: max(1, len(order.texts) // PIPELINE_1_TEXTS)], 1),
        "pipeline_32": pipeline(folder, manifest, order.texts, 32),
    }
    wide = torch_engine.load_wide(manifest, folder)
    shapes, layers, hidden = limit.linear_shapes(wide), *depth_and_width(folder)
    run_limit = limit_of(name, shapes, layers, order.threads)
    if run_limit is not None:
        variants["limit"] = run_limit
    del wide
    turns = take_turns(variants, order.rounds, tell=order.tell)
    lengths = engine.token_counts(order.texts)
    work = limit.multiply_adds(shapes, hidden, layers, lengths) / len(lengths)
    engine.close()
    return figures(turns, work) | {
        "engine": name,
        "model_version": manifest.version,
        "threads": order.threads,
        "rounds": order.rounds,
        "spread": round(turns.spread("engine"), 3),
        "texts": len(lengths),
        "tokens_per_text": round(sum(lengths) / len(lengths), 1),
        "multiply_adds_per_text": round(work),
    }


def figures(turns: Turns, work: float) -> dict[str, Any]:
    """The measured speeds as medians and ratios.

    Args:
        turns: speeds of `engine`, `pipeline_1`, `pipeline_32` (texts per second) and, where there is one, `limit`
            (multiply-adds per second).
        work: multiply-adds of a text on average.
    """
    found: dict[str, Any] = {
        "texts_per_second": round(turns.median("engine"), 1),
        "ratio_to_pipeline": round(turns.ratio("engine", "pipeline_32"), 2),
        "ratio_to_pipeline_1": round(turns.ratio("engine", "pipeline_1"), 2),
        "ratio_to_limit": None,
        "texts_per_cpu_second": round(turns.cpu_median("engine"), 1),
        "ratio_to_pipeline_per_cpu_second": round(turns.cpu_ratio("engine", "pipeline_32"), 2),
        "pipeline_32_texts_per_second": round(turns.median("pipeline_32"), 1),
        "pipeline_1_texts_per_second": round(turns.median("pipeline_1"), 1),
    }
    if "limit" in turns.speeds:
        found["ratio_to_limit"] = round(turns.ratio("engine", "limit") * work, 3)
        found["limit_multiply_adds_per_second"] = round(turns.median("limit"))
    return found


def scored(engine: Engine, texts: Sequence[str], batch: int = 256) -> float:
    """Score all texts in batches as the worker's; returns how many there were."""
    for start in range(0, len(texts), batch):
        engine.score(texts[start : start + batch])
    return float(len(texts))


def pipeline(folder: Path, manifest: Manifest, texts: Sequence[str], batch: int) -> Callable[[], float]:
    """Transformers' own way with the same version: its root folder, float32, the task sentiment alone."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers import pipeline as make

    classify: Any = make(
        "text-classification",
        model=AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True),
        tokenizer=AutoTokenizer.from_pretrained(folder, local_files_only=True),
        device="cuda" if torch_engine.has_gpu() else "cpu",
    )
    given = list(texts)

    def run() -> float:
        classify(given, batch_size=batch, top_k=None, truncation=True, max_length=manifest.max_tokens)
        return float(len(given))

    return run


def limit_of(engine: str, shapes: limit.Shapes, layers: int, threads: int) -> Callable[[], float] | None:
    """The limit that an engine is measured against, None where there is none of its kind."""
    if engine == openvino_int8.NAME:
        return limit.openvino_int8(shapes, layers, openvino_int8.PADDED_TOKENS, threads)
    if engine == torch_engine.BF16 and torch_engine.has_gpu():
        return limit.torch_half(shapes, torch_engine.GPU_PADDED_TOKENS)
    return None


def depth_and_width(folder: Path) -> tuple[int, int]:
    """Number of layers and hidden size, by the names that transformers' configurations agree on."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return int(config.num_hidden_layers), int(config.hidden_size)


def texts_of(data: Path | None, count: int) -> list[str]:
    """Cleaned texts to measure with: a file's, or the built-in stream's, evenly taken.

    Raises:
        InputError: the file holds no text.
    """
    if data is None:
        from bellwether.demo.stream import generate

        found = [story.text for story in generate()]
    else:
        from streams.ingest import opening

        with opening.file(data) as rows:
            values = [row.values for row in rows.iterator]
        found = [str(value["text"]) for value in values if isinstance(value, dict) and value.get("text")]
    cleaned = [text for text in map(clean, found) if text]
    if not cleaned:
        raise InputError(f"{data} holds no row with a `text`; give JSON Lines with one")
    return cleaned[:: max(1, len(cleaned) // count)][:count]


def as_text(found: dict[str, Any]) -> str:
    """The figures for a person."""
    limit_share = (
        f"{found['ratio_to_limit']:.0%} of the matrix-product limit" if found["ratio_to_limit"] else "no limit"
    )
    return (
        f"{found['engine']} of {found['model_version']}, {found['threads']} threads, {found['texts']} texts of "
        f"{found['tokens_per_text']} tokens, median of {found['rounds']} rounds (spread {found['spread']:.0%})\n"
        f"  engine       {found['texts_per_second']:>8.1f} texts/s, {limit_share}\n"
        f"  pipeline 32  {found['pipeline_32_texts_per_second']:>8.1f} texts/s: the engine is "
        f"{found['ratio_to_pipeline']} times as fast, per processor second "
        f"{found['ratio_to_pipeline_per_cpu_second']} times\n"
        f"  pipeline 1   {found['pipeline_1_texts_per_second']:>8.1f} texts/s: {found['ratio_to_pipeline_1']} times"
    )


def as_json(found: dict[str, Any]) -> str:
    """The figures for a script."""
    return json.dumps(found)
