"""All that a fault can reach: the broker, the workers, a place to note what it did, and the run's end."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from bellwether.chaos.brokers import Broker
from bellwether.chaos.journal import Strike
from bellwether.chaos.shelf import Shelf
from bellwether.chaos.workers import Workers


@dataclass(frozen=True)
class World:
    """Attributes of one row's run.

    Attributes:
        broker: Kafka, and the proxy before it.
        workers: who scores.
        note: writes a strike down; may be called from any thread.
        random: chooses victims.
        shelf: the row's own store of versions, where it has one.
        aborted: set when the run ends early; every fault then heals at once.
        now: seconds since the epoch.
    """

    broker: Broker
    workers: Workers
    note: Callable[[Strike], None]
    random: random.Random
    aborted: threading.Event
    shelf: Shelf | None = None
    now: Callable[[], float] = time.time

    def wait(self, seconds: float) -> bool:
        """Let time pass; False, at once, where the run was aborted."""
        return not self.aborted.wait(seconds)

    def strike(self, what: str, *, pid: int | None = None, held: tuple[int, ...] = (), detail: str = "") -> None:
        """Note what happens now."""
        self.note(Strike(time=self.now(), what=what, pid=pid, held=held, detail=detail))
