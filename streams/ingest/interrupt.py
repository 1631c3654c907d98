"""Ctrl-C ends an ingest between two rows: what was sent is settled and counted; a second one ends it at once."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SLICE_S = 0.1
"""A paced replay looks up this often: Ctrl-C is felt at once, and ten wake-ups a second cost nothing."""


class Interrupt:
    """Remembers that somebody wants to stop."""

    def __init__(self) -> None:
        self.is_set = False
        self._is_reading = False

    def set(self) -> None:
        """Ask for the end."""
        self.is_set = True

    def sleep(self, seconds: float) -> None:
        """Sleep, but not beyond an interrupt."""
        until = time.monotonic() + seconds
        while not self.is_set and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE_S))

    @contextmanager
    def breaks_reading(self) -> Iterator[None]:
        """Inside, a read that waits for input (standard input at a terminal) is broken off by Ctrl-C."""
        self._is_reading = True
        try:
            yield
        finally:
            self._is_reading = False

    @contextmanager
    def waits(self) -> Iterator[None]:
        """Inside, the end waits for the next row: the producer is not interrupted half way."""
        was, self._is_reading = self._is_reading, False
        try:
            yield
        finally:
            self._is_reading = was

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Listen to Ctrl-C and SIGTERM in the main thread."""
        before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_reading or self.is_set:
            self.is_set = True
            raise KeyboardInterrupt
        self.is_set = True
