"""Which detector watches which signal: false alarms on a stream that does not change, delay on one that does."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bellwether.bench.drift_changes import SIGNALS, Values, changes_of, shown_by, taken, values_of
from bellwether.bench.drift_pools import Pools
from trainer import detectors

QUIET = 10_000
"""Events of an unchanged stream."""

BEFORE, AFTER = 2_000, 3_000
"""Events before a planted change, and after it; what is not seen until then is missed."""

BUDGET = 1.0
"""False alarms per 10,000 events that a signal may cost; each begins a training run where there are labels."""

DEAR_EVERY = 4
"""KSWIN takes some 200 µs a value, hundreds of times as much as the others: it runs in every fourth round."""


@dataclass(frozen=True)
class Order:
    """What to measure.

    Attributes:
        rounds: seeded permutations of each stream, the same for all detectors.
        tell: takes a sentence about what is being done.
    """

    pools: Pools
    rounds: int = 20
    seed: int = 0
    tell: Callable[[str], None] = lambda _: None


@dataclass
class Row:
    """One detector on one signal.

    Attributes:
        false: false alarms per 10,000 events, one value a round.
        delays: per change, events from it to the first alarm; None where it was missed; one value a round.
        in_order: alarms per 10,000 events of a real stream in its own order, some of which may be right.
    """

    signal: str
    detector: str
    false: list[float] = field(default_factory=list)
    delays: dict[str, list[int | None]] = field(default_factory=dict)
    in_order: float | None = None

    @property
    def false_mean(self) -> float:
        """False alarms per 10,000 events."""
        return statistics.fmean(self.false)

    @property
    def missed(self) -> float:
        """Share of planted changes that were not seen."""
        every = [one for found in self.delays.values() for one in found]
        return sum(one is None for one in every) / len(every) if every else 0.0

    def delay(self, change: str) -> float:
        """Median over the rounds; a missed one counts as all events after the change."""
        return statistics.median(AFTER if one is None else one for one in self.delays[change])

    @property
    def delay_mean(self) -> float:
        """Mean over the changes of `delay`."""
        return statistics.fmean([self.delay(change) for change in self.delays] or [0.0])

    def plain(self) -> dict[str, Any]:
        """For a script."""
        return {
            "signal": self.signal,
            "detector": self.detector,
            "false_per_10000_median": statistics.median(self.false),
            "false_per_10000_mean": round(self.false_mean, 2),
            "in_order_per_10000": None if self.in_order is None else round(self.in_order, 1),
            "delay_median": {change: self.delay(change) for change in self.delays},
            "missed": {
                change: round(sum(one is None for one in found) / len(found), 2)
                for change, found in self.delays.items()
            },
        }


def measure(order: Order) -> list[Row]:
    """All detectors on all signals that they fit, on the same streams."""
    rows = [Row(signal, name) for signal in SIGNALS for name in candidates(signal)]
    changes, classes = changes_of(order.pools), order.pools.classes
    shown = shown_by(order.pools, changes, order.seed)
    for number in range(order.rounds):
        order.tell(f"round {number + 1} of {order.rounds}")
        rng = np.random.default_rng((order.seed, number))
        quiet = taken(order.pools.usual, rng, QUIET)
        streams = {
            name: (taken(order.pools.usual, rng, BEFORE), change(rng, AFTER)) for name, change in changes.items()
        }
        for row in rows:
            if row.detector in detectors.VALUES and number % DEAR_EVERY:
                continue
            found = sum(1 for _ in alarms(row.detector, values_of(quiet, row.signal, classes)))
            row.false.append(found * 10_000 / QUIET)
            for name in shown[row.signal]:
                both = [values_of(part, row.signal, classes) for part in streams[name]]
                row.delays.setdefault(name, []).append(delay(row.detector, np.concatenate(both)))
    if order.pools.in_order is not None:
        order.tell("a real stream in its own order")
        for row in rows:
            if row.signal != "error":
                values = values_of(order.pools.in_order, row.signal, order.pools.classes)
                row.in_order = sum(1 for _ in alarms(row.detector, values)) * 10_000 / len(values)
    return rows


def candidates(signal: str) -> list[str]:
    """Names of the detectors that can watch a signal."""
    more = detectors.ERRORS if signal == "error" else {} if signal == "share" else detectors.VALUES
    return [*detectors.ANY, *more]


def alarms(detector: str, values: Values) -> Iterator[tuple[int, int]]:
    """Places of all alarms as (event, stream), stream by stream."""
    for stream, column in enumerate(values.T):
        watch = detectors.build(detector)
        for place, value in enumerate(column.tolist()):
            watch.update(value)
            if watch.drift_detected:
                yield place, stream
                watch = detectors.build(detector)


def delay(detector: str, values: Values) -> int | None:
    """Events from the change, after BEFORE events, to the first alarm of any stream; None where there is none."""
    first = [
        next((place - BEFORE + 1 for place, _ in alarms(detector, column[:, None]) if place >= BEFORE), None)
        for column in values.T
    ]
    return min((one for one in first if one is not None), default=None)


def choose(rows: Sequence[Row], budget: float = BUDGET) -> dict[str, str]:
    """For each signal the detector within the budget of false alarms that misses least, then sees soonest.

    Where none is within the budget, the one with the fewest false alarms.
    """
    chosen = {}
    for signal in dict.fromkeys(row.signal for row in rows):
        own = [row for row in rows if row.signal == signal]
        within = [row for row in own if row.false_mean <= budget]
        quietest = min(own, key=lambda row: row.false_mean)
        chosen[signal] = min(within or [quietest], key=lambda row: (row.missed, row.delay_mean)).detector
    return chosen


def as_markdown(rows: Sequence[Row], chosen: Mapping[str, str], means: Mapping[str, Mapping[str, float]]) -> str:
    """The tables for `docs/learning.md`."""
    lines = ["| texts | how many | confidence | novelty | error |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, own in means.items():
        error = f"{own['error']:.3f}" if "error" in own else "–"
        lines.append(f"| {name} | {own['texts']:,.0f} | {own['confidence']:.3f} | {own['novelty']:.3f} | {error} |")
    changes = list(dict.fromkeys(change for row in rows for change in row.delays))
    lines += ["", "| signal | detector | false | in order | " + " | ".join(changes) + " |"]
    lines.append("| --- | --- | ---: | ---: |" + " ---: |" * len(changes))
    for row in rows:
        name = f"**{row.detector}**" if chosen.get(row.signal) == row.detector else row.detector
        order = "–" if row.in_order is None else f"{row.in_order:.0f}"
        cells = " | ".join(_cell(row, change) for change in changes)
        lines.append(f"| {row.signal} | {name} | {row.false_mean:.2f} | {order} | {cells} |")
    return "\n".join(lines)


def _cell(row: Row, change: str) -> str:
    if change not in row.delays:
        return ""
    found = row.delays[change]
    missed = sum(one is None for one in found)
    shown = f"{row.delay(change):,.0f}" if missed <= len(found) / 2 else "not seen"
    return f"{shown} ({missed / len(found):.0%} missed)" if missed else shown
