"""How long the line took: ages, its highest rate, and how soon it went on after a death or an outage. Pure.

All times are the broker's (`LogAppendTime`) in milliseconds; strikes are by this machine's clock, which is the
broker's.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from bellwether.chaos.journal import RETURNS, Strike


def percentile(sorted_values: Sequence[float], part: float) -> float:
    """The value under which a part of the values lies (nearest rank); 0 of none.

    >>> percentile([1, 2, 3, 4], 0.5), percentile([], 0.99)
    (2, 0.0)
    """
    if not sorted_values:
        return 0.0
    return sorted_values[max(0, min(len(sorted_values) - 1, math.ceil(part * len(sorted_values)) - 1))]


def peak_rate(times_ms: Iterable[int]) -> float:
    """Most of the given moments within any one second.

    >>> peak_rate([0, 500, 999, 1000, 5000])
    3.0
    """
    ordered = sorted(times_ms)
    most = first = 0
    for last, time in enumerate(ordered):
        while time - ordered[first] >= 1000:
            first += 1
        most = max(most, last - first + 1)
    return float(most)


class _Line:
    """One partition: its inputs by offset, its outputs by time."""

    def __init__(self, inputs: Iterable[tuple[int, int]], outputs: Iterable[tuple[int, int, int | None]]) -> None:
        arrived = sorted(inputs)
        self.input_offsets = [offset for offset, _ in arrived]
        self.input_times = [time for _, time in arrived]
        self.outputs = sorted(outputs, key=lambda output: output[0])
        self.output_times = [time for time, _, _ in self.outputs]
        self.highest: list[int] = []
        highest = -1
        for _, offset, _ in self.outputs:
            highest = max(highest, offset)
            self.highest.append(highest)

    def last_scorer(self, at_ms: float) -> int | None:
        """Whose scored output came last until then."""
        for position in range(bisect_right(self.output_times, at_ms) - 1, -1, -1):
            pid = self.outputs[position][2]
            if pid is not None:
                return pid
        return None

    def seconds_to_new(self, at_ms: float, until_ms: float, *, without: int | None = None) -> float | None:
        """Seconds from then, or from the arrival of the next input if that is later, to the first new output.

        Args:
            at_ms: the moment.
            until_ms: the end of the count: what was not answered by then took at least so long.
            without: the pid of a dead worker, whose last outputs may still be on their way to the broker.

        Returns:
            None where there was nothing to score.
        """
        position = bisect_right(self.output_times, at_ms)
        highest = self.highest[position - 1] if position else -1
        new_ms = until_ms
        for time_ms, offset, pid in self.outputs[position:]:
            if without is not None and pid == without:
                highest = max(highest, offset)
            elif offset > highest:
                new_ms = time_ms
                break
        following = bisect_right(self.input_offsets, highest)
        if following == len(self.input_offsets):
            return None
        return max(0.0, new_ms - max(at_ms, self.input_times[following])) / 1000


class Timeline:
    """Everything with a time, partition by partition.

    Takes inputs and outputs in any order, then answers.
    """

    def __init__(self) -> None:
        self._inputs: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        self._outputs: defaultdict[int, list[tuple[int, int, int | None]]] = defaultdict(list)
        self._ages_ms: list[float] = []
        self._firsts_ms: list[int] = []
        self._skew_s = (0.0, 0.0)

    def input(self, partition: int, offset: int, time_ms: int) -> None:
        """An input at its place."""
        self._inputs[partition].append((offset, time_ms))

    def output(self, partition: int, offset: int, time_ms: int, worker: str, age_ms: int | None) -> None:
        """An output, by its input's place.

        Args:
            partition: the input's.
            offset: the input's.
            time_ms: the output's.
            worker: `host:pid:start`; empty for a dead letter, which names nobody.
            age_ms: since the input; None where it is not the input's first output.
        """
        self._outputs[partition].append((time_ms, offset, pid_of(worker)))
        if age_ms is not None:
            self._ages_ms.append(float(max(0, age_ms)))
            self._firsts_ms.append(time_ms)

    def clock(self, time_ms: int, scored_at_ms: float | None) -> None:
        """The broker's time of an output, and the worker's of the same event."""
        if scored_at_ms is not None:
            ahead_s = (scored_at_ms - time_ms) / 1000
            self._skew_s = (min(self._skew_s[0], ahead_s), max(self._skew_s[1], ahead_s))

    def skew_s(self) -> tuple[float, float]:
        """The workers' clocks against the broker's: farthest behind (not above 0) and farthest ahead, in seconds."""
        return self._skew_s

    def peak_rate(self) -> float:
        """Most events with their first output within any one second: repeats must not raise their own bound."""
        return peak_rate(self._firsts_ms)

    def input_rate(self) -> float:
        """Most inputs within any one second."""
        return peak_rate(time for inputs in self._inputs.values() for _, time in inputs)

    def ages_s(self, *parts: float) -> list[float]:
        """Percentiles of the events' ages in seconds."""
        ordered = sorted(self._ages_ms)
        return [round(percentile(ordered, part) / 1000, 3) for part in parts]

    def recoveries(self, strikes: Iterable[Strike], until_ms: float) -> tuple[float | None, float | None]:
        """The worst recovery after a worker's death and after the broker's return, in seconds; None without any.

        A dead worker held the partitions of its newest assignment; where its log does not tell, those whose last
        scored output before its death is its own. A worker that is paused counts as dead, and after the death of one
        broker of three all partitions have to go on.
        """
        lines = {partition: _Line(self._inputs[partition], self._outputs[partition]) for partition in self._inputs}
        after_death: list[float] = []
        after_return: list[float] = []
        for strike in strikes:
            at_ms = strike.time * 1000
            if strike.what in {"worker-died", "worker-paused"} and strike.pid is not None:
                held = [line for number, line in lines.items() if number in strike.held]
                held = held or [line for line in lines.values() if line.last_scorer(at_ms) == strike.pid]
                times = [line.seconds_to_new(at_ms, until_ms, without=strike.pid) for line in held]
                after_death += [time for time in times if time is not None]
            elif strike.what == "node-down":  # the others have to go on without it
                times = [line.seconds_to_new(at_ms, until_ms) for line in lines.values()]
                after_death += [time for time in times if time is not None]
            elif strike.what in RETURNS:
                times = [line.seconds_to_new(at_ms, until_ms) for line in lines.values()]
                after_return += [time for time in times if time is not None]
        return _worst(after_death), _worst(after_return)


def pid_of(worker: str) -> int | None:
    """The process of a worker's name.

    >>> pid_of("host:42:66a0"), pid_of("")
    (42, None)
    """
    parts = worker.rsplit(":", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].isdigit() else None


def _worst(times: Sequence[float]) -> float | None:
    return round(max(times), 3) if times else None
