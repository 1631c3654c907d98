"""Ways to learn from labels that keep coming while a stream drifts: what each learns, forgets and costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from bellwether.bench.drifting import TASK, Chunk, Domains, chunks
from models import scores
from models.classifier import Trained, load_tokenizer, logits
from models.labels import SENTIMENT_LABELS
from trainer import replay, result
from trainer.dataset import Example
from trainer.finetune import finetune
from trainer.recipe import Recipe
from trainer.run import Parent, Run

TASKS = {TASK: SENTIMENT_LABELS}
MOST_FORGOTTEN = 0.01
"""Macro-F1 on the first chunk that the default may lose."""

ONLINE = "frozen + online"

Matrix = npt.NDArray[np.float64]
"""Macro-F1 [after chunk, on the tests of chunk]."""


@dataclass(frozen=True)
class Order:
    """What to measure.

    Attributes:
        recipe: of the arms that train; its encoder lies in `encoder`.
        first: labels of the first chunk: what there is to be forgotten.
        labels: of each other chunk.
        seeds: how many streams; each arm gets the same ones.
        tell: takes a sentence about what is being done.
    """

    given: Domains
    recipe: Recipe
    encoder: Path
    chunks: int = 10
    first: int = 1_000
    labels: int = 200
    tests: int = 200
    seeds: int = 3
    precision: str = "auto"
    tell: Callable[[str], None] = lambda _: None


class Arm(Protocol):
    """One way to learn."""

    def learn(self, new: Sequence[Example]) -> None:
        """Learn a chunk's labels."""

    def guesses(self, texts: Sequence[str]) -> list[str]:
        """The label of each text."""
        ...


class Trainer:
    """Fine-tunes at each chunk, as a version's child or anew.

    Args:
        order: recipe and encoder.
        folder: for what is trained.
        seed: of the training.
        is_warm: whether each training goes on from the one before, on the new labels; else from the encoder, on all.
        ratio: old texts per new one where it is warm.
    """

    def __init__(self, order: Order, folder: Path, seed: int, *, is_warm: bool, ratio: float = 0.0) -> None:
        self._order, self._folder, self._seed, self._is_warm, self._ratio = order, folder, seed, is_warm, ratio
        self._seen: list[Example] = []
        self._trained: Trained | None = None
        self._number = 0

    def learn(self, new: Sequence[Example]) -> None:
        """Train, merge, and keep the result as the next one's parent."""
        self._number += 1
        again = replay.chosen(self._seen, new, self._ratio, self._seed) if self._is_warm else self._seen
        out = self._folder / str(self._number)
        parent, encoder = None, self._order.encoder
        if self._is_warm and self._trained is not None:
            encoder = self._folder / f"{self._number - 1}-merged"
            parent = Parent(encoder.name, self._trained.model)
        run = Run(out / "checkpoint.pt", self._seed, self._order.precision, checkpoint_every_s=float("inf"))
        done = finetune(self._order.recipe, [*new, *again], TASKS, encoder, run, parent=parent)
        result.save_weights(done.model, out, "encoder")
        self._trained = result.calibrate(out, encoder, TASKS, [], self._order.recipe.max_length)
        if self._is_warm:
            merged = self._folder / f"{self._number}-merged"
            self._trained.model.save_pretrained(merged)
            self._trained.tokenizer.save_pretrained(merged)
        self._seen += new

    def guesses(self, texts: Sequence[str]) -> list[str]:
        """By the last training's model."""
        assert self._trained is not None
        wide = logits(self._trained.model, self._trained.tokenizer, texts, self._trained.max_length)
        return [SENTIMENT_LABELS[column] for column in wide.argmax(1)]


class Online:
    """A frozen encoder, and on its mean vectors a logistic regression that sees each label once."""

    def __init__(self, order: Order) -> None:
        from river import linear_model, multiclass, optim, preprocessing
        from transformers import AutoModel

        self._max_length = order.recipe.max_length
        self._tokenizer = load_tokenizer(order.encoder)
        self._encoder: Any = AutoModel.from_pretrained(order.encoder, local_files_only=True).eval()
        self._model: Any = preprocessing.StandardScaler() | multiclass.OneVsRestClassifier(
            linear_model.LogisticRegression(optim.Adam(0.01), l2=1e-4)
        )

    def learn(self, new: Sequence[Example]) -> None:
        """One label after the other."""
        for vector, example in zip(self._vectors([e.text for e in new]), new, strict=True):
            self._model.learn_one(vector, example.labels[TASK])

    def guesses(self, texts: Sequence[str]) -> list[str]:
        """By what was seen so far."""
        return [self._model.predict_one(vector) for vector in self._vectors(texts)]

    def _vectors(self, texts: Sequence[str]) -> list[dict[int, float]]:
        import torch

        found: list[dict[int, float]] = []
        for start in range(0, len(texts), 32):
            batch = self._tokenizer(
                list(texts[start : start + 32]), truncation=True, max_length=self._max_length, padding=True,
                return_tensors="pt",
            )  # fmt: skip
            with torch.inference_mode():
                hidden = self._encoder(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1)
            found += [dict(enumerate(row)) for row in ((hidden * mask).sum(1) / mask.sum(1)).tolist()]
        return found


def arms(order: Order, folder: Path, seed: int) -> dict[str, Callable[[], Arm]]:
    """All ways, by name."""
    ratio = order.recipe.replay
    return {
        "warm start": lambda: Trainer(order, folder / "warm", seed, is_warm=True),
        f"warm start + replay x{ratio:g}": lambda: Trainer(order, folder / "replay", seed, is_warm=True, ratio=ratio),
        "from scratch on all": lambda: Trainer(order, folder / "scratch", seed, is_warm=False),
        ONLINE: lambda: Online(order),
    }


def measure(order: Order) -> dict[str, Any]:
    """Let each arm live through the same streams.

    Returns:
        `arms`: each its `name`, macro-F1 on the `newest` and on the `first` chunk after the last one, `forgot` (what
        it had on the first chunk when it had learnt that, and has no more; below 0 where it has more: backward
        transfer, Lopez-Paz & Ranzato 2017, eq. 3, with its sign turned), `seconds_per_1000_labels` (of one core,
        training only), and the `matrix`; all means over the seeds, with their `spread` (lowest, highest).
        `default`: the cheapest trained arm that forgot at most a point; None where each forgot more.
    """
    order = warmed_up(order)
    matrices: dict[str, list[Matrix]] = {}
    seconds: dict[str, float] = {}
    for seed in range(order.seeds):
        drawn = chunks(
            order.given, count=order.chunks, first=order.first, labels=order.labels, tests=order.tests, seed=seed
        )
        with TemporaryDirectory(prefix="bellwether-continual-") as work:
            for name, make in arms(order, Path(work), seed).items():
                matrix, spent = lived(make(), drawn)
                matrices.setdefault(name, []).append(matrix)
                seconds[name] = seconds.get(name, 0.0) + spent
                order.tell(
                    f"seed {seed}, {name}: newest {matrix[-1, -1]:.3f}, first {matrix[-1, 0]:.3f}, {spent:.0f} s"
                )
    total = (order.first + order.labels * (order.chunks - 1)) * order.seeds
    rows = [row(name, found, 1000 * seconds[name] / total) for name, found in matrices.items()]
    sizes = {
        "chunks": order.chunks,
        "first": order.first,
        "labels": order.labels,
        "tests": order.tests,
        "seeds": order.seeds,
    }
    recipe = {"recipe": order.recipe.name, "epochs": order.recipe.epochs, "precision": order.precision}
    return {"data": order.given.name, **sizes, **recipe, "arms": rows, "default": default(rows)}


def warmed_up(order: Order) -> Order:
    """Train once on next to nothing: libraries are then loaded, and which precision is faster is known."""
    with TemporaryDirectory(prefix="bellwether-continual-") as work:
        run = Run(Path(work) / "checkpoint.pt", precision=order.precision)
        done = finetune(order.recipe, order.given.old[:16], TASKS, order.encoder, run)
    return replace(order, precision=done.precision)


def default(rows: Sequence[dict[str, Any]]) -> str | None:
    """The cheapest that forgot at most a point; not the online classifier, of which no version can be made."""
    fit = [one for one in rows if one["forgot"] <= MOST_FORGOTTEN and one["name"] != ONLINE]
    best = min(fit, key=lambda one: float(one["seconds_per_1000_labels"]), default=None)
    return best["name"] if best else None


def lived(arm: Arm, drawn: Sequence[Chunk]) -> tuple[Matrix, float]:
    """Macro-F1 after each chunk on each chunk's tests, and the seconds of a core that learning took."""
    matrix = np.zeros((len(drawn), len(drawn)))
    spent = 0.0
    texts = [example.text for chunk in drawn for example in chunk.tests]
    for number, chunk in enumerate(drawn):
        begun = time.process_time()
        arm.learn(chunk.labels)
        spent += time.process_time() - begun
        said = iter(arm.guesses(texts))
        for other, tested in enumerate(drawn):
            matrix[number, other] = macro_f1([e.labels[TASK] for e in tested.tests], [next(said) for _ in tested.tests])
    return matrix, spent


def macro_f1(truth: Sequence[str], guess: Sequence[str]) -> float:
    """Of labels by name."""
    true, guessed = (np.array([SENTIMENT_LABELS.index(label) for label in labels]) for labels in (truth, guess))
    return float(scores.macro_f1(scores.confusion(true, guessed, len(SENTIMENT_LABELS))))


def row(name: str, matrices: Sequence[Matrix], seconds: float) -> dict[str, Any]:
    """What is said of an arm."""
    mean = np.mean(matrices, axis=0)
    return {
        "name": name,
        "newest": float(mean[-1, -1]),
        "first": float(mean[-1, 0]),
        "forgot": float(mean[0, 0] - mean[-1, 0]),
        "seconds_per_1000_labels": seconds,
        "spread": {
            "newest": [float(f([m[-1, -1] for m in matrices])) for f in (min, max)],
            "first": [float(f([m[-1, 0] for m in matrices])) for f in (min, max)],
        },
        "matrix": mean.round(4).tolist(),
    }


def as_text(found: dict[str, Any]) -> str:
    """The table for people."""
    lines = [
        f"{found['data']}: {found['chunks']} chunks, the first of {found['first']:,} labels, the others of "
        f"{found['labels']}, {found['tests']} tests each, "
        f"{found['seeds']} seeds, recipe {found['recipe']}, {found['epochs']:g} epochs, {found['precision']}",
        "| arm | newest | first | forgot | seconds per 1,000 labels |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for one in found["arms"]:
        spans = {key: " to ".join(f"{value:.3f}" for value in span) for key, span in one["spread"].items()}
        lines.append(
            f"| {one['name']} | {one['newest']:.3f} ({spans['newest']}) | {one['first']:.3f} ({spans['first']}) | "
            f"{100 * one['forgot']:.1f} points | {one['seconds_per_1000_labels']:.1f} |"
        )
    return "\n".join([*lines, f"default: {found['default'] or 'none, each forgot more than a point'}"])


def plain(recipe: Recipe) -> Recipe:
    """A recipe without corrections for other sources: the tests are of the stream itself."""
    return msgspec.structs.replace(recipe, prior_correction={})
