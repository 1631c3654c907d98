"""Which events are worth a person's time: unsure ones that are unlike each other, and a random audit slice. Pure.

The chosen events are a stratified sample. The unsure ones are a stratum that is taken whole: each is certain to be
chosen, its probability is 1. The audit slice is a simple random sample without replacement of all the others. So what
`sampling_probability` says is the true probability of being chosen, and every candidate has one above 0: sums over
the labelled ones, each divided by its probability, estimate sums over all candidates without bias, whatever made the
model unsure (Horvitz & Thompson 1952; Särndal, Swensson & Wretman 1992, sections 2.8 and 3.7).
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from models.text import clean, fingerprint

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

UNSURE = "unsure"
AUDIT = "audit"

ALIKE = 0.7
"""Cosine of two texts' vectors from which on one of them tells little new: a headline with one other word."""

_FEATURES = 2**18


class Candidate(NamedTuple):
    """An event that may be chosen."""

    event_id: str
    text: str
    probabilities: Mapping[str, int]
    """Of one task, label name to share of 10,000."""


class Choice(NamedTuple):
    """An event that was chosen."""

    event_id: str
    why: str
    """`unsure` or `audit`."""
    margin: float
    sampling_probability: float
    """Above 0, at most 1."""


def margin(probabilities: Mapping[str, int]) -> float:
    """Between the two likeliest labels, 0 (a coin's toss) to 1 (Scheffer, Decomain & Wrobel 2001, "margin").

    >>> margin({"positive": 5_000, "neutral": 4_500, "negative": 500})
    0.05
    """
    first, second = sorted([0, 0, *probabilities.values()])[:-3:-1]
    return (first - second) / 10_000


def choose(
    candidates: Sequence[Candidate],
    wanted: int,
    audit_share: float,
    chance: random.Random,
    known: Collection[str] = (),
) -> list[Choice]:
    """Choose events to be labelled, in random order, so that who stops early leaves out of each kind alike.

    Args:
        candidates: all that may be chosen, each `event_id` once; where they are no more than `wanted`, all are.
        wanted: how many, at least 1.
        audit_share: of `wanted` that is drawn at random, 0 to 1, at least one event; more where too few candidates
            are unlike each other.
        chance: decides the audit slice and the order, and nothing else.
        known: `models.text.fingerprint`s of texts that are labelled already: their copies come by the audit alone.
    """
    audited = min(wanted, max(1, math.ceil(wanted * audit_share)))
    sure = range(len(candidates)) if wanted >= len(candidates) else _unsure(candidates, wanted - audited, known)
    taken = set(sure)
    others = [number for number in range(len(candidates)) if number not in taken]
    drawn = chance.sample(others, min(len(others), wanted - len(taken)))
    found = [_choice(candidates[number], UNSURE, 1.0) for number in sure]
    found += [_choice(candidates[number], AUDIT, len(drawn) / len(others)) for number in drawn]
    chance.shuffle(found)
    return found


def _choice(candidate: Candidate, why: str, probability: float) -> Choice:
    return Choice(candidate.event_id, why, margin(candidate.probabilities), probability)


def _unsure(candidates: Sequence[Candidate], wanted: int, known: Collection[str]) -> list[int]:
    """Numbers of unsure candidates of which no two are copies or nearly so."""
    import numpy as np

    seen = set(known)
    distinct: list[int] = []
    for number, candidate in enumerate(candidates):
        mark = fingerprint(candidate.text)
        if mark not in seen:
            seen.add(mark)
            distinct.append(number)
    if not distinct or not wanted:
        return []
    worth = np.array([1.0 - margin(candidates[number].probabilities) for number in distinct])
    vectors = _vectors([clean(candidates[number].text) for number in distinct])
    return [distinct[place] for place in spread(vectors, worth, wanted)]


def spread(vectors: Any, worth: npt.NDArray[np.float64], wanted: int) -> list[int]:
    """Greedily the place of highest worth times distance to the nearest one taken before; none that is `ALIKE` one.

    Farthest-first traversal (Gonzalez 1985; for active learning the k-centre-greedy of Sener & Savarese 2018,
    algorithm 1) on cosine distance, weighted with informativeness as the clusters of Zhdanov 2019 are.

    Args:
        vectors: sparse [texts, features], rows of length 1 without negative entries.
        worth: [texts], 0 or more.
        wanted: at most so many are taken.
    """
    import numpy as np

    taken: list[int] = []
    nearness = np.zeros(len(worth))
    while len(taken) < wanted:
        gain = np.where(nearness < ALIKE, worth * (1.0 - nearness), -1.0)
        best = int(np.argmax(gain))
        if gain[best] < 0.0:
            break
        taken.append(best)
        nearness = np.maximum(nearness, (vectors @ vectors[best].T).toarray().ravel())
        nearness[best] = 1.0  # a text without any feature is not even near itself
    return taken


def _vectors(texts: Sequence[str]) -> Any:
    """Hashed TF-IDF of runs of three characters: no vocabulary, no language."""
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    hashing = HashingVectorizer(
        analyzer="char_wb",
        ngram_range=(3, 3),
        n_features=_FEATURES,
        alternate_sign=False,
        norm=None,  # pyright: ignore[reportArgumentType] (its documentation allows None)
    )
    counts = hashing.transform(list(texts))
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts)
