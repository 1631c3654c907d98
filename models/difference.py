"""In what two versions differ, from their manifests alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from models import held_out
from models.manifest import Manifest

SCORES = ("n", "accuracy", "macro_f1", "ece")
"""Of each scored part of the data."""


def difference(old: Manifest, new: Manifest) -> dict[str, tuple[Any, Any]]:
    """What differs, by dotted name: before and after; None where one of them has no such thing.

    Raises:
        CorruptVersionError: the scores of one of them are none.
    """
    before, after = _facts(old), _facts(new)
    names = [*before, *(name for name in after if name not in before)]
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def _facts(manifest: Manifest) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "version": manifest.version,
        "created_at": manifest.created_at,
        "encoder": manifest.encoder,
        "cleaning": manifest.cleaning,
        "max_tokens": manifest.max_tokens,
    }
    facts |= {f"lineage.{name}": value for name, value in msgspec.structs.asdict(manifest.lineage).items()}
    facts |= {f"labels.{name}": list(task.labels) for name, task in manifest.tasks.items()}
    for name, engine in manifest.engines.items():
        facts |= {f"engines.{name}.tolerance": engine.tolerance, f"engines.{name}.agreement": dict(engine.agreement)}
        facts |= _scored(f"engines.{name}.scores", held_out.engine_scores(manifest, name))
    return facts | _scored("scores", held_out.scores(manifest))


def _scored(place: str, scores: Sequence[held_out.Score]) -> dict[str, Any]:
    return {
        f"{place}.{score.task}.{score.data}.{score.part}.{name}": value
        for score in scores
        for name in SCORES
        if (value := getattr(score, name)) is not None
    }
