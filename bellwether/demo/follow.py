"""Feeds the live view: reads the topics as they grow, with our own codec."""

from __future__ import annotations

from typing import Any

import msgspec

from bellwether.demo.board import Board
from runtime.errors import WireError
from runtime.topic_reader import TopicReader
from wire import deadletter, topics
from wire.events import Scored

FOLLOWED = (topics.PUBLISHED.name, topics.SCORED.name, topics.DEAD.name)

_SCORED = msgspec.json.Decoder(Scored)
_ORDER = {name: position for position, name in enumerate(FOLLOWED)}


class Follower:
    """Brings a board up to date; the final count is not its business (see `bellwether.demo.audit`)."""

    def __init__(self, reader: TopicReader, board: Board) -> None:
        self._reader = reader
        self._board = board

    def step(self, timeout_ms: int) -> int:
        """Take what came within this time; returns how many records."""
        # Inputs first: the age of an output is measured from its input.
        records = sorted(self._reader.poll(timeout_ms), key=lambda record: _ORDER[record.topic])
        for record in records:
            self._take(record)
        return len(records)

    def _take(self, record: Any) -> None:
        if record.topic == topics.PUBLISHED.name:
            self._board.on_published((record.partition, record.offset), record.timestamp)
            return
        try:
            if record.topic == topics.SCORED.name:
                self._board.on_scored(_SCORED.decode(record.value), record.timestamp)
            else:
                letter = deadletter.parse(record.headers)
                self._board.on_dead((letter.partition, letter.offset), record.timestamp)
        except (msgspec.DecodeError, WireError):
            return  # a picture need not be complete; the audit reads this record too, and fails on it
