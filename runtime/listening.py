"""Asks whether anybody listens at an address, before a client is made that cannot be closed where nobody does."""

from __future__ import annotations

import socket

TIMEOUT_S = 5.0
"""For each address; who listens answers in milliseconds."""


def require(bootstrap: str) -> None:
    """Return where one of the addresses takes a connection.

    kafka-python 3.0.12 starts its thread before it looks for a broker, and where it finds none nobody can end it: each
    failed try would cost a thread and four descriptors.

    Args:
        bootstrap: `host:port`, several with commas between.

    Raises:
        OSError: none does; the last one's reason.
    """
    failed: OSError | None = None
    for address in bootstrap.split(","):
        try:
            _connect(address)
        except OSError as error:
            failed = error
        else:
            return
    if failed is not None:
        raise failed


def _connect(address: str) -> None:
    host, _, port = address.strip().rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_S).close()
    except ValueError as error:
        raise OSError(f"{address!r} is no host:port") from error
