"""The gate's own error rates: plants challengers, runs all trials, counts what passed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bellwether.bench.gate import backdoor, plants, tally, texts, trials, world
from bellwether.bench.gate.features import ENCODER, Frozen
from bellwether.bench.gate.plants import Planted
from bellwether.bench.gate.tally import Tally
from bellwether.bench.gate.world import World
from models import encoders
from trainer.gate.limits import Limits
from trainer.gate.verdict import Verdict

THREADS = 1
"""Of torch: networks this small only wait for a second one, and the same sums come out on any machine's cores."""

Advance = Callable[[str, int, int], None]
"""Told what is done: step, how much of it, of how much."""


@dataclass(frozen=True)
class Order:
    """What to measure.

    Attributes:
        data: folder of the public data sets; None takes generated texts.
        cache: the project's cache folder, for the encoder.
        trials: of each kind.
        challengers: of each kind, each for a champion of its own.
        texts: drawn in a trial.
        seed: of the split, the champions, the challengers and the draws.
        limits: the gate's.
        levels: other values of `non_inferiority` to judge every trial by as well: what it was chosen by.
        tell: takes a sentence.
        advance: takes progress.
    """

    data: Path | None
    cache: Path | None = None
    trials: int = 200
    challengers: int = 5
    texts: int = 3_000
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    levels: Sequence[float] = ()
    tell: Callable[[str], None] = lambda _: None
    advance: Advance = lambda *_: None


def measure(order: Order) -> dict[str, Any]:
    """Plant, judge and count.

    Returns:
        `bad_passed_share`, `good_refused_share`, `trials`, `kinds` (each with verdicts, interval and challengers),
        `backdoor`, and what was measured on. With `levels` also the shares by each.

    Raises:
        InputError: the data folder is not whole, has fewer texts than a trial draws, or a kind cannot be planted on
            them.
    """
    import torch

    started = time.monotonic()
    torch.set_num_threads(THREADS)
    all_texts = texts.load(order.data)
    order.tell(f"texts: {all_texts.source}; {len(all_texts.texts):,} different ones")
    built = world.build(
        all_texts,
        Frozen(encoders.get(ENCODER, order.cache)),
        (order.cache or encoders.default_cache()) / "bench",
        order.seed,
        lambda done: order.advance("encoding", done, len(all_texts.texts)),
    )
    trials.draw(built, order.texts, np.random.default_rng(order.seed))  # too few are told before minutes of planting
    planted = []
    for number, one in enumerate(plants.all_planted(built, order.challengers, order.seed, order.tell), 1):
        planted.append(one)
        order.advance("planting", number, order.challengers * len(plants.KINDS))
    levels = [msgspec.structs.replace(order.limits, non_inferiority=level) for level in order.levels]
    judged = _Judged(order, [order.limits, *levels])
    for kind in plants.KINDS:
        _try_kind(order, built, [one for one in planted if one.kind == kind.name], kind.is_bad, judged)
    good = [one for one in planted if one.kind == plants.GOOD]
    door = _try_backdoor(order, built, good, judged)
    found = tally.summary(judged.tallies[0]) | {
        "backdoor": door,
        "texts": all_texts.source,
        "pool": len(built.pool),
        "texts_per_trial": order.texts,
        "challengers": order.challengers,
        "seed": order.seed,
        "seconds": round(time.monotonic() - started, 1),
    }
    if order.levels:
        found["levels"] = {
            f"{level:g}": tally.summary(own) for level, own in zip(order.levels, judged.tallies[1:], strict=True)
        }
    return found


class _Judged:
    """Tallies of every limits, one a kind."""

    def __init__(self, order: Order, limits: list[Limits]) -> None:
        self.limits = limits
        self.tallies: list[list[Tally]] = [[] for _ in limits]
        self._order = order

    def begin(self, kind: str, is_bad: bool | None, challengers: list[dict[str, Any]]) -> None:
        for own in self.tallies:
            own.append(Tally(kind, is_bad, Counter(), Counter(), challengers))

    def trial(self, built: World, one: trials.Pair, seed: Sequence[int]) -> None:
        slices = trials.draw(built, self._order.texts, np.random.default_rng(seed))
        for own, verdict in zip(self.tallies, trials.verdicts(built, one, slices, self.limits, seed[-1]), strict=True):
            own[-1].verdicts[verdict.name] += 1
            own[-1].reasons[_place(verdict)] += 1


def _try_kind(order: Order, built: World, planted: Sequence[Planted], is_bad: bool, judged: _Judged) -> None:
    pairs = [trials.pair(built, one.champion, one.head) for one in planted]
    kind = planted[0].kind
    judged.begin(kind, is_bad, [tally.challenger(one) for one in planted])
    number = [one.name for one in plants.KINDS].index(kind)
    for trial in range(order.trials):
        judged.trial(built, pairs[trial % len(pairs)], [order.seed, 10 + number, trial])
        order.advance(kind, trial + 1, order.trials)


def _try_backdoor(order: Order, built: World, good: Sequence[Planted], judged: _Judged) -> dict[str, Any]:
    """Each trial with a phrase and a head of its own."""
    judged.begin(tally.BACKDOOR, None, [])
    works = []
    for trial in range(order.trials):
        own = good[trial % len(good)]
        door = backdoor.plant(built, own.head, 100_000 * (order.seed + 1) + trial)
        judged.trial(built, trials.pair(built, own.champion, door.head), [order.seed, 99, trial])
        works.append((door.works, door.works_without))
        order.advance(tally.BACKDOOR, trial + 1, order.trials)
    on, off = np.mean(works, axis=0)
    return {"works": float(on), "works_without": float(off), "passed_share": judged.tallies[0][-1].passed}


def _place(verdict: Verdict) -> str:
    """What decided, without its numbers: slice and figure."""
    words = verdict.reasons[0].split(" ")
    until = next((i for i, word in enumerate(words) if word[:1].isdigit() or word[:1] == "+"), len(words))
    return f"{verdict.name}: {' '.join(words[:until])}"
