"""Which old texts are learnt again beside new ones, lest these are paid for with those: a stratified draw. Pure."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence

from trainer.dataset import Example

AGES = 4
"""Parts of equal size that the old texts are cut into by time."""

Stratum = tuple[tuple[tuple[str, str], ...], str, int]
"""Labels by task, domain, age."""


def chosen(old: Sequence[Example], new: Sequence[Example], ratio: float, seed: int) -> list[Example]:
    """Draw old texts, stratified by class, domain and age.

    A stratum's share is as the square root of its size (as multilingual training samples languages with an exponent
    of 1/2: Conneau & Lample 2019, §3.1), so that rare classes and small domains come more often than they are, and
    large ones still most.

    Args:
        old: may hold texts of `new`, which are not drawn.
        new: what is learnt for the first time.
        ratio: old texts per new one.
        seed: of the draw.

    Returns:
        at most `ratio * len(new)` texts, in the order of `old`.
    """
    known = {example.key for example in new}
    rest = [example for example in old if example.key not in known]
    groups = _strata(rest)
    for members in groups.values():
        members.sort(key=lambda number: hashlib.sha256(f"{seed}:replay:{rest[number].key}".encode()).digest())
    quotas = shared({stratum: len(members) for stratum, members in groups.items()}, round(ratio * len(new)))
    taken = {number for stratum, members in groups.items() for number in members[: quotas[stratum]]}
    return [example for number, example in enumerate(rest) if number in taken]


def shared(sizes: dict[Stratum, int], wanted: int) -> dict[Stratum, int]:
    """How many of each stratum: as the roots of their sizes, none more than it has, together `wanted` or all.

    A stratum that is too small gives what it has, and the others share the rest; what rounding leaves goes to the
    largest remainders.
    """
    quotas: dict[Stratum, int] = {}
    open_, left = dict(sizes), min(wanted, sum(sizes.values()))
    while open_:
        scale = left / sum(map(math.sqrt, open_.values()))
        full = {stratum: size for stratum, size in open_.items() if math.sqrt(size) * scale >= size}
        if not full:
            break
        quotas |= full
        left -= sum(full.values())
        open_ = {stratum: size for stratum, size in open_.items() if stratum not in full}
    else:
        return quotas
    exact = {stratum: math.sqrt(size) * scale for stratum, size in open_.items()}
    floors = {stratum: math.floor(value) for stratum, value in exact.items()}
    by_rest = sorted(exact, key=lambda stratum: (floors[stratum] - exact[stratum], stratum))
    for stratum in by_rest[: left - sum(floors.values())]:
        floors[stratum] += 1
    return quotas | floors


def _strata(examples: Sequence[Example]) -> dict[Stratum, list[int]]:
    """Numbers of the examples by stratum; ages are ranks within all, so that no calendar decides."""
    by_time = sorted(range(len(examples)), key=lambda number: examples[number].at)
    ages: dict[float, int] = {}
    for rank, number in enumerate(by_time):
        ages.setdefault(examples[number].at, rank * AGES // len(examples))
    found: defaultdict[Stratum, list[int]] = defaultdict(list)
    for number, example in enumerate(examples):
        found[tuple(sorted(example.labels.items())), example.domain, ages[example.at]].append(number)
    return dict(found)
