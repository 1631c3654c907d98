"""From a training result to a complete, signed version: merge, slice, quantise, compare, describe, sign, publish."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from models import compare, encoders, keys, registry
from models.classifier import (
    HEADLINES_FILE,
    TRAINING_FILE,
    Trained,
    last_linear,
    load_trained,
    read_json,
    slice_task,
)
from models.engines import openvino_int8, torch_engine
from models.engines.padded import Facts, PaddedEngine
from models.engines.quantise import quantise
from models.held_out import ENGINES
from models.lineage import lineage_of, version_name
from models.manifest import (
    FORMAT,
    Canary,
    EngineEntry,
    Lineage,
    Manifest,
    TaskCalibration,
    TaskEntry,
    describe_files,
    write_signed,
)
from models.measure import Labelled, measured
from models.measure import checked as check_labels
from models.parents import encoder_of
from models.text import clean
from runtime.errors import CorruptVersionError, ModelError

SHIPPED = Path(__file__).parent / "shipped"
"""Training results that come with the project; each folder's name becomes an alias."""

HEADLINES = Path(__file__).parent / HEADLINES_FILE
"""Invented English headlines, one a line: int8 ranges, comparison and canaries come from them where the training result
has no file of this name of its own. A Chinese model in int8 gave full precision's label on 91 % of these and on all of
its own."""

MIN_AGREEMENT = 0.95
"""Share of the headlines on which int8 must give full precision's top label; below, the build fails. The shipped
models reach 0.97 to 0.99; a wrong mask or a broken operator gives 0.5 to 0.8."""

CANARIES = 8
"""Headlines whose logits stand in the manifest and are checked at each start; 8 take about 20 ms."""


@dataclass(frozen=True)
class Order:
    """What to build and where to put it.

    Attributes:
        trained: folder that `bellwether train` wrote.
        encoder: its encoder as a plain Hugging Face folder; None resolves the name, or parent, in its training.json.
        registry: folder of versions.
        keys: folder of this machine's signing key, made where it has none.
        cache: the project's cache folder for encoders; this user's where None.
        headlines: cleaned texts for int8 ranges and comparison; the result's own, else the built-in ones, where empty.
        labelled: what each engine is measured on; texts that were not trained on.
        min_agreement: share of equal top labels under which int8 is refused.
        tell: takes a sentence about what is being done.
    """

    trained: Path
    registry: Path
    keys: Path
    encoder: Path | None = None
    cache: Path | None = None
    headlines: Sequence[str] = ()
    labelled: Sequence[Labelled] = ()
    min_agreement: float = MIN_AGREEMENT
    tell: Callable[[str], None] = lambda _: None


class Origin(NamedTuple):
    """What a version is made from, and the name that follows."""

    version: str
    lineage: Lineage
    facts: Mapping[str, Any]
    """The training's record."""


def shipped() -> dict[str, Path]:
    """The training results that come with the project, by alias."""
    return {path.parent.name: path.parent for path in sorted(SHIPPED.glob(f"*/{TRAINING_FILE}"))}


def build(order: Order) -> str:
    """Build, sign and publish a version; one that is published already and verifies is left alone.

    Returns:
        the version's name, the same for the same data, recipe, seed, encoder, weights and code.

    Raises:
        ModelError: the training result does not fit its encoder, or int8 disagrees with full precision.
        ArtefactError: the encoder cannot be brought.
    """
    public = keys.ensure(order.keys)
    trust = order.keys / keys.TRUST_FILE
    facts = read_json(order.trained / TRAINING_FILE)
    lineage = lineage_of(order.trained, facts)
    origin = Origin(version_name(lineage), lineage, facts)
    target = order.registry / origin.version
    if target.is_dir():
        try:
            known = registry.verified(target, trust)
        except CorruptVersionError as error:
            order.tell(f"{error}; building it anew")
        else:
            if not order.labelled or ENGINES in known.metrics:
                return origin.version
            order.tell("it is there, and its engines were never measured; building it anew")
    encoder = order.encoder or encoder_of(facts, order.registry, trust, order.cache)
    if encoders.weights_digest(encoder) != lineage.base:
        raise ModelError(f"{encoder} is not the encoder that {order.trained} was trained on; give that one")
    order.registry.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=order.registry) as work:
        folder = Path(work) / origin.version
        manifest = assemble(order, load_trained(order.trained, encoder), origin, folder)
        order.tell(f"signing with key {public.id}")
        write_signed(folder, manifest, order.keys)
        registry.verified(folder, trust)
        if target.exists():  # what does not verify goes only when what replaces it does
            target.rename(Path(work) / "before")
        folder.rename(target)
    return origin.version


def assemble(order: Order, trained: Trained, origin: Origin, folder: Path) -> Manifest:
    """Write all files of a version but its manifest, compare its engines, and describe it."""
    order.tell("merging the adapter, writing the stock model and the heads")
    tasks = write_root(trained, folder)
    if (order.trained / "README.md").is_file():
        shutil.copy(order.trained / "README.md", folder / "README.md")
    for path in folder.rglob("*"):  # safetensors writes files that only this user may read
        path.chmod(0o755 if path.is_dir() else 0o644)
    headlines = list(order.headlines) or headlines_of(order.trained)
    order.tell("making the int8 form")
    quantise(trained.model, folder, headlines, trained.max_length, folder / "engines" / openvino_int8.NAME)
    full = EngineEntry(
        tasks={name: TaskCalibration(trained.temperatures[name], trained.tasks[name].abstain_below) for name in tasks},
        agreement=dict.fromkeys(tasks, 1.0),
        tolerance=0.0,
        mean_difference=0.0,
        logit_tolerance=0.0,
    )
    draft = Manifest(
        format=FORMAT,
        version=origin.version,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        encoder=str(origin.facts["encoder"]["name"]),
        cleaning=str(origin.facts["cleaning"]),
        max_tokens=trained.max_length,
        tasks=tasks,
        engines=dict.fromkeys((torch_engine.FP32, torch_engine.BF16, openvino_int8.NAME), full),
        canaries=[],
        lineage=origin.lineage,
        metrics={"scores": origin.facts.get("scores", [])},
        files=describe_files(folder),
    )
    order.tell(f"comparing the engines on {len(headlines)} headlines")
    return compared(draft, folder, headlines, order)


def compared(draft: Manifest, folder: Path, headlines: Sequence[str], order: Order) -> Manifest:
    """Measure each engine against full precision, and on labelled texts where there are some; complete the manifest.

    Raises:
        InputError: a labelled text has a label that the version does not know.
        ModelError: int8 agrees with full precision on fewer than `min_agreement` of the headlines.
    """
    labelled, min_agreement = order.labelled, order.min_agreement
    check_labels(labelled, draft.tasks)
    found, graded = {}, {}
    for name in draft.engines:
        engine = _opened(draft, folder, name)
        found[name] = engine.logits(headlines)
        if labelled:
            order.tell(f"measuring {name} on {sum(len(one.texts) for one in labelled)} labelled texts")
            graded[name] = [engine.logits(one.texts)[one.task] for one in labelled]
        engine.close()
    expected, full = found[torch_engine.FP32], draft.calibrations_of(torch_engine.FP32)
    entries = {
        torch_engine.FP32: draft.engines[torch_engine.FP32],
        torch_engine.BF16: compare.entry(full, expected, full, found[torch_engine.BF16]),
        openvino_int8.NAME: compare.fitted(full, expected, found[openvino_int8.NAME]),
    }
    metrics = dict(draft.metrics)
    for name, logits in graded.items():
        entries[name], told = measured(entries[name], draft.tasks, labelled, logits)
        metrics[ENGINES] = {**metrics.get(ENGINES, {}), name: told}
    worst = min(entries[openvino_int8.NAME].agreement.values())
    if worst < min_agreement:
        raise ModelError(
            f"int8 gives full precision's label on only {worst:.1%} of the headlines, {min_agreement:.0%} are needed; "
            "train with another recipe, or lower the bound and serve torch-fp32"
        )
    step = max(1, len(headlines) // CANARIES)
    canaries = [
        Canary(text, {name: _row(draft.tasks[name].labels, rows[position]) for name, rows in expected.items()})
        for position, text in list(enumerate(headlines))[::step][:CANARIES]
    ]
    return msgspec.structs.replace(draft, engines=entries, canaries=canaries, metrics=metrics)


def _opened(draft: Manifest, folder: Path, engine: str) -> PaddedEngine:
    """An engine of a version that has no complete manifest yet, on the CPU."""
    if engine == openvino_int8.NAME:
        return openvino_int8.open_openvino(draft, folder, threads=None)
    wide = torch_engine.load_wide(draft, folder)
    return torch_engine.TorchEngine(Facts.of(draft, engine), folder, wide, "cpu")


def write_root(trained: Trained, folder: Path) -> dict[str, TaskEntry]:
    """Write the stock model of the first task (sentiment, where there is one) and the heads of the others.

    Returns:
        the tasks, the root's first, with their labels in the order of their rows.
    """
    import torch
    from safetensors.torch import save_file

    names = sorted(trained.tasks, key=lambda name: name != torch_engine.ROOT_TASK)
    root = slice_task(trained.model, names[0])
    root.save_pretrained(folder)
    trained.tokenizer.save_pretrained(folder)
    tasks = {names[0]: TaskEntry(_labels(root))}
    for name in names[1:]:
        head = slice_task(trained.model, name)
        _, linear = last_linear(head)
        bias = linear.bias if linear.bias is not None else torch.zeros(linear.out_features)
        (folder / torch_engine.HEADS_FOLDER).mkdir(exist_ok=True)
        save_file(
            {"weight": linear.weight.detach().contiguous(), "bias": bias.detach().contiguous()},
            folder / torch_engine.HEADS_FOLDER / f"{name}.safetensors",
        )
        tasks[name] = TaskEntry(_labels(head))
    return tasks


def headlines_of(trained: Path) -> list[str]:
    """The texts that a training result brings along, of its own language and kind, else the built-in ones; cleaned.

    Raises:
        ModelError: its file holds no text.
    """
    own = trained / HEADLINES_FILE
    if not own.is_file():
        return builtin_headlines()
    found = _cleaned(own)
    if not found:
        raise ModelError(f"{own} holds no text; write some of the kind that will be scored into it, one a line")
    return found


def builtin_headlines() -> list[str]:
    """The invented headlines, cleaned."""
    return _cleaned(HEADLINES)


def _cleaned(file: Path) -> list[str]:
    return [text for line in file.read_text(encoding="utf-8").splitlines() if (text := clean(line))]


def _labels(model: Any) -> tuple[str, ...]:
    return tuple(str(label) for _, label in sorted(model.config.id2label.items()))


def _row(labels: Sequence[str], row: np.ndarray[Any, np.dtype[np.float32]]) -> dict[str, float]:
    return {label: round(float(value), 6) for label, value in zip(labels, row, strict=True)}
