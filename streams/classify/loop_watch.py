"""Notices from a thread that the event loop does not turn any more: what else watches a worker runs inside of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from runtime import clock
from streams.classify.watchdog import LOOK_S, STALL_S

BEAT_S = 1.0
"""Between two signs of life of the loop."""

EVERY_S = 2.0
"""Between two looks at them."""


class LoopWatch:
    """Says once that the loop it was started in has given no sign of life for too long.

    A blocked loop sends no heartbeats either, so the broker soon takes its partitions; but what is left is a process
    that holds memory, answers nobody and, where it is the only worker, keeps the whole line standing.

    Args:
        blocked: called in the watching thread, with the seconds.
        monotonic: the clock.
        stall_s: too long.
    """

    def __init__(
        self,
        blocked: Callable[[float], None],
        monotonic: clock.Monotonic = clock.monotonic,
        *,
        stall_s: float = STALL_S,
    ) -> None:
        self._blocked = blocked
        self._monotonic = monotonic
        self._stall_s = stall_s
        self._beats = self._seen = 0
        self._looked = monotonic()
        self._still_s = 0.0
        self._stopped = threading.Event()
        self._next: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the loop give signs of life, and watch them."""
        self._beat(loop)
        threading.Thread(target=self._run, name="loop-watch", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()
        if self._next is not None:
            self._next.cancel()

    def beat(self) -> None:
        """A sign of life."""
        self._beats += 1

    def look(self) -> float:
        """Seconds for which there has been no sign of life; a process that was stopped meanwhile is not to blame."""
        now = self._monotonic()
        passed_s, self._looked = min(now - self._looked, LOOK_S), now
        self._still_s = 0.0 if self._beats != self._seen else self._still_s + passed_s
        self._seen = self._beats
        return self._still_s

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self.beat()
        self._next = loop.call_later(BEAT_S, self._beat, loop)

    def _run(self) -> None:
        while not self._stopped.wait(EVERY_S):
            if (seconds := self.look()) >= self._stall_s:
                self._blocked(seconds)
                return
