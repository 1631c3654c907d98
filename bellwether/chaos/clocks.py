"""A wall clock that jumps, for processes that start with libfaketime; their monotonic clock does not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_PLACES = (
    "/usr/lib/*/faketime/libfaketimeMT.so.1",
    "/usr/lib*/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
)
"""Where distributions put the variant for processes with threads; Debian's package is `libfaketime`."""

_SLEEP = """import select
import time


def sleep(seconds):
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = sleep
"""
"""Python runs this first. libfaketime 0.9.10 takes the true monotonic clock for a faked one in `clock_nanosleep`, which
is what Python's `sleep` calls: EINVAL, every time. No other wait suffers."""


def library(places: Iterable[str] = _PLACES) -> Path | None:
    """Where libfaketime is, or None."""
    root = Path("/")
    return next((path for place in places for path in sorted(root.glob(place.removeprefix("/")))), None)


class FakeClock:
    """How far the wall clock of some Python processes is off.

    Args:
        folder: for what they read: the offset, at every question for the time.
        loaded: the library.
    """

    def __init__(self, folder: Path, loaded: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._offset = folder / "offset"
        self._library = loaded
        (folder / "sitecustomize.py").write_text(_SLEEP, encoding="ascii")
        self.shift(0.0)

    def environment(self) -> dict[str, str]:
        """What a process must start with."""
        return {
            "LD_PRELOAD": str(self._library),
            "PYTHONPATH": str(self._folder),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def shift(self, seconds: float) -> None:
        """Let the clock be so far ahead of the true one from now on; 0 is right again."""
        fresh = self._offset.with_suffix(".new")
        fresh.write_text(f"{seconds:+.0f}\n", encoding="ascii")
        fresh.replace(self._offset)
