import contextlib
import random
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from bellwether.chaos.proxy import Proxy
from runtime.errors import InputError

QUIET_S = 0.3
"""So long nothing may arrive while the network is cut; a slow machine makes this pass, never fail."""


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(65_536):
                self.server.heard.append(data)  # type: ignore[attr-defined]
                self.request.sendall(data)


class EchoServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.heard: list[bytes] = []


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    with EchoServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(echo: EchoServer) -> Iterator[Proxy]:
    with Proxy(random.Random(3), target_port=echo.server_address[1]) as found:
        yield found


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with connected(proxy) as found:
        yield found


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=30)


def read(client: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        chunk = client.recv(65_536)
        assert chunk, found
        found += chunk
    return found


def until_reset(client: socket.socket) -> bytes:
    found = b""
    try:
        while chunk := client.recv(65_536):
            found += chunk
    except ConnectionResetError:
        return found
    pytest.fail("the connection ended instead of being reset")


def is_silent(client: socket.socket) -> bool:
    client.settimeout(QUIET_S)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(30)
    return False


def test_bytes_pass_in_both_directions(client: socket.socket):
    client.sendall(b"hello")
    assert read(client, 5) == b"hello"


def test_many_bytes_pass_in_order_none_lost_none_twice(client: socket.socket):
    sent = random.Random(1).randbytes(3_000_000)
    writing = threading.Thread(target=client.sendall, args=(sent,))
    writing.start()
    assert read(client, len(sent)) == sent
    writing.join()


@pytest.mark.parametrize("direction", ["both", "to-broker", "to-worker"])
def test_a_cut_holds_bytes_back_and_healing_lets_them_go_in_order(
    proxy: Proxy, client: socket.socket, echo: EchoServer, direction: str
):
    client.sendall(b"before ")
    assert read(client, 7) == b"before "
    proxy.cut(direction)
    client.sendall(b"held ")
    client.sendall(b"back ")
    assert is_silent(client)
    assert (b"".join(echo.heard) == b"before held back ") == (direction == "to-worker")
    proxy.heal()
    client.sendall(b"after")
    assert read(client, 15) == b"held back after"
    assert b"".join(echo.heard) == b"before held back after"


def test_a_connection_made_during_a_cut_works_once_it_heals(proxy: Proxy, echo: EchoServer):
    proxy.cut("to-worker")
    with connected(proxy) as client:
        client.sendall(b"new")
        assert is_silent(client)
        assert not echo.heard
        proxy.heal()
        assert read(client, 3) == b"new"


def test_an_end_is_held_back_as_well(proxy: Proxy, client: socket.socket):
    client.sendall(b"x")
    assert read(client, 1) == b"x"
    proxy.cut()
    client.sendall(b"last")
    client.shutdown(socket.SHUT_WR)
    assert is_silent(client)
    proxy.heal()
    assert read(client, 4) == b"last"
    assert client.recv(1) == b""


def test_a_cut_does_not_hold_more_than_a_network_would(proxy: Proxy, client: socket.socket):
    client.sendall(b"x")
    assert read(client, 1) == b"x"
    proxy.cut("to-broker")
    client.settimeout(QUIET_S)
    with pytest.raises(TimeoutError):
        client.sendall(bytes(64 * 1024 * 1024))


def test_a_reset_is_an_error_in_the_middle_of_a_response(proxy: Proxy, client: socket.socket):
    proxy.reset()
    sent = random.Random(1).randbytes(60_000)
    client.sendall(sent)
    found = until_reset(client)
    assert found == sent[: len(found)]
    assert len(found) < len(sent)


def test_resets_go_on_until_they_heal(proxy: Proxy):
    proxy.reset()
    for _ in range(3):
        with connected(proxy) as client:
            client.sendall(bytes(40_000))
            assert len(until_reset(client)) < 40_000
    proxy.heal()
    with connected(proxy) as client:
        client.sendall(bytes(60_000))
        assert read(client, 60_000) == bytes(60_000)


def test_a_delay_keeps_the_order_and_is_no_queue(proxy: Proxy, client: socket.socket):
    proxy.delay(1.0)
    started = time.monotonic()
    for number in range(400):  # one after the other they would take 400 s, longer than a test may
        client.sendall(b"%04d" % number)
        time.sleep(0.003)  # so that each is a chunk of its own
    assert read(client, 1600) == b"".join(b"%04d" % number for number in range(400))
    assert time.monotonic() - started >= 2.0


def test_an_unknown_direction_is_refused(proxy: Proxy):
    with pytest.raises(InputError, match="cut both, to-broker, to-worker, not 'sideways'"):
        proxy.cut("sideways")


def test_a_target_that_is_gone_resets_the_client(proxy: Proxy):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        proxy.target_port = unused.getsockname()[1]
        with pytest.raises(ConnectionResetError), connected(proxy) as client:
            client.recv(1)


def test_a_client_that_goes_is_told_to_the_target_and_back(proxy: Proxy, echo: EchoServer):
    with connected(proxy) as client:
        client.sendall(b"bye")
        client.shutdown(socket.SHUT_WR)
        assert read(client, 3) == b"bye"
        assert client.recv(1) == b""


def test_closing_ends_connections_and_a_second_closing_nothing(echo: EchoServer):
    with Proxy(random.Random(3), target_port=echo.server_address[1]) as proxy:
        client = connected(proxy)
        client.sendall(b"x")
        assert read(client, 1) == b"x"
        proxy.cut()
    with client, contextlib.suppress(ConnectionResetError):
        assert client.recv(1) == b""
    proxy.close()
