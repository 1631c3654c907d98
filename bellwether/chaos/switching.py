"""After each promotion, how many events the new version scored and how long another one still did. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from bellwether.chaos.journal import Strike, Switch

MOVES = frozenset({"promoted", "promoted-corrupt"})


def switches(strikes: Iterable[Strike], outputs: Iterable[tuple[int, str]]) -> tuple[Switch, ...]:
    """What followed each promotion of a good version, in their order.

    Args:
        strikes: of the row.
        outputs: of each scored event, the broker's time in milliseconds and the version.
    """
    moves = sorted((strike for strike in strikes if strike.what in MOVES), key=lambda strike: strike.time)
    scored = sorted(outputs)
    found = []
    for number, move in enumerate(moves, start=1):
        end = moves[number].time if number < len(moves) else float("inf")
        if move.what != "promoted":
            continue
        own = [(time_ms / 1000, version) for time_ms, version in scored if move.time <= time_ms / 1000 < end]
        last = max((time for time, version in own if version != move.detail), default=move.time)
        count = sum(version == move.detail for _, version in own)
        found.append(Switch(move.detail, count, round(last - move.time, 3)))
    return tuple(found)
