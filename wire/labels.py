"""The key of a label's record: one for each different label, so that compaction keeps them all and erases one alone."""

from __future__ import annotations

from datetime import UTC
from urllib.parse import quote, unquote

from wire.events import LabelSubmitted


def key(label: LabelSubmitted) -> bytes:
    """`event_id:task:labeller:labelled_at`, each part percent-encoded, so that a colon in one is none between two.

    >>> from datetime import datetime
    >>> when = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> key(LabelSubmitted(event_id="a:b", task="topic", label="Macro", labeller="desk", labelled_at=when))
    b'a%3Ab:topic:desk:2026-01-05T12%3A00%3A00.000000Z'
    """
    at = label.labelled_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return ":".join(quote(part, safe="") for part in (label.event_id, label.task, label.labeller, at)).encode("ascii")


def event_of(key: bytes) -> str:
    """The event that a key names, also a tombstone's.

    >>> event_of(b"a%3Ab:topic:desk:2026-01-05T12%3A00%3A00.000000Z")
    'a:b'
    """
    return unquote(key.decode("utf-8", "replace").partition(":")[0])
