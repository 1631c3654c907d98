"""The middle of the demo: ingest publishes, the worker scores, we watch until all is quiet, and kill where asked to."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bellwether.demo.board import Board
from bellwether.demo.children import Child, WorkerPids, kill, worker_pids
from bellwether.demo.follow import Follower
from bellwether.demo.screen import Screen
from bellwether.demo.source import Source
from bellwether.demo.summary import Killed
from bellwether.demo.view import Stage
from runtime.clock import Monotonic
from runtime.errors import DependencyError

QUIET_S = 180.0
"""So long without a single output counts as the end. A killed worker is back after about 15 s (6 s until Kafka gives
its partitions away, then its model starts), on a machine with ten times its load after a minute or two."""
MAX_RESTARTS = 5
"""A worker command that ends more often has a fault that no restart cures."""
_POLL_MS = 100
_PIDS_EVERY_S = 1.0
"""A look through the process table costs about 20 ms."""


@dataclass
class Replay:
    """One replay under watch.

    Attributes:
        source: what is replayed.
        start_ingest: starts the ingest command.
        start_worker: starts the worker command.
        worker: the running worker command.
        victims: `worker` or `engine`, killed one after the other at equal parts of the events.
    """

    source: Source
    start_ingest: Callable[[], Child]
    start_worker: Callable[[], Child]
    worker: Child
    board: Board
    stage: Stage
    screen: Screen
    clock: Monotonic
    victims: Sequence[str] = ()
    killed: list[Killed] = field(default_factory=list)
    restarts: int = 0
    refused: int = 0
    seconds: float = 0.0
    _pids: WorkerPids = field(default_factory=lambda: WorkerPids(None, None))
    _next_look: float = 0.0

    def run(self, follower: Follower) -> None:
        """Replay everything and wait until every event has its output, or nothing moves any more.

        Raises:
            DependencyError: ingest failed, or the worker command ends again and again.
        """
        self.stage.started_s = last = self.clock()
        with self.start_ingest() as ingest:
            while True:
                before = self.board.done
                follower.step(_POLL_MS)
                now = self.clock()
                last = now if self.board.done > before else last
                self._look_after_worker()
                self._kill_in_time()
                self.screen.update(self.board, self.stage)
                if ingest.exit_code() is None:
                    continue
                accepted = self._accepted(ingest)
                if (self.board.done >= accepted and not self.board.lag) or now - last > QUIET_S:
                    break
        self.seconds = last - self.stage.started_s
        self.stage.title = "done"
        self.screen.update(self.board, self.stage)

    def _accepted(self, ingest: Child) -> int:
        report = json.loads(ingest.wait(0.0))
        self.refused = int(report["refused"])
        return int(report["accepted"])

    def _look_after_worker(self) -> None:
        if self.worker.exit_code() is not None:
            self.restarts += 1
            if self.restarts > MAX_RESTARTS:
                raise DependencyError(
                    f"the worker command ended {self.restarts} times, last with exit code {self.worker.exit_code()}; "
                    f"its log tells why\n{self.worker.tail()}"
                )
            self.worker = self.start_worker()
        now = self.clock()
        if now >= self._next_look:
            self._next_look = now + _PIDS_EVERY_S
            self._pids = worker_pids(self.worker)
            self.stage.facts["worker pid"] = str(self._pids.worker or "starting")
            self.stage.facts["engine pid"] = str(self._pids.engine or "starting")

    def _kill_in_time(self) -> None:
        number = len(self.killed)
        if number == len(self.victims) or self.board.done < moment(number, len(self.victims), self.source.events):
            return
        victim = self.victims[number]
        pids = worker_pids(self.worker)
        pid = pids.worker if victim == "worker" else pids.engine
        if pid is None:  # it is just being started again; the next look finds it
            return
        kill(pid)
        self.killed.append(Killed(victim, pid, self.board.done))
        self.screen.say(f"killed the {victim} process {pid} (SIGKILL) after {self.board.done:,} events")


def moment(number: int, victims: int, events: int) -> int:
    """After how many events a victim is killed: one after a third, two after a third and two thirds.

    >>> moment(0, 1, 900), moment(1, 2, 900), moment(2, 3, 900)
    (300, 600, 675)
    """
    return events * (number + 1) // max(3, victims + 1)
