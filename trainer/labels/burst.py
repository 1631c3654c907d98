"""Labels that come faster than a person reads, or than this one ever did. Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from trainer.labels.policy import Burst

MINUTE_S, HOUR_S = 60, 3_600

USUAL_HOURS = 5
"""Hours with labels that tell what a labeller's usual one is."""


def burst(times: Iterable[datetime], rules: Burst) -> str | None:
    """Why a labeller is too fast to be a person, or the person that it was; None where it is not.

    Args:
        times: label times of one labeller, as it stated them.
        rules: the limits.
    """
    seconds = sorted(at.timestamp() for at in times)
    first = 0
    for last, at in enumerate(seconds):
        while at - seconds[first] >= MINUTE_S:
            first += 1
        if last - first + 1 > rules.a_minute:
            return f"more than {rules.a_minute} labels within a minute"
    hours = Counter(int(at // HOUR_S) for at in seconds)
    if len(hours) <= USUAL_HOURS:
        return None
    usual, most = statistics.median(hours.values()), max(hours.values())
    if most > max(rules.an_hour, rules.own_rate * usual):
        return f"{most} labels in an hour, where {usual:g} are its usual ones"
    return None
