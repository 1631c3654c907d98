"""What a version is made from, and the name that follows."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from models.classifier import result_files
from models.manifest import FORMAT, Lineage, digest
from runtime.errors import ModelError

CODE = (
    *("batching.py", "build.py", "calibration.py", "classifier.py", "compare.py", "headlines.txt", "text.py"),
    "engines/*.py",
)
"""Files of this package that decide what a version holds; with the manifest's format, their digest is part of its
name."""


def lineage_of(trained: Path, facts: Mapping[str, Any]) -> Lineage:
    """Where a training result comes from, and the code that builds with it."""
    weights = sha256()
    for name in result_files(trained):
        try:
            weights.update(f"{name} {digest(trained / name)}\n".encode())
        except OSError as error:
            raise ModelError(f"{trained / name} cannot be read: {error.strerror}; fetch the folder whole") from error
    data = sorted(str(file["sha256"]) for file in facts.get("data", []))
    code = sha256(f"format {FORMAT}\n".encode())
    here = Path(__file__).parent
    for path in sorted(path for pattern in CODE for path in here.glob(pattern)):
        code.update(f"{path.relative_to(here).as_posix()} {digest(path)}\n".encode())
    return Lineage(
        data=sha256("\n".join(data).encode()).hexdigest(),
        recipe=str(facts["recipe_sha256"]),
        seed=int(facts["seed"]),
        parent=facts.get("parent"),
        base=str(facts["encoder"]["weights_sha256"]),
        trained=weights.hexdigest(),
        code=code.hexdigest(),
    )


def version_name(lineage: Lineage) -> str:
    """`v-` and 10 hex digits of the lineage's digest."""
    return "v-" + sha256(msgspec.json.encode(lineage)).hexdigest()[:10]
