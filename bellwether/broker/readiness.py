"""When a cluster may be called started: every node has joined, and one leads."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from runtime.errors import BrokerError

from . import admin, blueprint, ports, process
from .blueprint import Blueprint
from .process import NodeFolder
from .properties import Node

_POLL_S = 0.1
"""Between two looks; a start takes seconds."""

_REQUEST_TIMEOUT_S = 5.0
"""For one question to a node that has opened its port."""

_RELEASE_S = 3.0
"""A killed node is gone for its parent while its last threads still hold its sockets: seen for tens of
milliseconds on a busy machine, and mistaking it for somebody else would move the broker to another address."""


class PortTakenError(BrokerError):
    """Somebody else listens where a node should."""


class NodeGoneError(BrokerError):
    """A node that ran when we looked has ended since, for example by a kill -9 just before."""

    is_retriable = True


def check_port(node: Node, *, wait_s: float = _RELEASE_S) -> None:
    """Refuse to start a node whose port is taken.

    Args:
        node: which is about to start.
        wait_s: how long a port may still be held by a node that was killed a moment ago.

    Raises:
        PortTakenError: with the port and, where it can be known, the process that has it.
    """
    deadline = time.monotonic() + wait_s
    for port in (node.client_port, node.controller_port):
        while not ports.is_free(port):
            if time.monotonic() > deadline:
                raise PortTakenError(_taken(port))
            time.sleep(_POLL_S)


def wait(folder: Path, plan: Blueprint, *, spawned: Collection[int], deadline: float, wait_s: float) -> None:
    """Return when every node answers.

    Args:
        folder: of the cluster.
        plan: its nodes.
        spawned: ids of the nodes that were started for this.
        deadline: on the monotonic clock.
        wait_s: the same as a duration, for the message.

    Raises:
        NodeGoneError: a node that ran before is gone.
        PortTakenError: a node lost its port to somebody else.
        BrokerError: a spawned node died, or not all answer in time.
    """
    while True:
        for node in plan.nodes:
            home = blueprint.home(folder, node)
            if process.running(home) is None and node.node_id in spawned:
                raise _died(node, home)
            if process.running(home) is None:
                raise NodeGoneError(f"node {node.node_id} of {plan.bootstrap} has just ended; start it again")
        if is_ready(plan):
            return
        if time.monotonic() > deadline:
            first = blueprint.home(folder, plan.nodes[0])
            raise BrokerError(
                f"Kafka at {plan.bootstrap} did not answer within {wait_s:.0f} s; it may only be slow: try a longer "
                f"--wait-s\n{process.log_tail(first)}"
            )
        time.sleep(_POLL_S)


def is_ready(plan: Blueprint) -> bool:
    """Whether all nodes are members of their cluster and it has a controller."""
    # Before its port is open, a client would only fill somebody's log with warnings.
    if not all(ports.answers(node.client_port) for node in plan.nodes):
        return False
    try:
        with admin.connect(plan.bootstrap, timeout_s=_REQUEST_TIMEOUT_S) as client:
            cluster = client.describe_cluster()
    except BrokerError:
        return False
    joined = {broker["broker_id"] for broker in cluster["brokers"] if not broker.get("is_fenced")}
    return cluster["controller_id"] >= 0 and joined == {node.node_id for node in plan.nodes}


def _died(node: Node, home: NodeFolder) -> BrokerError:
    said = process.log_tail(home)
    if "Address already in use" in said:
        return PortTakenError(_taken(node.client_port) + f"\n{said}")
    if "No space left on device" in said:
        cure = "free some space or choose another --folder"
    else:
        cure = f"the cause stands in its log, {home.log}"
    return BrokerError(f"node {node.node_id} of the broker died while it was starting; {cure}\n{said}")


def _taken(port: int) -> str:
    return (
        f"port {port} of 127.0.0.1 is taken by {ports.holder(port)}; "
        "end it, or choose another port with --port (0 takes a free one)"
    )
