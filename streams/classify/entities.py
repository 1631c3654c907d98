"""Which entities a scored event names: what the producer says, and what the text says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models import entities
from wire.events import Article

Named = tuple[tuple[str, str], ...]
"""Id and how it was found (`producer`, `cashtag`, `alias`) of each entity, each id once."""

Linker = Callable[[Article, str], Named]
"""Finds the entities of an article, given the text that its scored event will carry."""


def linker(aliases: Path | None) -> Linker:
    """A linker with the built-in alias table and, where given, the user's on top.

    Raises:
        InputError: the user's table cannot be read.
    """
    table = entities.load(aliases)

    def link(article: Article, text: str) -> Named:
        found = dict.fromkeys(article.entities, "producer")
        for entity in entities.link(text, table):
            found.setdefault(entity.id, entity.found_by)
        return tuple(found.items())

    return link
