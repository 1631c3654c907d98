"""An append-only log in a store: numbered JSON files, each created once and never changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from models.store import Store, TakenError
from runtime.errors import CorruptVersionError

T = TypeVar("T", bound=msgspec.Struct)

_FILE = re.compile(r"(\d{6})\.json")


@dataclass(frozen=True)
class Numbered(Generic[T]):
    """Where a log lies, and what its entries are.

    Args:
        folder: of the store; an entry's file is `folder/000001.json`.
        entry_type: of the entries.
        number_of: the number that an entry itself states, from 1 on.
        noun: what an entry is, for messages.
        unit: what its number is called there.
    """

    folder: str
    entry_type: type[T]
    number_of: Callable[[T], int]
    noun: str
    unit: str = "number"

    def create(self, store: Store, entry: T) -> T | None:
        """Write an entry under its number; None where it stands there now, else the one that was faster.

        Raises:
            CorruptVersionError: the one that stands there is no entry of ours.
            StoreError: the store does not answer or refuses.
        """
        number = self.number_of(entry)
        try:
            store.create(self._path(number), msgspec.json.format(msgspec.json.encode(entry), indent=1))
        except TakenError:
            other = self.at(store, number)
            return None if other == entry else other  # the same: ours, and the answer to the first try was lost
        return None

    def numbers(self, store: Store) -> list[int]:
        """Of the entries that are there, ascending.

        Raises:
            StoreError: the store does not answer or refuses.
        """
        return sorted(int(found[1]) for name in store.names(self.folder) if (found := _FILE.fullmatch(name)))

    def at(self, store: Store, number: int) -> T:
        """The entry that has this number.

        Raises:
            CorruptVersionError: it is no entry of ours, or missing.
            StoreError: the store does not answer or refuses.
        """
        return self._decoded(store, number, store.read(self._path(number)) or b"")

    def last(self, store: Store) -> T | None:
        """The newest entry, by a listing; None before the first.

        Raises:
            CorruptVersionError: it is no entry of ours.
            StoreError: the store does not answer or refuses.
        """
        number = max(self.numbers(store), default=0)
        return self.at(store, number) if number else None

    def newer(self, store: Store, number: int) -> T | None:
        """The newest entry after a number that was seen, None where there is none: no listing, one request for each.

        Raises:
            CorruptVersionError: one after it is no entry of ours.
            StoreError: the store does not answer or refuses.
        """
        newest = None
        while (content := store.read(self._path(number + 1))) is not None:
            number += 1
            newest = self._decoded(store, number, content)
        return newest

    def every(self, store: Store) -> list[T]:
        """All entries that are there, oldest first.

        Raises:
            CorruptVersionError: one is no entry of ours.
            StoreError: the store does not answer or refuses.
        """
        return [self.at(store, number) for number in self.numbers(store)]

    def _path(self, number: int) -> str:
        return f"{self.folder}/{number:06d}.json"

    def _decoded(self, store: Store, number: int, content: bytes) -> T:
        place = f"{store.url}/{self._path(number)}"
        try:
            entry = msgspec.json.decode(content, type=self.entry_type)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CorruptVersionError(
                f"{place} is no {self.noun}: {error}; restore it from a copy of the store"
            ) from error
        if (stated := self.number_of(entry)) != number:
            raise CorruptVersionError(f"{place} says {self.unit} {stated}; restore it from a copy of the store")
        return entry
