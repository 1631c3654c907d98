"""Draws how often each kind of challenger passed the gate, with exact intervals and the aims."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bellwether.bench.gate.tally import MOST_BAD_PASSED, MOST_GOOD_REFUSED
from runtime.errors import InputError

COLOURS = {True: "#d1495b", False: "#4f9d69", None: "#8d96a3"}


def save(found: Mapping[str, Any], path: Path) -> None:
    """Draw.

    Raises:
        InputError: it cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    kinds = found["kinds"][::-1]
    shares = [100 * kind["passed_share"] for kind in kinds]
    around = [
        [share - 100 * kind["passed_low"] for share, kind in zip(shares, kinds, strict=True)],
        [100 * kind["passed_high"] - share for share, kind in zip(shares, kinds, strict=True)],
    ]
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    try:
        axes.barh(
            [kind["kind"] for kind in kinds], shares, xerr=around, capsize=3,
            color=[COLOURS[kind["bad"]] for kind in kinds], ecolor="#30343b",
        )  # fmt: skip
        axes.axvline(100 * MOST_BAD_PASSED, color=COLOURS[True], linestyle=":", label="bad: at most")
        axes.axvline(100 * (1 - MOST_GOOD_REFUSED), color=COLOURS[False], linestyle=":", label="good: at least")
        axes.set(xlim=(0, 100), xlabel=f"% of {found['trials']} trials called better, with 95 % intervals")
        axes.legend(frameon=False, loc="center right")
        figure.savefig(path, dpi=130)
    except OSError as error:
        raise InputError(f"cannot write the picture to {path}: {error.strerror}; choose another --plot") from error
    finally:
        plt.close(figure)
