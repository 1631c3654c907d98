"""How many poisoned labels get through the admission, and how many honest labellers are kept out by it."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from bellwether.bench.labellers import ATTACKS, GOLD, Attack, batch
from trainer.labels.admission import admit
from trainer.labels.effective import effective
from trainer.labels.gold import questions
from trainer.labels.policy import Policy

POISONERS = (0, 1, 3)
TEXTS = (600, 1_500, 6_000)
"""From which everybody draws: about 2.4, 1 and 0.2 labels of honest ones for each."""

FIRST_SEED = 100
"""The limits of the policy were chosen on seeds under it."""

POLICY = Policy(gold=(GOLD,))
"""The safe one, with gold questions."""


@dataclass(frozen=True)
class Row:
    """One attack by so many, over all seeds; shares 0 to 1.

    Attributes:
        attack: name.
        poisoners: how many acted together, among 12 honest labellers.
        texts: from which everybody drew.
        unguarded: mean share of poisoned ones among the labels that count, were everybody believed.
        poisoned: the same after admission.
        poisoned_most: of the worst seed.
        poisoned_weight: mean share of training weight that the poisoned labels have.
        honest_out: share of honest labellers of whom nothing was learnt.
        honest_lost: share of the texts that honest labels would count for without poisoners, and do not.
        poisoners_out: share of poisoners of whom nothing was learnt.
    """

    attack: str
    poisoners: int
    texts: int
    unguarded: float
    poisoned: float
    poisoned_most: float
    poisoned_weight: float
    honest_out: float
    honest_lost: float
    poisoners_out: float


@dataclass(frozen=True)
class _Trial:
    unguarded: float
    poisoned: float
    weight: float
    honest_out: float
    honest_lost: float
    poisoners_out: float


def measure(seeds: int, texts: Sequence[int], tell: Callable[[str], None]) -> list[Row]:
    """All attacks by one and by three, and nobody's; `tell` is given each one's name as it begins."""
    rows = []
    for size in texts:
        for number in POISONERS:
            for name, attack in ATTACKS.items() if number else (("nobody", ATTACKS["all wrong"]),):
                tell(f"{name}, {number} of {number + 12} labellers, {size:,} texts")
                trials = [trial(attack, number, size, seed) for seed in range(FIRST_SEED, FIRST_SEED + seeds)]
                mean = {
                    field: statistics.fmean(getattr(one, field) for one in trials)
                    for field in ("unguarded", "poisoned", "honest_out", "honest_lost", "poisoners_out")
                }
                weight, most = statistics.fmean(one.weight for one in trials), max(one.poisoned for one in trials)
                rows.append(Row(name, number, size, poisoned_most=most, poisoned_weight=weight, **mean))
    return rows


def trial(attack: Attack, poisoners: int, texts: int, seed: int, policy: Policy = POLICY) -> _Trial:
    """One batch, with and without admission; gold labels are no one's merit and left out of all shares."""
    given = batch(attack, poisoners, texts, random.Random(f"{seed} poison"))
    found = admit(given.labels, policy, questions(given.labels, policy))
    believed = [one for one in effective(given.labels, {}).values() if one.labeller != GOLD]
    kept = [one for one in found.kept.values() if one.label.labeller != GOLD]
    bad = [one.weight for one in kept if given.is_poison(one.label)]
    honest = effective((one for one in given.labels if one.labeller not in given.poisoners), {})
    alone = sum(one.labeller != GOLD for one in honest.values())
    also = sum(one.label.labeller in given.honest for one in kept)
    out = {name for name, one in found.standings.items() if not one.weight}
    return _Trial(
        unguarded=sum(map(given.is_poison, believed)) / len(believed),
        poisoned=len(bad) / max(1, len(kept)),
        weight=sum(bad) / max(1e-9, sum(one.weight for one in kept)),
        honest_out=len(out & set(given.honest)) / len(given.honest),
        honest_lost=max(0.0, 1 - also / alone),
        poisoners_out=len(out & set(given.poisoners)) / max(1, poisoners),
    )


def as_json(rows: Sequence[Row], seeds: int) -> dict[str, object]:
    """All rows, with the worst that got through and the most honest ones that were kept out."""
    return {
        "seeds": seeds,
        "poisoned_worst_mean": max(row.poisoned for row in rows),
        "honest_out_worst_mean": max(row.honest_out for row in rows),
        "rows": [asdict(row) for row in rows],
    }


def as_markdown(rows: Sequence[Row], seeds: int) -> str:
    """A table for a document."""
    lines = [
        f"| attack ({seeds} seeds) | by | texts | unguarded | poisoned | worst seed | by weight | poisoners out "
        "| honest out | texts lost |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        shares = (row.unguarded, row.poisoned, row.poisoned_most, row.poisoned_weight, row.poisoners_out)
        cells = " | ".join(f"{share:.1%}" for share in (*shares, row.honest_out, row.honest_lost))
        lines.append(f"| {row.attack} | {row.poisoners} | {row.texts:,} | {cells} |")
    return "\n".join(lines)
