"""Draws a loop: the running score over time, with what happened when."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from bellwether.loop.figures import Point, Scores
from runtime.errors import InputError

FILE_NAME = "learning.png"
_INK, _LINE, _FLAT, _BEST = "#30343b", "#2a6f97", "#d1495b", "#4f9d69"

GAP_S = 5.0
"""Without a scored event: there the line is broken. A stream that is told again scores no text that was labelled."""


def line(points: Sequence[Point], begin: int) -> tuple[list[float], list[float]]:
    """Seconds and scores, with a NaN in each gap.

    Args:
        points: the running score.
        begin: the origin of time, in ms.
    """
    seconds: list[float] = []
    scores: list[float] = []
    for one in points:
        now = (one.time_ms - begin) / 1000
        if seconds and now - seconds[-1] > GAP_S:
            seconds.append(now)
            scores.append(math.nan)
        seconds.append(now)
        scores.append(one.macro_f1)
    return seconds, scores


def save(points: Sequence[Point], moments: Mapping[str, int], found: Scores, title: str, folder: Path) -> Path:
    """Draw and return the picture's path.

    Args:
        points: the running score.
        moments: what happened, in words, and the broker's time of it in ms; the first is the origin of time.
        found: the fixed tests' scores, drawn as lines.
        title: of the picture.
        folder: created where it does not exist.

    Raises:
        InputError: the folder cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    begin = min(moments.values(), default=points[0].time_ms if points else 0)
    figure, axis = plt.subplots(figsize=(11, 4.5), layout="constrained")
    try:
        axis.plot(*line(points, begin), color=_LINE)
        for name, value, colour in (
            ("no retraining", found.drifted, _FLAT),
            ("trained on all labels", found.ceiling, _BEST),
        ):
            axis.axhline(value, color=colour, linestyle=":", linewidth=1.2)
            axis.annotate(f"{name} {value:.3f}", (1.0, value), xycoords=("axes fraction", "data"), ha="right",
                          va="bottom", color=colour, fontsize=8)  # fmt: skip
        for place, (what, time_ms) in enumerate(moments.items()):
            axis.axvline((time_ms - begin) / 1000, color=_INK, linewidth=0.8, alpha=0.5)
            axis.annotate(what, ((time_ms - begin) / 1000, 1.0 - 0.055 * (place % 4)),
                          xycoords=("data", "axes fraction"), xytext=(3, -10), textcoords="offset points",
                          fontsize=8, color=_INK)  # fmt: skip
        axis.set_ylim(0, 1.05)
        axis.set_xlabel("seconds")
        axis.set_ylabel("macro-F1, last 200 events")
        axis.set_title(title, loc="left", color=_INK, weight="bold")
        axis.spines[["top", "right"]].set_visible(False)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE_NAME
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise InputError(f"no picture can be written to {folder}: {error.strerror}; choose another") from error
    finally:
        plt.close(figure)
    return path
