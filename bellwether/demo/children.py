"""The demo's child processes: our own commands, each in a session of its own with its log in a file."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from runtime.errors import DependencyError

_PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""
STOP_S = 15.0
"""A worker drains within 10 s by its own promise; then it is killed."""
_SHOWN_LINES = 15
_ENGINE_MARK = "models.child"
"""Stands in the command line of an engine's process and of nothing else."""


class Child:
    """One running command; leaving it ends it and everything that it started.

    Args:
        name: of its log, and for a person.
        arguments: what `python -m` runs.
        folder: for its log and its output.
        settings: `BELLWETHER_*` variables that it gets unless the user has set them.
        forced: those that it gets whatever the user has set.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        folder: Path,
        settings: Mapping[str, str] | None = None,
        forced: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._command = [sys.executable, "-m", *arguments]
        self.log = folder / f"{name}.log"
        self.out = folder / f"{name}.out"
        # A session of its own: Ctrl-C reaches us alone, and we end it in order.
        with self.log.open("ab") as log, self.out.open("wb") as out:
            self._process = subprocess.Popen(
                self._command,
                stdout=out,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_follows_us(),  # noqa: PLW1509 (we have no threads, and the function takes no lock)
                # Temporary files in our folder: a child that is killed leaves none behind.
                env={**(settings or {}), **os.environ, **(forced or {}), "TMPDIR": str(folder)},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(0.0 if kind is not None else STOP_S)

    @property
    def pid(self) -> int:
        """Of the command itself."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def family(self) -> list[psutil.Process]:
        """It and all that it started, which still run."""
        try:
            own = psutil.Process(self.pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def stop(self, wait_s: float = STOP_S) -> int | None:
        """Ask it to end, wait, then kill what is left of its family.

        Returns:
            Its exit code; negative where a signal ended it.
        """
        family = self.family()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for process in family[1:]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family[1:], timeout=STOP_S)
        return self._process.returncode

    def wait(self, timeout_s: float) -> str:
        """Wait until it is done and return what it printed.

        Raises:
            DependencyError: it failed, or is not done in time.
        """
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise DependencyError(f"{self.name} is not done after {timeout_s:.0f} s\n{self.tail()}") from None
        if code != 0:
            raise DependencyError(f"{self.name} ended with exit code {code}\n{self.tail()}")
        return self.out.read_text(encoding="utf-8")

    def tail(self) -> str:
        """The last lines that it logged."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_SHOWN_LINES:]
        return f"last lines of {self.name}:\n  " + "\n  ".join(lines) if lines else f"{self.name} logged nothing"


@dataclass(frozen=True)
class WorkerPids:
    """Who scores: the worker's process, and the engine's, which is its child."""

    worker: int | None
    engine: int | None


def worker_pids(child: Child) -> WorkerPids:
    """The processes behind `bellwether worker` now; None for one that is just being started again."""
    engine = next((process for process in child.family() if _is_engine(process)), None)
    if engine is not None:
        return WorkerPids(engine.ppid(), engine.pid)
    others = [process.pid for process in child.family() if process.pid != child.pid]
    return WorkerPids(others[0] if others else None, None)


def kill(pid: int) -> None:
    """SIGKILL: what no process can prepare for."""
    os.kill(pid, signal.SIGKILL)


def _is_engine(process: psutil.Process) -> bool:
    try:
        return any(_ENGINE_MARK in part for part in process.cmdline())
    except psutil.Error:
        return False


def _follows_us() -> Callable[[], object] | None:
    """What a child runs before its command: the kernel shall ask it to end when we are gone, even by kill -9."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return partial(prctl, _PR_SET_PDEATHSIG, int(signal.SIGTERM))


def wait_for_port(child: Child, port_file: Path, timeout_s: float) -> int:
    """The port that a child has written to its port file.

    Raises:
        DependencyError: it ended, or wrote none in time.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if port_file.is_file() and (text := port_file.read_text(encoding="utf-8").strip()):
            return int(text)
        if child.exit_code() is not None:
            raise DependencyError(f"{child.name} ended with exit code {child.exit_code()}\n{child.tail()}")
        time.sleep(0.1)
    raise DependencyError(f"{child.name} opened no port within {timeout_s:.0f} s\n{child.tail()}")
