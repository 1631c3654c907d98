"""What a training is given: files of new and of old labels, as texts to learn from and texts to decide by."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.manifest import Manifest
from runtime.errors import InputError
from trainer import dataset, replay
from trainer.dataset import DataFile, Example, Row, merge, part_of, read_file
from trainer.labels.aside import is_aside
from trainer.recipe import Recipe


@dataclass(frozen=True)
class Material:
    """Files, and what is taken from them.

    Attributes:
        files: new labels.
        old: old ones, of which some are learnt again.
        checks: what is only scored.
        new: the examples of the training part of `files`, and of the test part of those that are learnt whole.
        again: those that are drawn from `old`'s.
        valid: rows that temperatures are fitted on and that tell when to stop: of `files`, and of `old` in the share
            that it has in what is learnt.
        merged: what became of near-copies.
        whole: names of those of `files` that are learnt whole.
    """

    files: Sequence[DataFile]
    old: Sequence[DataFile]
    checks: Sequence[DataFile]
    new: Sequence[Example]
    again: Sequence[Example]
    valid: Sequence[Row]
    merged: Mapping[str, int]
    whole: Collection[str] = ()

    @property
    def examples(self) -> list[Example]:
        """All that is learnt from."""
        return [*self.new, *self.again]

    @property
    def rows(self) -> list[Row]:
        """All rows of the new labels."""
        return [row for file in self.files for row in file.rows]

    @property
    def tested(self) -> list[DataFile]:
        """The files whose test part nothing is learnt of."""
        return [file for file in (*self.files, *self.old) if file.name not in self.whole]

    @property
    def labels(self) -> int:
        """How many new labels are learnt."""
        return sum(len(example.labels) for example in self.new)


def gather(
    data: Sequence[Path],
    old: Sequence[Path],
    checks: Sequence[Path],
    recipe: Recipe,
    seed: int,
    *,
    whole: Collection[Path] = (),
) -> Material:
    """Read the files of a training; of an export of labels what was set aside for the gate is not learnt.

    Args:
        data: new labels.
        old: old ones.
        checks: what is only scored.
        recipe: for its `fraction` and its `replay`.
        seed: of the draw from the old ones.
        whole: those of `data` that hold nothing to test on, so that their test part is learnt too.

    Raises:
        InputError: a file cannot be read or has no usable row, or nothing is left to train on.
    """
    files, before = ([read_file(path, is_kept_from=is_aside) for path in paths] for paths in (data, old))
    other = [read_file(path) for path in checks]
    rows = [row for file in files for row in file.rows]
    past = [row for file in before for row in file.rows]
    pairs = list(zip(data, files, strict=True))
    tested = {row.key for path, file in pairs if path not in whole for row in file.rows} | {row.key for row in past}
    also = {row.key for path, file in pairs if path in whole for row in file.rows} - tested
    new, merged = training_part(rows, recipe, also)
    parts = {part: [row for row in past if part_of(row.key) == part] for part in ("train", "valid")}
    again = replay.chosen(merge(parts["train"])[0], new, recipe.replay, seed)
    valid = [row for row in rows if part_of(row.key) == "valid"]
    beside = {e.key for e in replay.chosen(merge(parts["valid"])[0], merge(valid)[0], recipe.replay, seed)}
    valid += [row for row in parts["valid"] if row.key in beside]
    return Material(files, before, other, new, again, valid, merged, {f.name for path, f in pairs if path in whole})


def task_labels(material: Material, parent: Manifest | None) -> dict[str, tuple[str, ...]]:
    """The labels of all tasks: those of the parent first, whom a child answers in everything, then the data's own."""
    found = dataset.task_labels([row for file in (*material.files, *material.old) for row in file.rows])
    theirs = {name: task.labels for name, task in parent.tasks.items()} if parent else {}
    return {
        task: tuple(dict.fromkeys([*theirs.get(task, ()), *found.get(task, ())])) for task in sorted({*theirs, *found})
    }


def training_part(
    rows: Sequence[Row], recipe: Recipe, also: Collection[str] = ()
) -> tuple[list[Example], Counter[str]]:
    """The examples to learn from: near-copies merged, thinned to the recipe's fraction by a hash of their own.

    Args:
        rows: of all parts.
        recipe: for its `fraction`.
        also: keys that are learnt where the split would keep them for tests.
    """
    learnt = [row for row in rows if (part := part_of(row.key)) == "train" or (part == "test" and row.key in also)]
    examples, merged = merge(learnt)
    if recipe.fraction < 1:
        examples = [example for example in examples if _share(example.key) < recipe.fraction]
    if not examples:
        raise InputError("no text is left to train on; give more data or a larger `fraction`")
    return examples, merged


def _share(key: str) -> float:
    return int.from_bytes(hashlib.sha256(b"fraction:" + key.encode()).digest()[:8], "big") / 2**64
