"""The broker of a run: a real Kafka in a folder, behind a proxy, that can be killed, emptied and replaced."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from bellwether import topics
from bellwether.broker import blueprint, cluster, ports, process
from bellwether.broker.admin import connect
from bellwether.broker.cluster import Cluster
from bellwether.chaos.proxy import Proxy
from runtime.errors import InputError
from wire.topics import ALL

_DEAD_S = 30.0
"""For the kernel to take a killed process away; it takes milliseconds."""


def _silent(_: str) -> None:
    return


class Broker:
    """Runs from entering to leaving; then its folder is gone, however this process ends.

    Args:
        folder: its data; made, and removed at the end.
        nodes: 1 or 3.
        choose: of ports, the cluster's identity and where the proxy's resets fall.
        announce: is told what is being waited for.
    """

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 1,
        choose: random.Random | None = None,
        announce: Callable[[str], None] = _silent,
    ) -> None:
        self._folder = folder
        self._nodes = nodes
        self._proxy: Proxy | None = None
        self._choose = choose or random.SystemRandom()
        self._announce = announce
        self._leaving = ExitStack()
        self._cluster: Cluster | None = None

    def __enter__(self) -> Self:
        with ExitStack() as leaving:
            leaving.enter_context(cluster.guarded(self._folder))
            leaving.callback(cluster.kill, self._folder)
            if self._nodes == 1:
                self._proxy = leaving.enter_context(Proxy(self._choose, port=ports.free(1, self._choose)[0]))
            self.start()
            self._leaving = leaving.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.close()

    @property
    def bootstrap(self) -> str:
        """The nodes themselves: for all who must not be harmed by the proxy."""
        return self._running.bootstrap

    @property
    def proxy(self) -> Proxy:
        """The network of those who connect to `workers_address(proxied=True)`.

        Raises:
            InputError: a broker of several nodes has none.
        """
        if self._proxy is None:
            raise InputError(f"a broker of {self._nodes} nodes has no proxy; a row has `proxied` or `nodes`, not both")
        return self._proxy

    def workers_address(self, *, proxied: bool) -> str:
        """What the workers of a row connect to."""
        return self.proxy.address if proxied else self.bootstrap

    @property
    def nodes(self) -> int:
        """How many it has when all run."""
        return self._nodes

    def start(self) -> None:
        """Start what does not run; returns when all nodes have joined and answer.

        Raises:
            BrokerError: one does not.
        """
        self._cluster = cluster.start(
            self._folder,
            nodes=self._nodes,
            announce=self._announce,
            choose=self._choose,
            advertised=[] if self._proxy is None else [self._proxy.port],
        )
        if self._proxy is not None:
            self._proxy.target_port = self._cluster.second[0]

    def kill(self, node: int | None = None) -> list[int]:
        """SIGKILL of one node or of all, and nothing before it; returns when they are gone.

        Args:
            node: from 1 on.

        Returns:
            The process ids.
        """
        found = [one for number, one in self._processes().items() if node in (None, number)]
        for one in found:
            one.kill()
        psutil.wait_procs(found, timeout=_DEAD_S)
        return [one.pid for one in found]

    def wipe(self, *, other: bool = False) -> None:
        """Kill all nodes and forget all data; the ports stay.

        Args:
            other: come back as another cluster, with another id.
        """
        self.kill()
        for one in self._plan().nodes:
            shutil.rmtree(blueprint.home(self._folder, one).data)
        if other:
            blueprint.rename(self._folder, self._choose)

    def fresh_topics(self, partitions: int, group: str, replicas: int | None = None) -> None:
        """Give all topics anew, empty, with the group's offsets at their start; no worker may run.

        Args:
            partitions: of the topics that share one number.
            group: of the workers.
            replicas: by default as many as there are nodes.
        """
        ours = {topic.name for topic in ALL}
        with connect(self.bootstrap) as admin:
            there = sorted(ours & set(admin.list_topics()))
            if there:
                admin.delete_topics(there)
        topics.create(self.bootstrap, partitions=partitions, group=group, replicas=replicas or self._nodes)

    @property
    def _running(self) -> Cluster:
        if self._cluster is None:
            raise RuntimeError("the broker is used before it was started; this is a bug")
        return self._cluster

    def _plan(self) -> blueprint.Blueprint:
        plan = blueprint.read(self._folder.absolute())
        if plan is None:
            raise RuntimeError(f"no broker was ever started in {self._folder}; this is a bug")
        return plan

    def _processes(self) -> dict[int, psutil.Process]:
        """What runs now, by node."""
        found = {one.node_id: process.running(blueprint.home(self._folder, one)) for one in self._plan().nodes}
        return {number: one for number, one in found.items() if one is not None}


@dataclass
class Brokers:
    """One broker with one node and one with three, started when a row first needs it and then shared.

    Attributes:
        stack: ends them.
        folder: they get a folder each in it.
        say: told that one is starting.
        seed: of all that they choose.
    """

    stack: ExitStack
    folder: Path
    say: Callable[[str], None]
    seed: int
    _running: dict[int, Broker] = field(default_factory=dict)

    def with_nodes(self, nodes: int) -> Broker:
        """The running broker of that size."""
        if nodes not in self._running:
            self.say(f"starting Kafka with {nodes} node{'s' if nodes > 1 else ''}")
            choose = random.Random(f"{self.seed} broker {nodes}")
            broker = Broker(broker_folder(self.folder, nodes), nodes=nodes, choose=choose)
            self._running[nodes] = self.stack.enter_context(broker)
        else:
            self._running[nodes].start()  # what a row that failed left dead; else it changes nothing
        return self._running[nodes]


def broker_folder(folder: Path, nodes: int) -> Path:
    """Where a run keeps its broker of that size."""
    return folder / f"broker-{nodes}"
