"""Where a key goes: Murmur2, as Java's default partitioner and librdkafka's `murmur2_random` count it. Pure."""

from __future__ import annotations

_SEED = 0x9747B28C
_FACTOR = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """The hash, 32 bits without a sign."""
    value = _SEED ^ len(key)
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        part = int.from_bytes(key[at : at + 4], "little") * _FACTOR & _MASK
        part = (part ^ part >> 24) * _FACTOR & _MASK
        value = value * _FACTOR & _MASK ^ part
    if rest := key[whole:]:
        value = (value ^ int.from_bytes(rest, "little")) * _FACTOR & _MASK
    value = (value ^ value >> 13) * _FACTOR & _MASK
    return value ^ value >> 15


def partition_of(key: str, partitions: int) -> int:
    """The partition of a named key.

    >>> [partition_of(key, 4) for key in ("K00", "K01", "K02", "K03")]
    [0, 1, 3, 2]
    """
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
