"""A label store that was not read on for so long that it may hold what was erased: the topic rebuilds it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from runtime import clock, log
from trainer.labels.store import LabelStore
from wire.topics import LABELS

MARGIN = timedelta(days=5)
"""Before tombstones may go: clocks differ, and a rebuilding takes a while."""

KEPT = timedelta(milliseconds=LABELS.tombstone_ms or 0) - MARGIN
"""So long a store may lie: a tombstone of after its last reading is still in the topic."""

_log = log.get(__name__)


def opened(path: Path, ranks: Mapping[str, int], now: clock.Now) -> LabelStore:
    """A label store, empty where the last of it was read too long ago.

    Args:
        path: of its file; nobody has it open.
        ranks: of labellers.
        now: the wall clock.
    """
    removed(path, ranks, now)
    return LabelStore(path, ranks, now)


def removed(path: Path, ranks: Mapping[str, int], now: clock.Now) -> bool:
    """Remove a label store of which the last was read too long ago; a standby's would keep for good what was erased.

    Args:
        path: as for `opened`.
        ranks: as for `opened`.
        now: as for `opened`.
    """
    if not path.exists():
        return False
    with LabelStore(path, ranks, now) as store:
        read_at = store.read_at(LABELS.name)
    if read_at is None or now() - read_at < KEPT:
        return False
    _log.info("label_store_removed", read_at=read_at.isoformat(), reason="tombstones of since then may be gone")
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    return True
