import os
import random
import socket
import threading

import pytest

from bellwether.broker import ports, readiness
from bellwether.broker.properties import Node


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_free_ports_are_different_and_below_those_of_outgoing_connections():
    found = ports.free(6, random.Random(1))
    assert len(set(found)) == 6
    assert all(20_000 <= port < 32_000 for port in found)


def test_ports_that_are_meant_for_something_else_are_left_alone():
    (first,) = ports.free(1, random.Random(1))
    assert ports.free(1, random.Random(1), taken=[first]) != [first]


def test_a_port_with_a_listener_is_not_free_and_answers(taken: int):
    assert not ports.is_free(taken)
    assert ports.answers(taken)


def test_who_has_a_port_is_named(taken: int):
    assert f"process {os.getpid()} (" in ports.holder(taken)


def test_a_taken_port_is_refused_with_its_holder_and_a_way_out(taken: int):
    said = rf"port {taken} of 127\.0\.0\.1 is taken by process {os.getpid()} .*choose another port with --port"
    with pytest.raises(readiness.PortTakenError, match=said):
        readiness.check_port(Node(node_id=1, client_port=taken, controller_port=1), wait_s=0.0)


def test_a_port_that_a_killed_node_still_holds_is_waited_for():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = listener.getsockname()[1]
    letting_go = threading.Timer(0.2, listener.close)
    letting_go.start()
    (other,) = ports.free(1, random.Random(2))
    readiness.check_port(Node(node_id=1, client_port=port, controller_port=other), wait_s=10.0)
    letting_go.join()
