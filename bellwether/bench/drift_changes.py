"""The changes that are planted in a stream of events, and which signals show them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from bellwether.bench.drift_pools import Pool, Pools

MORE_ERRORS = 0.10
"""How many points the error rises where only it changes."""

LEAST_MOVE = 0.1
"""Standard deviations by which a change must move a signal's mean for it to be measured there; 0.2 is called small
(Cohen 1988), and a sampling error of 3,000 events is 0.02."""

LARGE = 10_000
"""Events by which it is told what a signal shows."""

SIGNALS = ("confidence", "share", "novelty", "error")

Values = npt.NDArray[np.float64]
"""float64 [events, streams]: one detector watches each stream, and any of them gives the alarm."""

Change = Callable[[np.random.Generator, int], Pool]
"""Draws so many events of a changed stream."""


def changes_of(pools: Pools) -> dict[str, Change]:
    """The planted changes: other texts, a third of other texts, more of one class, more errors."""
    whole: dict[str, Change] = {
        name: (lambda rng, n, pool=pool: taken(pool, rng, n))  # type: ignore[misc]
        for name, pool in pools.others.items()
    }
    farthest = list(pools.others)[-1]

    def third(rng: np.random.Generator, n: int) -> Pool:
        return mixed(taken(pools.usual, rng, n), taken(pools.others[farthest], rng, n), rng.random(n) < 1 / 3)

    def doubled(rng: np.random.Generator, n: int) -> Pool:
        rare = int(np.bincount(pools.usual.answer, minlength=pools.classes).argmin())
        weights = np.where(pools.usual.answer == rare, 2.0, 1.0)
        return taken(pools.usual, rng, n, weights / weights.sum())

    def worse(rng: np.random.Generator, n: int) -> Pool:
        drawn = taken(pools.usual, rng, n)
        assert drawn.wrong is not None, "errors are planted in labelled texts"
        rate = MORE_ERRORS / (1 - float(drawn.wrong.mean()))
        return Pool(drawn.confidence, drawn.answer, drawn.novelty, drawn.wrong | (rng.random(n) < rate))

    return {**whole, f"a third {farthest}": third, "rare class doubled": doubled, "10 points more errors": worse}


def moves(before: Values, after: Values) -> bool:
    """Whether a change is one of what the signal shows: the mean of a stream moves by `LEAST_MOVE`."""
    spread = np.maximum(before.std(axis=0), 1e-9)
    return bool((np.abs(after.mean(axis=0) - before.mean(axis=0)) / spread).max() >= LEAST_MOVE)


def taken(pool: Pool, rng: np.random.Generator, events: int, weights: npt.NDArray[np.floating] | None = None) -> Pool:
    """So many events drawn with replacement: each like any other, so nothing changes."""
    chosen = rng.choice(len(pool), size=events, p=weights)
    wrong = None if pool.wrong is None else pool.wrong[chosen]
    return Pool(pool.confidence[chosen], pool.answer[chosen], pool.novelty[chosen], wrong)


def mixed(first: Pool, second: Pool, is_second: npt.NDArray[np.bool_]) -> Pool:
    """Event by event of one or the other; both labelled."""
    assert first.wrong is not None, "a change is planted in labelled texts"
    assert second.wrong is not None, "and with labelled texts"
    return Pool(
        np.where(is_second, second.confidence, first.confidence),
        np.where(is_second, second.answer, first.answer),
        np.where(is_second, second.novelty, first.novelty),
        np.where(is_second, second.wrong, first.wrong),
    )


def values_of(pool: Pool, signal: str, classes: int) -> Values:
    """What detectors see of a signal."""
    if signal == "share":
        return np.asarray(np.eye(classes)[pool.answer], dtype=np.float64)
    found = {"confidence": pool.confidence, "novelty": pool.novelty, "error": pool.wrong}[signal]
    assert found is not None, "only labelled texts have an error"
    return np.asarray(found, dtype=np.float64)[:, None]


def shown_by(pools: Pools, changes: Mapping[str, Change], seed: int) -> dict[str, list[str]]:
    """The changes that each signal shows, told from large samples of their own."""
    rng = np.random.default_rng((seed, LARGE))
    drawn = {name: change(rng, LARGE) for name, change in changes.items()}
    return {
        signal: [
            name
            for name, pool in drawn.items()
            if moves(values_of(pools.usual, signal, pools.classes), values_of(pool, signal, pools.classes))
        ]
        for signal in SIGNALS
    }


def levels(pools: Pools) -> dict[str, dict[str, float]]:
    """Mean of each signal in each pool: how far the texts themselves are apart."""
    every = {"usual": pools.usual, **pools.others, **({"in order": pools.in_order} if pools.in_order else {})}
    return {
        name: {
            "texts": len(pool),
            "confidence": round(float(pool.confidence.mean()), 3),
            "novelty": round(float(pool.novelty.mean()), 3),
            **({} if pool.wrong is None else {"error": round(float(pool.wrong.mean()), 3)}),
        }
        for name, pool in every.items()
    }
