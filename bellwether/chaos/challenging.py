"""What a challenger scored, and what of it it should not have: counted from the topics alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from bellwether.chaos.entries import Place
from bellwether.chaos.journal import Strike, Tried

Answer = tuple[str, Place | None, bytes | None]
"""The version that scored, the input that it names, and the key."""


def tried(strikes: Iterable[Strike], scored: Iterable[Answer], shadowed: Iterable[Answer]) -> tuple[Tried, ...]:
    """Each trial of a row, in their order; a row tries no version twice.

    Args:
        strikes: of the row.
        scored: all that users see.
        shadowed: all in the topic of shadows.
    """
    seen, beside = list(scored), list(shadowed)
    places = {place for _, place, _ in seen}
    found = []
    for strike in strikes:
        if strike.what != "challenged":
            continue
        mode, version, share = strike.detail.split()
        own = {place: key for by, place, key in (beside if mode == "shadow" else seen) if by == version}
        foreign = sum(
            place not in places if mode == "shadow" else not is_theirs(key, place, version, float(share))
            for place, key in own.items()
        )
        found.append(Tried(mode, version, float(share), len(own), foreign))
    return tuple(found)


def is_theirs(key: bytes | None, place: Place | None, version: str, share: float) -> bool:
    """Whether a canary may serve a key; spelt out a second time, as the documents have it, on purpose.

    BLAKE2b of 8 bytes over the key, keyed with the version's name, as a big-endian number, is below share x 2^64; an
    input without a key is chosen by `partition:offset`.
    """
    if key is None:
        if place is None:
            return False
        key = f"{place[0]}:{place[1]}".encode()
    return int.from_bytes(blake2b(key, digest_size=8, key=version.encode()).digest(), "big") / 2**64 < share
