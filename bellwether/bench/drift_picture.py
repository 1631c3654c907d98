"""Draws a run of the drift bench: for each signal, how often each detector cries wolf and how soon it sees a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bellwether.bench.drift import AFTER, BUDGET, SIGNALS, Row
from runtime.errors import InputError

INK, ACCENT, PALE = "#30343b", "#d1495b", "#c9ced6"


def save(rows: Sequence[Row], chosen: Mapping[str, str], path: Path) -> None:
    """Draw.

    Raises:
        InputError: it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 9), layout="constrained")
    FigureCanvasAgg(figure)  # draws without a display and leaves the caller's matplotlib as it is
    for axes, signal in zip(figure.subplots(2, 2).flat, SIGNALS, strict=True):
        axes.axvspan(-0.05, BUDGET, color=PALE, alpha=0.4, linewidth=0)
        for row in (one for one in rows if one.signal == signal):
            wait = row.delay_mean
            colour = ACCENT if chosen[signal] == row.detector else INK
            axes.plot(row.false_mean, wait, "o", color=colour)
            axes.annotate(
                row.detector, (row.false_mean, wait), (4, 4), textcoords="offset points", fontsize=8, color=colour
            )
        axes.set_xscale("symlog", linthresh=1)
        axes.set(title=signal, xlim=(-0.05, None), ylim=(0, AFTER * 1.05))
        axes.set_xlabel("false alarms per 10,000 events; grey: within the budget")
        axes.set_ylabel("events until seen, mean of changes")
        axes.spines[["top", "right"]].set_visible(False)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise InputError(f"cannot write the picture to {path}: {error.strerror}; choose another --plot") from error
