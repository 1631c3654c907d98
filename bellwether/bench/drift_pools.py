"""The texts that drift is measured on, scored once: what is usual, what comes instead, and a year in its own order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.engine import Probabilities, Task
from models.labels import SENTIMENT_LABELS
from models.text import clean
from runtime.errors import InputError
from trainer.baseline import tfidf
from trainer.dataset import Row, part_of, read_file
from trainer.evaluate import probabilities_of
from trainer.novelty import Reference

if TYPE_CHECKING:
    from models.engine import Engine

TASK = "sentiment"

TWEETS = "twitter-financial-news-sentiment/train.jsonl.gz"
HEADLINES = "sentfin-1.0/all.jsonl.gz"
FORUM = "stock-market-tweets-2020/labelled.jsonl.gz"
YEAR = "stocknet-tweets-2014/all.jsonl.gz"

IN_ORDER = 10_000
"""Texts of the year, evenly taken."""


@dataclass(frozen=True)
class Pool:
    """Texts as the signals see them.

    Attributes:
        confidence: top probability, float [texts].
        answer: index of the label given, int [texts].
        novelty: distance to the training texts, float [texts].
        wrong: whether the answer is not the label, bool [texts]; None where nobody labelled them.
    """

    confidence: npt.NDArray[np.floating]
    answer: npt.NDArray[np.integer]
    novelty: npt.NDArray[np.floating]
    wrong: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.confidence)


@dataclass(frozen=True)
class Pools:
    """What a run of the bench draws from.

    Attributes:
        usual: texts of the kind that the model was trained on, and not trained on.
        others: what may come instead, by name; the last one is the farthest off.
        in_order: a long stream in its own order of time, None where there is none.
    """

    classes: int
    usual: Pool
    others: Mapping[str, Pool]
    in_order: Pool | None = None


@dataclass(frozen=True)
class Scorer:
    """The model whose answers are watched.

    Attributes:
        name: its version, or what it is.
        labels: in the order of the columns.
        score: cleaned texts to float32 [texts, classes].
        seen: the data sets whose training parts it was trained on.
    """

    name: str
    labels: tuple[str, ...]
    score: Callable[[Sequence[str]], Probabilities]
    seen: tuple[str, ...] = (TWEETS, HEADLINES)


def of_engine(engine: Engine) -> Scorer:
    """One of the shipped versions, which know tweets and headlines."""
    return Scorer(engine.version, engine.tasks[TASK].labels, lambda texts: probabilities_of(engine, texts, TASK))


def tweets_only(folder: Path) -> Scorer:
    """TF-IDF with logistic regression on the tweets alone: a model that has never seen a headline, in seconds.

    Raises:
        InputError: the file is absent or unreadable.
    """
    task = Task(TASK, SENTIMENT_LABELS)
    rows = [row for row in read_file(folder / TWEETS, TASK).rows if part_of(row.key) == "train"]
    score = tfidf(task, [row.text for row in rows], [row.label for row in rows])
    return Scorer("tfidf", task.labels, score, (TWEETS,))


def real(folder: Path, scorer: Scorer, tell: Callable[[str], None]) -> Pools:
    """Of the public data sets: held-out tweets, then held-out headlines, or a forum of 2020 that no model saw.

    Raises:
        InputError: a file is absent or unreadable.
    """
    labels = scorer.labels
    sets = {name: read_file(folder / name, TASK).rows for name in (TWEETS, HEADLINES)}
    tell("learning what the training texts look like")
    seen = [row.text for name in scorer.seen for row in sets[name] if part_of(row.key) == "train"]
    reference = Reference.of(seen)

    def pool(rows: Sequence[Row], name: str) -> Pool:
        tell(f"scoring {len(rows):,} texts of {name}")
        return _scored(scorer, reference, [row.text for row in rows], [labels.index(row.label) for row in rows])

    def held_out(rows: Sequence[Row]) -> list[Row]:
        return [row for row in rows if part_of(row.key) != "train"]

    year = _texts(folder / YEAR)
    tell(f"scoring {len(year):,} texts of a year in its order")
    return Pools(
        classes=len(labels),
        usual=pool(held_out(sets[TWEETS]), "tweets"),
        others={
            "headlines": pool(held_out(sets[HEADLINES]), "headlines"),
            "forum": pool(read_file(folder / FORUM, TASK).rows, "a forum"),
        },
        in_order=_scored(scorer, reference, year),
    )


def built_in(scorer: Scorer, tell: Callable[[str], None]) -> Pools:
    """Of the built-in stream, for a clone without the data: half of its topics, then the others."""
    from bellwether.demo.stream import generate

    labels, stories = scorer.labels, list(generate())
    topics = sorted({story.topic for story in stories})
    halves = ([one for one in stories if (topics.index(one.topic) % 2 == 0) is is_first] for is_first in (True, False))
    usual, other = ([(clean(one.text), labels.index(one.label)) for one in half] for half in halves)
    reference = Reference.of([text for text, _ in usual[::2]])
    tell(f"scoring {len(usual) // 2 + len(other):,} texts of the built-in stream")
    first, second = (
        _scored(scorer, reference, [text for text, _ in part], [truth for _, truth in part])
        for part in (usual[1::2], other)
    )
    return Pools(len(labels), first, {"other topics": second})


def _scored(scorer: Scorer, reference: Reference, texts: Sequence[str], truth: Sequence[int] | None = None) -> Pool:
    probabilities = scorer.score(texts)
    answer = probabilities.argmax(axis=1)
    wrong = None if truth is None else answer != np.array(truth)
    return Pool(probabilities.max(axis=1), answer, reference.distances(texts), wrong)


def _texts(path: Path) -> list[str]:
    """Cleaned texts by time, evenly taken."""
    import gzip

    import msgspec

    try:
        with gzip.open(path, "rb") as lines:
            rows = [msgspec.json.decode(line) for line in lines]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; BELLWETHER_DATA names the data sets' folder") from error
    rows.sort(key=lambda row: row["published_at"])
    found = [text for row in rows if (text := clean(row["text"]))]
    return found[:: max(1, len(found) // IN_ORDER)][:IN_ORDER]
