"""Rows that the table's numbers cannot judge: a worker that cannot go on must say why, and how to go on."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from bellwether import topics
from bellwether.chaos.brokers import Broker
from bellwether.chaos.counting import Counter
from bellwether.chaos.judge import Row
from bellwether.chaos.outfits import Outfit
from bellwether.chaos.scenario import Scenario
from bellwether.chaos.trees import Edit, make
from bellwether.demo.children import Child
from runtime.errors import DependencyError, InputError
from streams.classify.ending import EXIT_AGAIN
from wire.topics import PUBLISHED

PARTITIONS = 4
"""Of every row here."""

BEFORE = 400
"""Events before something is lost: a multiple of the partitions, over which they are spread evenly."""

UNREAD = 200
"""Events that nobody has read when it is lost."""

AFTER = 200
"""Events after somebody accepted the loss."""

EVENTS = BEFORE + UNREAD + AFTER
"""Of every row here."""

WAIT_S = 120.0
"""Longest until a worker ends, or until its outputs are there; both take some 10 s on a quiet machine."""

_TICK_S = 0.2


def row(
    scenario: Scenario, folder: Path, build: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> Row:
    """Run one row.

    Args:
        scenario: whose `alone` is one of `JUDGES`.
        folder: empty; for the broker, logs and state.
        build: folder of another source tree whose code the worker runs.
        say: is told what is being done.

    Raises:
        InputError: there is no such row.
        DependencyError: the broker or a worker could not even start.
    """
    judge = JUDGES.get(scenario.alone or "")
    if judge is None:
        raise InputError(f"nothing to be judged alone is called {scenario.alone!r}; known: {', '.join(JUDGES)}")
    started = time.monotonic()
    group = f"bellwether-chaos-{scenario.name}"
    with Broker(folder / "broker", announce=say) as broker:
        broker.fresh_topics(PARTITIONS, group)
        with Outfit(scenario, broker.bootstrap, group, folder, build) as outfit:
            stage = Stage(broker, outfit, say)
            judge(stage)
    return Row(
        name=scenario.name,
        about=scenario.about,
        model=scenario.model,
        events=stage.events,
        seconds=round(time.monotonic() - started, 1),
        passed=not stage.failures,
        failures=tuple(stage.failures),
    )


class Stage:
    """A broker, one worker at a time without a parent, and somebody who counts.

    Args:
        broker: with fresh topics.
        outfit: of the worker.
        say: is told what is being done.

    Attributes:
        events: produced so far.
        failures: what was not as it must be.
        lost: events that the last log still holds, without an output.
    """

    def __init__(self, broker: Broker, outfit: Outfit, say: Callable[[str], None]) -> None:
        self.broker = broker
        self.outfit = outfit
        self.count = Counter(broker.bootstrap, outfit.group)
        self.events = 0
        self.lost = 0
        self.failures: list[str] = []
        self._say = say
        self._started = 0

    @contextmanager
    def worker(self, *flags: str) -> Iterator[Child]:
        """A worker that runs, with these flags; it is killed in the end, if it still runs."""
        self._started += 1
        self._say(f"starting worker {self._started} {' '.join(flags)}".rstrip())
        child = Child(f"worker-{self._started}", self.outfit.alone(*flags), self.outfit.state)
        try:
            yield child
        finally:
            child.stop(0.0)

    def publish(self, count: int) -> None:
        """Produce, evenly over the partitions."""
        self.count.publish(count, PARTITIONS)
        self.events += count

    def settle(self, child: Child, outputs: int) -> None:
        """Wait until so many outputs are there and what they answer is committed.

        Raises:
            DependencyError: they do not come: nothing can be judged.
        """
        if not self._comes(child, lambda: self.count.outputs() >= outputs and self.count.lag() == 0):
            raise DependencyError(f"{self.count.outputs()} of {outputs} outputs came\n{child.tail()}")

    def refuses(self, child: Child, *words: str, code: int = 1) -> None:
        """The worker must end with this code and say all of this."""
        deadline = time.monotonic() + WAIT_S
        while child.exit_code() is None and time.monotonic() < deadline:
            time.sleep(_TICK_S)
        ended_with = child.exit_code()
        said = child.log.read_text(encoding="utf-8", errors="replace")
        if ended_with != code:
            ended = (
                f"did not end within {WAIT_S:.0f} s" if ended_with is None else f"ended with {ended_with}, not {code}"
            )
            self.failures.append(f"{child.name} {ended}: {child.tail()}")
        # What a person reads is one line; the log lines around it, which are JSON, may name anything.
        told = [line for line in said.splitlines() if not line.startswith("{")]
        missing = [word for word in words if not any(word in line for line in told)]
        if missing:
            self.failures.append(f"{child.name} does not say {', '.join(missing)}: {told or child.tail()}")

    def goes_on(self, *flags: str, outputs: int) -> None:
        """With the flags, a worker must answer what the log still holds, and what comes then; then end in order.

        Args:
            flags: what its user accepts.
            outputs: that there must be, before what comes then.
        """
        with self.worker(*flags) as child:
            self.publish(AFTER)
            wanted = outputs + AFTER
            if not self._comes(child, lambda: self.count.outputs() >= wanted and self.count.lag() == 0):
                self.failures.append(f"{child.name} does not go on with {flags}: {child.tail()}")
            unanswered = self.count.unanswered()
            self.lost = len(unanswered)
            if unanswered:
                self.failures.append(f"{self.lost} inputs have no output with {flags}, the first are {unanswered[:8]}")
            code = child.stop()
            if code != 0:
                self.failures.append(f"{child.name} ended with {code} after SIGTERM: {child.tail()}")

    def _comes(self, child: Child, holds: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + WAIT_S
        while not holds():
            if child.exit_code() is not None or time.monotonic() > deadline:
                return False
            time.sleep(_TICK_S)
        return True


def broker_empty(stage: Stage) -> None:
    """The broker comes back with its identity and without any data; the topics are made anew, for another group."""
    with stage.worker() as child:
        _lose_all(stage, child, other=False, group=f"{stage.outfit.group}-of-nobody")
        stage.refuses(child, PUBLISHED.name, "is lost", "no committed offset", "--accept-reset")
    with stage.worker() as child:
        stage.refuses(child, PUBLISHED.name, "is lost", "no committed offset", "--accept-reset")
    stage.goes_on("--accept-reset", outputs=0)


def broker_remade(stage: Stage) -> None:
    """As `broker_empty`, but topics and the group's offsets are made anew, as `bellwether topics create` does it."""
    with stage.worker() as child:
        _lose_all(stage, child, other=False, group=stage.outfit.group)
        stage.refuses(child, PUBLISHED.name, "is lost", "--accept-reset")
    with stage.worker() as child:
        stage.refuses(child, PUBLISHED.name, "is lost", "--accept-reset")
    stage.goes_on("--accept-reset", outputs=0)


def broker_other(stage: Stage) -> None:
    """Another cluster answers at the same address, and its topics and offsets look as if all was well."""
    with stage.worker() as child:
        before = stage.count.cluster_id()
        _lose_all(stage, child, other=True, group=stage.outfit.group)
        after = stage.count.cluster_id()
        stage.refuses(child, before, after, "is lost", "--accept-reset")
    with stage.worker() as child:
        stage.refuses(child, before, after, "is lost", "--accept-reset")
    stage.goes_on("--accept-reset", outputs=0)


def _lose_all(stage: Stage, child: Child, *, other: bool, group: str) -> None:
    """Read, unread and committed: all is gone when the worker looks again, and there are topics for a group."""
    stage.publish(BEFORE)
    stage.settle(child, BEFORE)
    # So that it sees no time without topics: the hardest case, because nothing fails by itself.
    os.kill(child.pid, signal.SIGSTOP)
    stage.publish(UNREAD)
    stage.broker.wipe(other=other)
    stage.broker.start()
    topics.create(stage.broker.bootstrap, partitions=PARTITIONS, group=group)
    os.kill(child.pid, signal.SIGCONT)


def expired(stage: Stage) -> None:
    """Records are dropped before a worker that was away has read them."""
    with stage.worker() as child:
        stage.publish(BEFORE)
        stage.settle(child, BEFORE)
        if child.stop() != 0:
            stage.failures.append(f"{child.name} did not stop in order: {child.tail()}")
    stage.publish(UNREAD)
    dropped = UNREAD // PARTITIONS // 2
    stage.count.drop(dict.fromkeys(range(PARTITIONS), BEFORE // PARTITIONS + dropped))
    with stage.worker() as child:
        stage.refuses(
            child, f"{PARTITIONS * dropped} inputs of {PUBLISHED.name} expired", "they are lost", "--accept-expired"
        )
    stage.goes_on("--accept-expired", outputs=BEFORE + UNREAD - PARTITIONS * dropped)


def stalled(stage: Stage) -> None:
    """A delivery hangs while the broker answers: the watchdog must say so and end the worker; the next one goes on."""
    hang, port_file = stage.outfit.folder / "hang", stage.outfit.folder / "worker.port"
    hangs = Edit(
        "streams/classify/delivery.py",
        "        waiting = _chunks(outputs)\n",
        f"        if __import__('os').path.exists({str(hang)!r}):\n            await asyncio.Event().wait()\n"
        "        waiting = _chunks(outputs)\n",
    )
    stage.outfit.build = make("hangs", [hangs], stage.outfit.folder, stage.outfit.build)
    with stage.worker(f"--port-file={port_file}") as child:
        stage.publish(BEFORE)
        stage.settle(child, BEFORE)
        hang.touch()
        stage.publish(UNREAD)
        seen = 0.0
        deadline = time.monotonic() + WAIT_S
        while child.exit_code() is None and not seen and time.monotonic() < deadline:
            seen = _gauge(port_file, "bellwether_stalled_partitions")
            time.sleep(_TICK_S)
        if not seen:
            stage.failures.append("bellwether_stalled_partitions stayed 0 until the worker ended")
        stage.refuses(child, "has not moved for", code=EXIT_AGAIN)
        if "no_progress" not in child.log.read_text(encoding="utf-8", errors="replace"):
            stage.failures.append(f"{child.name} logged no no_progress: {child.tail()}")
    hang.unlink()
    stage.goes_on(outputs=BEFORE + UNREAD)


def _gauge(port_file: Path, name: str) -> float:
    """A metric of a worker; 0 where it does not answer."""
    try:
        port = int(port_file.read_text(encoding="ascii"))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
            said = answer.read().decode()
    except (OSError, ValueError):
        return 0.0
    return sum(float(line.split()[-1]) for line in said.splitlines() if line.startswith(name))


JUDGES: Mapping[str, Callable[[Stage], None]] = MappingProxyType(
    {
        "broker-empty": broker_empty,
        "broker-remade": broker_remade,
        "broker-other": broker_other,
        "expired": expired,
        "stalled": stalled,
    }
)
