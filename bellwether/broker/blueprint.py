"""What `cluster.json` remembers: a cluster's identity, how many nodes it has and where they listen."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.errors import BrokerError

from . import ports, process, properties
from .process import NodeFolder
from .properties import HOST, Node

_FILE = "cluster.json"

_LAST_PORT = 65_535

NODE_COUNTS = (1, 3)
"""One for a laptop, three for replicated topics; two could not lose any, as they would have no majority."""


@dataclass(frozen=True)
class Blueprint:
    """A cluster as its folder describes it."""

    cluster_id: str
    nodes: tuple[Node, ...]

    @property
    def bootstrap(self) -> str:
        """`host:port` of every node, separated by commas."""
        return ",".join(f"{HOST}:{node.client_port}" for node in self.nodes)

    @property
    def second(self) -> tuple[int, ...]:
        """Ports of the second listeners, behind a proxy; empty where there are none."""
        return tuple(node.second_port for node in self.nodes if node.second_port)


def home(folder: Path, node: Node) -> NodeFolder:
    """Where a node of this cluster lives."""
    return NodeFolder(folder / f"node-{node.node_id}")


def read(folder: Path) -> Blueprint | None:
    """The cluster of a folder, or None where there is none.

    Raises:
        BrokerError: `cluster.json` is no longer what we wrote.
    """
    path = folder / _FILE
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        return Blueprint(cluster_id=str(noted["cluster_id"]), nodes=tuple(Node(**node) for node in noted["nodes"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BrokerError(
            f"{path} cannot be read ({error!r}): use another --folder, or remove this one with all its data"
        ) from error


def check_usable(folder: Path, nodes: int) -> None:
    """Refuse a folder that is not ours, or that holds another number of nodes; creates a missing one.

    Raises:
        BrokerError: see above, or the folder cannot be made.
    """
    if nodes not in NODE_COUNTS:
        raise BrokerError(f"a broker has 1 or 3 nodes, not {nodes}; use --nodes 1 or --nodes 3")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        foreign = sorted(path.name for path in folder.iterdir() if path.name not in (_FILE, ".lock"))
    except OSError as error:
        raise BrokerError(f"{folder} cannot be used: {error}; choose another --folder") from error
    known = read(folder)
    if known is None and foreign:
        raise BrokerError(f"{folder} holds {', '.join(foreign[:3])} and no broker of ours; choose an empty --folder")
    if known is not None and len(known.nodes) != nodes:
        raise BrokerError(
            f"{folder} holds a broker of {len(known.nodes)} nodes, not {nodes}: start it with "
            f"--nodes {len(known.nodes)}, or choose another --folder"
        )


def prepare(folder: Path, *, nodes: int, port: int, choose: random.Random, advertised: Sequence[int] = ()) -> Blueprint:
    """The folder's cluster with the ports that this start shall use, noted in `cluster.json`.

    Args:
        folder: of the cluster.
        nodes: how many.
        port: of the first node; 0 for those of the last start, else free ones.
        choose: source of randomness.
        advertised: ports of a proxy before each node: every node then has a second listener that names it. What a
            folder once has, it keeps.

    Raises:
        BrokerError: it runs already at another port, or there is no such port.
    """
    known = read(folder)
    if known is not None and all(node.client_port for node in known.nodes):
        if port in (0, known.nodes[0].client_port):
            return known
        if any(process.running(home(folder, node)) for node in known.nodes):
            raise BrokerError(
                f"the broker in {folder} runs already, at {known.bootstrap} and not at port {port}; "
                "stop it first with `bellwether broker stop`"
            )
    if port + nodes - 1 > _LAST_PORT:
        raise BrokerError(f"{nodes} nodes from port {port} on would pass {_LAST_PORT}; choose a lower --port")
    clients = [port + index for index in range(nodes)] if port else ports.free(nodes, choose)
    free = ports.free(nodes, choose, taken=clients)
    if known is not None and not advertised:
        advertised = [node.advertised_port for node in known.nodes if node.advertised_port]
    second = ports.free(len(advertised), choose, taken=[*clients, *free, *advertised])
    fresh = Blueprint(
        cluster_id=known.cluster_id if known else _new_cluster_id(choose),
        nodes=tuple(
            Node(
                node_id=index + 1,
                client_port=clients[index],
                controller_port=free[index],
                second_port=second[index] if second else 0,
                advertised_port=advertised[index] if second else 0,
            )
            for index in range(nodes)
        ),
    )
    _write(folder, fresh)
    return fresh


def forget_ports(folder: Path) -> None:
    """Let the next start choose others."""
    known = read(folder)
    if known is not None:
        _write(folder, replace(known, nodes=tuple(replace(node, client_port=0) for node in known.nodes)))


def rename(folder: Path, choose: random.Random) -> None:
    """Give the cluster another identity and leave its ports: for tests of what clients do then. Its data must go."""
    known = read(folder)
    if known is not None:
        _write(folder, replace(known, cluster_id=_new_cluster_id(choose)))


def write_settings(folder: Path, node: Node, blueprint: Blueprint) -> None:
    """Write what the node reads at its start."""
    own = home(folder, node)
    own.data.mkdir(parents=True, exist_ok=True)
    own.settings.write_text(properties.server(node, blueprint.nodes, own.data), encoding="utf-8")
    own.log_settings.write_text(properties.logging(own.log), encoding="utf-8")


def _write(folder: Path, blueprint: Blueprint) -> None:
    noted = {"cluster_id": blueprint.cluster_id, "nodes": [vars(node) for node in blueprint.nodes]}
    fresh = folder / f"{_FILE}.new"
    fresh.write_text(json.dumps(noted, indent=2) + "\n", encoding="utf-8")
    fresh.replace(folder / _FILE)


def _new_cluster_id(choose: random.Random) -> str:
    # Kafka's form: 16 bytes in URL-safe base64 without padding. A leading minus would look like an option.
    return base64.urlsafe_b64encode(choose.randbytes(16)).decode().rstrip("=").replace("-", "_")
