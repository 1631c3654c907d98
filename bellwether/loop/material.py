"""What a loop is shown: a champion, a stream that drifts, labels for what comes after, and two fixed tests."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bellwether.demo import stream
from bellwether.demo.stream import Story
from bellwether.loop import slang
from runtime.errors import InputError
from trainer.dataset import Example, merge, part_of, read_file

TASK = "sentiment"


@dataclass(frozen=True)
class Material:
    """All texts of a loop.

    Attributes:
        name: of the stream, for people.
        before: what the champion knows.
        after: the drift; people label these.
        old_test: texts and labels of the old domain that nothing is trained on.
        new_test: likewise of the new one; the score that is followed.
        base: labelled file of the old domain: replayed by the trainer, and what its gate knows the old domain by.
        golden: labelled file of both domains that nothing else holds a text of; the gate's.
    """

    name: str
    before: Sequence[Story]
    after: Sequence[Story]
    old_test: Sequence[tuple[str, str]]
    new_test: Sequence[tuple[str, str]]
    base: Path
    golden: Path


@dataclass(frozen=True)
class Sizes:
    """How many texts of each kind the generator writes."""

    before: int = 600
    after: int = 3_000
    test: int = 2_000
    base: int = 2_000
    golden: int = 600


def generated(folder: Path, seed: int, sizes: Sizes) -> Material:
    """The built-in stream, and then a slang that nobody has taught the shipped models.

    Every part has a seed of its own, so that no part repeats another's stories.
    """
    half = sizes.golden // 2
    slangs = [*slang.stories(sizes.after + sizes.test + half, seed)]
    base, golden = folder / "old-domain.jsonl", folder / "golden.jsonl"
    chosen = [*_plain(half, seed + 3), *slangs[sizes.after + sizes.test :]]
    _write(golden, ({"text": one.text, "label": one.label, "topic": one.topic} for one in chosen))
    _write(base, ({"text": one.text, "label": one.label, "topic": one.topic} for one in _plain(sizes.base, seed + 1)))
    return Material(
        name="the built-in stream, then a desk's slang",
        before=list(_plain(sizes.before, seed)),
        after=slangs[: sizes.after],
        old_test=[(story.text, story.label) for story in _plain(sizes.test, seed + 2)],
        new_test=[(story.text, story.label) for story in slangs[sizes.after : sizes.after + sizes.test]],
        base=base,
        golden=golden,
    )


def _plain(count: int, seed: int) -> Iterable[Story]:
    per_day = 143
    found = stream.generate(-(-count // per_day), per_day, seed)
    return [story for story, _ in zip(found, range(count), strict=False)]


TEST, GOLDEN = 2_200, 300
"""Texts of a real file's new domain that grade, and that its golden set has; chosen by a hash, whatever the seed."""


def real(old: Path, new: Path, folder: Path, seed: int) -> Material:
    """Two labelled files of real text: the first is what the champion knows, the second is what comes then.

    Near-copies are one text. Of each domain `GOLDEN` texts are the golden set's alone. Of the old domain its test part
    grades; a half of that is streamed before the drift, the other half is there for the gate as its old domain, and
    all the rest is what champion and trainer learn. Of the new domain `TEST` texts grade, and the rest is streamed in
    an order drawn by the seed.

    Args:
        old: JSON Lines, gz too, with `text` and `label`.
        new: likewise.
        folder: for the files that trainer and gate read.
        seed: of the order.

    Raises:
        InputError: a file cannot be read, or the new one has too few texts.
    """
    known, coming = _by_hash(_examples(old)), _by_hash(_examples(new))
    graded, chosen, streamed = coming[:TEST], coming[TEST : TEST + GOLDEN], coming[TEST + GOLDEN :]
    if len(streamed) < TEST:
        raise InputError(f"{new} has {len(coming):,} different texts; {2 * TEST + GOLDEN:,} are needed")
    test = [one for one in known if part_of(one.key) == "test"]
    calm = test[::2]
    kept = [one for one in known if part_of(one.key) != "test"][:GOLDEN]
    apart = {one.key for one in (*calm, *kept)}
    for part in (streamed, calm):
        random.Random(seed).shuffle(part)
    base, golden = folder / "old-domain.jsonl", folder / "golden.jsonl"
    _write(base, (_row(one) for one in known if one.key not in apart))
    _write(golden, map(_row, [*kept, *chosen]))
    return Material(
        name=f"{old.parent.name}, then {new.parent.name}",
        before=_stories(calm, "calm"),
        after=_stories(streamed, "drift"),
        old_test=[(one.text, one.labels[TASK]) for one in test],
        new_test=[(one.text, one.labels[TASK]) for one in graded],
        base=base,
        golden=golden,
    )


def _by_hash(examples: Sequence[Example]) -> list[Example]:
    """The same order for every seed, and no other than that of the split."""
    return sorted(examples, key=lambda one: hashlib.sha256(f"loop:{one.key}".encode()).digest())


def _row(one: Example) -> dict[str, str]:
    return {"text": one.text, "label": one.labels[TASK]}


def _examples(path: Path) -> list[Example]:
    found, _ = merge([row for row in read_file(path).rows if row.task == TASK])
    return found


def _stories(examples: Sequence[Example], name: str) -> list[Story]:
    every = timedelta(minutes=2)
    return [
        Story(
            event_id=f"bw-loop-{name}-{number:06d}",
            text=one.text,
            published_at=stream.START + number * every,
            source=f"loop-{name}",
            label=one.labels[TASK],
            topic="",
        )
        for number, one in enumerate(examples)
    ]


def _write(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
