"""Labelled files as texts that a training result has not seen, for measuring the engines of its version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models.classifier import TRAINING_FILE, read_json
from models.measure import Labelled
from runtime.errors import InputError
from trainer.dataset import merge, part_of, read_file


def unseen(files: Sequence[Path], trained: Path) -> list[Labelled]:
    """The test part of each file, by task; all of a file that the training's record says was only scored.

    Near-copies are one text. The split is by a hash of the text, so that a file which the training never saw loses
    seven eighths of its texts here, and none is one that was trained on.

    Raises:
        InputError: a file cannot be read, or has no text of that part.
        ModelError: `trained` is no training result.
    """
    checks = {str(check["sha256"]) for check in read_json(trained / TRAINING_FILE).get("checks", [])}
    found = []
    for path in files:
        file = read_file(path)
        part = "all" if file.sha256 in checks else "test"
        examples, _ = merge([row for row in file.rows if part == "all" or part_of(row.key) == part])
        if not examples:
            raise InputError(f"{path} has no labelled text of part {part!r} to measure on; give a larger file")
        for task in sorted({task for example in examples for task in example.labels}):
            own = [example for example in examples if task in example.labels]
            texts, truth = [one.text for one in own], [one.labels[task] for one in own]
            found.append(Labelled(file.name, part, task, texts, truth))
    return found
