"""One requeue at a time: between looking for evidence and writing, nobody else may do the same.

The broker is the judge: whoever is a consumer group's only member holds all partitions of the dead-letter topic. A
process that dies loses its turn after the session time-out, so nothing is ever locked for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runtime.clock import Monotonic, monotonic
from runtime.errors import BrokerError

GROUP = "bellwether-dead-requeue"
SESSION_S = 10
"""A dead holder is noticed after this; a living one sends heartbeats from a thread."""
HOLD_S = 300
"""The broker takes the turn away after this long (`max.poll.interval.ms`)."""
USABLE_S = HOLD_S - 60
"""After this a holder starts nothing new, so that what it sends is settled while it still holds the turn."""
PATIENCE_S = 20
"""Longer than a dead holder's session, so that only a living one makes us give up."""

CLOSE_MS = 5_000
"""To leave the group: one whose join waits for somebody else's turn to end would wait half a minute for it."""


class Turn:
    """The right to requeue, for a limited time."""

    def __init__(self, clock: Monotonic) -> None:
        self._clock = clock
        self._since = clock()

    def require(self) -> None:
        """Make sure that there is time left.

        Raises:
            BrokerError: the turn is about to end.
        """
        held = self._clock() - self._since
        if held > USABLE_S:
            raise BrokerError(
                f"the requeue took {held:.0f} s of {HOLD_S}; run it again for the rest, nothing goes twice"
            )


@contextmanager
def take(bootstrap: str, topic: str, partitions: int, clock: Monotonic = monotonic) -> Iterator[Turn]:
    """Hold the turn.

    Raises:
        BrokerError: somebody else requeues, or nothing answers.
    """
    from kafka import KafkaConsumer
    from kafka.errors import KafkaError

    config: dict[str, Any] = {
        "bootstrap_servers": bootstrap.split(","),
        "client_id": "bellwether-dead-requeue",
        "group_id": GROUP,
        "enable_auto_commit": False,
        "auto_offset_reset": "latest",
        "session_timeout_ms": SESSION_S * 1000,
        "heartbeat_interval_ms": SESSION_S * 1000 // 4,
        "max_poll_interval_ms": HOLD_S * 1000,
        "max_poll_records": 1,
        "bootstrap_timeout_ms": 15_000,
    }
    try:
        consumer: Any = KafkaConsumer(topic, **config)
    except (KafkaError, ValueError) as error:
        raise BrokerError(
            f"no Kafka answers at {bootstrap} ({type(error).__name__}: {error}); see `bellwether broker status`"
        ) from error
    try:
        until = clock() + PATIENCE_S
        while len(consumer.assignment()) < partitions:
            if clock() > until:
                raise BrokerError(f"another requeue is running (group {GROUP}); wait for its end and run this again")
            consumer.poll(timeout_ms=200)
        yield Turn(clock)
    finally:
        consumer.close(autocommit=False, timeout_ms=CLOSE_MS)
