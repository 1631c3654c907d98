"""Gold questions: subjects whose true label is known, and what a labeller's answers to them are worth. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from models.text import fingerprint
from trainer.labels.effective import Subject, effective
from trainer.labels.policy import Policy, Trust
from wire.events import LabelSubmitted

FLIP_USUAL = 0.35
"""How often an honest labeller may take texts of one class for one and the same other class."""

FLIP_CHANCE = 0.001
"""Probability that such a labeller is suspected."""


@dataclass
class Answers:
    """What one labeller said to gold questions.

    Attributes:
        asked: how many it answered.
        right: of these.
        said: by task, true label and label given.
    """

    asked: int = 0
    right: int = 0
    said: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def expected(self, rules: Trust) -> float:
        """Accuracy to be expected, the mean of the Beta posterior (Gelman et al. 2013, §2.4): 0 to 1."""
        return (self.right + rules.right) / (self.asked + rules.right + rules.wrong)

    def weight(self, rules: Trust) -> float:
        """What the labeller's labels count in training: 0 from the bound down, 1 for one who is never wrong."""
        return max(0.0, (self.expected(rules) - rules.refused_below) / (1 - rules.refused_below))

    def flip(self) -> str | None:
        """Why the answers look as if one class was turned into another on purpose; None where they do not.

        The probability of so many or more, were the rate `FLIP_USUAL` (binomial test, one-sided), is under
        `FLIP_CHANCE`. A labeller who does it to one class only is right often enough to be trusted.
        """
        of_class = Counter({(task, true): 0 for task, true, _ in self.said})
        for (task, true, _), number in self.said.items():
            of_class[task, true] += number
        for (task, true, given), number in sorted(self.said.items()):
            asked = of_class[task, true]
            if given != true and _tail(number, asked, FLIP_USUAL) < FLIP_CHANCE:
                return f"said {given!r} to {number} of {asked} gold questions that are {true!r}"
        return None


def questions(labels: Iterable[LabelSubmitted], policy: Policy) -> dict[Subject, str]:
    """The true labels that the policy's gold labellers gave, for every subject that has a gold text.

    A text that comes again under another id is the same question, by its fingerprint.

    Args:
        labels: all, those of gold labellers among them.
        policy: names the gold labellers, and their ranks where they contradict each other.
    """
    everything = list(labels)
    true = effective((label for label in everything if label.labeller in policy.gold), policy.ranks)
    found = {subject: label.label for subject, label in true.items()}
    texts = {(label.task, fingerprint(label.text)): label.label for label in true.values() if label.text}
    if texts:
        for label in everything:
            known = texts.get((label.task, fingerprint(label.text))) if label.text else None
            if known is not None:
                found.setdefault(Subject(label.event_id, label.task), known)
    return found


def answers(words: Mapping[Subject, LabelSubmitted], gold: Mapping[Subject, str]) -> Answers:
    """How one labeller answered.

    Args:
        words: the labeller's last word on each subject.
        gold: the true labels.
    """
    found = Answers()
    for subject, label in words.items():
        true = gold.get(subject)
        if true is not None:
            found.asked += 1
            found.right += label.label == true
            found.said[subject.task, true, label.label] += 1
    return found


def _tail(number: int, of: int, rate: float) -> float:
    """Probability of `number` or more successes in `of` trials."""
    from scipy.stats import binom

    return float(binom.sf(number - 1, of, rate))
