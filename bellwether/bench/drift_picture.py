"""Draws a run of the drift bench: for each signal, how soon each detector sees a change and how often it cries wolf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bellwether.bench.drift import AFTER, BUDGET, Row
from bellwether.bench.drift_changes import SIGNALS
from runtime.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
        own = [row for row in rows if row.signal == signal]
        _draw(axes, sorted(own, key=lambda row: -row.delay_mean), chosen[signal])
        axes.set_title(signal, loc="left")
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise InputError(f"cannot write the picture to {path}: {error.strerror}; choose another --plot") from error


def _draw(axes: Axes, rows: Sequence[Row], chosen: str) -> None:
    """A bar a detector, the soonest on top; its false alarms beside it, pale where they are over the budget."""
    for place, row in enumerate(rows):
        colour = ACCENT if row.detector == chosen else INK if row.false_mean <= BUDGET else PALE
        axes.barh(place, row.delay_mean, color=colour, height=0.7)
        axes.text(row.delay_mean + AFTER / 100, place, f"{row.false_mean:.2f}", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(rows)), [row.detector for row in rows])
    axes.set_xlim(0, AFTER * 1.1)
    axes.set_xlabel("events until seen, mean of the changes; beside it: false alarms per 10,000 events")
    axes.xaxis.label.set_fontsize(7.5)
    axes.spines[["top", "right"]].set_visible(False)
