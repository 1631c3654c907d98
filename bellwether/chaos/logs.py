"""What the log of one parent and its worker says, read as it grows; both write JSON lines into one file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec


class _Line(msgspec.Struct):
    event: str = ""
    pid: int = 0
    worker_pid: int = 0
    generation: int = -1
    partitions: tuple[int, ...] = ()
    reason: str = ""
    version: str = ""
    detail: str = ""


@dataclass
class WorkerLog:
    """One file, and what it has said so far.

    Attributes:
        path: of the file; it may not be there yet.
        ended: process ids of workers that ended and were started again.
        listening: workers that have opened their health port: they heed signals.
        held: partitions by worker, of its newest assignment; a worker without any entry has not joined.
        generations: numbers of the group's generations in which the workers took part.
        said: how often it says `budget_restored`, `engine_failed REASON`, and `version_refused VERSION WHY`.
    """

    path: Path
    ended: list[int] = field(default_factory=list)
    listening: set[int] = field(default_factory=set)
    held: dict[int, tuple[int, ...]] = field(default_factory=dict)
    generations: set[int] = field(default_factory=set)
    said: Counter[str] = field(default_factory=Counter)
    _read: int = 0

    def look(self) -> WorkerLog:
        """Read what was added since the last look."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                fresh = file.read()
        except FileNotFoundError:
            return self
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            self._take(line)
        return self

    def _take(self, line: bytes) -> None:
        try:
            said = msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # a traceback, or what a full disk left of a line
        if said.event == "worker_ended":
            self.ended.append(said.worker_pid)
        elif said.event == "health_served":
            self.listening.add(said.pid)
        elif said.event == "partitions_assigned":
            self.held[said.pid] = said.partitions
            self.generations.add(said.generation)
        elif said.event in {"engine_failed", "budget_restored"}:
            self.said[f"{said.event} {said.reason}".strip()] += 1
        elif said.event in {"version_refused", "version_not_had"}:
            self.said[f"{said.event} {said.version} {said.detail}"] += 1
