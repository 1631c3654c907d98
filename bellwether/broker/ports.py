"""Loopback ports: which are free, and who holds one that is not."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Collection

import psutil

from runtime.errors import BrokerError

from .properties import HOST

_RANGE = range(20_000, 32_000)
"""Below the ports that systems hand to outgoing connections (32768 on Linux, 49152 elsewhere): while a broker
is down, a client that keeps trying could otherwise be given the broker's port, and connect to itself."""

_TRIES = 200


def free(count: int, choose: random.Random, taken: Collection[int] = ()) -> list[int]:
    """Ports that nobody listens on, all different.

    Args:
        count: how many.
        choose: source of randomness.
        taken: ports that are meant for something else.

    Raises:
        BrokerError: so many are taken that none was found.
    """
    found: list[int] = []
    for _ in range(_TRIES):
        if len(found) == count:
            return found
        port = choose.choice(_RANGE)
        if port not in found and port not in taken and is_free(port):
            found.append(port)
    raise BrokerError(
        f"found only {len(found)} of {count} free ports between {_RANGE.start} and {_RANGE.stop} in {_TRIES} tries; "
        "end some listeners (`ss -ltn` lists them) or name one with --port"
    )


def is_free(port: int) -> bool:
    """Whether a broker could listen there now.

    Raises:
        BrokerError: nobody may who is not root.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As Kafka does: connections that a killed broker left waiting do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError as error:
            raise BrokerError(f"this user may not listen on port {port}; choose a --port above 1023") from error
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise BrokerError(f"nobody can listen on port {port} of {HOST}: {error}") from error
            return False
    return True


def answers(port: int, timeout_s: float = 0.5) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((HOST, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def holder(port: int) -> str:
    """Who listens on a port, as far as this user may know: for an error message."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            # A socket without an address has an empty tuple in its place.
            if listens and connection.pid and getattr(connection.laddr, "port", None) == port:
                process = psutil.Process(connection.pid)
                return f"process {connection.pid} ({process.name()})"
    except psutil.Error:
        pass
    return "a process that this user may not see"
