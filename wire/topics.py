"""Which topics there are, what they keep, what their keys mean and who reads them: plain data, no Kafka."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_PARTITIONS = 12
"""Of published, scored, shadowed and dead; fixed at creation. Twelve divides among 1, 2, 3, 4, 6 or 12 workers."""

MAX_PUBLISHED_BYTES = 1_048_576
"""Largest input (1 MiB), by broker and ingest alike."""

MAX_MESSAGE_BYTES = 2_097_152
"""Largest output (2 MiB): a largest input still fits together with all that is said about it."""

_DAY_MS = 24 * 60 * 60 * 1000

CLASSIFY_GROUP = "bellwether-classify"
"""Consumer group of the workers that score."""

TRAINER_GROUP = "bellwether-trainer"
"""Consumer group of the trainers; they commit how far labels are stored, and read on from their own stores."""


@dataclass(frozen=True)
class Topic:
    """One topic as design and code agree on it."""

    name: str
    key: str
    """What a record's key means; records with equal keys stay in order."""
    value: str
    """What a record holds, in a few words."""
    cleanup: str
    """Kafka's `cleanup.policy`: delete, compact, or both."""
    retention_ms: int | None = None
    """How long a record is kept; None where only compaction removes any."""
    compaction_lag_ms: int | None = None
    """After how long at most a record that another one replaced is removed; None leaves it to Kafka, maybe never."""
    tombstone_ms: int | None = None
    """How long a tombstone is kept for readers that were away; None for Kafka's own day."""
    max_message_bytes: int = MAX_PUBLISHED_BYTES
    partitions: int | None = None
    """A fixed number, or None for those that share one number chosen at creation."""
    groups: tuple[str, ...] = ()
    """Consumer groups that read it; each gets offset 0 committed when the topic is created."""

    def config(self) -> dict[str, str]:
        """The topic's settings under Kafka's names."""
        settings = {
            "cleanup.policy": self.cleanup,
            "max.message.bytes": str(self.max_message_bytes),
            # Event time lives in `published_at` alone: a record stamped 2014 by its producer would expire at once.
            "message.timestamp.type": "LogAppendTime",
        }
        if self.retention_ms is not None:
            settings["retention.ms"] = str(self.retention_ms)
        if self.compaction_lag_ms is not None:
            settings["max.compaction.lag.ms"] = str(self.compaction_lag_ms)
        if self.tombstone_ms is not None:
            settings["delete.retention.ms"] = str(self.tombstone_ms)
        return settings


PUBLISHED = Topic(
    name="news.article.published.v1",
    key="the key or entity that the producer names, else event_id",
    value="a text to score",
    cleanup="delete",
    retention_ms=7 * _DAY_MS,
    groups=(CLASSIFY_GROUP,),
)
SCORED = Topic(
    name="news.article.scored.v1",
    key="as in published",
    value="the event with label and probabilities per task",
    cleanup="delete",
    retention_ms=30 * _DAY_MS,
    max_message_bytes=MAX_MESSAGE_BYTES,
)
SHADOWED = Topic(
    name="news.article.shadowed.v1",
    key="as in published",
    value="a challenger's scores, which nothing that users see reads",
    cleanup="delete",
    retention_ms=7 * _DAY_MS,
    max_message_bytes=MAX_MESSAGE_BYTES,
)
DEAD = Topic(
    name="news.article.dead.v1",
    key="as in published",
    value="what could not be scored, unchanged, with the reason in its headers",
    cleanup="delete",
    retention_ms=30 * _DAY_MS,
    max_message_bytes=MAX_MESSAGE_BYTES,
)
LABELS = Topic(
    name="news.label.submitted.v1",
    key="event_id:task:labeller:labelled_at",
    value="a person's label with the text that it was given for",
    cleanup="compact",
    # An erased text is gone from the segment files a day after the next label came, however few labels come.
    compaction_lag_ms=_DAY_MS,
    # A trainer that was away for longer would never learn of an erasure: it must read from the beginning.
    tombstone_ms=30 * _DAY_MS,
    partitions=1,
)
OPINION_PARTIAL = Topic(
    name="news.opinion.partial.v1",
    key="scope:key, window and source partition",
    value="cumulative counts of one source partition",
    cleanup="compact,delete",
    retention_ms=7 * _DAY_MS,
)
OPINION_WINDOW = Topic(
    name="news.opinion.window.v1",
    key="scope:key and window",
    value="the merged opinion of one window",
    cleanup="compact,delete",
    retention_ms=90 * _DAY_MS,
)
ALERTS = Topic(
    name="news.alert.raised.v1",
    key="alert_id",
    value="an alert opened, updated or resolved",
    cleanup="delete",
    retention_ms=90 * _DAY_MS,
    partitions=1,
)
MODEL_PUBLISHED = Topic(
    name="news.model.published.v1",
    key="pointer",
    value="the whole pointer state of the registry",
    cleanup="compact",
    partitions=1,
)
MODEL_SERVED = Topic(
    name="news.model.served.v1",
    key="worker id",
    value="which worker serves which version since when",
    cleanup="compact,delete",
    retention_ms=7 * _DAY_MS,
    partitions=1,
)

ALL: tuple[Topic, ...] = (
    PUBLISHED,
    SCORED,
    SHADOWED,
    DEAD,
    LABELS,
    OPINION_PARTIAL,
    OPINION_WINDOW,
    ALERTS,
    MODEL_PUBLISHED,
    MODEL_SERVED,
)
"""Every topic of ours, inputs first."""


@dataclass(frozen=True)
class Layout:
    """A topic with all that an installation chooses about it."""

    topic: Topic
    partitions: int
    replicas: int
    groups: tuple[str, ...]
    """Consumer groups that need a committed offset on every partition."""

    @property
    def name(self) -> str:
        """The topic's name."""
        return self.topic.name

    def config(self) -> dict[str, str]:
        """The topic's settings under Kafka's names."""
        # All but one replica must have a record before it counts as written: one broker may then be lost.
        return {**self.topic.config(), "min.insync.replicas": str(max(1, self.replicas - 1))}


def layouts(
    *,
    partitions: int = DEFAULT_PARTITIONS,
    replicas: int = 1,
    group: str = CLASSIFY_GROUP,
    topics: tuple[Topic, ...] = ALL,
) -> tuple[Layout, ...]:
    """The topics as they shall exist.

    Args:
        partitions: of every topic that has no number of its own.
        replicas: of every topic.
        group: of the workers that score, where it has another name than ours.
        topics: which.

    >>> [(layout.name, layout.partitions) for layout in layouts(partitions=3, topics=(SCORED, LABELS))]
    [('news.article.scored.v1', 3), ('news.label.submitted.v1', 1)]

    Raises:
        ValueError: a number below 1.
    """
    if min(partitions, replicas) < 1:
        raise ValueError(f"a topic needs at least 1 partition and 1 replica, not {partitions} and {replicas}")
    return tuple(
        Layout(
            topic=topic,
            partitions=topic.partitions or partitions,
            replicas=replicas,
            groups=tuple(group if reader == CLASSIFY_GROUP else reader for reader in topic.groups),
        )
        for topic in topics
    )
