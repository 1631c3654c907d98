"""What a leader sees and moves in the registry: the newest record, the pointer's log, one move at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from models import pointer as pointers
from models.pointer import Move, Pointer
from models.store import Store
from runtime import clock, log
from runtime.errors import BellwetherError
from trainer.service import records
from trainer.service.records import RunRecord

_log = log.get(__name__)


class Registry:
    """The store's records and pointer, with what was seen of them: looking again costs two requests.

    Args:
        store: of the registry.
        who: moves.
        announce: tells workers; where it fails they look by themselves.
        now: the wall clock.
    """

    def __init__(self, store: Store, who: str, announce: Callable[[Pointer], None], now: clock.Now) -> None:
        self._store = store
        self._who = who
        self._announce = announce
        self._now = now
        self.last: RunRecord | None = None
        self.moves: list[Move] = []

    def look(self) -> None:
        """See what is new.

        Raises:
            CorruptVersionError: a record or a line of the log is none of ours.
            StoreError: the store does not answer or refuses.
        """
        self.last = records.last(self._store, self.last)
        if not self.moves or pointers.newest(self._store, self.pointer) != self.pointer:
            self.moves = pointers.moves(self._store)

    @property
    def pointer(self) -> Pointer:
        """As it was seen last."""
        return self.moves[-1].pointer if self.moves else Pointer()

    @property
    def champion_since(self) -> datetime | None:
        """When the pointer named the champion; None without one."""
        own = (move.at for move in self.moves if move.pointer.generation == self.pointer.since)
        return next((datetime.fromisoformat(at) for at in own), None)

    def back(self) -> Iterator[RunRecord]:
        """The records that may have to do with the champion, newest first: those begun before it was promoted."""
        if self.last is None or not any(
            move.action == "promote" and move.pointer.generation == self.pointer.since for move in self.moves
        ):
            return
        yield from records.back(self._store, self.last)

    def record(self, record: RunRecord) -> None:
        """Write a run's record.

        Raises:
            FencedError: another run has its number.
            StoreError: the store does not answer or refuses.
        """
        records.create(self._store, record)
        self.last = record

    def move(self, action: str, then: Pointer, why: str, passed: Callable[[], None] = lambda: None) -> None:
        """Move the pointer from where it was seen last.

        Args:
            action: as in the log.
            then: made from `pointer`.
            why: in words.
            passed: called when the log has the line, before anybody is told.

        Raises:
            RaceLostError: somebody moved it since we looked.
            StoreError: the store does not answer or refuses.
        """
        move = pointers.append(
            self._store, action, self.pointer, then, who=self._who, at=self._now(), why=" ".join(why.split())
        )
        self.moves.append(move)
        _log.info("pointer_moved", action=action, to=move.after, generation=then.generation, why=move.why)
        passed()
        try:
            self._announce(then)
        except BellwetherError as error:
            _log.warning("workers_not_told", problem=str(error))
