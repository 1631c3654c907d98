"""Which labels of a batch are learnt, with what weight, and why the others are not. Pure.

Labels are never deleted: what is refused stands in the topic and in the store, and counts when the reason is gone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from trainer.labels import flips, quota
from trainer.labels.burst import burst
from trainer.labels.effective import Subject, effective
from trainer.labels.gold import Answers, answers
from trainer.labels.policy import Policy
from wire.events import LabelSubmitted

QUARANTINED, DISTRUSTED, WRONG_GOLD = "quarantined", "too often wrong on gold questions", "wrong on a gold question"
OVER_QUOTA, FUTURE = "over the labeller's quota", "dated in the future"

CLOCK_ERROR = timedelta(minutes=2)
"""By how much a labeller's clock may be ahead."""

_NO_ANSWERS = Answers()


class Weighted(NamedTuple):
    """A label that is learnt.

    Attributes:
        weight: what it counts, above 0, at most 1: trust in its labeller. How it was sampled is not in it.
    """

    label: LabelSubmitted
    weight: float


@dataclass(frozen=True)
class Standing:
    """What is thought of one labeller.

    Attributes:
        labels: of it in the batch, changes of mind included.
        kept: of these, learnt.
        asked: gold questions that it answered.
        right: of these.
        weight: what its labels count, 0 to 1.
        is_exempt: an operator trusts it.
        quarantine: why nothing of it is learnt; None where that is not so.
    """

    labels: int
    kept: int
    asked: int
    right: int
    weight: float
    is_exempt: bool
    quarantine: str | None


@dataclass(frozen=True)
class Admission:
    """What becomes of a batch: each label is in `kept`, refused or outdated.

    Attributes:
        kept: the label that counts for each subject, of those that were not refused.
        words: by subject and labeller, the time of the last word where it was not refused.
        refused: labels by reason.
        outdated: labels after which the same labeller, or another who was not refused, said something of the subject.
        quarantined: labellers with the reason.
        standings: of every labeller.
    """

    kept: Mapping[Subject, Weighted]
    words: Mapping[tuple[Subject, str], datetime]
    refused: Counter[str]
    outdated: int
    quarantined: Mapping[str, str]
    standings: Mapping[str, Standing]


def admit(
    labels: Iterable[LabelSubmitted], policy: Policy, gold: Mapping[Subject, str], now: datetime | None = None
) -> Admission:
    """Decide what of a batch is learnt; the order of the labels does not matter.

    Args:
        labels: all that a training would learn from, old ones too: they are the evidence about their labellers.
        policy: who is trusted, and the limits for the others.
        gold: true labels of gold questions, see `trainer.labels.gold.questions`.
        now: where given, labels of a later time are refused: the last one counts, so a date ahead would win for ever.
    """
    by_labeller: dict[str, list[LabelSubmitted]] = defaultdict(list)
    for label in labels:
        by_labeller[label.labeller].append(label)
    refused: Counter[str] = Counter()
    if now is not None:
        by_labeller = {name: _past(said, now, name in policy.exempt, refused) for name, said in by_labeller.items()}
    words = {name: effective(said, {}) for name, said in sorted(by_labeller.items())}
    evidence = {name: _after_release(name, own, policy) for name, own in words.items()}
    answered = {name: answers(own, gold) for name, own in evidence.items() if name not in policy.exempt}
    weights = {name: answered[name].weight(policy.trust) if name in answered else 1.0 for name in words}
    quarantined = _quarantined(by_labeller, evidence, answered, weights, policy)
    believed = _believed(words, weights, quarantined, refused)
    admitted = _admitted(believed, policy, gold, refused)
    most = round(policy.quota.share * len({subject for own in believed.values() for subject in own}))
    counts = _counting(admitted, policy, most, refused)
    last = [label for said in admitted.values() for label in said]
    kept = {subject: Weighted(label, weights[label.labeller]) for subject, label in counts.items()}
    learnt = Counter(label.labeller for label in counts.values())
    standings = {
        name: Standing(
            labels=len(said),
            kept=learnt[name],
            asked=answered.get(name, _NO_ANSWERS).asked,
            right=answered.get(name, _NO_ANSWERS).right,
            weight=0.0 if name in quarantined else weights[name],
            is_exempt=name in policy.exempt,
            quarantine=quarantined.get(name),
        )
        for name, said in sorted(by_labeller.items())
    }
    outdated = sum(map(len, by_labeller.values())) - sum(map(len, words.values()))
    outdated += len(last) - len(kept)
    said = {(Subject(word.event_id, word.task), word.labeller): word.labelled_at for word in last}
    return Admission(kept, said, +refused, outdated, quarantined, standings)  # plus drops the reasons without a label


def _counting(
    admitted: dict[str, list[LabelSubmitted]], policy: Policy, most: int, refused: Counter[str]
) -> dict[Subject, LabelSubmitted]:
    """The labels that count, of which nobody who is bound has more than `most` either; changes `admitted`.

    Who speaks last of texts that others labelled too would have them all. What is refused of one gives way to the
    label before it.
    """
    while True:
        counts = effective((label for said in admitted.values() for label in said), policy.ranks)
        own: dict[str, list[LabelSubmitted]] = {name: [] for name in admitted}
        for label in counts.values():
            own[label.labeller].append(label)
        over = [name for name, said in own.items() if name not in policy.exempt and len(said) > most]
        if len(admitted) < policy.quota.labellers or not over:
            return counts
        chosen = quota.within(own, most)
        for name in over:
            gone = {id(label) for label in own[name]} - {id(label) for label in chosen[name]}
            admitted[name] = [label for label in admitted[name] if id(label) not in gone]
            refused[OVER_QUOTA] += len(gone)


def _past(
    said: Sequence[LabelSubmitted], now: datetime, is_exempt: bool, refused: Counter[str]
) -> list[LabelSubmitted]:
    past = [label for label in said if is_exempt or label.labelled_at <= now + CLOCK_ERROR]
    refused[FUTURE] += len(said) - len(past)
    return past


def _after_release(
    name: str, own: Mapping[Subject, LabelSubmitted], policy: Policy
) -> Mapping[Subject, LabelSubmitted]:
    since = policy.released.get(name)
    return own if since is None else {subject: label for subject, label in own.items() if label.labelled_at > since}


def _quarantined(
    by_labeller: Mapping[str, Sequence[LabelSubmitted]],
    evidence: Mapping[str, Mapping[Subject, LabelSubmitted]],
    answered: Mapping[str, Answers],
    weights: Mapping[str, float],
    policy: Policy,
) -> dict[str, str]:
    found = {name: "an operator's word" for name in policy.quarantined if name in evidence}
    for name, own in answered.items():
        since = policy.released.get(name)
        times = [label.labelled_at for label in by_labeller[name] if since is None or label.labelled_at > since]
        reason = burst(times, policy.burst) or own.flip()
        if reason is not None:
            found.setdefault(name, reason)
    rest = {name: own for name, own in evidence.items() if name not in found}
    return found | flips.suspects(rest, weights, policy.flips, set(answered))


def _believed(
    words: Mapping[str, Mapping[Subject, LabelSubmitted]],
    weights: Mapping[str, float],
    quarantined: Mapping[str, str],
    refused: Counter[str],
) -> dict[str, Mapping[Subject, LabelSubmitted]]:
    found = {}
    for name, own in words.items():
        if name in quarantined or weights[name] <= 0:
            refused[QUARANTINED if name in quarantined else DISTRUSTED] += len(own)
        else:
            found[name] = own
    return found


def _admitted(
    believed: Mapping[str, Mapping[Subject, LabelSubmitted]],
    policy: Policy,
    gold: Mapping[Subject, str],
    refused: Counter[str],
) -> dict[str, list[LabelSubmitted]]:
    said = {}
    for name, own in believed.items():
        is_exempt = name in policy.exempt
        said[name] = [label for one, label in own.items() if is_exempt or gold.get(one, label.label) == label.label]
        refused[WRONG_GOLD] += len(own) - len(said[name])
    said = {name: own for name, own in said.items() if own}
    most = quota.cap({name: len(own) for name, own in said.items()}, policy.quota, policy.exempt)
    if most is None:
        return said
    chosen = quota.within(said, most)
    for name in said.keys() - policy.exempt:
        refused[OVER_QUOTA] += len(said[name]) - len(chosen[name])
    return {name: own if name in policy.exempt else chosen[name] for name, own in said.items()}
