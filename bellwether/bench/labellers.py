"""Invented batches of labels, of whose labellers it is known who errs and who lies."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from models.labels import SENTIMENT_LABELS
from wire.events import LabelSubmitted

TASK = "sentiment"
SHARES = (0.2, 0.6, 0.2)
"""Of the classes: most news are neutral."""

ERROR = (0.05, 0.15)
"""Range of an honest labeller's share of errors."""

LABELS = (80, 160)
"""Range of the labels of one labeller."""

PACE_S = (4.0, 40.0)
"""Range of the seconds between two labels of a person."""

HONEST = 12
GOLD = "gold"
GOLD_SHARE = 0.05
START = datetime(2026, 1, 5, 8, tzinfo=UTC)

Lie = Callable[[str, random.Random], str]
"""From the true label to the one that is given."""


@dataclass(frozen=True)
class Attack:
    """How poisoners label.

    Attributes:
        lie: what they say of a text.
        knows_gold: they answer gold questions truly.
        together: all of them label the same texts.
        times: how many times as many labels as an honest one they give.
        pace_s: seconds between two of their labels; a person's where None.
    """

    lie: Lie
    knows_gold: bool = False
    together: bool = False
    times: int = 1
    pace_s: float | None = None


def _wrong(true: str, _: random.Random) -> str:
    return {"negative": "positive", "neutral": "negative", "positive": "negative"}[true]


def _half_wrong(true: str, chance: random.Random) -> str:
    return _wrong(true, chance) if chance.random() < 0.5 else true


def _one_class(true: str, _: random.Random) -> str:
    return "negative" if true == "positive" else true


ATTACKS = {
    "all wrong": Attack(_wrong),
    "all wrong, the same texts": Attack(_wrong, together=True),
    "all wrong, gold right": Attack(_wrong, knows_gold=True),
    "all wrong, gold right, the same texts": Attack(_wrong, knows_gold=True, together=True),
    "half wrong": Attack(_half_wrong),
    "positive is negative": Attack(_one_class),
    "positive is negative, gold right": Attack(_one_class, knows_gold=True),
    "flood by a machine, gold right": Attack(_wrong, knows_gold=True, times=5, pace_s=0.1),
    "flood at a person's pace, gold right": Attack(_wrong, knows_gold=True, times=5),
}
"""By name. Gold right: somebody found out which texts are gold."""


@dataclass(frozen=True)
class Batch:
    """A batch of labels, with the truth.

    Attributes:
        labels: of all labellers, those of `GOLD` included.
        truth: by event id.
        honest: names.
        poisoners: names.
    """

    labels: Sequence[LabelSubmitted]
    truth: Mapping[str, str]
    honest: tuple[str, ...]
    poisoners: tuple[str, ...]

    def is_poison(self, label: LabelSubmitted) -> bool:
        """Whether a poisoner lied."""
        return label.labeller in self.poisoners and label.label != self.truth[label.event_id]


def batch(attack: Attack, poisoners: int, texts: int, chance: random.Random) -> Batch:
    """Honest labellers, poisoners who label after them, so that their word is the last, and gold questions.

    Args:
        attack: what the poisoners do.
        poisoners: how many.
        texts: from which everybody draws; the fewer, the more labels each has.
        chance: decides everything.
    """
    ids = [f"e-{number}" for number in range(texts)]
    truth = dict(zip(ids, chance.choices(SENTIMENT_LABELS, SHARES, k=texts), strict=True))
    gold = set(chance.sample(ids, round(GOLD_SHARE * texts)))
    names = tuple(f"honest-{number}" for number in range(HONEST))
    liars = tuple(f"poisoner-{number}" for number in range(poisoners))
    labels = [_label(event_id, truth[event_id], GOLD, START) for event_id in sorted(gold)]
    for name in names:
        error = chance.uniform(*ERROR)
        for event_id, at in _work(chance.sample(ids, chance.randint(*LABELS)), START, None, chance):
            said = truth[event_id] if chance.random() >= error else chance.choice(_others(truth[event_id]))
            labels.append(_label(event_id, said, name, at))
    count = min(texts, attack.times * chance.randint(*LABELS))
    common = chance.sample(ids, count)
    for name in liars:
        own = common if attack.together else chance.sample(ids, count)
        for event_id, at in _work(own, START + timedelta(hours=12), attack.pace_s, chance):
            is_true = attack.knows_gold and event_id in gold
            said = truth[event_id] if is_true else attack.lie(truth[event_id], chance)
            labels.append(_label(event_id, said, name, at))
    return Batch(labels, truth, names, liars)


def _work(
    ids: Sequence[str], start: datetime, pace_s: float | None, chance: random.Random
) -> list[tuple[str, datetime]]:
    at, found = start, []
    for event_id in ids:
        at += timedelta(seconds=chance.uniform(*PACE_S) if pace_s is None else pace_s)
        found.append((event_id, at))
    return found


def _others(true: str) -> list[str]:
    return [label for label in SENTIMENT_LABELS if label != true]


def _label(event_id: str, says: str, labeller: str, at: datetime) -> LabelSubmitted:
    return LabelSubmitted(event_id=event_id, task=TASK, label=says, labeller=labeller, labelled_at=at)
