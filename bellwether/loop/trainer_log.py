"""What a trainer's log says that is worth showing: its phases, the steps of its training, its words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

SHOWN = ("event", "task", "signal", "verdict", "version", "learnt", "aside", "why", "action", "to", "problem")
"""Fields of a line that make a sentence, in this order."""

_STEP = re.compile(r"step (\d+) of (\d+)")


@dataclass
class Told:
    """What is new since the last reading.

    Attributes:
        said: sentences, steps left out.
        step: of the training, and of how many; None where nothing was said of it.
    """

    said: list[str] = field(default_factory=list)
    step: tuple[int, int] | None = None


class TrainerLog:
    """Reads on in a growing file of JSON lines.

    Args:
        path: of the file.

    Attributes:
        times: when each phase began, ms since the epoch, by this machine's clock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0
        self.times: dict[str, int] = {}

    def read(self) -> Told:
        """What was written since; half a line waits for its end."""
        told = Told()
        with self._path.open("rb") as file:
            file.seek(self._place)
            lines = file.read()
        whole = lines.rfind(b"\n") + 1
        self._place += whole
        for line in lines[:whole].splitlines():
            try:
                self._take(msgspec.json.decode(line), told)
            except msgspec.DecodeError:  # a library's own words
                continue
        return told

    def _take(self, entry: Any, told: Told) -> None:
        if not isinstance(entry, dict):
            return
        text = str(entry.get("said") or " ".join(str(entry[name]) for name in SHOWN if name in entry))
        if (step := _STEP.search(text)) is not None:
            told.step = int(step[1]), int(step[2])
            return
        if text in {"training", "building", "judging"}:
            at = datetime.fromisoformat(str(entry["timestamp"]))
            self.times.setdefault(text, int(at.timestamp() * 1000))
        told.said.append(text)
