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


def library(places: Iterable[str] = _PLACES) -> Path | None:
    """Where libfaketime is, or None."""
    root = Path("/")
    return next((path for place in places for path in sorted(root.glob(place.removeprefix("/")))), None)


class FakeClock:
    """How far the clock of some processes is off.

    Args:
        file: where that stands; read by the library at every question for the time.
        loaded: the library.
    """

    def __init__(self, file: Path, loaded: Path) -> None:
        self._file = file
        self._library = loaded
        self.shift(0.0)

    def environment(self) -> dict[str, str]:
        """What a process must start with."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def shift(self, seconds: float) -> None:
        """Let the clock be so far ahead of the true one from now on; 0 is right again."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+.0f}\n", encoding="ascii")
        fresh.replace(self._file)
