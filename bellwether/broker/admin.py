"""An admin client of any cluster, with its errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runtime.errors import BrokerError


@contextmanager
def connect(bootstrap: str, *, timeout_s: float = 10.0) -> Iterator[Any]:
    """A connected kafka-python admin client, closed at the end.

    Its type is `Any`: kafka-python ships no types, and the type checkers' own stubs describe version 2.

    Args:
        bootstrap: `host:port[,host:port]`.
        timeout_s: for the connection, and for each request after it.

    Raises:
        BrokerError: nobody answers there, or Kafka refuses what is asked of it.
    """
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError, KafkaTimeoutError

    limit_ms = round(timeout_s * 1000)
    options: dict[str, Any] = {"bootstrap_timeout_ms": limit_ms, "request_timeout_ms": limit_ms}
    try:
        client = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), **options)
        try:
            yield client
        finally:
            client.close()
    except KafkaTimeoutError as error:
        raise BrokerError(
            f"no Kafka answers at {bootstrap} within {timeout_s:.0f} s ({error}); start one with "
            "`bellwether broker start`, or name another with --bootstrap"
        ) from error
    except KafkaError as error:
        raise BrokerError(f"Kafka at {bootstrap} refuses: {error!r}; see its log") from error
