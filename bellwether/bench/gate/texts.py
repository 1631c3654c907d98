"""The labelled texts of `bench gate` in two domains: the public sentiment sets, else those of the built-in stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.labels import SENTIMENT_LABELS
from models.text import clean, fingerprint
from runtime.errors import InputError
from trainer.dataset import Row, merge, read_file

TASK = "sentiment"
OLD_FILE = Path("twitter-financial-news-sentiment/train.jsonl.gz")
NEW_FILE = Path("sentfin-1.0/all.jsonl.gz")

GENERATED_DAYS = 140
"""Days of the built-in stream that stand in for the files, about 20,000 stories."""

GENERATED_SEED = 1_907
"""No seed of the shipped stream: what a demo shows is not what a bench is measured on."""


@dataclass(frozen=True)
class Texts:
    """Different texts, each labelled once.

    Attributes:
        texts: cleaned; near-copies are merged, so that they stay on one side of any split.
        truth: index into `models.labels.SENTIMENT_LABELS`, int64 [texts].
        is_new: of the domain that the stream drifted to; the others are of the old one.
        source: what they are, for people.
    """

    texts: list[str]
    truth: npt.NDArray[np.int64]
    is_new: npt.NDArray[np.bool_]
    source: str


def load(folder: Path | None) -> Texts:
    """The texts of both domains.

    Args:
        folder: of the public data sets; None takes the built-in stream.

    Raises:
        InputError: the folder lacks one of the two files.
    """
    if folder is None:
        return _merged(*_generated(), f"GENERATED texts of the built-in stream, seed {GENERATED_SEED}")
    for file in (OLD_FILE, NEW_FILE):
        if not (folder / file).is_file():
            raise InputError(f"{folder} lacks {file}; set BELLWETHER_DATA to the data sets' folder, or unset it")
    old, new = ([row for row in read_file(folder / file).rows if row.task == TASK] for file in (OLD_FILE, NEW_FILE))
    return _merged(old, new, f"{OLD_FILE.parent} (old domain) and {NEW_FILE.parent} (new domain)")


def _merged(old: Sequence[Row], new: Sequence[Row], source: str) -> Texts:
    """Both domains with near-copies merged; a text of both is the old one's."""
    examples, _ = merge([*old, *new])
    of_old = {row.key for row in old}
    return Texts(
        texts=[example.text for example in examples],
        truth=np.array([SENTIMENT_LABELS.index(example.labels[TASK]) for example in examples], dtype=np.int64),
        is_new=np.array([example.key not in of_old for example in examples]),
        source=source,
    )


def _generated() -> tuple[list[Row], list[Row]]:
    """Stories of the built-in stream; the old domain is the half whose topics have most neutral ones.

    Topics alone differ too little for anything to be forgotten; with them, how common a class is changes as well.
    """
    from bellwether.demo.stream import generate

    stories = list(generate(days=GENERATED_DAYS, seed=GENERATED_SEED))
    told: dict[str, list[bool]] = {}
    for story in stories:
        told.setdefault(story.topic, []).append(story.label == "neutral")
    rows: tuple[list[Row], list[Row]] = ([], [])
    old: set[str] = set()
    for topic in sorted(told, key=lambda one: -sum(told[one]) / len(told[one])):
        if 2 * sum(len(told[one]) for one in old) < len(stories):
            old.add(topic)
    for story in stories:
        rows[story.topic not in old].append(Row(clean(story.text), TASK, story.label, fingerprint(story.text)))
    return rows
