"""The identity of an event: what makes a second delivery of it a repeat (equal text alone does not)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

_SEPARATOR = b"\x1f"
"""ASCII unit separator: no part can imitate the boundary between two others by accident of concatenation."""


def _digest(*parts: str) -> str:
    joined = _SEPARATOR.join(part.encode("utf-8", "surrogatepass") for part in parts)
    return hashlib.sha256(joined).hexdigest()[:32]


def from_native(source: str, native_id: str) -> str:
    """Id of an event that its source names: a feed's guid, a tweet's number, a URL.

    >>> from_native("wire", "42") == from_native("wire", "42") != from_native("feed", "42")
    True
    """
    return _digest("native", source, native_id)


def from_content(source: str, published_at: datetime, key: str, text: str) -> str:
    """Id of an event without a name of its own: source, event time, key and raw text."""
    return _digest("content", source, published_at.astimezone(UTC).isoformat(), key, text)


def from_row(file_sha256: str, row: int) -> str:
    """Id of a row without a time: the file's SHA-256 and the row's number, counted from 1."""
    return _digest("row", file_sha256, str(row))
