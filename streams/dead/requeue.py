"""Sends letters once more as new inputs: each input at most once, found again by whoever asks later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from runtime.errors import BrokerError
from streams.dead import evidence, retry
from streams.dead.letter import Letter
from streams.dead.reader import open_log
from streams.dead.retry import NotRequeuedError, Retry
from streams.dead.turn import Turn, take
from wire.topics import DEAD, PUBLISHED

DELIVERY_TIMEOUT_S = 30


@dataclass(slots=True)
class Outcome:
    """What became of the letters."""

    requeued: list[tuple[Retry, int]] = field(default_factory=list)
    """Each with the offset of the new input in the retry's partition."""
    refused: list[NotRequeuedError] = field(default_factory=list)


def requeue(bootstrap: str, letters: Iterable[Letter], *, may_be_unproven: bool = False) -> Outcome:
    """Requeue what may be.

    Raises:
        BrokerError: another requeue is running, or the broker did not acknowledge; running it again is safe.
    """
    outcome = Outcome()
    wanted: dict[str, Retry] = {}
    for letter in letters:
        try:
            prepared = retry.prepare(letter, PUBLISHED.name)
        except NotRequeuedError as error:
            outcome.refused.append(error)
            continue
        if prepared.coordinates in wanted:
            outcome.refused.append(
                NotRequeuedError(
                    f"letter {letter.partition}:{letter.offset} tells of the same input as another "
                    f"({prepared.coordinates}); one requeue is enough"
                )
            )
            continue
        wanted[prepared.coordinates] = prepared
    if wanted:
        _send_first_ones(bootstrap, wanted, may_be_unproven, outcome)
    return outcome


def _send_first_ones(bootstrap: str, wanted: dict[str, Retry], may_be_unproven: bool, outcome: Outcome) -> None:
    with open_log(bootstrap, DEAD.name) as dead:
        partitions = len(dead.partitions)
    with take(bootstrap, DEAD.name, partitions) as turn:
        with open_log(bootstrap, PUBLISHED.name) as published:
            refused = evidence.require_first(published, wanted.values(), may_be_unproven)
        outcome.refused.extend(refused.values())
        _send(bootstrap, [item for place, item in wanted.items() if place not in refused], turn, outcome)


def _send(bootstrap: str, retries: list[Retry], turn: Turn, outcome: Outcome) -> None:
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    if not retries:
        return
    config: dict[str, Any] = {
        "bootstrap_servers": bootstrap.split(","),
        "client_id": "bellwether-dead-requeue",
        "enable_idempotence": True,
        "acks": "all",
        "allow_auto_create_topics": False,
        "delivery_timeout_ms": DELIVERY_TIMEOUT_S * 1000,
        "request_timeout_ms": DELIVERY_TIMEOUT_S * 1000 // 3,
        "max_request_size": 2 * PUBLISHED.max_message_bytes,
    }
    producer: Any = None
    try:
        producer = KafkaProducer(**config)
        for item in retries:
            turn.require()
            # One at a time: a person's command on few letters, and after an error it is clear which came through.
            future = producer.send(
                PUBLISHED.name, value=item.value, key=item.key, headers=item.headers, partition=item.partition
            )
            outcome.requeued.append((item, int(future.get(timeout=DELIVERY_TIMEOUT_S + 5).offset)))
    except (KafkaError, ValueError) as error:
        raise BrokerError(
            f"{len(outcome.requeued)} of {len(retries)} letters were requeued, then Kafka at {bootstrap} did not "
            f"acknowledge ({type(error).__name__}: {error}); run the same command again, nothing goes twice"
        ) from error
    finally:
        if producer is not None:
            producer.close(timeout=5)
