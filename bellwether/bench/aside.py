"""How much of some texts is set aside, and how much is lost because it is like that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bellwether.demo.stream import generate
from trainer.dataset import read_file
from trainer.labels.admission import Weighted
from trainer.labels.aside import Guard, apart
from trainer.labels.effective import Subject
from wire.events import LabelSubmitted

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Sides(msgspec.Struct, frozen=True):
    """Of one source; shares 0 to 1."""

    source: str
    texts: int
    learnt: float
    aside: float
    refused: float


def measure(files: Sequence[Path]) -> list[Sides]:
    """The built-in stream and each labelled file."""
    found = [_sides("the built-in stream", [story.text for story in generate()])]
    for path in files:
        file = read_file(path)
        found.append(_sides(file.name, [row.text for row in file.rows]))
    return found


def as_markdown(found: Sequence[Sides]) -> str:
    """A table for a document."""
    lines = ["| source | texts | learnt | set aside | refused |", "| --- | ---: | ---: | ---: | ---: |"]
    for one in found:
        lines.append(f"| {one.source} | {one.texts:,} | {one.learnt:.1%} | {one.aside:.1%} | {one.refused:.1%} |")
    return "\n".join(lines)


def _sides(source: str, texts: Sequence[str]) -> Sides:
    kept = {}
    for number, text in enumerate(texts):
        label = LabelSubmitted(
            event_id=str(number), task="any", label="any", labeller="any", labelled_at=EPOCH, text=text
        )
        kept[Subject(label.event_id, label.task)] = Weighted(label, 1.0)
    sides = apart(kept, Guard())
    learnt, aside, refused = (n / len(texts) for n in (len(sides.learn), len(sides.aside), sides.refused.total()))
    return Sides(source, len(texts), learnt, aside, refused)
