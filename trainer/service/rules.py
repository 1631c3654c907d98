"""What an operator decides about a trainer's runs and about what becomes of their versions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from trainer.service.guardrails import Bounds
from trainer.service.records import Plan

WATCH_S = 3_600.0
"""An hour brings the 100 labels that the field wants of a new champion where two a minute come. A longer watch catches
what shows later, but blames the new one for more of what changed in the stream itself since the old one served."""


class Recipe(NamedTuple):
    """How runs train.

    Attributes:
        sha256: of the recipe's file.
        seed: of the training.
        base: labelled files that every run learns from again.
        given: SHA-256 of all files that a run is given: one that began with others is not gone on with.
    """

    sha256: str
    seed: int = 0
    base: tuple[Path, ...] = ()
    given: str = ""


@dataclass(frozen=True)
class Rules:
    """What an operator decides.

    Attributes:
        watch_s: how long a new champion is watched, and goes by itself when the field says so.
    """

    recipe: Recipe
    plan: Plan = field(default_factory=Plan)
    bounds: Bounds = field(default_factory=Bounds)
    watch_s: float = WATCH_S
