"""What a model must do whatever it was trained on: names and numbers change nothing, a negation changes the direction.

Invariance and directional tests from templates, after CheckList (Ribeiro, Wu, Guestrin & Singh 2020, §2). Companies are
invented: no model has read of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from models.engine import Probabilities
from models.text import clean
from trainer.gate.evidence import Passed

Score = Callable[[Sequence[str]], Probabilities]
"""Cleaned texts to probabilities of one task, float32 [texts, classes]."""

NAMES = ("Norvale", "Brackmoor Foods", "Quillmark", "Tessarine Energy", "Hollowby", "Vintara Group")
FIGURES = ("12", "14", "17", "23")

SENTENCES = (
    "{name} shares jump {figure}% after strong quarterly results",
    "{name} shares plunge {figure}% after weak quarterly results",
    "{name} profit rises {figure}% on higher sales",
    "{name} profit falls {figure}% on lower sales",
    "{name} cuts {figure}00 jobs as losses widen",
    "{name} raises its dividend by {figure}%",
    "{name} to hold its annual meeting on March {figure}",
    "{name} names a new head of its office with {figure}0 staff",
    "{name} upgraded to buy, target raised to ${figure}0",
    "{name} downgraded to sell, target cut to ${figure}",
    "{name} wins an order worth ${figure} million",
    "{name} sued over accounts, shares slide {figure}%",
)

NEGATIONS = (
    ("positive", "{name} beats estimates", "{name} does not beat estimates"),
    ("positive", "{name} shares are rising", "{name} shares are not rising"),
    ("positive", "{name} will raise its dividend", "{name} will not raise its dividend"),
    ("positive", "{name} returned to profit", "{name} did not return to profit"),
    ("positive", "Analysts recommend {name} shares", "Analysts do not recommend {name} shares"),
    ("negative", "{name} misses estimates", "{name} does not miss estimates"),
    ("negative", "{name} shares are falling", "{name} shares are not falling"),
    ("negative", "{name} will cut jobs", "{name} will not cut jobs"),
    ("negative", "{name} is in trouble over its debt", "{name} is not in trouble over its debt"),
    ("negative", "{name} warns of a loss", "{name} does not warn of a loss"),
)
"""The class that must become less probable, the sentence, and the sentence negated."""


class _Case(NamedTuple):
    """Two texts; with a class, it must be less probable for the second, without one the label must stay."""

    check: str
    one: str
    other: str
    falls: str | None = None


def check(champion: Score, challenger: Score, labels: Sequence[str]) -> dict[str, Passed]:
    """What two models pass of each check that applies to a task.

    Args:
        champion: who serves.
        challenger: who wants to.
        labels: of the task; negation applies where `positive` and `negative` are among them.

    Returns:
        by check: `names`, `numbers` and `negation`.
    """
    ours, theirs = passes(challenger, labels), passes(champion, labels)
    return {name: Passed(len(ours[name]), sum(theirs[name]), sum(ours[name])) for name in ours}


def passes(score: Score, labels: Sequence[str]) -> Mapping[str, list[bool]]:
    """For each check that applies, whether each case was passed."""
    cases = [case for case in _cases() if case.falls is None or case.falls in labels]
    ones, others = score([clean(case.one) for case in cases]), score([clean(case.other) for case in cases])
    found: dict[str, list[bool]] = {}
    for case, one, other in zip(cases, ones, others, strict=True):
        if case.falls is None:
            is_passed = bool(one.argmax() == other.argmax())
        else:
            column = labels.index(case.falls)
            is_passed = bool(other[column] < one[column])
        found.setdefault(case.check, []).append(is_passed)
    return found


def texts() -> list[str]:
    """All texts that `passes` scores, cleaned, each once."""
    return list(dict.fromkeys(clean(text) for case in _cases() for text in (case.one, case.other)))


def _cases() -> Iterator[_Case]:
    for sentence in SENTENCES:
        first = sentence.format(name=NAMES[0], figure=FIGURES[0])
        for name in NAMES[1:]:
            yield _Case("names", first, sentence.format(name=name, figure=FIGURES[0]))
        for figure in FIGURES[1:]:
            yield _Case("numbers", first, sentence.format(name=NAMES[0], figure=figure))
    for falls, plain, negated in NEGATIONS:
        for name in NAMES:
            yield _Case("negation", plain.format(name=name), negated.format(name=name), falls)
