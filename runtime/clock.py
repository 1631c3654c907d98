"""Time as an argument: what runs in production, and what tests turn by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Monotonic = Callable[[], float]
"""Seconds since some fixed moment, never backwards; for durations and deadlines."""
Now = Callable[[], datetime]
"""The wall clock in UTC; for timestamps only."""

monotonic: Monotonic = time.monotonic


def now() -> datetime:
    """The wall clock in UTC."""
    return datetime.now(tz=UTC)
