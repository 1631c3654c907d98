"""The numbers in the built-in stream, each in a range that a reader of financial news would believe."""

from __future__ import annotations

import random
from collections.abc import Callable

Draw = Callable[[random.Random], str]


def _decimal(low: float, high: float, digits: int) -> Draw:
    return lambda rng: f"{rng.uniform(low, high):.{digits}f}"


def _whole(low: int, high: int, step: int = 1) -> Draw:
    return lambda rng: str(rng.randrange(low, high + 1, step))


def _either(*draws: Draw) -> Draw:
    return lambda rng: rng.choice(draws)(rng)


def _ordinal(rng: random.Random) -> str:
    return rng.choice(("second", "third", "fourth", "fifth", "sixth", "seventh"))


DRAWS: dict[str, Draw] = {
    "pct": _either(_whole(4, 29), _decimal(3.1, 24.9, 1)),
    "bigpct": _whole(18, 68),
    "smallpct": _decimal(0.3, 4.9, 1),
    "smallpct2": _decimal(0.3, 4.9, 1),
    "eps": _decimal(0.11, 4.60, 2),
    "eps_small": _decimal(0.02, 0.38, 2),
    "cents": _decimal(0.05, 0.95, 2),
    "cents_dollar": _whole(31, 74),
    "usd_m": _either(_whole(12, 98), _whole(110, 980, 5)),
    "usd_b": _decimal(1.1, 28.0, 1),
    "price": _either(_whole(9, 58), _decimal(11.0, 97.0, 2)),
    "price_up": _whole(100, 310, 5),
    "barrel": _decimal(61.0, 98.0, 2),
    "metal_price": _decimal(1104.0, 2710.0, 1),
    "pips": _whole(31, 184),
    "fx": _decimal(0.8012, 1.6890, 4),
    "bps": _whole(4, 50, 1),
    "count": _whole(14, 480, 2),
    "thousand": _whole(100, 999),
    "hours": _whole(3, 19),
    "years": _whole(2, 21),
    "small": _whole(2, 12),
    "digit": _whole(1, 9),
    "day": _whole(1, 28),
    "year": lambda rng: rng.choice(("2026", "2027", "FY26", "FY27")),
    "share": _whole(34, 68),
    "share2": _whole(12, 33),
    "nth": _ordinal,
}
"""Slot name to a number as written; dollars, per cent and units stand in the templates."""
