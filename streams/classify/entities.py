"""Which entities a scored event names: what the producer says, and what the text says."""

from __future__ import annotations

from collections.abc import Callable

from wire.events import Article, EntityScore

Linker = Callable[[Article], tuple[EntityScore, ...]]
"""Finds an article's entities, each once."""


def producers_own(article: Article) -> tuple[EntityScore, ...]:
    """The entities that the producer names, each once, in their order."""
    return tuple(EntityScore(id=name, found_by="producer") for name in dict.fromkeys(article.entities))
