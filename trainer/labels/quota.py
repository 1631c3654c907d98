"""No single labeller makes up a batch: how many labels of one count, and which. Pure."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Mapping, Sequence

from trainer.labels.policy import Quota
from wire import labels
from wire.events import LabelSubmitted

_MODULUS = 2**256


def cap(counts: Mapping[str, int], rules: Quota, exempt: frozenset[str] = frozenset()) -> int | None:
    """Most labels that count of a labeller who is bound; None where there are too few labellers for a quota.

    Never more than `share` of the batch. It is the largest number that is `share` of what is then kept, so that who
    sends more gets no more of it. But a newcomer with one label would bring that to nothing in a small team, so nobody
    is cut below the median labeller either.

    Args:
        counts: labels of each labeller, those of exempt ones included: they are a part of the batch.
        rules: the share, and from how many labellers on.
        exempt: whom the quota does not hold for.

    >>> cap({"flood": 10_000, "a": 100, "b": 100, "c": 100, "d": 100}, Quota())
    100
    >>> cap({"a": 100, "b": 100, "c": 100, "d": 100, "new": 10}, Quota())
    82
    """
    if len(counts) < rules.labellers:
        return None
    free = sum(count for name, count in counts.items() if name in exempt)
    bound = [count for name, count in counts.items() if name not in exempt]
    low, high = 0, max(bound, default=0)
    while low < high:  # what is kept is concave in the number, so one place divides enough from too many
        middle = (low + high + 1) // 2
        fits = middle <= rules.share * (free + sum(min(count, middle) for count in bound))
        low, high = (middle, high) if fits else (low, middle - 1)
    return max(low, min(statistics.median_low(counts.values()), int(rules.share * sum(counts.values()))))


def within(own: Mapping[str, Sequence[LabelSubmitted]], most: int) -> dict[str, list[LabelSubmitted]]:
    """Of each labeller at most so many labels, chosen by a hash that the labeller cannot foresee.

    The hash is salted with all that the *others* said in the batch. With a fixed one, somebody could label honestly
    what will not be kept, and wrongly what will.

    Args:
        own: labels by labeller; each of whom all labels are to be chosen from, and the others too.
        most: how many count of one.
    """
    digests = {name: [_digest(label) for label in said] for name, said in own.items()}
    total = sum(sum(of_one) for of_one in digests.values())
    kept = {}
    for name, said in own.items():
        salt = ((total - sum(digests[name])) % _MODULUS).to_bytes(32)
        order = sorted((hashlib.sha256(salt + labels.key(label)).digest(), place) for place, label in enumerate(said))
        kept[name] = [said[place] for _, place in order[:most]]
    return kept


def _digest(label: LabelSubmitted) -> int:
    return int.from_bytes(hashlib.sha256(labels.key(label) + b"\0" + label.label.encode()).digest())
