"""What became of the rows: how many Kafka acknowledged, and why each other one was refused."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

import msgspec

from streams.ingest.refusal import RowRefusedError

SHOWN = 20
"""Refusals told one by one; a file of another format would fill the terminal otherwise."""


@dataclass
class Report:
    """Counts of one run; `accepted` grows only when the broker has acknowledged."""

    say: Callable[[str], None]
    """Takes one line for the person at the terminal."""
    refused_file: TextIO | None = None
    """Receives every refusal as a JSON line: `origin, line, reason, message`."""
    accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    without_time: int = 0
    """Accepted or still on the way: rows whose `published_at` is the time of ingest, because they name none."""

    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Rows are refused by the reading thread, and by the producer's where the broker refuses."""

    @property
    def refused(self) -> int:
        """Rows that did not become events."""
        return self.reasons.total()

    def refuse(self, origin: str, number: int, error: RowRefusedError) -> None:
        """Count a refusal and tell its line and reason."""
        with self._lock:
            self._refuse(origin, number, error)

    def _refuse(self, origin: str, number: int, error: RowRefusedError) -> None:
        self.reasons[error.reason] += 1
        if self.refused_file is not None:
            entry: dict[str, str | int] = {
                "origin": origin,
                "line": number,
                "reason": error.reason,
                "message": str(error),
            }
            # A message may quote what is no Unicode text.
            self.refused_file.write(msgspec.json.encode(_encodable(entry)).decode() + "\n")
        if self.refused <= SHOWN:
            self.say(f"{origin}, line {number}: refused ({error.reason}): {error}")
        elif self.refused == SHOWN + 1:
            self.say("more rows were refused; they are counted below, and --refused FILE lists them all")

    def as_json(self, seconds: float) -> dict[str, object]:
        """What `--json` prints."""
        return {
            "accepted": self.accepted,
            "refused": self.refused,
            "reasons": dict(sorted(self.reasons.items())),
            "without_time": self.without_time,
            "seconds": round(seconds, 3),
            "rows_per_second": round(self.accepted / seconds, 1) if seconds > 0 else 0.0,
        }


def _encodable(entry: dict[str, str | int]) -> dict[str, str | int]:
    return {
        name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for name, value in entry.items()
    }
