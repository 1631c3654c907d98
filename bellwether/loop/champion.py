"""The version that a loop begins with: one of this machine, or one that is trained for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bellwether.loop.screen import Screen
from models import build, keys, registry
from runtime.settings import Settings

Made = Callable[[Screen], tuple[Path, Path]]
"""Tells the screen, and returns the version's folder and the file of keys that may have signed it."""


def of_machine(where: Settings, name: str) -> Made:
    """A version of this machine's registry."""

    def made(_: Screen) -> tuple[Path, Path]:
        return registry.resolve(name, where.registry_folder), where.keys_folder / keys.TRUST_FILE

    return made


def trained(data: Path, recipe: str, cache: Path, work: Path) -> Made:
    """A version that is trained on one file, and built in a registry of its own."""

    def made(screen: Screen) -> tuple[Path, Path]:
        from trainer import job
        from trainer.run import Run

        out = work / "champion"
        out.mkdir(parents=True)
        screen.say(f"training a champion by the recipe {recipe}, on what is known so far alone")
        run = Run(
            checkpoint=out / job.CHECKPOINT_FILE, report=lambda at: screen.step("champion", at.step, at.steps)
        )  # fmt: skip
        job.train(job.Order(recipe=recipe, data=[data], out=out, run=run, cache=cache, has_baselines=False))
        order = build.Order(trained=out, registry=work / "registry", keys=work / "keys", cache=cache, tell=screen.say)
        name = build.build(order)
        return work / "registry" / name, work / "keys" / keys.TRUST_FILE

    return made
