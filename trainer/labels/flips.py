"""Labellers that contradict the others, always or where one class is another to them. Pure.

Not the majority of labels decides but that of labellers: each other labeller is one voice, however much it labelled,
and the middle half of the voices counts. So a few that act together, and outnumber the honest labels of the texts that
they chose, neither vouch for each other nor make an honest labeller look wrong.
"""

from __future__ import annotations

import hashlib
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import permutations
from typing import NamedTuple

from trainer.labels.effective import Subject
from trainer.labels.policy import Flips
from wire.events import LabelSubmitted

MOST_VOICES = 32
"""Of one subject, chosen by hash: a thousand names on one text would otherwise be a million pairs."""

USUAL, STRENGTH = 0.25, 2.0
"""A rate over few subjects is drawn towards the usual one, as if so many more had been seen."""

BEYOND_TYPICAL = 1.5
"""A task that all find hard is no reason: the limit is at least so many times the rate of the median labeller."""


class Case(NamedTuple):
    """What is counted: contradictions of a task, or the texts of one class that are another to a labeller."""

    task: str
    theirs: str | None = None
    mine: str | None = None


class Tally(NamedTuple):
    """Subjects that two labellers both labelled, and those where the case is so."""

    both: int
    hits: int


Tallies = Mapping[Case, Mapping[str, Mapping[str, Tally]]]
"""By case, the labeller that is looked at, and the other one."""


class _Suspicion(NamedTuple):
    excess: float
    labeller: str
    reason: str


def suspects(
    words: Mapping[str, Mapping[Subject, LabelSubmitted]], trust: Mapping[str, float], rules: Flips, bound: set[str]
) -> dict[str, str]:
    """The labellers that contradict the others too much, each with the reason.

    The worst goes first, with its voice, and the rest are looked at anew: those it contradicted are cleared.

    Args:
        words: by labeller, its last word on each subject.
        trust: weight of each one's voice, 0 to 1; who has none has no voice.
        rules: the limits.
        bound: labellers that may be suspected; the others are voices only.
    """
    heard = {name: own for name, own in words.items() if trust.get(name, 0.0) > 0}
    tallies = _tallies(heard)
    found: dict[str, str] = {}
    while True:
        voices = {name: weight for name, weight in trust.items() if name not in found}
        worst = max(_suspicions(tallies, voices, rules, bound), default=None)
        if worst is None:
            return found
        found[worst.labeller] = worst.reason


def _suspicions(tallies: Tallies, voices: Mapping[str, float], rules: Flips, bound: set[str]) -> Iterable[_Suspicion]:
    for case, by_labeller in tallies.items():
        is_general = case.theirs is None
        least = rules.voices if is_general else rules.one_class_voices
        subjects = rules.subjects if is_general else rules.subjects / 2
        rates = {}
        for labeller, others in by_labeller.items():
            heard = {other: tally for other, tally in others.items() if other in voices}
            enough = len(heard) >= least and sum(tally.both for tally in heard.values()) >= subjects
            if labeller in voices and enough:
                rates[labeller] = _midmean([(_drawn(tally), voices[other]) for other, tally in heard.items()])
        if not rates:
            continue
        limit = rules.limit if is_general else rules.one_class_limit
        limit = max(limit, BEYOND_TYPICAL * statistics.median(rates.values()))
        for labeller, rate in rates.items():
            if labeller in bound and rate > limit:
                yield _Suspicion(rate - limit, labeller, _reason(case, rate))


def _reason(case: Case, rate: float) -> str:
    if case.theirs is None:
        return f"contradicts the others in {case.task} at a rate of {rate:.2f}"
    return f"says {case.mine!r} in {case.task} where the others say {case.theirs!r}, at a rate of {rate:.2f}"


def _drawn(tally: Tally) -> float:
    return (tally.hits + STRENGTH * USUAL) / (tally.both + STRENGTH)


def _midmean(weighed: list[tuple[float, float]]) -> float:
    """The weighted mean without the lowest and the highest quarter of the weight (Tukey 1977, "midmean")."""
    total = sum(weight for _, weight in weighed)
    low, high = total / 4, total * 3 / 4
    reached = summed = 0.0
    for value, weight in sorted(weighed):
        summed += value * max(0.0, min(reached + weight, high) - max(reached, low))
        reached += weight
    return summed / (high - low)


def _tallies(words: Mapping[str, Mapping[Subject, LabelSubmitted]]) -> Tallies:
    said: dict[Subject, list[tuple[str, str]]] = defaultdict(list)
    for name, own in words.items():
        for subject, label in own.items():
            said[subject].append((name, label.label))
    both: dict[tuple[str, str | None, str, str], int] = defaultdict(int)
    hits: dict[tuple[Case, str, str], int] = defaultdict(int)
    for subject, voices in said.items():
        for (me, mine), (other, theirs) in permutations(_some(subject, voices), 2):
            both[subject.task, None, me, other] += 1
            both[subject.task, theirs, me, other] += 1
            if mine != theirs:
                hits[Case(subject.task), me, other] += 1
                hits[Case(subject.task, theirs, mine), me, other] += 1
    cases: dict[tuple[str, str | None], set[Case]] = defaultdict(set)
    for case, _, _ in hits:
        cases[case.task, case.theirs].add(case)
    found: dict[Case, dict[str, dict[str, Tally]]] = defaultdict(lambda: defaultdict(dict))
    for (task, of, me, other), number in both.items():
        for case in cases[task, of]:
            found[case][me][other] = Tally(number, hits.get((case, me, other), 0))
    return found


def _some(subject: Subject, voices: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if len(voices) <= MOST_VOICES:
        return voices
    key = f"{subject.event_id}\0{subject.task}\0"
    return sorted(voices, key=lambda voice: hashlib.sha256((key + voice[0]).encode()).digest())[:MOST_VOICES]
