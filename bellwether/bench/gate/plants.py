"""Planted challengers: for each kind several, each with the least of its flaw (or merit) that really counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bellwether.bench.gate.heads import Head
from bellwether.bench.gate.world import Indices, World
from models import scores
from models.labels import SENTIMENT_LABELS
from runtime.errors import InputError

COST_POINTS = 2.0
"""Points of macro-F1 on the whole pool that a bad challenger loses at least, or else:"""

COST_RECALL_POINTS = 5.0
"""points of one class's recall."""

GAIN_POINTS = 2.0
"""Points of macro-F1 that a good one gains at least."""

CHAMPION_OLD, CHAMPION_NEW = 0.55, 0.2
"""Shares of the training texts of each domain that a champion has learnt: the stream has only begun to drift."""


class Kind(NamedTuple):
    """One way of being good or bad.

    Attributes:
        strengths: from mild to strong.
        plant: a challenger to a champion from world, champion, seed and strength.
    """

    name: str
    is_bad: bool
    strengths: tuple[float, ...]
    plant: Callable[[World, Champion, int, float], Head]


class Champion(NamedTuple):
    """A head that serves, and what it was trained on."""

    head: Head
    old: Indices
    new: Indices


class Effect(NamedTuple):
    """Challenger minus champion on the whole pool, in points."""

    macro_f1: float
    worst_recall: float
    worst_class: str
    old_domain: float = 0.0
    new_domain: float = 0.0
    """Points of macro-F1 on the pool's texts of each domain."""

    def counts(self, *, is_bad: bool) -> bool:
        """Whether it is what a kind promises."""
        if is_bad:
            return self.macro_f1 <= -COST_POINTS or self.worst_recall <= -COST_RECALL_POINTS
        return self.macro_f1 >= GAIN_POINTS


@dataclass(frozen=True)
class Planted:
    """A champion and the challenger that was planted for it; `strength` tells how much of the flaw it took."""

    kind: str
    champion: Champion
    head: Head
    strength: float
    effect: Effect


def champion(world: World, seed: int) -> Champion:
    """A champion of its own draw of texts and weights."""
    rng = np.random.default_rng([seed, 1])
    old = rng.permutation(world.old)[: round(CHAMPION_OLD * len(world.old))]
    new = rng.permutation(world.new)[: round(CHAMPION_NEW * len(world.new))]
    return Champion(world.trained(np.concatenate([old, new]), seed), old, new)


def planted(world: World, kind: Kind, served: Champion, seed: int, tell: Callable[[str], None]) -> Planted:
    """The mildest challenger of a kind that counts on the whole pool; milder ones are thrown away, and that is told.

    Raises:
        InputError: not even the strongest counts.
    """
    for strength in kind.strengths:
        head = kind.plant(world, served, seed, strength)
        found = effect(world, served.head, head)
        said = (
            f"{kind.name}, strength {strength:g}: macro-F1 {found.macro_f1:+.1f} points on the whole pool, "
            f"recall of {found.worst_class} {found.worst_recall:+.1f}"
        )
        if found.counts(is_bad=kind.is_bad):
            tell(said)
            return Planted(kind.name, served, head, strength, found)
        tell(f"{said}: too little, replaced by a stronger one")
    raise InputError(f"no challenger of the kind {kind.name!r} counts on these texts; give other data")


def effect(world: World, before: Head, after: Head) -> Effect:
    """What changes from one head to another on the whole pool."""
    truth, features = world.texts.truth[world.pool], world.features[world.pool]
    guesses = (head.logits(features).argmax(1) for head in (before, after))
    matrices = [scores.confusion(truth, guess, len(SENTIMENT_LABELS)) for guess in guesses]
    old, new = (np.diag(one) / np.maximum(1, one.sum(1)) for one in matrices)
    worst = int((new - old).argmin())
    macro = 100 * float(scores.macro_f1(matrices[1]) - scores.macro_f1(matrices[0]))
    domains = [_macro_f1_points(world, before, after, is_new) for is_new in (False, True)]
    return Effect(macro, 100 * float(new[worst] - old[worst]), SENTIMENT_LABELS[worst], *domains)


def _macro_f1_points(world: World, before: Head, after: Head, is_new: bool) -> float:
    """What macro-F1 gains on the pool's texts of one domain."""
    own = world.pool[world.texts.is_new[world.pool] == is_new]
    theirs, mine = (
        scores.confusion(world.texts.truth[own], head.logits(world.features[own]).argmax(1), len(SENTIMENT_LABELS))
        for head in (before, after)
    )
    return 100 * float(scores.macro_f1(mine) - scores.macro_f1(theirs))


def _more(world: World, served: Champion, seed: int, old_share: float, new_share: float) -> Indices:
    """The champion's texts, and a share of all others of each domain."""
    rng = np.random.default_rng([seed, 2])
    more = []
    for all_texts, own, share in ((world.old, served.old, old_share), (world.new, served.new, new_share)):
        others = rng.permutation(np.setdiff1d(all_texts, own))
        more += [own, others[: round(share * len(others))]]
    return np.concatenate(more)


def _good(world: World, served: Champion, seed: int, share: float) -> Head:
    return world.trained(_more(world, served, seed, share, share), seed + 1)


def _good_new(world: World, served: Champion, seed: int, share: float) -> Head:
    return world.trained(_more(world, served, seed, 0.0, share), seed + 1)


def _noise(world: World, served: Champion, seed: int, share: float) -> Head:
    """All texts, a share of their labels drawn anew among the other classes."""
    chosen, rng = _more(world, served, seed, 1.0, 1.0), np.random.default_rng([seed, 3])
    labels, classes = world.texts.truth[chosen].copy(), len(SENTIMENT_LABELS)
    wrong = rng.random(len(labels)) < share
    labels[wrong] = (labels[wrong] + rng.integers(1, classes, wrong.sum())) % classes
    return world.trained(chosen, seed + 1, labels)


def _swapped(world: World, served: Champion, seed: int, share: float) -> Head:
    """All texts, two classes exchanged in a share of their labels."""
    chosen, rng = _more(world, served, seed, 1.0, 1.0), np.random.default_rng([seed, 4])
    truth = world.texts.truth[chosen]
    one, other = rng.choice(len(SENTIMENT_LABELS), 2, replace=False)
    exchanged = np.where(truth == one, other, np.where(truth == other, one, truth))
    return world.trained(chosen, seed + 1, np.where(rng.random(len(truth)) < share, exchanged, truth))


def _dead(world: World, served: Champion, seed: int, share: float) -> Head:
    """All texts but a share of one class's: at 1 the model never says it."""
    chosen, rng = _more(world, served, seed, 1.0, 1.0), np.random.default_rng([seed, 5])
    is_dead = world.texts.truth[chosen] == rng.integers(len(SENTIMENT_LABELS))
    return world.trained(chosen[~(is_dead & (rng.random(len(chosen)) < share))], seed + 1)


def _forgets(world: World, served: Champion, seed: int, epochs: float) -> Head:
    """The champion trained on with texts of the new domain alone, some passes over all of them."""
    return world.trained(world.new, seed + 1, epochs=int(epochs), start=served.head)


GOOD = "good, everywhere"
"""The kind that backdoors are planted in."""

KINDS = (
    Kind("label noise", True, (0.25, 0.3, 0.4, 0.5, 0.6, 0.7), _noise),
    Kind("swapped classes", True, (0.3, 0.35, 0.4, 0.5, 0.7, 1.0), _swapped),
    Kind("dead class", True, (0.4, 0.6, 0.8, 0.9, 1.0), _dead),
    Kind("forgetting", True, (1, 2, 4, 8, 16, 32, 64, 128), _forgets),
    Kind(GOOD, False, (0.4, 0.55, 0.75, 1.0), _good),
    Kind("good, new domain only", False, (0.4, 0.55, 0.75, 1.0), _good_new),
)


def all_planted(world: World, challengers: int, seed: int, tell: Callable[[str], None]) -> Iterator[Planted]:
    """Of each kind so many challengers, each for a champion of its own."""
    for number in range(challengers):
        own = 1_000 * seed + 10 * number
        served = champion(world, own)
        for kind in KINDS:
            yield planted(world, kind, served, own, tell)
