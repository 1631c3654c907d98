"""Draws forgetting: for each way to learn a matrix, macro-F1 after each chunk on the tests of each chunk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runtime.errors import InputError


def save(found: dict[str, Any], path: Path) -> None:
    """Draw what `bellwether.bench.continual.measure` found.

    Raises:
        InputError: it cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    count, chunks = len(found["arms"]), found["chunks"]
    values = [value for arm in found["arms"] for line in arm["matrix"] for value in line]
    figure, axes = plt.subplots(1, count, figsize=(3.6 * count, 4), layout="constrained", squeeze=False, sharey=True)
    try:
        edges = (0.5, chunks + 0.5, chunks + 0.5, 0.5)
        scale = Normalize(min(values), max(values))
        for place, arm in zip(axes[0], found["arms"], strict=True):
            place.imshow(arm["matrix"], norm=scale, cmap="viridis", extent=edges)
            place.set(title=f"{arm['name']}\nforgot {100 * arm['forgot']:.1f} points", xlabel="on the tests of chunk")
        axes[0][0].set_ylabel("after chunk")
        figure.colorbar(ScalarMappable(scale, "viridis"), ax=axes[0], label="macro-F1")
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise InputError(f"cannot write the picture to {path}: {error.strerror}; choose another --plot") from error
    finally:
        plt.close(figure)
