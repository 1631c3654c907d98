"""What the demo replays: the built-in stream or somebody's file, looked through once to know its size and pace."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from bellwether.demo import stream
from bellwether.demo.truth import Truth, planted
from bellwether.demo.vocabulary import alias_table, load
from runtime.errors import InputError
from streams.ingest import opening
from streams.ingest.article import ArticleBuilder, Built
from streams.ingest.mapping import RowMapping
from streams.ingest.refusal import RowRefusedError

_SENTIMENTS = frozenset(("negative", "neutral", "positive"))
_EVENTS_PER_S = 125.0
"""Pace where none is asked for: about half of what the shipped default model does on two cores beside its broker, so
that the view shows how old events are, not how long a queue is."""


@dataclass(frozen=True)
class Labels:
    """What a row says about itself."""

    sentiment: str | None
    topic: str | None


@dataclass(frozen=True)
class Source:
    """A file to replay."""

    path: Path
    name: str
    events: int
    """Rows that ingest will accept."""
    limit: int | None
    first: datetime | None
    last: datetime | None
    is_ordered: bool
    """Whether every row names a time and none lies before its predecessor: only then a replay has a pace."""
    labels: Mapping[str, Labels]
    """Event id to truth, for rows that have any."""
    truth: Truth = field(default_factory=Truth)
    """What was planted; nothing in somebody's file."""
    aliases: Path | None = None
    """Alias table of the invented companies, which a worker can know from nowhere else."""

    def speed(self, seconds: float | None) -> str:
        """The `--speed` at which the replay takes so long.

        >>> from datetime import timedelta
        >>> start = datetime(2026, 1, 1, tzinfo=UTC)
        >>> source = Source(Path("x"), "x", 1000, None, start, start + timedelta(hours=1), True, {})
        >>> source.speed(60), source.speed(None)
        ('60.000x', '450.000x')
        """
        if not self.is_ordered or self.first is None or self.last is None or self.last <= self.first:
            return "max"
        wanted = seconds if seconds is not None else self.events / _EVENTS_PER_S
        return f"{(self.last - self.first).total_seconds() / wanted:.3f}x"


def built_in(folder: Path, days: int, per_day: int, seed: int, limit: int | None = None) -> Source:
    """Write the built-in stream into a folder, as the file that will be replayed.

    Raises:
        InputError: the stream is empty.
    """
    path = folder / "stream.jsonl"
    stream.write(itertools.islice(stream.generate(days, per_day, seed), limit), path)
    aliases = folder / "aliases.toml"
    aliases.write_text(alias_table(load().companies), encoding="utf-8")
    found = look_through(path, None, name="the built-in stream", truth=planted(days, per_day, stream.START))
    return replace(found, aliases=aliases)


def look_through(path: Path, limit: int | None, *, name: str | None = None, truth: Truth | None = None) -> Source:
    """Read a file as ingest will.

    Raises:
        InputError: it cannot be read, or no row of it is an event.
    """
    labels: dict[str, Labels] = {}
    first = last = None
    events = 0
    is_ordered = True
    for built, values in itertools.islice(_events(path), limit):
        events += 1
        at = built.article.published_at
        is_ordered = is_ordered and built.timed and (last is None or at >= last)
        first, last = first or at, at
        known = _labels(values)
        if known is not None:
            labels[built.article.event_id] = known
    if not events:
        raise InputError(f"{path}: no row is an event with a text; `bellwether ingest file` tells why, row by row")
    return Source(path, name or path.name, events, limit, first, last, is_ordered, labels, truth or Truth())


def _events(path: Path) -> Iterator[tuple[Built, Mapping[str, object]]]:
    with opening.file(path) as rows:
        builder = ArticleBuilder(RowMapping.parse([]), source=rows.name, now=lambda: datetime.now(UTC))
        for row in rows.iterator:
            if isinstance(row.values, RowRefusedError):
                continue
            try:
                built = builder.build(row.values, row.number, rows.digest)
            except RowRefusedError:
                continue
            yield built, row.values


def _labels(values: Mapping[str, object]) -> Labels | None:
    label, topic = values.get("label"), values.get("topic")
    sentiment = label if isinstance(label, str) and label in _SENTIMENTS else None
    known_topic = topic if isinstance(topic, str) else None
    return Labels(sentiment, known_topic) if sentiment or known_topic else None
