"""How good the served versions are in the field: each prediction that later got its label, tested before trained on.

A function of the labels alone, because each carries what the model had said: no order of arrival, no repeat and no
change of mind makes it count a prediction twice. Leave labels out that are not trusted (`trainer.labels.admission`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def outcome_of(labels: Sequence[LabelSubmitted], ranks: Mapping[str, int]) -> Outcome | None:
    """The outcome of one event and task, whatever the order of its labels.

    The truth is the effective label's. The prediction is the one that the first label by label time saw: a version
    that answered later may have been trained on that label, and its answer would be no test. For the same reason
    the weight is that of the first label, with which the event was chosen.

    Args:
        labels: all of one event and task, at least one.
        ranks: of labellers, see `effective`.

    Returns:
        None where the first label saw no answer, or where the truth is no label that the model could have given.
    """
    ordered = sorted(labels, key=_first)
    first = ordered[0]
    (truth,) = effective(labels, ranks).values()
    if not first.probabilities or first.model_version is None or truth.label not in first.probabilities:
        return None
    shares = first.probabilities
    return Outcome(
        at=first.published_at or first.labelled_at,
        event_id=first.event_id,
        task=first.task,
        version=first.model_version,
        source=next((one.source for one in ordered if one.source), ""),
        truth=truth.label,
        answer=max(sorted(shares), key=shares.__getitem__),
        weight=1.0 / first.sampling_probability,
    )


@dataclass
class Ledger:
    """All labels seen, without their texts, and the outcome of each event and task.

    Args:
        ranks: of labellers, see `effective`.
    """

    ranks: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._labels: dict[Subject, list[LabelSubmitted]] = {}
        self._outcomes: dict[Subject, Outcome] = {}
        self._told: set[Subject] = set()

    def add(self, label: LabelSubmitted) -> Outcome | None:
        """Take a label in; one that is here already, word for word, changes nothing.

        Returns:
            the outcome that the label brought, once for each event and task: for the drift of the error. What later
            labels change in it stands in `outcomes` only.
        """
        subject = Subject(label.event_id, label.task)
        known, bare = self._labels.setdefault(subject, []), _without_text(label)
        if bare in known:
            return None
        known.append(bare)
        self._outcomes.pop(subject, None)
        found = outcome_of(known, self.ranks)
        if found is None:
            return None
        self._outcomes[subject] = found
        is_news = subject not in self._told
        self._told.add(subject)
        return found if is_news else None

    def forget(self, event_id: str) -> None:
        """Drop all that is known of an event, because it was erased."""
        for subject in [one for one in self._labels if one.event_id == event_id]:
            del self._labels[subject]
            self._told.discard(subject)
            self._outcomes.pop(subject, None)

    def outcomes(self) -> list[Outcome]:
        """By the time of their events."""
        return sorted(self._outcomes.values())

    @property
    def unmeasured(self) -> int:
        """Labelled events and tasks without an outcome, see `outcome_of`."""
        return len(self._labels) - len(self._outcomes)


def outcomes(labels: Iterable[LabelSubmitted], ranks: Mapping[str, int] | None = None) -> list[Outcome]:
    """The outcomes of labels in any order, each any number of times; by the time of their events."""
    ledger = Ledger(ranks or {})
    for label in labels:
        ledger.add(label)
    return ledger.outcomes()


def _first(label: LabelSubmitted) -> tuple[object, ...]:
    """Earliest first; at the same instant one that saw an answer before one that did not (a label joined later)."""
    answer = sorted((label.probabilities or {}).items())
    seen = label.published_at.isoformat() if label.published_at else ""
    chosen = label.sampling_probability
    return label.labelled_at, not answer, label.labeller, label.label, label.model_version or "", answer, chosen, seen


def _without_text(label: LabelSubmitted) -> LabelSubmitted:
    return msgspec.structs.replace(label, text=None)
