"""One parent with one worker and its engine, as processes of the operating system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from bellwether.chaos.logs import WorkerLog
from bellwether.demo.children import Child

_ENGINE_MARK = "models.child"
"""Stands in the command line of an engine's process and of nothing else."""


@dataclass
class Parent:
    """`bellwether worker --processes 1`: so that each worker can be harmed, added and taken away alone."""

    number: int
    child: Child
    log: WorkerLog
    is_leaving: bool = False
    pids: set[int] = field(default_factory=set)

    def worker(self) -> psutil.Process | None:
        """The process that works, or None while it is started again."""
        return _living(self.child.pid, lambda _: True)

    def engine(self) -> psutil.Process | None:
        """The engine's process of the worker."""
        worker = self.worker()
        return None if worker is None else _living(worker.pid, _is_engine)

    def has_joined(self) -> bool:
        """Whether the worker that runs now has been given its share, if only none."""
        worker = self.worker()
        return worker is not None and worker.pid in self.log.held


def _living(parent: int, is_meant: Callable[[psutil.Process], bool]) -> psutil.Process | None:
    """The first child of a process that lives and is meant."""
    try:
        children = psutil.Process(parent).children()
    except psutil.Error:
        return None
    for child in children:
        try:
            if child.status() != psutil.STATUS_ZOMBIE and is_meant(child):
                return child
        except psutil.Error:
            continue
    return None


def _is_engine(process: psutil.Process) -> bool:
    return any(_ENGINE_MARK in part for part in process.cmdline())
