"""Brings labels and answers together, whichever comes first: what each version said of events that were labelled."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from trainer.service.tail import Answer
from wire.events import LabelSubmitted

KEPT = 50_000
"""Answers that wait for a label; the oldest go first."""


class Answers:
    """Remembers what champion and challengers answered, without the texts; bounded."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, bool], Answer] = OrderedDict()
        self._counts: dict[str, dict[str, Counter[str]]] = {}

    def take(self, answer: Answer) -> bool:
        """One answer more; returns whether it is new: a repeat of an event counts once."""
        key = (answer.event_id, answer.is_shadow)
        before = self._answers.pop(key, None)
        self._answers[key] = replace(answer, text="")
        if len(self._answers) > KEPT:
            self._answers.popitem(last=False)
        is_new = before is None or before.model_version != answer.model_version
        if is_new and not answer.is_shadow:
            by_task = self._counts.setdefault(answer.model_version, {})
            for task, label in answer.labels.items():
                by_task.setdefault(task, Counter())[label] += 1
        return is_new

    def forget(self, event_id: str) -> None:
        """Drop what was answered of an event that was erased."""
        for is_shadow in (False, True):
            self._answers.pop((event_id, is_shadow), None)

    def counts(self, version: str) -> Mapping[str, Mapping[str, int]]:
        """By task, how many events a champion gave each label since this trainer leads."""
        return self._counts.get(version, {})

    def completed(self, labels: Iterable[LabelSubmitted]) -> Iterator[LabelSubmitted]:
        """Labels, with what the champion of the time said of their events where they do not bring it along."""
        for label in labels:
            answer = self._answers.get((label.event_id, False))
            said = answer.tasks.get(label.task) if answer else None
            if label.probabilities or answer is None or said is None:
                yield label
            else:
                yield replace(label, model_version=answer.model_version, probabilities=said.probabilities)

    def pairs(self, champion: str, shadow: str, labels: Iterable[LabelSubmitted]) -> dict[str, tuple[int, int]]:
        """By task, the labelled events that both scored and the champion alone had right, and the shadow alone."""
        found: dict[str, tuple[int, int]] = {}
        for label in labels:
            tried = self._answers.get((label.event_id, True))
            served = self._said(label, champion)
            if tried is None or tried.model_version != shadow or served is None or label.task not in tried.tasks:
                continue
            ours, theirs = served == label.label, tried.labels[label.task] == label.label
            lost, won = found.get(label.task, (0, 0))
            found[label.task] = lost + (ours and not theirs), won + (theirs and not ours)
        return found

    def _said(self, label: LabelSubmitted, version: str) -> str | None:
        """What a version that served said of a label's event: from the label's snapshot, else as it was read."""
        if label.model_version == version and label.probabilities:
            return max(label.probabilities, key=label.probabilities.__getitem__)
        answer = self._answers.get((label.event_id, False))
        if answer is None or answer.model_version != version:
            return None
        return answer.labels.get(label.task)
