"""What the engine said and what was refused, as messages to produce. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from models.engine import Probabilities, Task
from streams.classify.entities import Named
from streams.classify.records import Output, Ready, Refused, Scores
from wire import cloudevents, codec, deadletter, topics
from wire.events import EntityScore, Scored, TaskScore

MAX_OUTPUT_BYTES = topics.MAX_MESSAGE_BYTES - 48 * 1024
"""Key, value and headers together: the topic's limit less the record's own framing (under 100 bytes) and room for
headers that a letter adds (under 4 KiB)."""

_WHOLE = 10_000


def shares(matrix: Probabilities) -> list[list[int]]:
    """Rows of probabilities as integers of 1/10,000 that sum to 10,000 (largest remainder, Hamilton's method).

    >>> shares(np.array([[1/3, 1/3, 1/3]]))
    [[3334, 3333, 3333]]
    """
    scaled = matrix.astype(np.float64) * _WHOLE
    whole = scaled.astype(np.int64)
    missing = _WHOLE - whole.sum(axis=1)
    rank = np.argsort(np.argsort(whole - scaled, axis=1, kind="stable"), axis=1, kind="stable")
    whole += rank < np.maximum(missing, 0)[:, None]
    over = missing < 0
    if over.any():  # float32 rows can sum to a hair above 1
        rows = np.flatnonzero(over)
        whole[rows, whole[rows].argmax(axis=1)] += missing[rows]
    rounded: list[list[int]] = whole.tolist()
    return rounded


def task_scores(task: Task, probabilities: Probabilities) -> list[TaskScore]:
    """One task's answers for a batch, in the order of its rows."""
    labels = task.labels
    best = probabilities.argmax(axis=1)
    abstained = (probabilities[np.arange(len(best)), best] < task.abstain_below).tolist()
    return [
        TaskScore(label=labels[top], probabilities=dict(zip(labels, row, strict=True)), abstained=unsure)
        for top, unsure, row in zip(best.tolist(), abstained, shares(probabilities), strict=True)
    ]


class Writer:
    """Turns results into messages.

    Args:
        published: name of the input topic, for a letter's coordinates.
        scored: name of the output topic.
        dead: name of the dead-letter topic.
    """

    def __init__(
        self,
        published: str = topics.PUBLISHED.name,
        scored: str = topics.SCORED.name,
        dead: str = topics.DEAD.name,
    ) -> None:
        self.published = published
        self.scored = scored
        self.dead = dead

    def scores(self, call: Scores, now: datetime) -> list[Output | Refused]:
        """The messages of one model call, in the order of its items; one that gets too large is refused."""
        names = [task.name for task in call.serving.tasks]
        columns = [task_scores(task, call.probabilities[task.name]) for task in call.serving.tasks]
        time = now.astimezone(UTC)
        return [
            self._score(item, dict(zip(names, answers, strict=True)), named, call, time)
            for item, named, *answers in zip(call.items, call.entities, *columns, strict=True)
        ]

    def _score(
        self, item: Ready, answers: dict[str, TaskScore], named: Named, call: Scores, now: datetime
    ) -> Output | Refused:
        serving, sentiment = call.serving, answers.get("sentiment")  # an entity's is its whole text's
        article, record = item.article, item.record
        event = Scored(
            event_id=article.event_id,
            text=item.text,
            published_at=article.published_at,
            source=article.source,
            tasks=answers,
            model_version=serving.version,
            engine=serving.engine,
            cleaning=serving.cleaning,
            batch_id=call.batch_id,
            worker=serving.worker,
            source_partition=record.partition,
            source_offset=record.offset,
            scored_at=now,
            ingested_at=article.ingested_at,
            url=article.url,
            lang=article.lang,
            entities=tuple(EntityScore(id=name, found_by=by, sentiment=sentiment) for name, by in named),
            flags=item.flags,
        )
        value = codec.encode(event)
        headers = cloudevents.headers(cloudevents.SCORED_TYPE, article.event_id, article.source, article.published_at)
        size = len(value)
        if size + len(record.key or b"") > MAX_OUTPUT_BYTES // 2:  # headers repeat id and source: count them exactly
            size += _size(record.key, headers)
            if size > MAX_OUTPUT_BYTES:
                sentence = (
                    f"the scored event has {size} bytes, at most {MAX_OUTPUT_BYTES} fit; send less beside the text"
                )
                return Refused(record, "too_large", "encode", sentence, article.event_id)
        return Output(self.scored, record.partition, record.key, value, headers, record.time_s)

    def letter(self, refused: Refused) -> Output:
        """The dead letter of one record; the parts of it that would not fit are cut, the value first."""
        record = refused.record
        key, original = record.key, record.headers
        length = len(record.value or b"")
        kept = deadletter.KEPT_BYTES if length > deadletter.MAX_VALUE_BYTES else length
        if kept + _size(key, original) > MAX_OUTPUT_BYTES:
            # Rare and hostile: what the headers said is lost, that they existed is not.
            original = [*_within(original, 16 * 1024), ("bw_headers_cut", b"true")]
        value, headers = deadletter.build(
            reason=refused.reason,
            stage=refused.stage,
            exception=refused.exception,
            topic=self.published,
            partition=record.partition,
            offset=record.offset,
            value=record.value,
            original=original,
            event_id=refused.event_id[:1000] if refused.event_id else None,
        )
        if key is not None and kept + _size(key, headers) > MAX_OUTPUT_BYTES:
            key = key[: deadletter.KEPT_BYTES]
            headers.append(("bw_key_cut", b"true"))
        return Output(self.dead, record.partition, key, value, headers, record.time_s)


def _size(key: bytes | None, headers: Sequence[tuple[str, bytes]]) -> int:
    return len(key or b"") + sum(len(name) * 4 + len(value or b"") + 10 for name, value in headers)


def _within(headers: Sequence[tuple[str, bytes]], limit: int) -> list[tuple[str, bytes]]:
    kept: list[tuple[str, bytes]] = []
    for header in headers:
        limit -= _size(None, [header])
        if limit < 0:
            break
        kept.append(header)
    return kept
