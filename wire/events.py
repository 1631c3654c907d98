"""The messages that travel between processes, as frozen structs; `wire/schemas/` holds them as JSON Schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct

UtcTime = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 with an offset; a time without one is refused, because nobody can say which instant it means."""


def leaves_calendar(time: datetime) -> bool:
    """Whether a time has no place in the years 1 to 9999 of UTC: at both ends an offset can lead out of them."""
    if time.year not in {1, 9999}:  # asked for each event
        return False
    try:
        time.astimezone(UTC)
    except OverflowError:
        return True
    return False


Share = Annotated[int, Meta(ge=0, le=10_000)]
"""A probability as an integer of 1/10,000, so that sums do not depend on the order of addition."""


class Article(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`news.article.published`: one text as its source gave it."""

    text: str
    """Unchanged by ingest; `models.text.clean` is the one cleaner."""
    published_at: UtcTime
    """Event time: windows, replays and drift go by it."""
    event_id: str = ""
    """Identity of the event; `wire.codec` fills it from the CloudEvents id or `wire.ids` where a producer sent none."""
    source: str = ""
    ingested_at: UtcTime | None = None
    """When our ingest (or the broker, for foreign producers) took it in."""
    url: str | None = None
    lang: str | None = None
    """BCP 47 tag, as the producer stated it."""
    entities: tuple[str, ...] = ()
    """Entities that the producer names."""
    schema_version: int = 1
    """Version of this layout, for producers that send no CloudEvents type."""


class TaskScore(Struct, frozen=True, kw_only=True):
    """One task's answer."""

    label: str
    probabilities: dict[str, Share]
    """Label name to share; the shares of a task sum to 10,000."""
    abstained: bool
    """True where the top probability is under the version's threshold: the label is a guess."""


class EntityScore(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entity that the text names, with the sentiment towards it."""

    id: str
    """Canonical name (a ticker, or what the alias table or the producer says)."""
    found_by: str
    """`cashtag`, `alias` or `producer`."""
    sentiment: TaskScore | None = None


class Scored(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`news.article.scored`: the event, what the model says of it, and who said it from which input."""

    event_id: str
    text: str
    """As published, cut at 64 KiB of UTF-8 (flag `text_cut`)."""
    published_at: UtcTime
    source: str
    tasks: dict[str, TaskScore]
    model_version: str
    engine: str
    cleaning: str
    """Version of the cleaner."""
    batch_id: str
    """What one model call scored: one version and one engine."""
    worker: str
    source_partition: int
    source_offset: int
    """A reader drops an offset that is not above the highest it has seen of this partition."""
    scored_at: UtcTime
    ingested_at: UtcTime | None = None
    url: str | None = None
    lang: str | None = None
    entities: tuple[EntityScore, ...] = ()
    flags: tuple[str, ...] = ()
    """What was unusual about the input, see `wire.codec` and `streams.classify`."""


class ModelPublished(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`news.model.published`: the pointer moved; a hint to read it, never more."""

    generation: int
    """Number of the move."""
    champion: str | None = None
    previous: str | None = None
    staged: str | None = None
    challenger: str | None = None


class RefusedVersion(Struct, frozen=True, kw_only=True):
    """A version that the pointer names and a worker does not serve."""

    version: str
    reason: str


class ModelServed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`news.model.served`: what one worker serves, written at each change and twice a minute; a tombstone when it ends.

    The key is the worker's id. The broker's time of the newest record says when the worker was last seen.
    """

    worker: str
    version: str
    engine: str
    since: UtcTime
    """When the version served its first batch on this worker, or could have."""
    generation: int = 0
    """Of the pointer that it follows; 0 where it follows none."""
    ready: str | None = None
    """A staged version that is warm and waits."""
    challenger: str | None = None
    """A version that is tried beside."""
    refused: tuple[RefusedVersion, ...] = ()


class LabelSubmitted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`news.label.submitted`: what a person says of an event, with all that is needed to learn from it.

    The snapshot (`text` to `probabilities`) is whoever submits's, so that the topic alone rebuilds the label store and
    nothing depends on how long the scored topic is kept. Its key is `wire.labels.key`.
    """

    event_id: Annotated[str, Meta(min_length=1)]
    task: Annotated[str, Meta(min_length=1)]
    label: Annotated[str, Meta(min_length=1)]
    labeller: Annotated[str, Meta(min_length=1)]
    """Who says so: a person, or the name of an import."""
    labelled_at: UtcTime
    text: str | None = None
    """As the scored event carries it; without it the label waits until the scored topic gives one."""
    published_at: UtcTime | None = None
    model_version: str | None = None
    """Of the model whose answer the labeller saw, and that answer."""
    probabilities: dict[str, Share] | None = None
    source: str = ""
    """Of the event: where the text came from. What is measured and replayed is told apart by it."""
    sampling_probability: Annotated[float, Meta(gt=0.0, le=1.0)] = 1.0
    """With which the event was chosen to be labelled; see `weight`."""

    @property
    def weight(self) -> float:
        """What the label counts in metrics: the inverse of its probability (Horvitz & Thompson 1952), at most 10^6."""
        return 1 / max(self.sampling_probability, 1e-6)

    def __post_init__(self) -> None:
        for name in ("labelled_at", "published_at"):
            time: datetime | None = getattr(self, name)
            if time is not None and leaves_calendar(time):
                raise ValueError(f"{name} {time.isoformat()} lies outside the years 1 to 9999 of UTC")
