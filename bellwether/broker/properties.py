"""What a node is told: `server.properties` and its log settings, as pure text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wire.topics import MAX_MESSAGE_BYTES

HOST = "127.0.0.1"
"""Every listener's address: a broker of ours is never reachable from another machine."""

SECOND = "SECOND"
"""Name of the listener whose clients come through a proxy."""

OFFSETS_RETENTION_MINUTES = 5 * 366 * 24 * 60
"""Five years. Kafka forgets the offsets of an idle group after 7 days; our clients take no automatic reset,
so a worker that comes back after a holiday would refuse to start."""

SESSION_TIMEOUT_MS = 3_000
"""A killed node may return when its old session has ended: 5-6 s after kill -9, where Kafka's own 9 s made it
14 s (2 cores). Less would fence a node whose machine merely stalls."""


@dataclass(frozen=True)
class Node:
    """One broker, which is also a controller."""

    node_id: int
    """From 1 on."""
    client_port: int
    controller_port: int
    second_port: int = 0
    """Of a second listener, for clients that come through a proxy; 0 where there is none."""
    advertised_port: int = 0
    """The proxy's: what the second listener tells its clients to connect to."""


def server(node: Node, nodes: Sequence[Node], data: Path, extra: Mapping[str, str] | None = None) -> str:
    """The `server.properties` of one node.

    Args:
        node: the node itself.
        nodes: all nodes of the cluster, this one included.
        data: folder of its log segments.
        extra: settings that replace or follow ours.
    """
    replicas = len(nodes)
    # All but one replica must have a record before it counts as written: one node of three may be lost.
    in_sync = max(1, replicas - 1)
    listeners = {"PLAINTEXT": node.client_port, "CONTROLLER": node.controller_port}
    advertised = {"PLAINTEXT": node.client_port}
    if node.second_port:
        listeners[SECOND] = node.second_port
        advertised[SECOND] = node.advertised_port
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(node.node_id),
        "controller.quorum.voters": ",".join(f"{n.node_id}@{HOST}:{n.controller_port}" for n in nodes),
        "controller.listener.names": "CONTROLLER",
        "listeners": _addresses(listeners),
        "advertised.listeners": _addresses(advertised),
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listeners),
        "log.dirs": _escaped(str(data)),
        # Kafka's own 6 s is more than a test wants to wait for a dead member.
        "group.min.session.timeout.ms": "1000",
        **shared(replicas, in_sync),
        **(extra or {}),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def shared(replicas: int, in_sync: int) -> dict[str, str]:
    """The settings that do not name a node: `docker-compose.yml` gives the official image the same ones."""
    return {
        "auto.create.topics.enable": "false",
        "default.replication.factor": str(replicas),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.replication.factor": str(replicas),
        "offsets.topic.num.partitions": "8",
        "offsets.retention.minutes": str(OFFSETS_RETENTION_MINUTES),
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(in_sync),
        "transaction.state.log.num.partitions": "8",
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": str(in_sync),
        "share.coordinator.state.topic.num.partitions": "1",
        "broker.session.timeout.ms": str(SESSION_TIMEOUT_MS),
        "broker.heartbeat.interval.ms": str(SESSION_TIMEOUT_MS // 6),
        "group.initial.rebalance.delay.ms": "0",
        "log.message.timestamp.type": "LogAppendTime",
        "message.max.bytes": str(MAX_MESSAGE_BYTES),
    }


def logging(log: Path) -> str:
    """The log4j2 settings of a node: warnings, plus what a start and a stop say, into one bounded file."""
    file = _escaped(str(log))
    return f"""status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {file}
appender.file.filePattern = {file}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{ISO8601}} %p %m (%c)%n%throwable{{12}}
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 8MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 2
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
logger.server.name = kafka.server
logger.server.level = info
"""


def _addresses(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())


def _escaped(value: str) -> str:
    # Java reads a backslash in a properties file as an escape.
    return value.replace("\\", "\\\\")
