"""One trial of `bench gate`: 3,000 texts are drawn from the pool, and the gate judges a planted challenger on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bellwether.bench.gate.heads import Head
from bellwether.bench.gate.plants import Champion
from bellwether.bench.gate.world import Indices, World
from models.engine import Probabilities
from models.labels import SENTIMENT_LABELS
from runtime.errors import InputError
from trainer.gate import behaviour
from trainer.gate.evidence import GOLDEN, LATER, OLD, RARE, Evidence, Passed, Slice
from trainer.gate.judge import compared_slices, decide
from trainer.gate.limits import Limits
from trainer.gate.verdict import Verdict

SHARES = {RARE: 0.05, LATER: 0.45, OLD: 0.30, GOLDEN: 0.20}
"""How the texts of a trial are shared out, in the order in which they are drawn: `RARE` of the pool's rarest class,
`LATER` of the new domain, `OLD` of the old one, `GOLDEN` of both as the pool has them. No text is in two slices."""

WHOLE = 20
"""Of so many texts each share is a whole number."""

SPEED_RATIO = 1.0
"""Champion and challengers are the same network: nothing here would be slower."""


@dataclass(frozen=True)
class Pair:
    """A challenger and its champion, ready to be judged.

    Attributes:
        champion: what it says of all texts that trials draw from, float32 [all texts, classes]; zeros elsewhere.
        challenger: the same of the challenger.
        manners: how both behave, which no draw of texts changes.
    """

    champion: Probabilities
    challenger: Probabilities
    manners: Mapping[str, Passed]


def pair(world: World, champion: Champion, challenger: Head) -> Pair:
    """Let both say what they say of the pool, and try their behaviour."""
    theirs, mine = (_answers(world, head) for head in (champion.head, challenger))
    manners = behaviour.check(_manners(world, champion.head), _manners(world, challenger), SENTIMENT_LABELS)
    return Pair(theirs, mine, manners)


def _answers(world: World, head: Head) -> Probabilities:
    found = np.zeros((len(world.texts.texts), len(SENTIMENT_LABELS)), dtype=np.float32)
    found[world.pool] = head.probabilities(world.features[world.pool])
    return found


def _manners(world: World, head: Head) -> behaviour.Score:
    return lambda texts: head.probabilities(np.stack([world.manners[text] for text in texts]))


def draw(world: World, texts: int, rng: np.random.Generator) -> dict[str, Indices]:
    """The slices of one trial, as texts of the pool, none twice.

    Raises:
        InputError: the pool has too few of them for some draw, be it this one or not.
    """
    _check(world, texts)
    truth, is_new = world.texts.truth, world.texts.is_new
    rarest = np.bincount(truth[world.pool]).argmin()
    left, found = rng.permutation(world.pool), {}
    for name, share in SHARES.items():
        fits = {RARE: truth[left] == rarest, LATER: is_new[left], OLD: ~is_new[left]}
        chosen = np.flatnonzero(fits.get(name, np.ones(len(left), bool)))[: round(share * texts)]
        found[name] = left[chosen]
        left = np.delete(left, chosen)
    return found


def _check(world: World, texts: int) -> None:
    """Refuse what not every draw can fill: error rates are of a number of texts."""
    truth, new = world.texts.truth[world.pool], int(world.texts.is_new[world.pool].sum())
    rare, later, old, golden = (round(SHARES[name] * texts) for name in (RARE, LATER, OLD, GOLDEN))
    needed = {  # the rarest class is drawn first, perhaps all from one domain
        "the rarest class": (rare, int(np.bincount(truth).min())),
        "the new domain": (rare + later, new),
        "the old domain": (rare + old, len(truth) - new),
        "any kind": (rare + later + old + golden, len(truth)),
    }
    where, (asked, there) = max(needed.items(), key=lambda one: one[1][0] / max(1, one[1][1]))
    if asked > there:
        raise InputError(
            f"a trial of {texts:,} texts needs {asked:,} of {where}, and the pool has {there:,}; "
            f"give --texts {texts * there // asked // WHOLE * WHOLE} or fewer, or larger data sets"
        )


def verdicts(
    world: World, one: Pair, slices: Mapping[str, Indices], limits: Sequence[Limits], seed: int
) -> list[Verdict]:
    """What the gate says on one draw, by each of some limits, which resample as the first of them says."""
    scored = {
        name: Slice(
            world.texts.truth[chosen],
            one.champion[chosen],
            one.challenger[chosen],
            np.ones(len(chosen)),
        )
        for name, chosen in slices.items()
    }
    evidence = Evidence(SENTIMENT_LABELS, scored, SPEED_RATIO, one.manners)
    compared = compared_slices(evidence, limits[0].resamples, seed)
    return [decide(evidence, compared, own) for own in limits]
