"""Which of several labels for the same text counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from wire.events import LabelSubmitted


class Subject(NamedTuple):
    """What labels are about: an event and one of its tasks."""

    event_id: str
    task: str


def effective(labels: Iterable[LabelSubmitted], ranks: Mapping[str, int]) -> dict[Subject, LabelSubmitted]:
    """The label that counts for each subject: the last by label time; at the same instant, the higher rank's.

    Args:
        labels: in any order, the same one any number of times: what counts does not depend on when a label arrived.
        ranks: of labellers, the higher the more they count; 0 for who is not named. At the same instant and rank the
            labeller's name and then the label decide, so that every machine decides alike.
    """
    found: dict[Subject, LabelSubmitted] = {}
    for label in labels:
        subject = Subject(label.event_id, label.task)
        before = found.get(subject)
        if before is None or _order(label, ranks) > _order(before, ranks):
            found[subject] = label
    return found


def _order(label: LabelSubmitted, ranks: Mapping[str, int]) -> tuple[object, ...]:
    return label.labelled_at, ranks.get(label.labeller, 0), label.labeller, label.label
