"""How texts become batches: a cheap estimate in the worker, exact padded-token plans inside the engine. Pure."""

from __future__ import annotations

from collections.abc import Sequence

BYTES_PER_TOKEN = 3
"""UTF-8 bytes that make one word piece, on the low side: English headlines have 4 to 5, tickers, prices and links
about 3, and a Chinese character is exactly 3 bytes and one token. Low means that a batch is rather too small."""

SPECIAL_TOKENS = 2
"""`[CLS]` and `[SEP]`, which every BERT-like encoder adds."""


def estimate_tokens(text: str, max_tokens: int = 512) -> int:
    """Guess what a text costs without a tokeniser, for a caller that must not load one.

    >>> estimate_tokens("ACME beats estimates")
    8
    >>> estimate_tokens("x" * 900_000, max_tokens=128)
    128
    """
    return min(max_tokens, SPECIAL_TOKENS + len(text.encode(errors="replace")) // BYTES_PER_TOKEN)


def batches(lengths: Sequence[int], max_padded_tokens: int) -> list[list[int]]:
    """Group texts of like length so that each group, padded to its longest, stays within the budget.

    Args:
        lengths: tokens per text.
        max_padded_tokens: bound for `len(group) * longest`; a text longer than that goes alone.

    Returns:
        Groups of positions into `lengths`; each position occurs once; groups and their members run from the longest
        to the shortest, so that a runtime allocates its largest buffers first.

    >>> batches([5, 30, 6, 31], max_padded_tokens=64)
    [[3, 1], [2, 0]]
    """
    order = sorted(range(len(lengths)), key=lambda position: -lengths[position])
    groups: list[list[int]] = []
    room = 0
    for position in order:
        if room < 1:
            groups.append([])
            room = max(1, max_padded_tokens // max(1, lengths[position]))
        groups[-1].append(position)
        room -= 1
    return groups
