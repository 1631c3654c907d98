"""One parent with one worker and its engine, as processes of the operating system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
        return next(_living(self.child.pid, lambda _: True), None)

    def engine(self) -> psutil.Process | None:
        """The engine's process of the worker."""
        return next(iter(self._engines()), None)

    def challenger(self) -> psutil.Process | None:
        """The process of an engine beside another one, the younger of both."""
        engines = self._engines()
        return engines[-1] if len(engines) > 1 else None

    def _engines(self) -> list[psutil.Process]:
        """Of the worker, the oldest first."""
        worker = self.worker()
        # psutil remembers when a process began from the moment that it listed it
        return [] if worker is None else sorted(_living(worker.pid, _is_engine), key=lambda one: one.create_time())

    def has_joined(self) -> bool:
        """Whether the worker that runs now has been given its share, if only none."""
        worker = self.worker()
        return worker is not None and worker.pid in self.log.held


def _living(parent: int, is_meant: Callable[[psutil.Process], bool]) -> Iterator[psutil.Process]:
    """The children of a process that live and are meant."""
    try:
        children = psutil.Process(parent).children()
    except psutil.Error:
        return
    for child in children:
        try:
            if child.status() != psutil.STATUS_ZOMBIE and is_meant(child):
                yield child
        except psutil.Error:
            continue


def _is_engine(process: psutil.Process) -> bool:
    return any(_ENGINE_MARK in part for part in process.cmdline())
