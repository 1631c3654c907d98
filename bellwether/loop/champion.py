"""The version that a loop begins with: one of this machine, or one that is trained for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models import build, keys, registry
from runtime.settings import Settings

Made = Callable[[Path], tuple[Path, Path]]
"""Given a folder of its own: the version's folder, and the file of keys that may have signed it."""


def of_machine(where: Settings, name: str) -> Made:
    """A version of this machine's registry."""

    def made(_: Path) -> tuple[Path, Path]:
        return registry.resolve(name, where.registry_folder), where.keys_folder / keys.TRUST_FILE

    return made


def trained(data: Path, recipe: str, cache: Path, work: Path) -> Made:
    """A version that is trained on one file, and built in a registry of its own."""

    def made(_: Path) -> tuple[Path, Path]:
        from trainer import job
        from trainer.run import Run

        out = work / "champion"
        out.mkdir(parents=True)
        run = Run(checkpoint=out / job.CHECKPOINT_FILE)
        job.train(job.Order(recipe=recipe, data=[data], out=out, run=run, cache=cache, has_baselines=False))
        name = build.build(
            build.Order(trained=out, registry=work / "registry", keys=work / "keys", cache=cache)
        )  # fmt: skip
        return work / "registry" / name, work / "keys" / keys.TRUST_FILE

    return made
