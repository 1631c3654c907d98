"""What a manifest says of a version's quality on texts that it was not trained on."""

from __future__ import annotations

import msgspec

from models.manifest import Manifest
from runtime.errors import CorruptVersionError


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
    """The manifest's `metrics.scores`, none where it has none.

    Raises:
        CorruptVersionError: they are no list of scores.
    """
    try:
        return msgspec.convert(manifest.metrics.get("scores", []), list[Score])
    except msgspec.ValidationError as error:
        raise CorruptVersionError(
            f"metrics.scores of version {manifest.version} is no list of scores: {error}; build the version again"
        ) from error
