"""What travels between the worker's stages, free of any transport."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.engine import Probabilities, Task
from wire.events import Article


class Record(msgspec.Struct, gc=False):
    """One input as its transport gave it.

    Attributes:
        partition: of the input topic; outputs go to the same number.
        offset: position in the partition.
        key: unchanged in every output.
        value: the bytes to decode; None is a tombstone.
        headers: as received, in order, repeats included.
        time_s: the broker's time of the input in seconds since the epoch.
        token: what the transport needs to acknowledge the record.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    time_s: float
    token: object = None


class Ready(msgspec.Struct):
    """A decoded record that the engine can score.

    Attributes:
        record: where it came from.
        article: the event, its text as published.
        text: the text as it will stand in the scored event, cut where it is too long.
        cleaned: what the engine reads; not empty.
        flags: what was unusual.
        cost: estimated tokens.
    """

    record: Record
    article: Article
    text: str
    cleaned: str
    flags: tuple[str, ...]
    cost: int


class Refused(msgspec.Struct):
    """A record that ends as a dead letter.

    Attributes:
        record: where it came from.
        reason: constant, snake_case.
        stage: the step that refused it: `decode`, `clean`, `predict` or `encode`.
        exception: class and sentence of the error.
        event_id: where it is known.
    """

    record: Record
    reason: str
    stage: str
    exception: str
    event_id: str | None = None


class Output(msgspec.Struct):
    """One message to produce.

    Attributes:
        topic: the scored or the dead-letter topic.
        partition: the input's.
        key: the input's.
        value: the message; None only for the letter of a tombstone.
        headers: CloudEvents headers, or the letter's.
        time_s: the broker's time of the input, for the event's age.
    """

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    time_s: float


class Serving(msgspec.Struct, frozen=True):
    """Who scores: what each scored event says about its origin.

    Attributes:
        version: the registry's name of the model version.
        engine: runtime and precision.
        cleaning: version of the cleaner.
        tasks: the questions that the version answers, in the order of its heads.
        worker: id of this process.
    """

    version: str
    engine: str
    cleaning: str
    tasks: tuple[Task, ...]
    worker: str


class Scores(msgspec.Struct):
    """What one model call said about some texts of a batch.

    Attributes:
        places: position of each text in the batch.
        items: the texts, in order.
        probabilities: per task, one row a text.
        entities: id and finder of what each text names.
        serving: who scored: one version and one engine.
        batch_id: names the call.
    """

    places: Sequence[int]
    items: list[Ready]
    probabilities: dict[str, Probabilities]
    entities: list[tuple[tuple[str, str], ...]]
    serving: Serving
    batch_id: str
