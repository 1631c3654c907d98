"""What the field says of a version: whether a shadow may be promoted, and whether a champion must go. Pure.

Labels come late, so all of this judges with those that came, and says how many they were.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from trainer.field import Quality
from trainer.service.records import Forecast

LEVEL = 0.05
"""How often a version that is within its margins may be told off, by its errors, and again by its class shares."""

Compared = tuple[str, str]
"""What is looked at again and again: `errors` or `shares`, and of which task."""


@dataclass(frozen=True)
class Bounds:
    """When the field decides.

    Attributes:
        error_margin: a new champion goes when its error is above the old one's by more than this in one task, beyond
            doubt: one-sided, `LEVEL` over all looks and tasks.
        min_labels: of each version, in effective number, before errors are compared.
        share_margin: it goes when a class's share lies further than this from the gate's forecast, likewise, over all
            looks and classes.
        min_events: that it scored, before shares are compared.
        worse_p: a shadow is dropped when the paired outcomes of one task would be as bad with this probability,
            divided by the number of tasks, by chance.
    """

    error_margin: float = 0.02
    min_labels: float = 100.0
    share_margin: float = 0.10
    min_events: int = 500
    worse_p: float = 0.05


Errors = Mapping[str, tuple[Quality, Quality]]
"""By task, how the champion before did on what it served, and how the new one does."""

Seen = Mapping[str, Mapping[str, int]]
"""By task, how many events the new champion gave each label."""


def looks_due(errors: Errors, seen: Seen, looked: Mapping[Compared, int], bounds: Bounds) -> dict[Compared, int]:
    """What is to be compared now, with the number of the look, from 1 on; a later one needs twice as much.

    Args:
        errors: see there.
        seen: see there.
        looked: the last look at each.
        bounds: see there.
    """
    grown = {
        ("errors", task): after.effective / bounds.min_labels
        for task, (before, after) in errors.items()
        if before.effective >= bounds.min_labels
    } | {("shares", task): sum(counts.values()) / bounds.min_events for task, counts in seen.items()}
    looks = {what: 1 + math.floor(math.log2(times)) for what, times in grown.items() if times >= 1}
    return {what: look for what, look in looks.items() if look > looked.get(what, 0)}


def rollback(errors: Errors, forecast: Mapping[str, Forecast], seen: Seen, due: Mapping[Compared, int],
             bounds: Bounds) -> str | None:  # fmt: skip
    """Why a new champion must go, None where nothing says so.

    Look k has 1 / (k (k + 1)) of the level, which sums to all of it over any number of looks (alpha spending: Lan &
    DeMets 1983), divided by how many tasks or classes are compared (Bonferroni).

    Args:
        errors: see there.
        forecast: the gate's, by task.
        seen: see there.
        due: what `looks_due` says.
        bounds: see there.
    """
    classes = sum(len(one.shares) for one in forecast.values())
    for (what, task), look in sorted(due.items()):
        why = None
        if what == "errors":
            why = _error(task, *errors[task], _z(look, len(errors)), bounds)
        elif task in forecast:
            why = _shift(task, forecast[task], seen[task], _z(look, classes), bounds)
        if why is not None:
            return why
    return None


def worse_in_shadow(pairs: Mapping[str, tuple[int, int]], bounds: Bounds) -> str | None:
    """Why a shadow must not serve, None where its paired outcomes allow it.

    The exact one-sided form of McNemar's test (1947): of the events on which one of the two is right, how many are
    the champion's. Each task for itself.

    Args:
        pairs: by task, the labelled events on which the champion alone was right, and those on which the shadow was.
        bounds: see there.
    """
    for task, (lost, won) in sorted(pairs.items()):
        tried = lost + won
        probability = sum(math.comb(tried, number) for number in range(lost, tried + 1)) / 2**tried
        if probability < bounds.worse_p / len(pairs):
            words = f"{task}: in the shadow it lost {lost} and won {won} labelled events against the champion"
            return f"{words} (p = {probability:.2g})"
    return None


def _z(look: int, compared: int) -> float:
    """The standard normal's point of a look's part of the level."""
    return NormalDist().inv_cdf(1 - LEVEL / (look * (look + 1) * max(compared, 1)))


def _error(task: str, before: Quality, after: Quality, z: float, bounds: Bounds) -> str | None:
    low = after.error - before.error - z * math.hypot(before.standard_error, after.standard_error)
    if low <= bounds.error_margin:
        return None
    return (
        f"{task}: prequential error {after.error:.3f} on {after.effective:.0f} labels, {before.error:.3f} before on "
        f"{before.effective:.0f}: worse by at least {low:.3f}, allowed {bounds.error_margin:.3f}"
    )


def _shift(task: str, forecast: Forecast, counts: Mapping[str, int], z: float, bounds: Bounds) -> str | None:
    """Both shares are estimates, of few texts and of many events.

    The variance is of a share with a success and a failure added, lest one that was never seen were certain (Agresti
    & Coull 1998).
    """
    events = sum(counts.values())
    for label, share in sorted(forecast.shares.items()):
        found = counts.get(label, 0) / events
        added = (share * forecast.texts + 1) / (forecast.texts + 2)
        low = abs(found - share) - z * math.sqrt(added * (1 - added) * (1 / events + 1 / (forecast.texts + 2)))
        if low > bounds.share_margin:
            return (
                f"{task} {label}: {found:.1%} of {events} events, the gate foresaw {share:.1%} on "
                f"{forecast.texts:.0f} texts: off by at least {low:.1%}, allowed {bounds.share_margin:.0%}"
            )
    return None
