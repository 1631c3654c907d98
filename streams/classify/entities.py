"""Which entities a scored event names: what the producer says, and what the text says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wire.events import Article, EntityScore

Linker = Callable[[Article], tuple[EntityScore, ...]]
"""Finds an article's entities, each once."""


def producers_own(article: Article) -> tuple[EntityScore, ...]:
    """The entities that the producer names, each once, in their order."""
    return tuple(EntityScore(id=name, found_by="producer") for name in dict.fromkeys(article.entities))


def linker(aliases: Path | None) -> Linker:  # noqa: ARG001 (until models.entities exists)
    """A linker with the built-in alias table and, where given, the user's."""
    return producers_own
