"""In what two versions differ, from their manifests alone. Pure."""

from __future__ import annotations

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
    for score in held_out.scores(manifest):
        place = f"scores.{score.task}.{score.data}.{score.part}"
        measured = {name: getattr(score, name) for name in SCORES}
        facts |= {f"{place}.{name}": value for name, value in measured.items() if value is not None}
    return facts
