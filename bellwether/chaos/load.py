"""Produce a row's events at its pace, and write down what the broker said of each: a process of its own.

Run as `python -m bellwether.chaos.load ORDER.json` (a `journal.LoadOrder`); prints one JSON summary at its end. It
writes with librdkafka, which the workers do not use. A record stands in `acked.jsonl` only after the broker's
acknowledgement, in `refused.jsonl` after a definite no, in `unknown.jsonl` where nobody can say: such a record may or
may not be there.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer

from bellwether.chaos import corpus, journal
from bellwether.chaos.corpus import Item
from bellwether.chaos.journal import LoadOrder, Written
from runtime.errors import BellwetherError, BrokerError, InputError

ACK_S = 120
"""Longest that a record waits for its acknowledgement: longer than any fault here lasts."""

_PAUSE_S = 0.005
"""Between two looks at the clock: at 5,000 events a second, 25 events at a time."""
_CONNECT_S = 30.0
_LAST_WORDS_S = 5.0
_PRODUCED_BYTES = 2 * 2**20
"""More than the broker takes of one record, so that it is the broker who refuses."""

_REFUSALS = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.TOPIC_AUTHORIZATION_FAILED})
"""Errors after which the broker has certainly not kept the record; after any other nobody knows."""


class Journals:
    """The three journals. What is written goes out in whole lines, so that a kill cuts none.

    Args:
        folder: where they lie; must exist.
    """

    def __init__(self, folder: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        names = (journal.ACKED, journal.UNKNOWN, journal.REFUSED)
        try:
            self._files = {name: os.open(folder / name, flags, 0o644) for name in names}
        except OSError as error:
            raise InputError(
                f"cannot write {error.filename}: {error.strerror}; give an order whose folder exists"
            ) from error
        self._lines: dict[str, list[bytes]] = {name: [] for name in names}
        self._encoder = msgspec.json.Encoder()
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()
        for file in self._files.values():
            os.close(file)

    def add(self, name: str, written: Written) -> None:
        """One line, with the next flush."""
        self._lines[name].append(self._encoder.encode(written) + b"\n")
        self.counts[name] += 1

    def flush(self) -> None:
        """Hand all lines to the operating system, which outlives us."""
        for name, lines in self._lines.items():
            if lines:
                rest = b"".join(lines)
                while rest:
                    rest = rest[os.write(self._files[name], rest) :]
                lines.clear()


def delivered(journals: Journals, item: Item, digest: str, error: KafkaError | None, message: Any) -> None:
    """What librdkafka calls with the outcome of each record."""
    written = Written(
        event_id=item.event_id, key=item.key, sequence=item.sequence, sha256=digest, kind=item.kind, fate=item.fate
    )
    if error is not None:
        name = journal.REFUSED if error.code() in _REFUSALS else journal.UNKNOWN
        journals.add(name, msgspec.structs.replace(written, error=f"{error.name()}: {error.str()}"))
        return
    # The broker may say no offset where it only confirms that it has the record already.
    offset = message.offset()
    _, time_ms = message.timestamp()
    partition = message.partition()
    journals.add(
        journal.ACKED,
        msgspec.structs.replace(
            written, partition=partition, offset=-1 if offset is None else max(-1, offset), time_ms=max(0, time_ms)
        ),
    )


def due(elapsed_s: float, order: LoadOrder) -> int:
    """How many events shall have been produced so long after the first, the burst included.

    >>> order = LoadOrder(bootstrap="", topic="", folder="", seed=1, events=99, rate=10, mix={},
    ...     burst_at=1, burst_seconds=2, burst_factor=3)
    >>> due(0.5, order), due(1, order), due(2, order), due(3, order), due(4, order)
    (5, 10, 40, 70, 80)
    """
    burst = min(max(0.0, elapsed_s - order.burst_at), order.burst_seconds)
    return int(order.rate * (elapsed_s + burst * (order.burst_factor - 1)))


def settings(bootstrap: str) -> dict[str, object]:
    """How librdkafka shall produce: idempotent, so that an outage neither doubles nor reorders, and patient."""
    return {
        "bootstrap.servers": bootstrap,
        "client.id": "bellwether-chaos-load",
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",
        "message.timeout.ms": ACK_S * 1000,
        "message.max.bytes": _PRODUCED_BYTES,
        "queue.buffering.max.kbytes": 128 * 1024,
        "linger.ms": 5,
        "request.timeout.ms": 10_000,
        "socket.timeout.ms": 15_000,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 2,
    }


def produce(
    order: LoadOrder,
    producer: Producer,
    records: Iterable[Item],
    journals: Journals,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Produce all records at the order's pace and wait for what becomes of them."""
    started = clock()
    allowed = 0
    try:
        for count, item in enumerate(records):
            while count >= allowed:
                producer.poll(_PAUSE_S)
                journals.flush()
                allowed = due(clock() - started, order)
            _send(producer, order.topic, item, journals)
        while producer.flush(0.5):
            journals.flush()
    except KafkaException:
        producer.flush(_LAST_WORDS_S)  # what becomes of the others still has to be written down
        raise


def _send(producer: Producer, topic: str, item: Item, journals: Journals) -> None:
    digest = sha256(item.value or b"").hexdigest()
    while True:
        try:
            producer.produce(
                topic,
                value=item.value,
                key=item.key,
                headers=list(item.headers),
                on_delivery=partial(delivered, journals, item, digest),
            )
        except BufferError:  # the broker is away and the queue is full: the pace has to wait
            producer.poll(0.1)
            journals.flush()
        else:
            return


def run(order: LoadOrder) -> dict[str, int]:
    """Carry out an order.

    Returns:
        How many records were acknowledged, unknown and refused.

    Raises:
        BrokerError: the topic is not there, or librdkafka gave up for good.
    """
    producer = Producer(settings(order.bootstrap))
    try:
        topic = producer.list_topics(order.topic, timeout=_CONNECT_S).topics[order.topic]
        if topic.error is not None or not topic.partitions:
            raise BrokerError(
                f"the cluster at {order.bootstrap} has no topic {order.topic}; make it with `bellwether topics create`"
            )
        with Journals(Path(order.folder)) as journals:
            produce(order, producer, corpus.items(order.seed, order.events, order.mix, len(topic.partitions)), journals)
    except KafkaException as error:
        reason = error.args[0]
        raise BrokerError(
            f"producing to {order.topic} at {order.bootstrap} failed: {reason}; is it running?"
        ) from error
    names = (("acked", journal.ACKED), ("unknown", journal.UNKNOWN), ("refused", journal.REFUSED))
    return {short: journals.counts[name] for short, name in names}


def main() -> None:
    """Read the order, produce, print."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m bellwether.chaos.load ORDER.json")
    try:
        print(json.dumps(run(journal.read_order(Path(sys.argv[1]), LoadOrder))))
    except BellwetherError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
