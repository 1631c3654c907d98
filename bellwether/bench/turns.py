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
        cpu_speeds: the same per second of processor time: what a busy machine, whose other work takes most of each
            second, disturbs far less.
    """

    speeds: Mapping[str, list[float]]
    cpu_speeds: Mapping[str, list[float]]

    def median(self, variant: str) -> float:
        """Median speed over the rounds."""
        return statistics.median(self.speeds[variant])

    def ratio(self, variant: str, other: str) -> float:
        """Median over the rounds of one variant's speed divided by the other's in the same round."""
        return statistics.median(
            mine / theirs for mine, theirs in zip(self.speeds[variant], self.speeds[other], strict=True)
        )

    def cpu_median(self, variant: str) -> float:
        """Median speed per processor second over the rounds."""
        return statistics.median(self.cpu_speeds[variant])

    def cpu_ratio(self, variant: str, other: str) -> float:
        """As `ratio`, per processor second."""
        return Turns(self.cpu_speeds, self.cpu_speeds).ratio(variant, other)

    def spread(self, variant: str) -> float:
        """Slowest to fastest round, as a share of the median: how far to trust the figures."""
        return (max(self.speeds[variant]) - min(self.speeds[variant])) / self.median(variant)


def take_turns(
    variants: Mapping[str, Callable[[], float]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
    cpu_clock: Callable[[], float] = time.process_time,
    tell: Callable[[int], None] = lambda _: None,
) -> Turns:
    """Run each variant once to warm up, then once a round, beginning with another one each round.

    Args:
        variants: each does its work and returns how many units that was.
        rounds: at least one; five let a median ignore two disturbed ones.
        clock: seconds.
        cpu_clock: seconds of this process on all processors.
        tell: called after each round with its number.
    """
    for run in variants.values():
        run()
    speeds: dict[str, list[float]] = {name: [] for name in variants}
    cpu_speeds: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            started, cpu_started = clock(), cpu_clock()
            units = variants[name]()
            cpu_speeds[name].append(units / (cpu_clock() - cpu_started))
            speeds[name].append(units / (clock() - started))
        tell(number + 1)
    return Turns(speeds, cpu_speeds)
