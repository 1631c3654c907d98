"""What the field says of a version: whether a shadow may be promoted, and whether a champion must go. Pure.

Labels come late, so all of this judges with those that came, and says how many they were.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trainer.service.records import Shares

Z_95 = 1.6448536
"""The standard normal's 95 % point: bounds here are one-sided."""


@dataclass(frozen=True)
class Bounds:
    """When the field decides.

    Attributes:
        error_margin: a new champion goes when its error is above the old one's by more than this, at 95 %.
        min_labels: of each version, in effective number, before errors are compared.
        share_margin: it goes when a class's share lies further than this from the gate's forecast, at 95 %.
        min_events: that it scored, before shares are compared.
        worse_p: a shadow is dropped when its paired outcomes would be as bad with this probability by chance.
    """

    error_margin: float = 0.02
    min_labels: float = 100.0
    share_margin: float = 0.10
    min_events: int = 500
    worse_p: float = 0.05


@dataclass(frozen=True)
class Outcome:
    """One prediction whose label has come.

    Attributes:
        is_right: the version said what the label says.
        weight: inverse of the probability with which the event was chosen to be labelled (Horvitz & Thompson 1952).
    """

    is_right: bool
    weight: float = 1.0


@dataclass(frozen=True)
class Errors:
    """The prequential error of one version.

    Attributes:
        rate: weighted share of wrong predictions; not a number where none has its label.
        labels: Kish's effective number of labels, (sum w)^2 / sum w^2 (Kish 1965).
    """

    rate: float
    labels: float

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Errors:
        """Of the predictions that have their label."""
        total = wrong = squares = 0.0
        for one in outcomes:
            total += one.weight
            squares += one.weight**2
            wrong += 0.0 if one.is_right else one.weight
        return cls(wrong / total, total**2 / squares) if total else cls(math.nan, 0.0)


def rollback(before: Errors, after: Errors, forecast: Shares, seen: Mapping[str, Mapping[str, int]],
             bounds: Bounds) -> str | None:  # fmt: skip
    """Why a new champion must go, None where nothing says so.

    Args:
        before: of the champion before, on what it served.
        after: of the new one.
        forecast: the class shares that the gate foresaw.
        seen: by task, how many events the new one gave each label.
        bounds: see there.
    """
    return _error(before, after, bounds) or _shift(forecast, seen, bounds)


def worse_in_shadow(lost: int, won: int, bounds: Bounds) -> str | None:
    """Why a shadow must not serve, None where its paired outcomes allow it.

    The exact one-sided form of McNemar's test (1947): of the events on which one of the two is right, how many are
    the champion's.

    Args:
        lost: labelled events on which the champion alone was right.
        won: on which the shadow alone was.
        bounds: see there.
    """
    tried = lost + won
    probability = sum(math.comb(tried, number) for number in range(lost, tried + 1)) / 2**tried
    if probability >= bounds.worse_p:
        return None
    return f"in the shadow it lost {lost} and won {won} labelled events against the champion (p = {probability:.2g})"


def _error(before: Errors, after: Errors, bounds: Bounds) -> str | None:
    if min(before.labels, after.labels) < bounds.min_labels:
        return None
    spread = math.sqrt(sum(one.rate * (1 - one.rate) / one.labels for one in (before, after)))
    low = after.rate - before.rate - Z_95 * spread
    if low <= bounds.error_margin:
        return None
    return (
        f"prequential error {after.rate:.3f} on {after.labels:.0f} labels, {before.rate:.3f} before on "
        f"{before.labels:.0f}: worse by at least {low:.3f}, allowed {bounds.error_margin:.3f}"
    )


def _shift(forecast: Shares, seen: Mapping[str, Mapping[str, int]], bounds: Bounds) -> str | None:
    for task, foreseen in sorted(forecast.items()):
        counts = seen.get(task, {})
        events = sum(counts.values())
        if events < bounds.min_events:
            continue
        for label, share in sorted(foreseen.items()):
            found = counts.get(label, 0) / events
            low = abs(found - share) - Z_95 * math.sqrt(share * (1 - share) / events)
            if low > bounds.share_margin:
                return (
                    f"{task} {label}: {found:.1%} of {events} events, the gate foresaw {share:.1%}, "
                    f"allowed is {bounds.share_margin:.0%} off"
                )
    return None
