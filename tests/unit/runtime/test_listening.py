"""Whether anybody listens, before a Kafka client is made."""

import socket

import pytest

from runtime import listening
from runtime.errors import BrokerError
from runtime.topic_reader import open_reader


@pytest.fixture
def deaf() -> str:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


def test_one_of_several_is_enough(deaf: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listening.require(f"{deaf},127.0.0.1:{server.getsockname()[1]}")


def test_nobody_and_no_address_are_told(deaf: str) -> None:
    with pytest.raises(ConnectionRefusedError):
        listening.require(deaf)
    with pytest.raises(OSError, match="'broker' is no host:port"):
        listening.require("broker")


def test_a_reader_of_nobodys_topics_leaves_no_client_behind(deaf: str) -> None:
    with pytest.raises(BrokerError, match=f"no broker at {deaf}.*bellwether broker start"), open_reader(deaf, ("a",)):
        pass
