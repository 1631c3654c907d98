"""What the configuration files of a version may say: nothing that makes transformers import code."""

from __future__ import annotations

import json
from pathlib import Path

from runtime.errors import CorruptVersionError

ALLOWED_MODEL_TYPES = frozenset(
    {
        "albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "ernie", "modernbert", "mpnet",
        "nomic_bert", "roberta", "xlm-roberta",
    }
)  # fmt: skip
"""Stock encoder architectures of transformers; `auto_map` and unknown types could run other code (CVE-2026-4372)."""

CODE_KEYS = frozenset({"auto_map", "custom_pipelines"})
"""Fields by which a configuration makes transformers import a module of its own folder or of another repository."""


def check(folder: Path) -> None:
    """Look through all configuration files of a version whose digests hold.

    Raises:
        CorruptVersionError: one is no JSON or names code, or the architecture is not of `ALLOWED_MODEL_TYPES`.
    """
    kind = None
    for path in sorted(folder.rglob("*.json")):
        try:
            facts = json.loads(path.read_bytes())
            named = sorted(_keys(facts) & CODE_KEYS)
        except (ValueError, RecursionError) as error:
            raise CorruptVersionError(f"{path} is no JSON: {error}; build the version again") from error
        if named:
            raise CorruptVersionError(f"{path} has {named[0]!r}, which names code to run; use a stock architecture")
        if path == folder / "config.json" and isinstance(facts, dict):
            kind = facts.get("model_type")
    if kind not in ALLOWED_MODEL_TYPES:
        allowed = ", ".join(sorted(ALLOWED_MODEL_TYPES))
        raise CorruptVersionError(f"{folder / 'config.json'} has model_type {kind!r}; allowed: {allowed}")


def _keys(facts: object) -> set[str]:
    """Names of all fields, however deep."""
    match facts:
        case dict():
            return set(facts).union(*map(_keys, facts.values()))
        case list():
            return set().union(*map(_keys, facts))
    return set()
