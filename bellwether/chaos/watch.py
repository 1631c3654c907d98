"""Asks the broker once a second how far the group is, and whether the workers' address answers, with librdkafka."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bellwether.chaos.standstill import Look
from runtime.errors import BrokerError

ASK_S = 2.0
"""Longest wait for one answer of the broker."""

PROBE_S = 4.0
"""The same for the workers' address: a network with 500 ms a round trip is slow and not silent."""

LATE_S = 4.0
"""So long after the last answer, one that is still awaited counts as silence."""

_EVERY_S = 1.0
_CONNECT_S = 60.0


def client(bootstrap: str, timeout_s: float, group: str) -> Consumer:
    """A client that joins nothing, gives up on a dead connection soon and comes back soon.

    Not librdkafka's AdminClient: an assertion in it (`rd_kafka_enq_once_del_source_return`, 2.16) ended this process
    when the broker was killed in mid-request.
    """
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "client.id": "bellwether-chaos-bookkeeper",
            "group.id": group,
            "enable.auto.commit": False,
            "socket.timeout.ms": int(timeout_s * 1000),
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
    )


class Watcher:
    """Looks at a group's progress.

    Args:
        bootstrap: the broker itself.
        group: whose committed offsets count.
        published: what the group reads.
        outputs: the topics that it writes.

    Raises:
        BrokerError: the topics are not there, or nobody answers at all.
    """

    def __init__(self, bootstrap: str, group: str, published: str, outputs: Sequence[str]) -> None:
        self._client = client(bootstrap, ASK_S, group)
        self._published = published
        numbers = {topic: _partitions(self._client, topic, bootstrap) for topic in (published, *outputs)}
        self._inputs = [TopicPartition(published, number) for number in numbers[published]]
        self._all = [TopicPartition(topic, number) for topic, found in numbers.items() for number in found]

    def look(self) -> Look | None:
        """How far all is now; None where the broker does not answer."""
        try:
            ends = {place: self._end(place) for place in self._all}
            committed = self._client.committed(self._inputs, timeout=ASK_S)
        except KafkaException:
            return None
        if any(place.error is not None for place in committed):
            return None
        return Look(
            committed={place.partition: max(0, place.offset) for place in committed},
            ends={place.partition: end for place, end in ends.items() if place.topic == self._published},
            outputs=sum(end for place, end in ends.items() if place.topic != self._published),
        )

    def close(self) -> None:
        """Let go of the broker."""
        self._client.close()

    def _end(self, place: TopicPartition) -> int:
        found: tuple[int, int] = self._client.get_watermark_offsets(place, timeout=ASK_S)
        return found[1]


def _partitions(asking: Consumer, topic: str, bootstrap: str) -> list[int]:
    deadline = time.monotonic() + _CONNECT_S
    while True:
        try:
            found: Any = asking.list_topics(topic, timeout=ASK_S).topics[topic]
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise BrokerError(f"{bootstrap} does not answer: {error.args[0]}; is the broker running?") from error
            continue
        if found.error is not None or not found.partitions:
            raise BrokerError(
                f"the cluster at {bootstrap} has no topic {topic}; make it with `bellwether topics create`"
            )
        return sorted(found.partitions)


class Probe:
    """Asks again and again, in a thread, whether the broker answers at the address that the workers use.

    A real request: through a proxy that a fault has cut a connection may open, and nobody is behind it.

    Args:
        address: of the workers.
        ask: raises where nobody answers; a metadata request where not given.
        clock: monotonic.
    """

    def __init__(
        self, address: str, ask: Callable[[], object] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = None if ask else client(address, PROBE_S, "bellwether-chaos-probe")
        self._ask = ask or self._ask_metadata
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._silences = 0
        self._answered = clock()
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name="probe", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(2 * PROBE_S)
        if self._client is not None:
            self._client.close()

    def was_silent(self) -> bool:
        """Whether any request since the last call found nobody, or waits for an answer for long now."""
        with self._lock:
            silences, self._silences = self._silences, 0
            return silences > 0 or self._clock() - self._answered > LATE_S

    def _ask_metadata(self) -> None:
        if self._client is not None:
            self._client.list_topics(timeout=PROBE_S)

    def ask_once(self) -> None:
        """One request, and what came of it."""
        try:
            self._ask()
        except KafkaException:
            with self._lock:
                self._silences += 1
        else:
            with self._lock:
                self._answered = self._clock()

    def _run(self) -> None:
        while not self._ended.is_set():
            self.ask_once()
            self._ended.wait(_EVERY_S)
