"""One task of a version as a folder that a plain transformers install loads, without any code of ours."""

from __future__ import annotations

import tempfile
from pathlib import Path

from models import registry
from models.classifier import load_tokenizer, slice_task
from runtime.errors import InputError


def export(folder: Path, task: str, out: Path, trust: Path) -> None:
    """Write a stock `…ForSequenceClassification` folder of one task, in full precision.

    Args:
        folder: of the version.
        task: one of its tasks.
        out: folder to write; appears whole or not at all.
        trust: file of trusted public keys.

    Raises:
        CorruptVersionError: the version does not verify.
        InputError: it has no such task, `out` is there already, or cannot be written.
    """
    from models.engines import torch_engine

    manifest = registry.verified(folder, trust)
    if task not in manifest.tasks:
        raise InputError(f"version {manifest.version} has no task {task!r}; it has {', '.join(manifest.tasks)}")
    names = [f"{name}/{label}" for name, entry in manifest.tasks.items() for label in entry.labels]
    try:
        if out.exists():
            raise InputError(f"{out} is there already; name a folder that is not")
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".exporting-", dir=out.parent) as work:
            place = Path(work, out.name)
            wide = torch_engine.load_wide(manifest, folder)
            wide.config.id2label = dict(enumerate(names))
            slice_task(wide, task).save_pretrained(place)
            load_tokenizer(folder).save_pretrained(place)
            place.rename(out)
    except OSError as error:
        raise InputError(
            f"{out} cannot be written: {error.strerror or error}; name a folder where there is room"
        ) from error
