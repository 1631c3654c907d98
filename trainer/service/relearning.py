"""The base files as a run may learn them: copies without the texts that decide."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from models.text import fingerprint
from trainer.dataset import json_lines, part_of, read_file
from trainer.gate.evidence import GOLDEN, OLD, RARE
from trainer.labels.aside import ASIDE, Guard
from trainer.service.place import Place
from wire.events import LabelSubmitted


def deciding(place: Place, aside: Path) -> Guard:
    """The golden texts, those of the rare classes and the old domain, and what was set aside for a run's gate.

    Args:
        place: names the files.
        aside: labels set aside, as they were submitted, JSON Lines.

    Raises:
        InputError: a file cannot be read.
    """
    guard = Guard()
    for name, path in ((GOLDEN, place.golden), (RARE, place.rare)):
        guard.add(name, [] if path is None else [(None, row.text) for row in read_file(path).rows])
    known = [row for path in place.base for row in read_file(path).rows]
    guard.add(OLD, [(None, row.text) for row in known if part_of(row.key) == "test"])
    labels = (msgspec.json.decode(line, type=LabelSubmitted) for line in aside.read_bytes().splitlines())
    guard.add(ASIDE, [(None, label.text) for label in labels if label.text])
    return guard


def without(guard: Guard, base: Sequence[Path], into: Path) -> tuple[list[Path], Counter[str]]:
    """Copies of files without the rows whose text, or a near-copy of it, decides.

    Rows of a file's own test part stay: training never takes them. A file of which all may be learnt is not copied,
    one of which nothing may is left out.

    Args:
        guard: knows what decides.
        base: labelled files.
        into: folder of the copies; they keep the names that records give to files.

    Returns:
        what to learn from, and how many rows were refused, by reason.

    Raises:
        InputError: a file cannot be read.
    """
    files: list[Path] = []
    refused: Counter[str] = Counter()
    for number, path in enumerate(base):
        rows = list(json_lines(path, Counter()))
        slices = [_slice_of(guard, row) for row in rows]
        own = Counter(f"like a text of {name}" for name in slices if name is not None)
        refused += own
        kept = [row for row, name in zip(rows, slices, strict=True) if name is None]
        if not own:
            files.append(path)
        elif kept:
            files.append(_written(kept, into / str(number) / path.resolve().parent.name / path.name))
    return files, refused


def _slice_of(guard: Guard, row: dict[str, Any]) -> str | None:
    text = row.get("text")
    if not isinstance(text, str) or part_of(fingerprint(text)) == "test":
        return None
    return guard.slice_of(None, text)


def _written(rows: Sequence[dict[str, Any]], path: Path) -> Path:
    content = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path
