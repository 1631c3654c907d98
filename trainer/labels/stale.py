"""A label store that was not read on for so long that it may hold what was erased: the topic rebuilds it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from wire.topics import LABELS

MARGIN = timedelta(days=5)
"""Before tombstones may go: clocks differ, and a rebuilding takes a while."""

KEPT = timedelta(milliseconds=LABELS.tombstone_ms or 0) - MARGIN
"""So long a store may lie: a tombstone of after its last writing is still in the topic."""


def forgotten(store: Path, now: datetime) -> bool:
    """Remove a store's files where the last of them was written too long ago; says whether it did.

    Args:
        store: the file of `trainer.labels.store.LabelStore`; nobody has it open.
        now: the wall clock.
    """
    files = [
        path for path in (store, *(store.with_name(store.name + end) for end in ("-wal", "-shm"))) if path.exists()
    ]
    written = max((datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in files), default=now)
    if now - written < KEPT:
        return False
    for path in files:
        path.unlink()
    return True
