"""One trial of `bench gate`: 3,000 texts are drawn from the pool, and the gate judges a planted challenger on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bellwether.bench.gate.heads import Head
from bellwether.bench.gate.plants import Champion
from bellwether.bench.gate.world import Indices, World
from models.labels import SENTIMENT_LABELS
from trainer.gate import behaviour
from trainer.gate.evidence import GOLDEN, LATER, OLD, RARE, Evidence, Passed, Slice
from trainer.gate.judge import compared_slices, decide
from trainer.gate.limits import Limits
from trainer.gate.verdict import Verdict

SHARES = {RARE: 0.05, LATER: 0.45, OLD: 0.30, GOLDEN: 0.20}
"""How the texts of a trial are shared out, in the order in which they are drawn: `RARE` of the pool's rarest class,
`LATER` of the new domain, `OLD` of the old one, `GOLDEN` of both as the pool has them. No text is in two slices."""

SPEED_RATIO = 1.0
"""Champion and challengers are the same network: nothing here would be slower."""


@dataclass(frozen=True)
class Pair:
    """A challenger and its champion, ready to be judged: what they say of texts comes from their heads as needed."""

    champion: Head
    challenger: Head
    manners: Mapping[str, Passed]


def pair(world: World, champion: Champion, challenger: Head) -> Pair:
    """Try the behaviour of both, which no draw of texts changes."""
    theirs, mine = (
        lambda texts, head=head: head.probabilities(np.stack([world.manners[text] for text in texts]))  # type: ignore[misc]
        for head in (champion.head, challenger)
    )
    return Pair(champion.head, challenger, behaviour.check(theirs, mine, SENTIMENT_LABELS))


def draw(world: World, texts: int, rng: np.random.Generator) -> dict[str, Indices]:
    """The slices of one trial, as texts of the pool, none twice."""
    truth, is_new = world.texts.truth, world.texts.is_new
    rarest = np.bincount(truth[world.pool]).argmin()
    left, found = rng.permutation(world.pool), {}
    for name, share in SHARES.items():
        fits = {RARE: truth[left] == rarest, LATER: is_new[left], OLD: ~is_new[left]}.get(
            name, np.ones(len(left), bool)
        )
        chosen = np.flatnonzero(fits)[: round(share * texts)]
        found[name] = left[chosen]
        left = np.delete(left, chosen)
    return found


def verdicts(
    world: World, one: Pair, slices: Mapping[str, Indices], limits: Sequence[Limits], seed: int
) -> list[Verdict]:
    """What the gate says on one draw, by each of some limits, which resample as the first of them says."""
    scored = {
        name: Slice(
            world.texts.truth[chosen],
            one.champion.probabilities(world.features[chosen]),
            one.challenger.probabilities(world.features[chosen]),
            np.ones(len(chosen)),
        )
        for name, chosen in slices.items()
    }
    evidence = Evidence(SENTIMENT_LABELS, scored, SPEED_RATIO, one.manners)
    compared = compared_slices(evidence, limits[0].resamples, seed)
    return [decide(evidence, compared, own) for own in limits]
