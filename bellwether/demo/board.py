"""What the live view shows, kept up to date record by record: no terminal, no Kafka, bounded memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from river import stats

from runtime.clock import Monotonic
from wire.events import Scored

SENTIMENTS = ("negative", "neutral", "positive")

_TOPIC_FADING = 0.04
"""Weight of the newest text in a topic's running share: about the last 25 texts count."""
_ENTITY_FADING = 0.10
"""The same for an entity, which has fewer texts: about the last 10."""
_RATE_WINDOW_S = 4.0
_MAX_ENTITIES = 5_000
"""Entities followed at most (three floats each); one that comes later is not shown."""
_RECENT = 12


class Shares:
    """Running shares of the three sentiments, newer texts weighing more."""

    def __init__(self, fading: float) -> None:
        self.texts = 0
        self._means = {sentiment: stats.EWMean(fading) for sentiment in SENTIMENTS}

    def add(self, label: str) -> None:
        """One more text."""
        self.texts += 1
        for sentiment, mean in self._means.items():
            mean.update(float(sentiment == label))

    @property
    def now(self) -> dict[str, float]:
        """Sentiment to its share; they sum to 1 after the first text."""
        return {sentiment: float(mean.get()) for sentiment, mean in self._means.items()}


@dataclass(frozen=True)
class Headline:
    """A text just scored."""

    text: str
    sentiment: str
    confidence: float
    topic: str
    published_at: datetime


@dataclass
class Board:
    """Counts and running figures of one demo.

    Attributes:
        expected: events that the replay will publish.
        clock: for the rate.
    """

    expected: int
    clock: Monotonic
    published: int = 0
    scored: int = 0
    dead: int = 0
    repeats: int = 0
    overall: Shares = field(default_factory=lambda: Shares(_TOPIC_FADING / 4))
    topics: dict[str, Shares] = field(default_factory=dict)
    entities: dict[str, Shares] = field(default_factory=dict)
    headlines: deque[Headline] = field(default_factory=lambda: deque(maxlen=_RECENT))
    event_time: datetime | None = None
    served_by: tuple[str, str] | None = None
    """Version and engine of the newest scored event."""
    swaps: int = 0
    """How often the version or the engine of the newest event was another one than before."""
    age_p50_s: stats.Quantile = field(default_factory=lambda: stats.Quantile(0.5))
    age_p95_s: stats.Quantile = field(default_factory=lambda: stats.Quantile(0.95))
    _waiting: dict[tuple[int, int], int] = field(default_factory=dict)
    """Place of an input without output to the broker's time of it, ms; as large as the lag."""
    _highest: dict[tuple[str, int], int] = field(default_factory=dict)
    _moments: deque[float] = field(default_factory=deque)

    @property
    def done(self) -> int:
        """Events with an output."""
        return self.scored + self.dead

    @property
    def lag(self) -> int:
        """Published events that have no output yet."""
        return max(0, self.published - self.done)

    @property
    def rate(self) -> float:
        """Outputs per second over the last few seconds."""
        now = self.clock()
        while self._moments and self._moments[0] < now - _RATE_WINDOW_S:
            self._moments.popleft()
        return len(self._moments) / _RATE_WINDOW_S

    def on_published(self, place: tuple[int, int], broker_ms: int) -> None:
        """An input has reached the broker."""
        self.published += 1
        partition, offset = place
        # An output may be read before its input is; then its age is not measured.
        if offset > max(self._highest.get((kind, partition), -1) for kind in ("scored", "dead")):
            self._waiting[place] = broker_ms

    def on_scored(self, scored: Scored, broker_ms: int) -> None:
        """A scored event has reached the broker."""
        if not self._is_first("scored", (scored.source_partition, scored.source_offset), broker_ms):
            return
        self.scored += 1
        self.event_time = scored.published_at
        served_by = (scored.model_version, scored.engine)
        self.swaps += self.served_by not in (None, served_by)
        self.served_by = served_by
        self._count_opinion(scored)

    def on_dead(self, place: tuple[int, int], broker_ms: int) -> None:
        """A dead letter has reached the broker."""
        self.dead += self._is_first("dead", place, broker_ms)

    def _is_first(self, kind: str, place: tuple[int, int], broker_ms: int) -> bool:
        partition, offset = place
        if offset <= self._highest.get((kind, partition), -1):
            self.repeats += 1
            return False
        self._highest[kind, partition] = offset
        self._moments.append(self.clock())
        arrived_ms = self._waiting.pop(place, None)
        if arrived_ms is not None:
            age_s = max(0, broker_ms - arrived_ms) / 1000
            self.age_p50_s.update(age_s)
            self.age_p95_s.update(age_s)
        return True

    def _count_opinion(self, scored: Scored) -> None:
        sentiment = scored.tasks.get("sentiment")
        if sentiment is None:
            return
        topic = scored.tasks["topic"].label if "topic" in scored.tasks else ""
        self.overall.add(sentiment.label)
        if topic:
            self.topics.setdefault(topic, Shares(_TOPIC_FADING)).add(sentiment.label)
        for entity in scored.entities:
            if entity.id in self.entities or len(self.entities) < _MAX_ENTITIES:
                own = entity.sentiment.label if entity.sentiment is not None else sentiment.label
                self.entities.setdefault(entity.id, Shares(_ENTITY_FADING)).add(own)
        confidence = sentiment.probabilities.get(sentiment.label, 0) / 10_000
        self.headlines.append(Headline(scored.text, sentiment.label, confidence, topic, scored.published_at))


def busiest(shares: dict[str, Shares], count: int) -> list[tuple[str, Shares]]:
    """The names with most texts, most first."""
    return sorted(shares.items(), key=lambda item: (-item[1].texts, item[0]))[:count]
