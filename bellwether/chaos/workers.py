"""The workers of a row, each under a parent of its own: started, harmed, watched and stopped."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from bellwether.chaos.brokers import Broker
from bellwether.chaos.journal import Strike
from bellwether.chaos.logs import WorkerLog
from bellwether.chaos.outfits import Outfit
from bellwether.chaos.parents import Parent
from bellwether.chaos.scenario import Scenario
from bellwether.demo.children import Child
from runtime.errors import DependencyError

LOOK_S = 0.5
"""Between two looks at memory, deaths and process ids."""

READY_S = 180.0
"""Longest until all workers have loaded their engines and joined; a busy machine takes a minute."""

_TICK_S = 0.1
_MIB = 1024 * 1024


class Workers:
    """Workers between entering and leaving; all methods may be called from any thread.

    Args:
        scenario: what they serve and with which settings.
        broker: whose topics they read.
        group: their consumer group.
        folder: of the row: logs, state.
        note: told when a worker killed itself.
        build: folder of another source tree whose code they run.
        store: URL of the row's own store of versions, where it has one.
        aborted: set when the run ends early; then nobody waits for a worker to harm.
    """

    def __init__(
        self,
        scenario: Scenario,
        broker: Broker,
        group: str,
        folder: Path,
        *,
        note: Callable[[Strike], None],
        build: Path | None = None,
        store: str | None = None,
        aborted: threading.Event | None = None,
    ) -> None:
        address = broker.workers_address(proxied=scenario.proxied)
        self.outfit = Outfit(scenario, address, group, folder, build, store)
        self.peak_memory_mib = 0.0
        self._note = note
        self._aborted = aborted or threading.Event()
        self._parents: list[Parent] = []
        self._paused: set[int] = set()
        self._deaths: list[Strike] = []
        self._lock = threading.RLock()
        self._leaving = threading.Event()
        self._watch = threading.Thread(target=self._watching, name="workers", daemon=True)
        # A child asks the kernel to end it with the thread that started it: this one lives as long as we do.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")

    def __enter__(self) -> Self:
        self.outfit.__enter__()
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        with ExitStack() as last:  # last in, first out, each also where one before it fails
            last.push(self.outfit)
            last.callback(self._starter.shutdown)
            for parent in self._parents:
                last.callback(parent.child.stop, 0.0)
            self._watch.join()

    def start(self, number: int) -> None:
        """Start so many."""
        for _ in range(number):
            self.add()

    def wait_until_ready(self, wait_s: float = READY_S) -> None:
        """Return when all workers have joined one and the same generation of the group.

        Raises:
            DependencyError: one gave up, or they take too long.
        """
        deadline = time.monotonic() + wait_s
        while not self._are_together():
            for parent in self._present():
                if parent.child.exit_code() is not None:
                    raise DependencyError(f"a worker cannot start\n{parent.child.tail()}")
            if time.monotonic() > deadline:
                raise DependencyError(f"not all workers joined their group within {wait_s:.0f} s\n{self.log_tail()}")
            time.sleep(_TICK_S)

    def present(self) -> int:
        """How many there are, those that are just started again included."""
        return len(self._present())

    def held_by(self, pid: int) -> tuple[int, ...]:
        """Partitions of a worker's newest assignment."""
        with self._lock:
            return next((log.held[pid] for log in self._logs() if pid in log.held), ())

    def kill_one(self, choose: random.Random) -> int:
        """SIGKILL of a worker that has joined; waits for one. Returns its process id, as do the next ones."""
        return self._signal(choose, Parent.worker, signal.SIGKILL)

    def kill_engine(self, choose: random.Random) -> int:
        """SIGKILL of an engine's process."""
        return self._signal(choose, Parent.engine, signal.SIGKILL)

    def kill_challenger(self, choose: random.Random) -> int:
        """SIGKILL of the engine's process that a worker loaded last of several."""
        return self._signal(choose, Parent.challenger, signal.SIGKILL)

    def terminate_one(self, choose: random.Random) -> int:
        """SIGTERM of a worker, not of its parent, which starts it again."""
        return self._signal(choose, Parent.worker, signal.SIGTERM)

    def pause_one(self, choose: random.Random) -> int:
        """SIGSTOP of a worker; its engine and its parent go on."""
        pid = self._signal(choose, Parent.worker, signal.SIGSTOP)
        self._paused.add(pid)
        return pid

    def resume(self, pid: int) -> None:
        """SIGCONT; one that is gone needs none."""
        self._paused.discard(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def add(self) -> int:
        """One more worker; returns its parent's process id at once."""
        with self._lock:
            number = len(self._parents) + 1
            starting = self._starter.submit(Child, f"worker-{number}", self.outfit.parent(number), self.outfit.state)
            child = starting.result()
            self._parents.append(Parent(number, child, WorkerLog(child.log)))
            return child.pid

    def remove_oldest(self) -> int:
        """SIGTERM of the oldest parent whose worker heeds signals; returns the worker's process id at once."""
        while True:
            parent, worker = self._ready(Parent.worker, is_ready=self._heeds_signals)[0]
            parent.is_leaving = True
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile: another one has to leave
                os.kill(parent.child.pid, signal.SIGTERM)
                return worker.pid

    def stop(self) -> list[int]:
        """SIGTERM to all parents; returns when all have ended.

        Returns:
            Exit codes, also of those that were removed before.
        """
        for pid in list(self._paused):
            self.resume(pid)
        # While Python still imports, a parent has no handler, and SIGTERM would be no stop but a kill.
        deadline = time.monotonic() + READY_S
        while not all(map(_heeds_signals_itself, self._present())) and time.monotonic() < deadline:
            time.sleep(_TICK_S)
        with ThreadPoolExecutor(max_workers=len(self._parents) or 1) as stopping:
            codes = list(stopping.map(lambda parent: parent.child.stop(), self._parents))
        self.deaths()
        return [-signal.SIGKILL if code is None else code for code in codes]

    def deaths(self) -> list[Strike]:
        """Workers that killed themselves at a crash point; each is noted once."""
        with self._lock:
            crashed = self.outfit.crashed
            if not self._deaths and crashed.is_file() and (said := crashed.read_text(encoding="ascii").split()):
                pid = int(said[0])
                time_s, held = crashed.stat().st_mtime, self.held_by(pid)
                strike = Strike(time=time_s, what="worker-died", pid=pid, held=held, detail=f"at {said[1]}")
                self._deaths.append(strike)
                self._note(strike)
            return list(self._deaths)

    @property
    def restarts(self) -> int:
        """How many workers ended and were started again."""
        with self._lock:
            # A full disk may have swallowed a line of the log; what was seen running was seen.
            return sum(max(len(parent.log.look().ended), len(parent.pids) - 1) for parent in self._parents)

    def generations(self) -> set[int]:
        """Of the group, as far as its workers say: one more is a rebalance."""
        with self._lock:
            return set().union(*(log.generations for log in self._logs()))

    def said(self) -> tuple[dict[str, int], ...]:
        """By parent, how often its log says what a row must leave behind, see `WorkerLog.said`."""
        with self._lock:
            return tuple(dict(log.said) for log in self._logs())

    def memory_mib(self) -> float:
        """Of all workers with their parents and engines, each shared page in parts (proportional set size)."""
        total = 0
        for process in (one for parent in self._present() for one in parent.child.family()):
            with contextlib.suppress(psutil.Error):
                total += process.memory_full_info().pss
        return total / _MIB

    def members(self) -> int:
        """Most workers in one generation of the group, those included that were given nothing."""
        with self._lock:
            return max(Counter(number for log in self._logs() for number in log.generations).values(), default=0)

    def log_tail(self) -> str:
        """The last lines that each of them said."""
        return "\n".join(parent.child.tail() for parent in self._parents)

    def _present(self) -> list[Parent]:
        with self._lock:
            return [parent for parent in self._parents if not parent.is_leaving]

    def _logs(self) -> Iterator[WorkerLog]:
        return (parent.log.look() for parent in self._parents)

    def _are_together(self) -> bool:
        with self._lock:
            newest = [max(log.generations, default=-1) for log in self._logs()]
            return len(set(newest)) <= 1 and all(parent.has_joined() for parent in self._present())

    def _heeds_signals(self, parent: Parent) -> bool:
        with self._lock:
            worker = parent.worker()
            return worker is not None and worker.pid in parent.log.look().listening

    def _ready(
        self, which: Callable[[Parent], psutil.Process | None], is_ready: Callable[[Parent], bool] = Parent.has_joined
    ) -> list[tuple[Parent, psutil.Process]]:
        """At least one process of workers that are ready, by default that have joined; the oldest parent's first."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            with self._lock:
                for parent in self._parents:
                    parent.log.look()
                ready = [one for one in self._present() if is_ready(one)]
                found = [(one, process) for one in ready if (process := which(one)) is not None]
            if found:
                return found
            if self._aborted.wait(_TICK_S):
                raise DependencyError("the run ended before a worker was there to be harmed")
        raise DependencyError(f"no worker was there to be harmed within {READY_S:.0f} s\n{self.log_tail()}")

    def _signal(
        self, choose: random.Random, which: Callable[[Parent], psutil.Process | None], number: signal.Signals
    ) -> int:
        while True:
            _, process = choose.choice(self._ready(which))
            with contextlib.suppress(psutil.NoSuchProcess):  # it died meanwhile: another one has to suffer
                process.send_signal(number)
                return process.pid

    def _watching(self) -> None:
        while not self._leaving.wait(LOOK_S):
            for parent in self._present():
                worker = parent.worker()
                if worker is None:
                    continue
                parent.pids.add(worker.pid)
                with contextlib.suppress(psutil.Error):
                    self.peak_memory_mib = max(self.peak_memory_mib, worker.memory_info().rss / _MIB)
            self.deaths()


def _heeds_signals_itself(parent: Parent) -> bool:
    """Whether a parent has its handlers, which it has before its first worker starts, or needs none any more."""
    return bool(parent.pids) or parent.worker() is not None or parent.child.exit_code() is not None
