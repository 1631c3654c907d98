"""What to choose between versions by: accuracy, speed, memory, training and loading time, in one table."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bellwether.bench.engine import scored
from bellwether.bench.turns import Turns, take_turns
from models import encoders, registry
from models.growth import resident_of
from models.host import HostedEngine
from models.labels import SENTIMENT_LABELS, TOPIC_LABELS
from models.manifest import Manifest
from models.specs import RegistrySpec
from models.text import clean, fingerprint
from trainer import recipe as recipes
from trainer.dataset import Example
from trainer.finetune import finetune
from trainer.run import Run

TASKS = {"sentiment": SENTIMENT_LABELS, "topic": TOPIC_LABELS}


@dataclass(frozen=True)
class Order:
    """What to measure.

    Attributes:
        models: aliases, version names or folders, the one that the others are compared with first.
        texts: cleaned texts to score.
        labels: how many labels of the built-in stream a training slice has; 0 measures no training.
        threads: CPU threads of engines and training.
        rounds: how often speed, loading and training are measured, in turn.
        cache: the project's cache folder, for encoders; this user's where None.
        tell: takes a sentence about what is being done.
    """

    models: Sequence[str]
    registry: Path
    trust: Path
    texts: Sequence[str]
    labels: int = 1_000
    threads: int = 1
    rounds: int = 5
    cache: Path | None = None
    tell: Callable[[str], None] = lambda _: None


def measure(order: Order) -> dict[str, Any]:
    """Measure all versions in turn, each in a process of its own as a worker runs it.

    Returns:
        texts, threads, rounds, and `rows`, one a model, see `row`.

    Raises:
        ModelError: a version is unknown, does not verify or does not load.
    """
    manifests = {name: registry.verified(registry.resolve(name, order.registry), order.trust) for name in order.models}
    specs = {
        name: RegistrySpec(name, str(order.registry), str(order.trust), threads=order.threads) for name in order.models
    }
    order.tell("loading each engine in turn")
    loading: dict[str, list[float]] = {name: [] for name in specs}
    for _ in range(order.rounds):
        for name, spec in specs.items():
            loading[name].append(_loaded(spec))
    with ExitStack() as stack:
        engines: dict[str, HostedEngine] = {}
        for name, spec in specs.items():
            engines[name] = HostedEngine.start(spec)
            stack.callback(engines[name].close)
        order.tell(f"scoring {len(order.texts)} texts in turn")
        turns = take_turns(
            {name: (lambda engine=engine: scored(engine, order.texts)) for name, engine in engines.items()},  # type: ignore[misc]
            order.rounds,
        )
        memory = {name: _resident_mib(engine) for name, engine in engines.items()}
        names = {name: engine.name for name, engine in engines.items()}
    training = _training(order, manifests)
    return {
        "texts": len(order.texts),
        "threads": order.threads,
        "rounds": order.rounds,
        "rows": [
            {"engine": names[name], **row(name, manifests[name], turns, order.models[0])}
            | {"resident_mib": memory[name], "load_s": round(statistics.median(loading[name]), 2), **training[name]}
            for name in order.models
        ],
    }


def row(name: str, manifest: Manifest, turns: Turns, first: str) -> dict[str, Any]:
    """What manifest and turns say of a model.

    Args:
        name: the model's, a variant of `turns`.
        manifest: its version's.
        turns: texts per second.
        first: the variant that `ratio` compares with.

    Returns:
        model, model_version, encoder, texts_per_second, ratio, spread, and `scores`: per task and set of texts that
        were not trained on, how many, accuracy and macro-F1, as the manifest has them.
    """
    wanted = ("task", "data", "part", "n", "accuracy", "macro_f1")
    return {
        "model": name,
        "model_version": manifest.version,
        "encoder": manifest.encoder,
        "texts_per_second": round(turns.median(name), 1),
        "ratio": round(turns.ratio(name, first), 2),
        "spread": round(turns.spread(name), 3),
        "scores": [{key: score[key] for key in wanted} for score in manifest.metrics.get("scores", [])],
    }


def slice_of(labels: int) -> list[Example]:
    """Different texts of the built-in stream with both labels each, until there are so many labels, evenly taken."""
    from bellwether.demo.stream import generate

    by_key = {
        fingerprint(story.text): Example(
            clean(story.text), {"sentiment": story.label, "topic": story.topic}, fingerprint(story.text)
        )
        for story in generate()
    }
    found, texts = list(by_key.values()), labels // len(TASKS)
    return found[:: max(1, len(found) // texts)][:texts]


def as_markdown(found: Mapping[str, Any]) -> str:
    """The table for `docs/models.md`: a row a figure, a column a model."""
    rows = found["rows"]
    lines = [
        "| | " + " | ".join(f"`{one['model']}` ({one['encoder']}, {one['engine']})" for one in rows) + " |",
        "| --- |" + " ---: |" * len(rows),
    ]
    sets = dict.fromkeys((s["task"], s["data"], s["part"], s["n"]) for one in rows for s in one["scores"])
    for key in sets:
        cells = [_score(one["scores"], key) for one in rows]
        lines.append(f"| {key[0]}, accuracy / macro-F1, {key[3]:,} texts of {key[1]} | {' | '.join(cells)} |")
    for title, cell in (
        ("texts/s", lambda one: f"{one['texts_per_second']:.0f} ({one['ratio']:.2f} ×)"),
        ("memory of the engine's process, MiB", lambda one: f"{one['resident_mib']:.0f}"),
        ("training, seconds per 1,000 labels", _training_cell),
        ("process started → verified → warm, seconds", lambda one: f"{one['load_s']:.1f}"),
    ):
        lines.append(f"| {title} | {' | '.join(map(cell, rows))} |")
    return "\n".join(lines)


def _loaded(spec: RegistrySpec) -> float:
    """Seconds from the start of a process until its engine is verified, loaded, checked and warm."""
    started = time.perf_counter()
    engine = HostedEngine.start(spec)
    seconds = time.perf_counter() - started
    engine.close()
    return seconds


def _resident_mib(engine: HostedEngine) -> float:
    resident = resident_of(engine.pid)() if engine.pid else None
    return round((resident or 0) / 2**20, 1)


def _training(order: Order, manifests: Mapping[str, Manifest]) -> dict[str, dict[str, Any]]:
    """Whole trainings by each version's recipe on a slice, in turn; nulls where recipe or encoder does not ship."""
    import torch

    torch.set_num_threads(order.threads)
    examples = slice_of(order.labels) if order.labels else []
    labels = sum(len(example.labels) for example in examples)
    known = {name: found for name, one in manifests.items() if examples and (found := _ways(order, one))}
    wall: dict[str, list[float]] = {name: [] for name in manifests}
    cpu: dict[str, list[float]] = {name: [] for name in manifests}
    for number in range(order.rounds):
        for name, (recipe, encoder) in known.items():
            order.tell(f"training {name} on {labels} labels, round {number + 1} of {order.rounds}")
            with tempfile.TemporaryDirectory() as work:
                started = time.process_time()
                done = finetune(recipe, examples, TASKS, encoder, Run(Path(work) / "checkpoint.pt", precision="fp32"))
            cpu[name].append(1_000 * (time.process_time() - started) / labels)
            wall[name].append(1_000 * done.seconds / labels)
    return {
        name: {
            "training_labels": labels if name in known else 0,
            "training_s_per_1000_labels": _median(wall[name]),
            "training_cpu_s_per_1000_labels": _median(cpu[name]),
        }
        for name in manifests
    }


def _ways(order: Order, manifest: Manifest) -> tuple[recipes.Recipe, Path] | None:
    """The recipe and the encoder that a version was trained with, where both ship."""
    for path in recipes.FOLDER.glob("*.toml"):
        recipe, digest, _ = recipes.load(path)
        if digest == manifest.lineage.recipe and manifest.encoder in encoders.KNOWN:
            return recipe, encoders.get(manifest.encoder, order.cache)
    return None


def _median(values: Sequence[float]) -> float | None:
    return round(statistics.median(values), 1) if values else None


def _training_cell(one: Mapping[str, Any]) -> str:
    if one["training_s_per_1000_labels"] is None:
        return "–"
    return f"{one['training_s_per_1000_labels']:.1f} ({one['training_cpu_s_per_1000_labels']:.1f} of processor time)"


def _score(scores: Sequence[Mapping[str, Any]], key: tuple[str, str, str, int]) -> str:
    own = [s for s in scores if (s["task"], s["data"], s["part"], s["n"]) == key]
    return f"{own[0]['accuracy']:.3f} / {own[0]['macro_f1']:.3f}" if own else "–"
