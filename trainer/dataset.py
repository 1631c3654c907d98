"""Labelled rows of JSON Lines files, as examples that are split by what they say."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from models.labels import SENTIMENT_LABELS, TOPIC_LABELS
from models.text import clean, fingerprint
from runtime.errors import InputError

Part = Literal["train", "valid", "test"]

SPLIT_RULE = "sha256(fingerprint(text)) first 8 bytes / 2^64: train < 0.80 <= valid < 0.88 <= test"
"""Stands in each training record: with it anyone can find the rows a model never saw."""

_TRAIN_END, _VALID_END = 0.80, 0.88
# valid fits one temperature per task and chooses nothing else, so 8 % is enough; the rest measures.

KNOWN_TASKS: Mapping[str, tuple[str, ...]] = {"sentiment": SENTIMENT_LABELS, "topic": TOPIC_LABELS}
"""Which task a label belongs to, by its name."""


@dataclass(frozen=True)
class Row:
    """One usable row of a file: the cleaned text and its label for one task."""

    text: str
    task: str
    label: str
    key: str
    """`models.text.fingerprint` of the text."""

    weight: float = 1.0
    """What the label counts in training: trust in who gave it, and how it was sampled."""

    domain: str = ""
    """Where the text is from: its `source`, else the file."""

    at: float = 0.0
    """When it was published, seconds since 1970; 0 where not known."""


@dataclass
class DataFile:
    """What was read from one file, and what was not.

    Attributes:
        name: folder and file, which tell the sets apart without this machine's paths.
        skipped: rows by the reason they cannot be used: a label of no known task, no text, no JSON.
    """

    name: str
    sha256: str
    rows: list[Row]
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Example:
    """One text to learn from, with a label for each task that somebody labelled it for."""

    text: str
    labels: Mapping[str, str]
    key: str
    weights: Mapping[str, float] = field(default_factory=dict)
    """What each label counts, by task; 1 where absent."""

    domain: str = ""
    at: float = 0.0


def part_of(key: str) -> Part:
    """The part that a fingerprint falls in, the same on every machine and for every file.

    >>> part_of("acme up 5")
    'train'
    """
    share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    if share < _TRAIN_END:
        return "train"
    return "valid" if share < _VALID_END else "test"


def read_file(
    path: Path,
    task: str | None = None,
    known: Mapping[str, Sequence[str]] = KNOWN_TASKS,
    *,
    is_kept_from: Callable[[str], bool] = lambda _: False,
) -> DataFile:
    """Read one JSON Lines file (gz too) with `text` and `label`.

    A row may have a label of a known task also in a field of the task's name, as the built-in stream has its topic:
    `{"text": "…", "label": "positive", "topic": "Earnings"}` gives two rows.

    Args:
        path: the file.
        task: the task of all its rows; otherwise each label's name tells it.
        known: label names per task; upper and lower case in the file do not matter.
        is_kept_from: whether the text of a label of the label topic is not for the reader.

    Raises:
        InputError: the file is absent, not readable as JSON Lines, or holds no usable row.
    """
    if not path.is_file():
        raise InputError(f"no data file {path}; give a JSON Lines file (.jsonl or .jsonl.gz) with `text` and `label`")
    data = DataFile(name=f"{path.resolve().parent.name}/{path.name}", sha256=_digest(path), rows=[])
    spelling = {name: {label.casefold(): label for label in labels} for name, labels in known.items()}
    for row in json_lines(path, data.skipped):
        text, labels = row.get("text"), _labels(row, task, spelling)
        if not isinstance(text, str) or not labels:
            data.skipped["no text or label"] += 1
            continue
        if "labeller" in row and is_kept_from(text):
            data.skipped["set aside for the gate"] += 1
            continue
        cleaned = clean(text)
        for owner, name in labels:
            if owner is None:
                data.skipped[f"label {name!r}"] += 1
            elif not cleaned:
                data.skipped["empty after cleaning"] += 1
            else:
                data.rows.append(Row(cleaned, owner, name, fingerprint(text), *_circumstances(row, data.name)))
    if not data.rows:
        seen = ", ".join(f"{reason}: {n}" for reason, n in data.skipped.most_common(5)) or "the file is empty"
        raise InputError(f"{path} has no usable row ({seen}); rows need `text` and a `label` of a known task")
    return data


def _circumstances(row: Mapping[str, Any], file: str) -> tuple[float, str, float]:
    """Weight, domain and time of a row; what is absent or unusable is 1, the file, and 0."""
    weight, source, at = row.get("weight"), row.get("source"), row.get("published_at")
    counts = float(weight) if isinstance(weight, int | float) and math.isfinite(weight) and weight >= 0 else 1.0
    try:
        time = datetime.fromisoformat(at).timestamp() if isinstance(at, str) else 0.0
    except ValueError:
        time = 0.0
    return counts, source if isinstance(source, str) and source else file, time


def _labels(
    row: Mapping[str, Any], task: str | None, spelling: Mapping[str, Mapping[str, str]]
) -> list[tuple[str | None, str]]:
    """What a row is labelled with, each with its task: its `label`, and the fields that are named after tasks."""
    found = [_recognised(row["label"], task, spelling)] if isinstance(row.get("label"), str) else []
    named = [owner for owner in spelling if task in (None, owner) and isinstance(row.get(owner), str)]
    return [*found, *(_recognised(row[owner], owner, spelling) for owner in named)]


def _recognised(label: str, task: str | None, spelling: Mapping[str, Mapping[str, str]]) -> tuple[str | None, str]:
    """The task of a label (None: of no known one, or not of `task`) and the label as the task spells it."""
    if task is not None and task not in spelling:
        return task, label
    for owner in spelling if task is None else (task,):
        if label.casefold() in spelling[owner]:
            return owner, spelling[owner][label.casefold()]
    return None, label


def spelt(label: str, task: str, known: Mapping[str, Sequence[str]] = KNOWN_TASKS) -> str | None:
    """A label as its task spells it, upper and lower case apart; None where a known task has no such label.

    >>> spelt("Positive", "sentiment"), spelt("mixed", "sentiment"), spelt("mixed", "mood")
    ('positive', None, 'mixed')
    """
    spelling = {name: {one.casefold(): one for one in labels} for name, labels in known.items()}
    owner, name = _recognised(label, task, spelling)
    return None if owner is None else name


def task_labels(rows: Iterable[Row]) -> dict[str, tuple[str, ...]]:
    """The tasks of some rows with all their labels: the known ones whole, others as found, sorted."""
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.task, set()).add(row.label)
    return {task: KNOWN_TASKS.get(task, tuple(sorted(found[task]))) for task in sorted(found)}


def merge(rows: Sequence[Row]) -> tuple[list[Example], Counter[str]]:
    """Collapse near-copies to one example, labelled per task by the weight of its rows, with that of the heaviest.

    Returns:
        the examples in the order of their first row, and how many rows were `repeats` of another and how many
        labels were dropped because the copies `contradict` each other and weigh alike.
    """
    counts: Counter[str] = Counter()
    first: dict[str, Row] = {}
    votes: dict[str, dict[str, dict[str, float]]] = {}
    weights: dict[tuple[str, str, str], float] = {}
    for row in rows:
        if row.key in first and row.task in votes[row.key]:
            counts["repeats"] += 1
        first.setdefault(row.key, row)
        said = (row.key, row.task, row.label)
        weights[said] = max(row.weight, weights.get(said, 0.0))
        vote = votes.setdefault(row.key, {}).setdefault(row.task, {})
        vote[row.label] = vote.get(row.label, 0.0) + row.weight
    examples = []
    for key, by_task in votes.items():
        labels = {task: label for task, vote in by_task.items() if (label := _heaviest(vote)) is not None}
        counts["contradict"] += len(by_task) - len(labels)
        if labels:
            own = {task: weights[key, task, label] for task, label in labels.items()}
            examples.append(Example(first[key].text, labels, key, own, first[key].domain, first[key].at))
    return examples, counts


def _heaviest(vote: Mapping[str, float]) -> str | None:
    first, *others = sorted(vote, key=lambda label: -vote[label])
    return None if others and math.isclose(vote[others[0]], vote[first]) else first


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_lines(path: Path, skipped: Counter[str]) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file (gz too), as they stand; what is none is counted in `skipped`.

    Raises:
        InputError: the file is not UTF-8, or its compression is broken.
    """
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8-sig") as file
        ):
            for line in file:
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except json.JSONDecodeError:
                    skipped["no JSON"] += 1
                    continue
                if isinstance(row, dict):
                    yield row
                else:
                    skipped["no JSON object"] += 1
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as broken:
        raise InputError(f"{path} is no UTF-8 JSON Lines file: {broken}; convert it, or gunzip it by hand") from broken
