"""What a training run is: the digests of all that decides its outcome. Only the same goes on from a checkpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from models import encoders
from trainer.dataset import Example
from trainer.recipe import Recipe

Identity = Mapping[str, str]
"""What is compared, by the words that people know it by: recipe, data, encoder, seed, parent, precision."""


def identity(
    recipe: Recipe,
    examples: Sequence[Example],
    tasks: Mapping[str, Sequence[str]],
    encoder: Path,
    seed: int,
    *,
    parent: str,
) -> dict[str, str]:
    """All but the precision, which `auto` chooses later.

    Taken from what the loop is given, not from file names: a comment in the recipe or a moved file changes nothing,
    another cleaning or split does.
    """
    said = [[example.key, example.text, dict(example.labels), dict(example.weights)] for example in examples]
    own = [[task, list(labels)] for task, labels in tasks.items()]
    return {
        "recipe": _digest(msgspec.json.encode(recipe, order="deterministic")),
        "data": _digest(json.dumps([own, said], sort_keys=True).encode()),
        "encoder": encoders.weights_digest(encoder)[:16],
        "seed": str(seed),
        "parent": parent,
    }


def differences(then: Identity, now: Identity) -> list[str]:
    """What `now` names and `then` has otherwise, each with both values.

    >>> differences({"seed": "1", "precision": "bf16"}, {"seed": "2"})
    ['seed (1 then, 2 now)']
    """
    return [
        f"{name} ({then.get(name, 'none')} then, {value} now)" for name, value in now.items() if then.get(name) != value
    ]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
