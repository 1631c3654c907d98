"""How good the served versions are in the field: each prediction that later got its label, tested before trained on.

A function of the labels alone, because each carries what the model had said: no order of arrival, no repeat and no
change of mind makes it count a prediction twice. Leave labels out that are not trusted (`trainer.labels.admission`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from trainer.labels.effective import Subject, effective
from wire.events import LabelSubmitted


class Outcome(NamedTuple):
    """One prediction and what it should have been.

    Attributes:
        at: when the event was published, or labelled first where that is not known: the order of the stream.
        weight: 1 / the probability with which the event was chosen to be labelled (Horvitz & Thompson 1952).
    """

    at: datetime
    event_id: str
    task: str
    version: str
    source: str
    truth: str
    answer: str
    weight: float

    @property
    def is_wrong(self) -> bool:
        """Whether the model said otherwise."""
        return self.truth != self.answer


class _Known(NamedTuple):
    """What matters of the labels of one event and task, however many they are.

    Attributes:
        first: by label time; see `_outcome`.
        sourced: the first one that names a source; None where none does.
        truth: the effective one.
    """

    first: LabelSubmitted
    sourced: LabelSubmitted | None
    truth: LabelSubmitted


def _outcome(known: _Known) -> Outcome | None:
    """The outcome of one event and task, whatever the order of its labels.

    The truth is the effective label's. The prediction is the one that the first label by label time saw: a version
    that answered later may have been trained on that label, and its answer would be no test. For the same reason
    the weight is that of the first label, with which the event was chosen.

    Returns:
        None where the first label saw no answer, or where the truth is no label that the model could have given.
    """
    first, sourced, truth = known
    if not first.probabilities or first.model_version is None or truth.label not in first.probabilities:
        return None
    shares = first.probabilities
    return Outcome(
        at=first.published_at or first.labelled_at,
        event_id=first.event_id,
        task=first.task,
        version=first.model_version,
        source=sourced.source if sourced else "",
        truth=truth.label,
        answer=max(sorted(shares), key=shares.__getitem__),
        weight=first.weight,
    )


@dataclass
class Ledger:
    """The outcome of each event and task of the labels seen; of the labels themselves no text is kept.

    Args:
        ranks: of labellers, see `effective`.
    """

    ranks: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known: dict[Subject, _Known] = {}
        self._outcomes: dict[Subject, Outcome] = {}
        self._told: set[Subject] = set()

    def add(self, label: LabelSubmitted) -> Outcome | None:
        """Take a label in; one that is here already, word for word, changes nothing.

        Returns:
            the outcome that the label brought, once for each event and task: for the drift of the error. What later
            labels change in it stands in `outcomes` only.
        """
        subject = Subject(label.event_id, label.task)
        known = _with(self._known.get(subject), msgspec.structs.replace(label, text=None), self.ranks)
        if known == self._known.get(subject):
            return None
        self._known[subject] = known
        self._outcomes.pop(subject, None)
        found = _outcome(known)
        if found is None:
            return None
        self._outcomes[subject] = found
        is_news = subject not in self._told
        self._told.add(subject)
        return found if is_news else None

    def forget(self, event_id: str) -> None:
        """Drop all that is known of an event, because it was erased."""
        for subject in [one for one in self._known if one.event_id == event_id]:
            del self._known[subject]
            self._told.discard(subject)
            self._outcomes.pop(subject, None)

    def outcomes(self) -> list[Outcome]:
        """By the time of their events."""
        return sorted(self._outcomes.values())

    @property
    def unmeasured(self) -> int:
        """Labelled events and tasks without an outcome, see `_outcome`."""
        return len(self._known) - len(self._outcomes)


def outcomes(labels: Iterable[LabelSubmitted], ranks: Mapping[str, int] | None = None) -> list[Outcome]:
    """The outcomes of labels in any order, each any number of times; by the time of their events."""
    ledger = Ledger(ranks or {})
    for label in labels:
        ledger.add(label)
    return ledger.outcomes()


def _with(known: _Known | None, label: LabelSubmitted, ranks: Mapping[str, int]) -> _Known:
    """With one label more."""
    sourced = label if label.source else None
    if known is None:
        return _Known(label, sourced, label)
    if sourced is None or (known.sourced is not None and _first(known.sourced) <= _first(sourced)):
        sourced = known.sourced
    (truth,) = effective((known.truth, label), ranks).values()
    return _Known(min(known.first, label, key=_first), sourced, truth)


def _first(label: LabelSubmitted) -> tuple[object, ...]:
    """Earliest first; at the same instant one that saw an answer before one that did not (a label joined later)."""
    answer = sorted((label.probabilities or {}).items())
    seen = label.published_at.isoformat() if label.published_at else ""
    chosen = label.sampling_probability
    return label.labelled_at, not answer, label.labeller, label.label, label.model_version or "", answer, chosen, seen
