"""Start, stop and look at a broker of our own in a folder.

    folder/cluster.json     identity, number of nodes, ports
    folder/node-1/          server.properties, data/, broker.log, process.json

The folder is the broker: whoever starts it again, after a stop or a kill -9, gets the same data.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from runtime.errors import BrokerError

from . import artefacts, blueprint, process, readiness
from .artefacts import Announce
from .blueprint import Blueprint
from .process import NodeFolder

_FREE_DISK_BYTES = 512 * 1024 * 1024
"""Less than this at start is refused: Kafka stops for good when its disk is full, with records half written."""

_TRIES = 3
"""Between our look and Kafka's start a free port may be taken by somebody else, or a killed node finish dying."""


@dataclass(frozen=True)
class Cluster:
    """A running broker."""

    bootstrap: str
    """`host:port` of every node, separated by commas."""
    folder: Path
    nodes: int
    pids: tuple[int, ...]
    """Process ids, by node."""
    second: tuple[int, ...] = ()
    """Ports of the second listeners, by node, which a proxy forwards to; empty where there are none."""


@dataclass(frozen=True)
class Status:
    """What is known about a folder's broker."""

    folder: Path
    bootstrap: str | None
    """Where it listens, or would; None where the folder holds no broker."""
    nodes: int
    pids: tuple[int, ...]
    """Process ids of the nodes that run."""
    answers: bool
    """Whether all nodes run and have joined their cluster."""
    log: Path | None
    """Of the first node."""


def _silent(_: str) -> None:
    return


def start(
    folder: Path,
    *,
    nodes: int = 1,
    port: int = 0,
    wait_s: float = 120.0,
    announce: Announce = _silent,
    jars: Path | None = None,
    choose: random.Random | None = None,
    advertised: Sequence[int] = (),
) -> Cluster:
    """Start the broker of a folder, or what is missing of it, and return once it really answers.

    Starting one that runs already changes nothing.

    Args:
        folder: its data; created where it does not exist.
        nodes: 1, or 3 for replicated topics; fixed when the folder is first used.
        port: of the first node; the next nodes take the next ones. 0 takes the ports that the folder had
            before, else free ones.
        wait_s: how long it may take to answer, without the download; 3-6 s on an idle machine.
        announce: is told what is being waited for.
        jars: folder of the jars; by default the user's cache.
        choose: source of randomness for ports and the cluster's identity.
        advertised: ports of a proxy before each node; fixed when the folder is first used.

    Raises:
        ArtefactError: the jars or the JRE cannot be had, or are not what is pinned.
        BrokerError: a port is taken, the disk is full, the folder is another cluster's, a node died or does
            not answer.
    """
    folder = folder.absolute()
    blueprint.check_usable(folder, nodes)
    class_path = artefacts.class_path(jars, announce=announce)
    with _locked(folder, wait_s):
        for left in reversed(range(_TRIES)):
            plan = blueprint.prepare(
                folder, nodes=nodes, port=port, choose=choose or random.SystemRandom(), advertised=advertised
            )
            check_space(folder, shutil.disk_usage(folder).free)
            try:
                return _start_nodes(folder, plan, class_path, wait_s=wait_s, announce=announce)
            except readiness.PortTakenError:
                if port or not left or status(folder).pids:
                    raise
                blueprint.forget_ports(folder)
            except readiness.NodeGoneError:
                if not left:
                    raise
    raise AssertionError("the last try returns or raises; this is a bug")


def stop(folder: Path, *, wait_s: float = 30.0) -> None:
    """Stop the broker of a folder; its data stays. One that does not run is left as it is.

    Args:
        folder: its data.
        wait_s: how long it may take to stop by itself; then it is killed, which its data survives.

    Raises:
        BrokerError: the folder holds no broker, or another process keeps it locked.
    """
    folder = folder.absolute()
    plan = blueprint.read(folder)
    if plan is None:
        raise BrokerError(f"no broker in {folder}; name its folder with --folder")
    with _locked(folder, wait_s):
        _end(folder, plan, wait_s=wait_s)


def status(folder: Path) -> Status:
    """What is known about the broker of a folder."""
    folder = folder.absolute()
    plan = blueprint.read(folder)
    if plan is None:
        return Status(folder=folder, bootstrap=None, nodes=0, pids=(), answers=False, log=None)
    found = [process.running(blueprint.home(folder, node)) for node in plan.nodes]
    pids = tuple(one.pid for one in found if one is not None)
    answers = len(pids) == len(plan.nodes) and readiness.is_ready(plan)
    log = blueprint.home(folder, plan.nodes[0]).log
    return Status(folder, plan.bootstrap, len(plan.nodes), pids, answers, log)


@contextmanager
def temporary(nodes: int = 1, *, announce: Announce = _silent) -> Iterator[Cluster]:
    """A broker on free ports in a temporary folder; both are gone afterwards, however this process ends.

    Args:
        nodes: 1 or 3.
        announce: is told what is being waited for.

    Raises:
        ArtefactError: as `start`.
        BrokerError: as `start`.
    """
    folder = Path(tempfile.mkdtemp(prefix="bellwether-broker-"))
    with guarded(folder):
        try:
            yield start(folder, nodes=nodes, announce=announce)
        finally:
            kill(folder)
            shutil.rmtree(folder, ignore_errors=True)


def kill(folder: Path) -> None:
    """End the nodes of a folder at once; for data that nobody wants any more, or to test that they survive it."""
    plan = blueprint.read(folder)
    if plan is not None:
        _end(folder, plan, wait_s=0.0)


@contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """See to it that the broker of a folder ends with us and the folder goes, even when we are killed.

    Args:
        folder: what is left of it when the block ends is removed.
    """
    # A kill -9 of this process closes the pipe: then the guard ends the broker and removes the folder.
    command = [sys.executable, "-m", "bellwether.broker.guard", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True) as guard:
        try:
            yield
        finally:
            if guard.stdin:
                guard.stdin.close()
            guard.wait()


@contextmanager
def _locked(folder: Path, wait_s: float) -> Iterator[None]:
    try:
        with FileLock(folder / ".lock", timeout=wait_s):
            yield
    except Timeout as error:
        raise BrokerError(
            f"another process has been starting or stopping the broker in {folder} for over {wait_s:.0f} s; "
            "wait for it, or use another --folder"
        ) from error


def check_space(folder: Path, free_bytes: int) -> None:
    """Refuse a disk that is about to be full.

    Raises:
        BrokerError: with what is free, what is needed and where.
    """
    if free_bytes < _FREE_DISK_BYTES:
        raise BrokerError(
            f"only {free_bytes // 1024**2} MiB are free where {folder} lies, and Kafka needs "
            f"{_FREE_DISK_BYTES // 1024**2}; free some space or choose another --folder"
        )


def _start_nodes(folder: Path, plan: Blueprint, class_path: str, *, wait_s: float, announce: Announce) -> Cluster:
    deadline = time.monotonic() + wait_s
    spawned: dict[int, NodeFolder] = {}
    try:
        for node in plan.nodes:
            home = blueprint.home(folder, node)
            if process.running(home) is not None:
                continue
            blueprint.write_settings(folder, node, plan)
            readiness.check_port(node)
            if not home.is_formatted:
                announce(f"formatting node {node.node_id} of {len(plan.nodes)}")
                process.format_data(home, plan.cluster_id, class_path)
            process.spawn(home, class_path)
            spawned[node.node_id] = home
        announce(f"waiting for Kafka at {plan.bootstrap} to answer")
        readiness.wait(folder, plan, spawned=spawned, deadline=deadline, wait_s=wait_s)
    except BaseException:  # Ctrl-C too: half a cluster is of no use
        process.end([one for home in spawned.values() if (one := process.running(home))], wait_s=0.0)
        raise
    found = [process.running(blueprint.home(folder, node)) for node in plan.nodes]
    pids = tuple(one.pid for one in found if one is not None)
    return Cluster(bootstrap=plan.bootstrap, folder=folder, nodes=len(plan.nodes), pids=pids, second=plan.second)


def _end(folder: Path, plan: Blueprint, *, wait_s: float) -> None:
    found = [process.running(blueprint.home(folder, node)) for node in plan.nodes]
    process.end([one for one in found if one is not None], wait_s=wait_s)
