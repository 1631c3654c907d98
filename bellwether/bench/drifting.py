"""A labelled stream that drifts from one domain to another, in chunks, with unseen texts of each chunk's mixture."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bellwether.demo import stream
from models.text import clean, fingerprint
from runtime.errors import InputError
from trainer.dataset import Example, Row, merge, part_of, read_file

TASK = "sentiment"
OLD_FILE = Path("twitter-financial-news-sentiment") / "train.jsonl.gz"
NEW_FILE = Path("sentfin-1.0") / "all.jsonl.gz"


@dataclass(frozen=True)
class Domains:
    """Labelled texts of before and of after the drift, near-copies merged, and what they are for people."""

    old: Sequence[Example]
    new: Sequence[Example]
    name: str


@dataclass(frozen=True)
class Chunk:
    """What arrives at a time.

    Attributes:
        labels: to learn from.
        tests: of the same mixture, never learnt from.
    """

    labels: list[Example]
    tests: list[Example]


def domains(data: Path | None, days: int = 120) -> Domains:
    """The tweets' sentiment set, then SEntFiN's headlines; without data the built-in stream's posts, then its wires.

    Args:
        data: folder of the public data sets.
        days: of the built-in stream.

    Raises:
        InputError: the folder has no such files.
    """
    if data is not None:
        old, new = ([row for row in read_file(data / name).rows if row.task == TASK] for name in (OLD_FILE, NEW_FILE))
        return Domains(merge(old)[0], merge(new)[0], f"{OLD_FILE.parent} to {NEW_FILE.parent}")
    told = [
        (story.source, Row(clean(story.text), TASK, story.label, fingerprint(story.text)))
        for story in stream.generate(days=days, seed=1)
    ]
    old, new = ([row for source, row in told if source == wanted] for wanted in ("demo-social", "demo-wire"))
    return Domains(merge(old)[0], merge(new)[0], "built-in posts to built-in wire headlines")


def chunks(given: Domains, *, count: int, first: int, labels: int, tests: int, seed: int) -> list[Chunk]:
    """Draw a stream: the new domain's share rises evenly from none in the first chunk to all in the last.

    Args:
        given: both domains.
        count: chunks.
        first: labels of the first chunk.
        labels: of each other chunk.
        tests: unseen texts of each chunk; by hash none is a near-copy of a label.
        seed: of the draw.

    Raises:
        InputError: a domain has too few texts.
    """
    rng = random.Random(seed)
    pools: dict[tuple[str, bool], list[Example]] = {}
    for name, examples in (("old", given.old), ("new", given.new)):
        for is_seen in (True, False):
            own = [replace(e, domain=name) for e in examples if (part_of(e.key) == "train") == is_seen]
            rng.shuffle(own)
            pools[name, is_seen] = own
    found = []
    for number in range(count):
        share, sizes = number / max(1, count - 1), ((labels if number else first, True), (tests, False))
        found.append(Chunk(*(_mixed(pools, size, share, number, is_seen) for size, is_seen in sizes)))
    return found


def _mixed(
    pools: dict[tuple[str, bool], list[Example]], size: int, share: float, number: int, is_seen: bool
) -> list[Example]:
    """Take the chunk's texts out of the pools."""
    fresh = round(size * share)
    taken = []
    for name, wanted in (("old", size - fresh), ("new", fresh)):
        pool = pools[name, is_seen]
        if len(pool) < wanted:
            raise InputError(
                f"the {name} domain has no {wanted} texts left for chunk {number + 1}; ask for smaller ones"
            )
        taken += [replace(pool.pop(), at=float(number)) for _ in range(wanted)]
    return taken
