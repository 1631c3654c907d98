"""What the bookkeeper remembers of an input and of an output, and what it found in the end: plain data."""

from __future__ import annotations

import msgspec

SCORED, DEAD = "scored", "dead"

Place = tuple[int, int]
"""Partition and offset in the published topic."""


class Input(msgspec.Struct, gc=False):
    """One record of the published topic, with what became of it."""

    event_id: str | None
    """None where it names none."""
    key: str | None
    sequence: int
    fate: str
    sha256: bytes
    is_acked: bool
    """False where the outcome is unknown: it may be there or not, so that it is never lost."""
    text: bytes | None = None
    """Digest of its text as an output must carry it; None where we see none in it."""
    time_ms: int = 0
    scored: int = 0
    dead: int = 0
    scored_read: int = 0
    dead_read: int = 0


class Output(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """One record of an output topic, as it lies there and as it describes itself."""

    topic: str
    """`SCORED` or `DEAD`."""
    partition: int
    offset: int
    time_ms: int
    source: Place | None
    """The input that it names; None where it names none."""
    event_id: str | None
    key: str | None
    content: bytes
    """Digest of the text of a scored event, SHA-256 of a letter's value."""
    batch_id: str = ""
    served_by: tuple[str, str] = ("", "")
    """Version and engine."""
    worker: str = ""

    @property
    def place(self) -> str:
        """For a person."""
        return f"{self.topic} {self.partition}:{self.offset}"


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """What it adds up to; the fields are the verdict's."""

    events: int
    refused: int
    unknown: int
    scored: int
    dead: int
    lost: int
    phantom: int
    both: int
    duplicates: int
    duplicates_read: int
    reordered: int
    mixed: int
    misfiled: int
