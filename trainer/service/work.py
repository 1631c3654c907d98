"""A run's heavy part, in a process of its own: train, build, judge; it moves nothing that others see.

A process and not a thread: it gives all memory of processor and GPU back when it ends, it can be killed when
leadership is lost, a native crash takes it alone, and the service keeps polling Kafka without sharing an interpreter.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, Protocol

import msgspec
from filelock import FileLock

from runtime import log
from runtime.errors import BellwetherError
from trainer.service.folder import Found, Order, RunFolder
from trainer.service.parts import Work

Phase = Literal["training", "building", "judging"]

_log = log.get(__name__)


@dataclass(frozen=True)
class Said:
    """What the process says: that a phase begins, or a sentence about it.

    Attributes:
        phase: that begins; None where `text` is a sentence.
    """

    phase: Phase | None
    text: str


class Working(Protocol):
    """A run's process, as its run sees it."""

    def said(self) -> Iterator[Said]:
        """What it has said since."""
        ...

    @property
    def code(self) -> int | None:
        """Its exit code; None while it works."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


Start = Callable[[Work, Order, RunFolder], Working]


class Worker:
    """The process of one run, started at once.

    Args:
        work: what it does.
        order: what it is to do.
        folder: the run's.
    """

    def __init__(self, work: Work, order: Order, folder: RunFolder) -> None:
        context = multiprocessing.get_context("spawn")
        self._hears, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=main, args=(work, order, folder.path, theirs), name="trainer-run")
        self._process.start()
        theirs.close()

    def said(self) -> Iterator[Said]:
        """What it has said since; never waits."""
        with contextlib.suppress(EOFError, OSError):
            while self._hears.poll():
                yield self._hears.recv()

    @property
    def code(self) -> int | None:
        """Its exit code; None while it works."""
        return self._process.exitcode

    def kill(self) -> None:
        """End it at once; the run's folder keeps its checkpoint."""
        self._process.kill()
        self._process.join()
        self._hears.close()


def main(work: Work, order: Order, path: Path, tells: Connection) -> None:
    """Do what is not done yet.

    Args:
        work: what is done.
        order: the run's.
        path: of the run's folder.
        tells: takes `Said`.
    """
    _end_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):  # the service decides when we end
        signal.signal(number, signal.SIG_IGN)
    log.configure()
    folder = RunFolder(path)

    def say(said: Said) -> None:
        with contextlib.suppress(OSError):
            tells.send(said)

    with FileLock(folder.lock):  # one of a leader that stands still may be at work here: what it brings, we find
        try:
            work_through(work, order, folder, say)
        except Exception as error:  # the process boundary: the run's record says it
            told = f"{type(error).__name__}: {' '.join(str(error).split())}"
            will_pass = isinstance(error, BellwetherError) and error.is_retriable
            folder.write_found(msgspec.structs.replace(folder.found(), error=told, will_pass=will_pass))
            raise


def work_through(work: Work, order: Order, folder: RunFolder, say: Callable[[Said], None]) -> None:
    """Train, build and judge, what is not done yet; what is done is in the folder before the next begins.

    Args:
        work: what is done.
        order: the run's.
        folder: the run's.
        say: takes each word.
    """

    def tell(sentence: str) -> None:
        say(Said(None, sentence))

    def begin(phase: Phase) -> float:
        say(Said(phase, phase))
        return time.monotonic()

    def done(found: Found, phase: Phase, begun: float, **what: object) -> Found:
        took = found.seconds.get(phase, 0.0) + time.monotonic() - begun
        now = msgspec.structs.replace(found, seconds={**found.seconds, phase: round(took, 3)}, **what)
        folder.write_found(now)
        return now

    found = folder.found()
    if not found.trained:
        begun = begin("training")
        work.train(order, folder, tell)
        found = done(found, "training", begun, trained=True)
    if found.version is None:
        begun = begin("building")
        version = work.build(order, folder, tell)
        found = done(found, "building", begun, version=version)
    if found.judgement is None and found.version is not None:
        begun = begin("judging")
        judgement = work.judge(order, folder, found.version, tell)
        done(found, "judging", begun, judgement=judgement)


def _end_with_parent() -> None:
    """A service that is killed takes its run's process along: two must never work in one folder."""
    from models.child import end_with_parent

    parent = multiprocessing.parent_process()
    if parent is not None:
        end_with_parent(os.dup(parent.sentinel))
