"""Reads a loop's topics as they grow: what was scored and by whom, what was labelled when; and says what to label."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from bellwether.demo.stream import Story
from bellwether.loop.cast import LABELLER
from bellwether.loop.feed import AGAIN
from bellwether.loop.figures import Seen
from bellwether.loop.material import TASK
from runtime import clock
from runtime.topic_reader import TopicReader
from wire.events import LabelSubmitted, Scored
from wire.topics import LABELS, PUBLISHED, SCORED

TOPICS = (PUBLISHED.name, SCORED.name, LABELS.name)


class Watch:
    """What a person who watches the topics knows.

    Args:
        reader: of `TOPICS`, set to their beginning.
        truth: each drifted story by its id; others are known from `calm`.
        calm: stories of before the drift, by id.

    Attributes:
        seen: scored events, in the order in which they were read.
        drift_ms: the broker's time of the first drifted event; None before.
        labels_ms: the broker's time of each label.
        waiting: scored drifted events that nobody has labelled yet.
    """

    def __init__(self, reader: TopicReader, truth: Mapping[str, Story], calm: Mapping[str, Story]) -> None:
        self._reader = reader
        self._truth = truth
        self._calm = calm
        self.seen: list[Seen] = []
        self.drift_ms: int | None = None
        self.labels_ms: list[int] = []
        self.waiting: deque[Scored] = deque()
        self._labelled: set[str] = set()

    def look(self) -> None:
        """Take over what came; waits a fraction of a second where nothing did."""
        for record in self._reader.poll():
            if record.topic == LABELS.name:
                self.labels_ms.append(record.timestamp)
            elif record.topic == SCORED.name:
                self._scored(msgspec.json.decode(record.value, type=Scored), record.timestamp)
            elif self.drift_ms is None and _id_of(record) in self._truth:
                self.drift_ms = record.timestamp

    def next_label(self) -> LabelSubmitted | None:
        """What a competent reader says of the oldest event that nobody has labelled; None where there is none."""
        if not self.waiting:
            return None
        event = self.waiting.popleft()
        self._labelled.add(event.event_id)
        answer = event.tasks[TASK]
        return LabelSubmitted(
            event_id=event.event_id,
            task=TASK,
            label=self._truth[event.event_id].label,
            labeller=LABELLER,
            labelled_at=clock.now(),
            text=event.text,
            published_at=event.published_at,
            model_version=event.model_version,
            probabilities=dict(answer.probabilities),
        )

    def _scored(self, event: Scored, time_ms: int) -> None:
        name, again, _ = event.event_id.partition(AGAIN)
        story = self._truth.get(name)
        is_drifted = story is not None
        if again and name in self._labelled:
            return  # a version may have learnt this very story
        known = story or self._calm.get(name)
        if known is None or TASK not in event.tasks:
            return
        self.seen.append(Seen(time_ms, event.model_version, known.label, event.tasks[TASK].label, is_drifted))
        if is_drifted and not again:
            self.waiting.append(event)


class _Name(msgspec.Struct):
    event_id: str = ""


def _id_of(record: Any) -> str:
    return msgspec.json.decode(record.value, type=_Name).event_id
