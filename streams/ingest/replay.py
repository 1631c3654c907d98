"""Replays events at the pace at which they happened, or 60 times that, or as fast as Kafka takes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from runtime.clock import Monotonic
from runtime.errors import InputError

_SPEED = re.compile(r"(\d+(?:\.\d+)?)x")


def parse_speed(option: str) -> float | None:
    """Event seconds per second; None is `max`.

    >>> parse_speed("60x"), parse_speed("max")
    (60.0, None)

    Raises:
        InputError: neither `max` nor a positive number followed by x.
    """
    if option == "max":
        return None
    match = _SPEED.fullmatch(option)
    if match is None or float(match[1]) <= 0:
        raise InputError(f"--speed {option!r} is no speed; write 1x, 60x, 0.5x or max")
    return float(match[1])


class Pace:
    """Waits until an event is due; the first event is due at once, one older than its predecessor too."""

    def __init__(self, speed: float, clock: Monotonic, sleep: Callable[[float], None]) -> None:
        self._speed = speed
        self._clock = clock
        self._sleep = sleep
        self._origin: tuple[datetime, float] | None = None

    def wait(self, published_at: datetime) -> None:
        """Sleep for what is left; after a delay of ours the events come faster until the pace is met again."""
        if self._origin is None:
            self._origin = (published_at, self._clock())
            return
        first, started = self._origin
        due = started + (published_at - first).total_seconds() / self._speed
        left = due - self._clock()
        if left > 0:
            self._sleep(left)
