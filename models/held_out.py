"""What a manifest says of a version's quality on texts that it was not trained on."""

from __future__ import annotations

from typing import Any

import msgspec

from models.manifest import Manifest
from runtime.errors import CorruptVersionError

ENGINES = "engines"
"""In a manifest's metrics: scores by engine, measured where the version was built with labelled texts at hand."""


class Score(msgspec.Struct, frozen=True):
    """Of one task on `n` texts of one part of the data; None where it was not measured."""

    task: str
    data: str
    part: str
    n: int | None = None
    accuracy: float | None = None
    macro_f1: float | None = None
    ece: float | None = None


def scores(manifest: Manifest) -> list[Score]:
    """The manifest's `metrics.scores`, full precision's after the training; none where it has none.

    Raises:
        CorruptVersionError: they are no list of scores.
    """
    return _converted(manifest, manifest.metrics.get("scores", []), "scores")


def engine_scores(manifest: Manifest, engine: str) -> list[Score]:
    """What one engine reached where the version was built; none where it was not measured.

    Raises:
        CorruptVersionError: they are no list of scores.
    """
    found = manifest.metrics.get(ENGINES, {})
    own = found.get(engine, []) if isinstance(found, dict) else found
    return _converted(manifest, own, f"{ENGINES}.{engine}")


def _converted(manifest: Manifest, found: Any, name: str) -> list[Score]:
    try:
        return msgspec.convert(found, list[Score])
    except msgspec.ValidationError as error:
        raise CorruptVersionError(
            f"metrics.{name} of version {manifest.version} is no list of scores: {error}; build the version again"
        ) from error


def sentence(score: Score) -> str:
    """One score for people."""
    measured = {"accuracy": score.accuracy, "macro-F1": score.macro_f1, "ECE": score.ece}
    figures = ", ".join(f"{name} {value:.3f}" for name, value in measured.items() if value is not None)
    return f"{score.task} on {score.data} ({score.part}, {score.n}): {figures}"
