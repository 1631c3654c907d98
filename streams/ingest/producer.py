"""The idempotent producer of the published topic: an event counts when the broker has acknowledged it, never before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from runtime.errors import BrokerError
from streams.ingest import limit
from streams.ingest.message import Message
from streams.ingest.refusal import TOO_LARGE, RowRefusedError
from wire.topics import PUBLISHED

Done = Callable[[Exception | None], None]
"""Called once per event, on the producer's thread: None when acknowledged, else why not."""

BUFFER_BYTES = 32 * 1024 * 1024
"""Bytes on the way at most; kafka-python's own buffer has no bound. About 60,000 headlines, a second or two of work."""
DELIVERY_TIMEOUT_S = 60.0
"""How long an event may wait for a broker that went away; a restart takes 5 to 10 seconds."""
_BATCH_BYTES = 128 * 1024
"""Per partition; a burst of headlines goes out in few requests, and a batch stays far under the broker's 1 MiB."""
_LINGER_MS = 20
"""Wait for a batch to fill: invisible to a person, and it makes requests few."""


class Publisher:
    """Sends events with bounded memory; `with` closes it, after what was sent is settled."""

    def __init__(
        self,
        bootstrap: str,
        *,
        topic: str = PUBLISHED.name,
        delivery_timeout_s: float = DELIVERY_TIMEOUT_S,
        buffer_bytes: int = BUFFER_BYTES,
        connect_timeout_s: float = 15.0,
    ) -> None:
        """Connect.

        Raises:
            BrokerError: nothing answers at `bootstrap`, or the topic does not exist.
        """
        self._bootstrap = bootstrap
        self._topic = topic
        self._delivery_timeout_s = delivery_timeout_s
        self._buffer_bytes = buffer_bytes
        # Whoever waits for room is woken when there is room for many, not once for each event.
        self._low_water_bytes = buffer_bytes * 3 // 4
        self._on_the_way = 0
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._settled = threading.Condition(self._lock)
        self._connect_timeout_s = connect_timeout_s
        self.is_broken = False
        """True after an error that the client may not get over; `reconnect` mends it."""
        self._producer: Any = self._connect()
        self._max_bytes = limit.largest_message(bootstrap, topic, connect_timeout_s)

    def reconnect(self) -> None:
        """Go on with a new client where the old one is broken; what the old one still had fails.

        Raises:
            BrokerError: nothing answers.
        """
        if self.is_broken:
            fresh = self._connect()
            self.close()
            self._producer, self.is_broken = fresh, False

    def _connect(self) -> Any:
        from kafka import KafkaProducer
        from kafka.errors import KafkaError

        timeout_s = self._connect_timeout_s
        delivery_ms = int(self._delivery_timeout_s * 1000)
        config: dict[str, Any] = {
            "bootstrap_servers": self._bootstrap.split(","),
            "client_id": "bellwether-ingest",
            "enable_idempotence": True,
            "acks": "all",
            "allow_auto_create_topics": False,
            "batch_size": _BATCH_BYTES,
            "linger_ms": _LINGER_MS,
            "max_request_size": 4 * PUBLISHED.max_message_bytes,
            "request_timeout_ms": min(10_000, delivery_ms - _LINGER_MS),
            "delivery_timeout_ms": delivery_ms,
            "max_block_ms": int(timeout_s * 1000),
            "bootstrap_timeout_ms": int(timeout_s * 1000),
            "reconnect_backoff_max_ms": 1_000,
        }
        try:
            producer: Any = KafkaProducer(**config)
        except (KafkaError, ValueError) as error:
            raise BrokerError(
                f"no Kafka answers at {self._bootstrap} ({type(error).__name__}: {error}); "
                "start one with `bellwether broker start` or name another with --bootstrap"
            ) from error
        try:
            producer.partitions_for(self._topic)
        except KafkaError as error:
            producer.close(timeout=1)
            raise BrokerError(
                f"Kafka at {self._bootstrap} has no topic {self._topic!r} ({type(error).__name__}); "
                "create it with `bellwether topics create`"
            ) from error
        return producer

    def publish(self, message: Message, done: Done, *, may_wait: bool = True) -> None:
        """Send one event; waits while `buffer_bytes` are on the way.

        Args:
            message: the event.
            done: gets a `RowRefusedError` where the topic takes no message of this size, else a `BrokerError`.
            may_wait: False in an event loop: without room, `done` gets a `BrokerError` and nothing is sent.

        Raises:
            BrokerError: there was no room within the delivery time-out.
        """
        from kafka.errors import KafkaError

        size = message.size_bytes
        if size > self._max_bytes:
            sentence = f"the event has {size:,} bytes, {self._topic} takes {self._max_bytes:,}; split the text"
            done(RowRefusedError(TOO_LARGE, sentence))
            return
        if not self._reserve(size, self._delivery_timeout_s + 10.0 if may_wait else 0.0):
            error = BrokerError(
                f"{self._on_the_way:,} bytes are on the way to Kafka at {self._bootstrap} and it acknowledges too "
                "slowly; the event was not sent, see `bellwether broker status`"
            )
            if may_wait:
                raise error
            done(error)
            return

        def settle(error: Exception | None) -> None:
            # First the count of whoever waits for this event, then ours: a flush that returns has seen every `done`.
            done(error)
            with self._lock:
                self._on_the_way -= size
                if self._on_the_way <= self._low_water_bytes:
                    self._room.notify()
                if self._on_the_way == 0:
                    self._settled.notify_all()

        try:
            future = self._producer.send(self._topic, value=message.value, key=message.key, headers=message.headers)
        except KafkaError as error:
            settle(self._explained(error, message))
            return
        # One pair of callbacks; `settle` runs on the sender's thread.
        future.add_callback(lambda _: settle(None))
        future.add_errback(lambda error: settle(self._explained(error, message)))

    def _reserve(self, size: int, timeout_s: float) -> bool:
        with self._lock:
            # A message larger than the whole buffer may still go alone.
            has_room = self._room.wait_for(
                lambda: self._on_the_way == 0 or self._on_the_way + size <= self._buffer_bytes, timeout=timeout_s
            )
            self._on_the_way += size if has_room else 0
            return has_room

    def _explained(self, error: Exception, message: Message) -> BrokerError:
        self.is_broken = True
        return BrokerError(
            f"Kafka at {self._bootstrap} did not acknowledge event {message.event_id} within "
            f"{self._delivery_timeout_s:.0f} s ({type(error).__name__}: {error}); see `bellwether broker status`"
        )

    @property
    def bytes_on_the_way(self) -> int:
        """Bytes sent and not yet settled."""
        return self._on_the_way

    def flush(self) -> None:
        """Wait until every event so far is settled, one way or the other.

        By our own count: kafka-python's flush fails (`Future not done`) when a batch is split on its way because the
        broker found it too large.

        Raises:
            BrokerError: it took longer than the delivery time-out allows.
        """
        patience_s = self._delivery_timeout_s + 10.0
        with self._lock:
            if not self._settled.wait_for(lambda: self._on_the_way == 0, timeout=patience_s):
                raise BrokerError(
                    f"Kafka at {self._bootstrap} does not answer: {self._on_the_way:,} bytes are still on the way "
                    f"after {patience_s:.0f} s; see `bellwether broker status`"
                )

    def close(self) -> None:
        """Hand the connection back; what is unsettled then stays so."""
        from kafka.errors import KafkaError

        # It flushes first and raises where that fails; whoever cares about that has called our flush.
        with suppress(KafkaError):
            self._producer.close(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
