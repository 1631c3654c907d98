"""Pictures of a report: where a model errs, how well it ranks, and whether its probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from models.engine import Probabilities
from models.scores import ECE_BINS, reliability
from runtime.errors import InputError
from trainer.evaluate import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, ACCENT, PALE = "#22303c", "#1f6feb", "#c9d7e8"
DOTS_PER_INCH = 150

FEW = 5
"""Up to so many classes get a colour and a name each; more are drawn alike."""

Indices = npt.NDArray[np.integer]


def draw(measured: Report, probabilities: Probabilities, truth: Sequence[str], folder: Path) -> list[Path]:
    """Write `confusion-TASK.png`, `roc-TASK.png` and `reliability-TASK.png`.

    Args:
        measured: the report of the same texts.
        probabilities: float32 [texts, classes].
        truth: label of each text.
        folder: made where absent.

    Raises:
        InputError: the folder cannot be written to.
    """
    index = {label: column for column, label in enumerate(measured.labels)}
    true = np.array([index[label] for label in truth])
    wide = 3.2 + 0.34 * len(measured.labels)
    drawings = {
        "confusion": (wide, lambda ax: _confusion(ax, measured)),
        "roc": (5.0, lambda ax: _roc(ax, measured, probabilities, true)),
        "reliability": (5.0, lambda ax: _reliability(ax, measured, probabilities, true)),
    }
    written = []
    for name, (size, paint) in drawings.items():
        file = folder / f"{name}-{measured.task}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _paint(file, size, paint)
        except OSError as error:
            raise InputError(f"--plots {folder}: cannot write {file.name}: {error.strerror}; choose another") from error
        written.append(file)
    return written


def _paint(file: Path, size: float, paint: Any) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size, size), layout="constrained")
    FigureCanvasAgg(figure)  # draws without a display and leaves the caller's matplotlib as it is
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    paint(axes)
    axes.title.set_color(INK)
    figure.savefig(file, dpi=DOTS_PER_INCH)


def _confusion(axes: Axes, measured: Report) -> None:
    shares = measured.matrix / np.maximum(1, measured.matrix.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(measured.labels))
    few = len(measured.labels) <= FEW
    axes.set_xticks(ticks, measured.labels, rotation=0 if few else 90)
    axes.set_yticks(ticks, measured.labels)
    small = 10 if few else 7
    for row in ticks:
        for column in ticks:
            if measured.matrix[row, column]:
                colour = "white" if shares[row, column] > 0.55 else INK
                count = str(measured.matrix[row, column])
                axes.text(column, row, count, ha="center", va="center", color=colour, fontsize=small)
    axes.set_xlabel("guess")
    axes.set_ylabel("truth")
    axes.set_title(f"{measured.task}: accuracy {measured.accuracy:.3f}, macro-F1 {measured.macro_f1:.3f}")


def _roc(axes: Axes, measured: Report, probabilities: Probabilities, true: Indices) -> None:
    few = len(measured.labels) <= FEW
    for column, label in enumerate(measured.labels):
        positive = (true == column)[np.argsort(-probabilities[:, column], kind="stable")]
        if not positive.any() or positive.all():
            continue
        hits, misses = np.cumsum(positive) / positive.sum(), np.cumsum(~positive) / (~positive).sum()
        style: dict[str, Any] = {"label": label} if few else {"color": ACCENT, "alpha": 0.5}
        axes.plot([0, *misses], [0, *hits], lw=1.5, **style)
    axes.plot([0, 1], [0, 1], color=PALE, ls="--", lw=1)
    axes.set_xlabel("share of other texts taken for the class")
    axes.set_ylabel("share of the class found")
    axes.set_title(f"{measured.task}: ROC, one class against the rest, mean area {measured.roc_auc:.3f}")
    if few:
        axes.legend(frameon=False, loc="lower right")


def _reliability(axes: Axes, measured: Report, probabilities: Probabilities, true: Indices) -> None:
    share, confidence, right = reliability(probabilities.max(1), probabilities.argmax(1) == true)
    full = share > 0
    centres = (np.arange(ECE_BINS) + 0.5) / ECE_BINS
    heights = share / max(share.max(), 1e-9) * 0.25
    axes.bar(centres, heights, width=0.9 / ECE_BINS, color=PALE, label="texts per bin (scaled)")
    axes.plot([0, 1], [0, 1], color=INK, ls="--", lw=1, label="perfect")
    axes.plot(confidence[full], right[full], color=ACCENT, marker="o", lw=1.5, label="this model")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("probability of the label given")
    axes.set_ylabel("share of these that are right")
    axes.set_title(f"{measured.task}: reliability, ECE {measured.ece:.3f}")
    axes.legend(frameon=False, loc="upper left")
