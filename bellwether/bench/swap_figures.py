"""What a run of swaps shows: how long the line paused, how old events became, how memory went. Pure.

All times are the broker's (`LogAppendTime`) in milliseconds, but for the moves', which are this machine's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median

import msgspec

from bellwether.chaos.entries import Place
from bellwether.chaos.journal import Strike
from bellwether.chaos.timing import percentile

SETTLE_MS = 10_000
"""After the start and after the one swap between the two steady parts, left out of both."""


class Scored(msgspec.Struct, frozen=True, gc=False):
    """What is needed of a scored event."""

    time_ms: int
    source: Place
    version: str
    batch_id: str
    worker: str


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        swaps: moves after which the new version scored, and after some moment no other, until the next move.
        moves: of the pointer, in the part with swaps.
        pause_seconds: longest time between two finished batches of a worker while versions change, less the 99th
            percentile of the steady parts; 0 where it is not longer.
        steady_gap_p99_seconds: that percentile.
        age_p50_steady_seconds: of the events of the steady parts: first one version, then the other.
        age_p99_steady_seconds: the same, 99th percentile.
        age_p99_swapping_seconds: of the events that came while versions changed.
        p99_ratio: the latter by the former.
        settle_seconds: from a move to the last event that another version scored: median and longest.
        settle_by_version: the same median, by the version that was moved to.
        memory_mib: of all worker processes and their engines together (proportional set size) before each next move.
        memory_ratio: see `memory_ratio`.
        by_version: scored events.
    """

    swaps: int
    moves: int
    pause_seconds: float
    steady_gap_p99_seconds: float
    age_p50_steady_seconds: float
    age_p99_steady_seconds: float
    age_p99_swapping_seconds: float
    p99_ratio: float
    settle_seconds: tuple[float, float]
    settle_by_version: dict[str, float]
    memory_mib: tuple[float, ...]
    memory_ratio: float | None
    by_version: dict[str, int]


Window = tuple[float, float]
"""From and before, milliseconds."""


def figures(
    outputs: Sequence[Scored], inputs: Mapping[Place, int], strikes: Sequence[Strike], every_s: float
) -> Figures:
    """Count.

    Args:
        outputs: all scored events.
        inputs: the broker's time of each acknowledged input.
        strikes: of the run: `promoted` with the version, the first of them between the steady parts; `memory`.
        every_s: seconds between two moves.
    """
    moves = [(strike.time * 1000, strike.detail) for strike in strikes if strike.what == "promoted"]
    begin = min(inputs.values(), default=0)
    between, first, last = moves[0][0], moves[1][0], moves[-1][0] + every_s * 1000
    steady: tuple[Window, ...] = ((begin + SETTLE_MS, between), (between + SETTLE_MS, first))
    swapping: tuple[Window, ...] = ((first, last),)
    gaps = _gaps(outputs)
    usual = percentile(sorted(_within(gaps, steady)), 0.99)
    longest = max(_within(gaps, swapping), default=0.0)
    ages = [(inputs[one.source], one.time_ms - inputs[one.source]) for one in outputs if one.source in inputs]
    calm, busy = sorted(_within(ages, steady)), sorted(_within(ages, swapping))
    settled = _settled(outputs, [*moves[1:], (last, "")])
    memory = tuple(float(strike.detail) for strike in strikes if strike.what == "memory")
    counts: defaultdict[str, int] = defaultdict(int)
    for one in outputs:
        counts[one.version] += 1
    whole = [seconds for seconds in settled if seconds is not None]
    by_goal: defaultdict[str, list[float]] = defaultdict(list)
    for (_, version), seconds in zip(moves[1:], settled, strict=True):
        if seconds is not None:
            by_goal[version].append(seconds)
    return Figures(
        swaps=len(whole),
        moves=len(moves) - 1,
        pause_seconds=round(max(0.0, longest - usual) / 1000, 3),
        steady_gap_p99_seconds=round(usual / 1000, 3),
        age_p50_steady_seconds=round(percentile(calm, 0.5) / 1000, 3),
        age_p99_steady_seconds=round(percentile(calm, 0.99) / 1000, 3),
        age_p99_swapping_seconds=round(percentile(busy, 0.99) / 1000, 3),
        p99_ratio=round(percentile(busy, 0.99) / max(1.0, percentile(calm, 0.99)), 3),
        settle_seconds=(round(median(whole), 2), round(max(whole), 2)) if whole else (0.0, 0.0),
        settle_by_version={version: round(median(own), 2) for version, own in sorted(by_goal.items())},
        memory_mib=memory,
        memory_ratio=memory_ratio(memory),
        by_version=dict(sorted(counts.items())),
    )


def memory_ratio(samples: Sequence[float]) -> float | None:
    """Median of the last tenth of the samples by that of the second tenth, of the version that grew more.

    Two versions serve in turn and need not be of one size: a median across both would fall between them, or on either.

    Args:
        samples: in the order of the moves.

    Returns:
        None of fewer than 20.

    >>> memory_ratio([9.0, 5.0] * 5 + [1.0, 5.0] * 40 + [2.0, 6.0] * 5)
    2.0
    """
    ratios = []
    for own in (samples[::2], samples[1::2]):
        if not (tenth := len(own) // 10):
            return None
        ratios.append(median(own[-tenth:]) / median(own[tenth : 2 * tenth]))
    return round(max(ratios), 4)


def capacity(outputs: Iterable[Scored], inputs: Mapping[Place, int]) -> float:
    """Events per second from the first input to the last output, where the input came faster than it was scored."""
    times = [one.time_ms for one in outputs]
    return len(times) / max(1e-3, (max(times) - min(inputs.values())) / 1000)


def _gaps(outputs: Iterable[Scored]) -> list[tuple[float, float]]:
    """When a batch of a worker was finished, and how long after its batch before."""
    finished: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for one in outputs:
        batches = finished[one.worker]
        batches[one.batch_id] = max(one.time_ms, batches.get(one.batch_id, 0))
    return [
        (float(later), float(later - earlier))
        for batches in finished.values()
        for earlier, later in pairwise(sorted(batches.values()))
    ]


def _within(timed: Iterable[tuple[float, float]], windows: Sequence[Window]) -> list[float]:
    return [value for time, value in timed if any(begin <= time < end for begin, end in windows)]


def _settled(outputs: Sequence[Scored], moves: Sequence[tuple[float, str]]) -> list[float | None]:
    """Seconds from each move to the last event of another version before the next move; None where none was swapped."""
    ordered = sorted((one.time_ms, one.version) for one in outputs)
    found: list[float | None] = []
    position = 0
    for (at, version), (until, _) in pairwise(moves):
        others, own = at, 0
        while position < len(ordered) and ordered[position][0] < until:
            time_ms, scored_by = ordered[position]
            position += 1
            if time_ms < at:
                continue
            if scored_by == version:
                own += 1
            else:
                others, own = float(time_ms), 0  # what counts is what comes after the last of another version
        found.append((others - at) / 1000 if own else None)
    return found
