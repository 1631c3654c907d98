"""What is remembered of a feed between two polls: validators, where it moved, and which entries Kafka has."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from msgspec import Struct

from runtime import whole_file

MAX_SEEN = 5_000
"""Ids kept per feed, newest last: some feeds carry hundreds of entries, none carries thousands."""


class FeedState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One feed's memory; losing it only means that its present entries come again, with the same ids."""

    feed: str
    """The address that the user gave: the feed's identity, wherever it moves."""
    address: str
    """Where it is now, after permanent redirects."""
    etag: str | None = None
    modified: str | None = None
    seen: tuple[str, ...] = ()
    """Event ids that the broker has acknowledged."""

    def with_seen(self, event_ids: list[str]) -> FeedState:
        """The same with more ids, the oldest dropped beyond `MAX_SEEN`."""
        merged = tuple(dict.fromkeys((*self.seen, *event_ids)))
        return msgspec.structs.replace(self, seen=merged[-MAX_SEEN:])


def path_of(folder: Path, feed: str) -> Path:
    """The feed's file: its name is a digest, because an address is no file name and may hold a token."""
    return folder / (hashlib.sha256(feed.encode()).hexdigest()[:24] + ".json")


def load(folder: Path, feed: str) -> FeedState:
    """The feed's memory; a new one where there is none, or where the file is no such thing any more."""
    fresh = FeedState(feed=feed, address=feed)
    try:
        state = msgspec.json.decode(path_of(folder, feed).read_bytes(), type=FeedState)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return fresh
    return state if state.feed == feed else fresh


def save(folder: Path, state: FeedState) -> None:
    """Write it whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    whole_file.write(path_of(folder, state.feed), msgspec.json.encode(state))
