"""What a loop shows: how the score fell and came back, and how long that took. Pure; times are the broker's, in ms."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from models import scores

WINDOW = 200
"""Events that a running score looks back on: its standard error is about 3 points, and it turns within a minute."""

HALF = 0.5
"""Part of what the drift took that counts as recovered."""


class Seen(NamedTuple):
    """A scored event whose truth is known."""

    time_ms: int
    version: str
    truth: str
    guess: str
    is_drifted: bool


class Point(NamedTuple):
    """A running score."""

    time_ms: int
    macro_f1: float


class Scores(NamedTuple):
    """Macro-F1 on the fixed tests.

    Attributes:
        before: the champion on the old domain, as users knew it.
        drifted: the champion on the new domain.
        after: the promoted version there; the champion's where none was promoted.
        ceiling: a model there that was trained on all labels of the new domain.
        old_after: who serves at the end, on the old domain.
    """

    before: float
    drifted: float
    after: float
    ceiling: float
    old_after: float

    @property
    def forgot_points(self) -> float:
        """Points that who serves at the end is worse by on the old domain; below 0 where better."""
        return 100 * (self.before - self.old_after)

    @property
    def recovered(self) -> float:
        """Part of what could be won back that was; 0 where nothing could."""
        most = self.ceiling - self.drifted
        return 0.0 if most <= 0 else (self.after - self.drifted) / most


@dataclass(frozen=True)
class Figures:
    """For `--json`, see the fields' names; seconds are None where it did not come to that."""

    labels_used: int
    drift_to_recovery_seconds: float | None
    label_to_serving_seconds: float | None
    score_before: float
    score_drifted: float
    score_after: float
    score_ceiling: float
    score_without_retraining: float
    recovered: float
    forgot_points: float
    verdict: str

    def plain(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def macro_f1(pairs: Iterable[tuple[str, str]]) -> float:
    """Macro-F1 of truth and guess over the classes that occur; 0 without pairs.

    >>> macro_f1([("negative", "negative"), ("positive", "negative")])
    0.3333333333333333
    """
    found = list(pairs)
    if not found:
        return 0.0
    labels = sorted({label for pair in found for label in pair})
    truth = np.array([labels.index(true) for true, _ in found])
    guess = np.array([labels.index(said) for _, said in found])
    return float(scores.macro_f1(scores.confusion(truth, guess, len(labels))))


def running(seen: Iterable[Seen], window: int = WINDOW) -> list[Point]:
    """Prequential macro-F1 over the last `window` events (Gama, Sebastião & Rodrigues 2013, sliding window).

    Args:
        seen: in the order of their time; each was scored before its truth was used for anything.
        window: events looked back on; there is no point before so many.
    """
    last: deque[tuple[str, str]] = deque(maxlen=window)
    points = []
    for one in seen:
        last.append((one.truth, one.guess))
        if len(last) == window:
            points.append(Point(one.time_ms, macro_f1(last)))
    return points


def first_served(seen: Iterable[Seen], version: str) -> int | None:
    """When a version's first event was scored."""
    return next((one.time_ms for one in seen if one.version == version), None)


def recovery(seen: Sequence[Seen], promoted: str | None, found: Scores) -> float | None:
    """Seconds from the first drifted event until the running score has won back half of what the drift took.

    The score runs over drifted events that the promoted version scored, so nothing of the version before helps it.

    Returns:
        None where it was not won back.
    """
    begin = next((one.time_ms for one in seen if one.is_drifted), None)
    if promoted is None or begin is None:
        return None
    goal = found.drifted + HALF * (found.ceiling - found.drifted)
    own = [one for one in seen if one.version == promoted and one.is_drifted]
    reached = next((point.time_ms for point in running(own) if point.macro_f1 >= goal), None)
    return None if reached is None else round((reached - begin) / 1000, 1)


def serving(seen: Sequence[Seen], promoted: str | None, labels_ms: Sequence[int], used: int) -> float | None:
    """Seconds from the broker's time of the last label that was waited for to the promoted version's first event.

    Args:
        seen: in the order of their time.
        promoted: who serves at the end; None where nobody was promoted.
        labels_ms: the broker's time of each label.
        used: how many were waited for.
    """
    served = None if promoted is None else first_served(seen, promoted)
    if served is None or not 0 < used <= len(labels_ms):
        return None
    return round((served - sorted(labels_ms)[used - 1]) / 1000, 1)
