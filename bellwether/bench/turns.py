"""Fair measuring on a shared machine: all variants in turn, several rounds, medians, ratios within a round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Turns:
    """Speeds of several variants, each measured once a round, so that a slow minute slows them all.

    Attributes:
        speeds: units per second of each variant, one value a round.
    """

    speeds: Mapping[str, list[float]]

    def median(self, variant: str) -> float:
        """Median speed over the rounds."""
        return statistics.median(self.speeds[variant])

    def ratio(self, variant: str, other: str) -> float:
        """Median over the rounds of one variant's speed divided by the other's in the same round."""
        return statistics.median(
            mine / theirs for mine, theirs in zip(self.speeds[variant], self.speeds[other], strict=True)
        )

    def spread(self, variant: str) -> float:
        """Slowest to fastest round, as a share of the median: how far to trust the figures."""
        return (max(self.speeds[variant]) - min(self.speeds[variant])) / self.median(variant)


def take_turns(
    variants: Mapping[str, Callable[[], float]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
    tell: Callable[[int], None] = lambda _: None,
) -> Turns:
    """Run each variant once to warm up, then once a round, beginning with another one each round.

    Args:
        variants: each does its work and returns how many units that was.
        rounds: at least one; five let a median ignore two disturbed ones.
        clock: seconds.
        tell: called after each round with its number.
    """
    for run in variants.values():
        run()
    speeds: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            started = clock()
            units = variants[name]()
            speeds[name].append(units / (clock() - started))
        tell(number + 1)
    return Turns(speeds)
