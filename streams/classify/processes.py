"""Several worker processes under one parent: children that end are started again, with a growing pause."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

from runtime import log

FIRST_PAUSE_S = 0.2
"""After a first death: a killed worker shall be back within the 15 s that a recovery may take."""

LONGEST_PAUSE_S = 30.0
"""While children keep dying: a broker that is away for an hour is asked twice a minute (such a child ends with 75)."""

HEALTHY_S = 30.0
"""A child that lived so long starts over with the first pause."""

STOP_S = 11.0
"""After SIGTERM; each child promises 10 s."""

TOLD = (1, 2)
"""Exit codes that come with a message for a person. 75 does not count: its cause may go away by itself."""

HOPELESS = 5
"""Exits of one child in a row with a message for a person, none of them after a healthy life: then all stop."""

CONSENT = ("--accept-expired", "--accept-reset")
"""Flags that accept one loss: the one that a person knew of. A child that is started again may meet another."""

ORDERLY = (0, -signal.SIGTERM, -signal.SIGINT)
"""How children end that were told to; those that did not listen yet had not begun anything."""

TICK_S = 0.1
"""How often children are looked at."""

_log = log.get(__name__)


@dataclass
class Restarts:
    """When one child may start again. Pure: the clock is an argument.

    >>> restarts = Restarts()
    >>> [restarts.ended(lived_s=seconds, code=-9) for seconds in (1.0, 1.0, 60.0)]
    [0.2, 0.4, 0.2]
    """

    pause_s: float = 0.0
    failures: int = 0

    def ended(self, lived_s: float, code: int) -> float:
        """Seconds to wait before the next start."""
        healthy = lived_s >= HEALTHY_S
        self.pause_s = FIRST_PAUSE_S if healthy or not self.pause_s else min(LONGEST_PAUSE_S, self.pause_s * 2)
        told_a_person = code in TOLD and not healthy
        self.failures = self.failures + 1 if told_a_person else 0
        return self.pause_s

    @property
    def is_hopeless(self) -> bool:
        """Whether a person has to look before another start makes sense."""
        return self.failures >= HOPELESS


@dataclass
class _Child:
    command: list[str]
    restarts: Restarts = field(default_factory=Restarts)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float = 0.0


class Processes:
    """Runs one command a child until a signal comes.

    Each child's standard input is a pipe that only this process holds: its end tells a child that its parent died.

    Args:
        commands: one command line a child.
        monotonic: the clock.
        sleep: waits between looks.
    """

    def __init__(
        self,
        commands: Sequence[list[str]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._children = [_Child(command) for command in commands]
        self._monotonic = monotonic
        self._sleep = sleep
        self._stopping = False

    def run(self) -> int:
        """Start all, restart those that end, stop all at SIGTERM or SIGINT.

        Signals are ignored from its end on: the process is about to end, and a second one must not change its code.

        Returns:
            0 when all ended well after a signal, 1 otherwise.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            while not self._stopping:
                if any(self._look_after(child) for child in self._children):
                    cure = "the lines above that begin with `error:` say why; mend that, then start again"
                    _log.error("workers_given_up", failures=HOPELESS, cure=cure)
                    self._stop()
                    return 1
                self._sleep(TICK_S)
            return self._stop()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 (the signature of handlers)
        self._stopping = True

    def _look_after(self, child: _Child) -> bool:
        """Start or bury a child; True where its death is a person's business."""
        now = self._monotonic()
        if child.process is None:
            if now >= child.start_at:
                child.process = subprocess.Popen(child.command, stdin=subprocess.PIPE)
                child.started = now
            return False
        code = child.process.poll()
        if code is None:
            return False
        lived_s = now - child.started
        pause_s = child.restarts.ended(lived_s, code)
        if code in TOLD or lived_s >= HEALTHY_S:
            child.command = [argument for argument in child.command if argument not in CONSENT]
        _log.warning("worker_ended", worker_pid=child.process.pid, code=code, restart_in_s=pause_s)
        _close_stdin(child.process)
        child.process, child.start_at = None, now + pause_s
        return child.restarts.is_hopeless

    def _stop(self) -> int:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        ends_at = self._monotonic() + STOP_S
        codes = []
        for process in running:
            try:
                codes.append(process.wait(max(0.1, ends_at - self._monotonic())))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
            _close_stdin(process)
        return 0 if all(code in ORDERLY for code in codes) else 1


def _close_stdin(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()


def command(arguments: Sequence[str]) -> list[str]:
    """The command line of one child worker."""
    return [sys.executable, "-m", "bellwether", "worker", "--supervised", *arguments]


def end_with_parent() -> None:
    """In a supervised child: ask ourselves to stop when the parent is gone, however it went."""
    import threading

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 64):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
