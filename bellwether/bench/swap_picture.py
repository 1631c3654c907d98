"""Draws a run of swaps: the age of events over time with every move marked, and memory from move to move."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from bellwether.bench.swap import Result
from bellwether.chaos.timing import percentile
from runtime.errors import InputError


def save(result: Result, path: Path) -> None:
    """Draw.

    Raises:
        InputError: it cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    by_second: defaultdict[int, list[float]] = defaultdict(list)
    begin = result.ages_ms[0][0] if result.ages_ms else 0
    for time_ms, age_ms in result.ages_ms:
        by_second[(time_ms - begin) // 1000].append(age_ms / 1000)
    seconds = sorted(by_second)
    figure, (ages, memory) = plt.subplots(2, 1, figsize=(12, 6), layout="constrained")
    try:
        for move in result.moves_ms:
            ages.axvline((move - begin) / 1000, color="#c9ced6", linewidth=0.8)
        for part, colour in ((0.99, "#d1495b"), (0.5, "#4f9d69")):
            drawn = [percentile(sorted(by_second[second]), part) for second in seconds]
            ages.plot(seconds, drawn, color=colour, linewidth=1, label=f"p{part * 100:.0f} of a second's events")
        ages.set(xlabel="seconds; each grey line is a move of the pointer", ylabel="age of events (s)", ylim=(0, None))
        ages.legend(frameon=False, loc="upper left")
        memory.plot(range(1, len(result.figures.memory_mib) + 1), result.figures.memory_mib, color="#30343b")
        memory.set(xlabel="move", ylabel="all workers and engines (MiB, PSS)", ylim=(0, None))
        figure.savefig(path, dpi=130)
    except OSError as error:
        raise InputError(f"cannot write the picture to {path}: {error.strerror}; choose another --plot") from error
    finally:
        plt.close(figure)
