"""In what two versions differ, from their manifests alone. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from models.manifest import Manifest

SCORES = ("n", "accuracy", "macro_f1", "ece")
"""Of each scored part of the data."""


def difference(old: Manifest, new: Manifest) -> dict[str, tuple[Any, Any]]:
    """What differs, by dotted name: before and after; None where one of them has no such thing."""
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
    for score in manifest.metrics.get("scores", []):
        place = f"scores.{score['task']}.{score['data']}.{score['part']}"
        facts |= {f"{place}.{name}": score[name] for name in SCORES if name in score}
    return facts
