"""Labels to and from `news.label.submitted`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from runtime import clock
from runtime.topic_reader import open_reader
from streams.ingest.message import FRAMING_BYTES, Message
from streams.ingest.producer import Publisher
from trainer.labels.store import Entry, Unreadable, entry_of
from wire import cloudevents, codec, labels
from wire.events import LabelSubmitted
from wire.topics import LABELS

Settled = Callable[[LabelSubmitted, Exception | None], None]
"""Told of each label on the producer's thread: None when the broker has it, else why not."""


def submit(bootstrap: str, given: Iterable[LabelSubmitted], settled: Settled, now: clock.Now = clock.now) -> None:
    """Produce labels; returns when each is settled.

    Raises:
        BrokerError: nothing answers, the topic does not exist, or the broker stopped answering.
    """
    publisher = Publisher(bootstrap, topic=LABELS.name)
    try:
        for label in given:
            publisher.publish(message(label, now), partial(settled, label))
        publisher.flush()
    finally:
        publisher.close()


def entries(bootstrap: str, start: int = 0) -> Iterator[Entry | Unreadable]:
    """The records from an offset to the present end, in their order.

    Raises:
        BrokerError: nobody answers, or the topic does not exist.
    """
    with open_reader(bootstrap, (LABELS.name,)) as reader:
        begin = {place: max(start, oldest) for place, oldest in reader.starts().items()}
        reader.begin(begin)
        for record in reader.until(reader.ends()):
            yield entry_of(record.offset, record.key, record.value)


class Present(NamedTuple):
    """What the topic holds.

    Attributes:
        labels: by key, those that are not erased, as compaction will leave them.
        unreadable: records that are no labels.
    """

    labels: dict[bytes, LabelSubmitted]
    unreadable: int


def present(bootstrap: str) -> Present:
    """Read the topic from its beginning to its present end.

    Raises:
        BrokerError: nobody answers, or the topic does not exist.
    """
    last: dict[bytes, LabelSubmitted | None] = {}
    unreadable = 0
    for entry in entries(bootstrap):
        if isinstance(entry, Unreadable):
            unreadable += 1
        else:
            last[entry.key] = entry.label
    return Present({key: label for key, label in last.items() if label is not None}, unreadable)


def message(label: LabelSubmitted, now: clock.Now = clock.now) -> Message:
    """A label as it goes to its topic."""
    key, value = labels.key(label), codec.encode(label)
    headers = cloudevents.headers(cloudevents.LABEL_SUBMITTED_TYPE, key.decode("ascii"), label.labeller, now())
    size = len(key) + len(value) + sum(len(name) + len(content) for name, content in headers) + FRAMING_BYTES
    return Message(label.event_id, key, value, headers, size)
