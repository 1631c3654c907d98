"""Run rows: workers, producer and bookkeeper are started, the faults strike, the verdict is judged."""

from __future__ import annotations

import random
import tempfile
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bellwether.chaos import alone, faults, journal, trees
from bellwether.chaos import shelf as shelves
from bellwether.chaos.brokers import Broker, Brokers, broker_folder
from bellwether.chaos.clerk import Clerk
from bellwether.chaos.facts import Facts
from bellwether.chaos.journal import BookOrder, LoadOrder, Progress, Strike
from bellwether.chaos.judge import Row, judge
from bellwether.chaos.scenario import Fault, Scenario
from bellwether.chaos.screen import Screen
from bellwether.chaos.shelf import Shelf
from bellwether.chaos.workers import Workers
from bellwether.chaos.world import World
from bellwether.demo.children import Child
from models import keys
from runtime import settings
from runtime.errors import BellwetherError, DependencyError, InputError
from wire import topics

LOAD_S = 240.0
"""Longest that the producer may take beyond its own pace: an outage of 70 s, and a time-out of 120 s after it."""

COUNT_S = 300.0
"""Longest from the end of load and faults to the verdict: the backlog, the patience, the reading."""


@dataclass(frozen=True)
class Order:
    """What a person asked for.

    Attributes:
        scenarios: the rows.
        seed: of everything random.
        events: instead of each row's own number.
        times: whether recovery and standstill are judged.
        build: another source tree whose workers are judged.
        keep: folder that keeps every row's logs and journals; a temporary one where None.
    """

    scenarios: Sequence[Scenario]
    seed: int
    events: int | None = None
    times: bool = False
    build: Path | None = None
    keep: Path | None = None


def run(order: Order, screen: Screen) -> Iterator[Row]:
    """Run the rows one after the other; all that was started has ended when this is exhausted or closed.

    Yields:
        Each row as soon as it is judged.

    Raises:
        InputError: the folder to keep holds one of the rows, or the build is no source tree; nothing was started then.
    """
    if order.build is not None:
        trees.check(order.build)
    if order.keep is not None:
        folders = [broker_folder(order.keep, scenario.nodes).name for scenario in order.scenarios]
        check_kept(order.keep, [*(scenario.name for scenario in order.scenarios), *folders])
    with ExitStack() as stack:
        folder = order.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bellwether-chaos-")))
        folder.mkdir(parents=True, exist_ok=True)
        brokers = Brokers(stack, folder, screen.say, order.seed)
        for scenario in order.scenarios:
            row = _run_row(scenario.with_events(order.events), order, brokers, folder, screen)
            screen.judged(row)
            yield row


def check_kept(keep: Path, names: Iterable[str]) -> None:
    """See to it that no row writes over what is there.

    Args:
        keep: where rows get a folder each.
        names: of the rows.

    Raises:
        InputError: one of these folders is there and not empty.
    """
    for place in (keep, *(keep / name for name in names)):
        if place.exists() and not place.is_dir():
            raise InputError(f"{place} is a file; name a folder with --keep")
        if place != keep and place.exists() and any(place.iterdir()):
            raise InputError(f"{place} holds something already; name another folder with --keep")


def _skipped(scenario: Scenario) -> Row | None:
    reason = faults.missing(scenario.needs)
    if reason is None:
        return None
    return Row(name=scenario.name, about=scenario.about, model=scenario.model, skipped=reason, passed=None)


def _run_row(scenario: Scenario, order: Order, brokers: Brokers, folder: Path, screen: Screen) -> Row:
    started = time.monotonic()
    try:
        if skipped := _skipped(scenario):
            return skipped
        screen.begins(scenario)
        place = folder / scenario.name
        place.mkdir(exist_ok=True)
        if scenario.alone is not None:
            return alone.row(scenario, place, order.build, screen.say)
        return _Run(scenario, order, brokers.with_nodes(scenario.nodes), place, screen).row(started)
    except Exception as error:  # the row's boundary: one that cannot be run is broken, and the others still count
        if not isinstance(error, BellwetherError):
            screen.say("".join(traceback.format_exception(error)))
        return Row(
            name=scenario.name,
            about=scenario.about,
            model=scenario.model,
            seconds=round(time.monotonic() - started, 1),
            failures=(f"{type(error).__name__}: {error}",),
        )


@dataclass
class _Run:
    scenario: Scenario
    order: Order
    broker: Broker
    folder: Path
    screen: Screen
    _strikes: list[Strike] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _failed: list[BaseException] = field(default_factory=list)
    _aborted: threading.Event = field(default_factory=threading.Event)

    def row(self, started: float) -> Row:
        """Run it."""
        scenario = self.scenario
        group = f"bellwether-chaos-{scenario.name}-{self.order.seed}"
        self.broker.fresh_topics(partitions=scenario.partitions, group=group)
        with ExitStack() as stack:
            shelf = stack.enter_context(shelves.opened(scenario, self.folder, self.broker.bootstrap))
            workers = stack.enter_context(self._workers(group, shelf))
            self.screen.say(f"{scenario.name}: {scenario.workers} workers are loading")
            workers.start(scenario.workers)
            workers.wait_until_ready()
            before = len(workers.generations())
            with Clerk(self._book_order(group), self.folder, self._tell) as clerk:
                self._load_and_strike(workers, clerk, shelf)
                self.screen.say(f"{scenario.name}: reading all outputs")
                verdict = clerk.verdict(COUNT_S)
            exit_codes = workers.stop()
            facts = Facts(
                strikes=tuple(self._strikes),
                rebalances=max(0, len(workers.generations()) - before),
                restarts=workers.restarts,
                members=workers.members(),
                logs=workers.said(),
                exit_codes=tuple(exit_codes),
                memory_mib=workers.peak_memory_mib,
            )
        row = judge(scenario, verdict, facts, times=self.order.times, seconds=time.monotonic() - started)
        if not row.passed and self.order.build is None:
            self.screen.say(workers.log_tail())
        return row

    def _workers(self, group: str, shelf: Shelf | None) -> Workers:
        return Workers(
            self.scenario,
            self.broker,
            group,
            self.folder,
            note=self._note,
            build=self.order.build,
            store=None if shelf is None else shelf.url,
            aborted=self._aborted,
        )

    def _book_order(self, group: str) -> BookOrder:
        where = settings.load()
        return BookOrder(
            bootstrap=self.broker.bootstrap,
            probe=self.broker.workers_address(proxied=self.scenario.proxied),
            group=group,
            published=topics.PUBLISHED.name,
            scored=topics.SCORED.name,
            dead=topics.DEAD.name,
            shadowed=topics.SHADOWED.name,
            folder=str(self.folder),
            registry=str(where.registry_folder),
            trust=str(where.keys_folder / keys.TRUST_FILE),
            seed=self.order.seed,
        )

    def _load_and_strike(self, workers: Workers, clerk: Clerk, shelf: Shelf | None) -> None:
        """Produce, let the faults strike at their moments, return when both are over."""
        world = World(
            broker=self.broker,
            workers=workers,
            note=self._note,
            random=random.Random(f"{self.order.seed} {self.scenario.name}"),
            aborted=self._aborted,
            shelf=shelf,
        )
        moments = [(world.random.uniform(*fault.at) * self.scenario.seconds, fault) for fault in self.scenario.faults]
        with self._load() as load:
            self._wait_for_first(load)
            threads = [
                threading.Thread(target=self._strike, args=(delay_s, fault, world), name=fault.do)
                for delay_s, fault in moments
            ]
            try:
                for thread in threads:
                    thread.start()
                self._wait(load, threads, clerk)
            finally:
                self._aborted.set()
                for thread in threads:
                    thread.join()
        if self._failed:
            raise self._failed[0]

    def _wait_for_first(self, load: Child) -> None:
        """Faults are timed from the first acknowledged event on: the producer takes seconds to start."""
        acked = self.folder / journal.ACKED
        while load.exit_code() is None and not (acked.exists() and acked.stat().st_size):
            time.sleep(0.05)

    def _wait(self, load: Child, threads: Sequence[threading.Thread], clerk: Clerk) -> None:
        deadline = time.monotonic() + self.scenario.seconds + LOAD_S
        while load.exit_code() is None or any(thread.is_alive() for thread in threads):
            clerk.check()
            if self._failed:
                return
            if time.monotonic() > deadline:
                late = [load.name] if load.exit_code() is None else []
                late += [thread.name for thread in threads if thread.is_alive()]
                raise DependencyError(f"not over {LOAD_S:.0f} s after its time: {', '.join(late)}\n{load.tail()}")
            time.sleep(0.1)
        load.wait(0.1)

    def _strike(self, delay_s: float, fault: Fault, world: World) -> None:
        try:
            if world.wait(delay_s):
                self.screen.say(f"{self.scenario.name}: {fault.do}")
                faults.strike(fault, world)
        except BaseException as error:  # the thread's boundary: the run raises it
            self._failed.append(error)

    @contextmanager
    def _load(self) -> Iterator[Child]:
        scenario, burst = self.scenario, self.scenario.burst
        order = LoadOrder(
            bootstrap=self.broker.bootstrap,
            topic=topics.PUBLISHED.name,
            folder=str(self.folder),
            seed=self.order.seed,
            events=scenario.events,
            rate=scenario.rate,
            mix=dict(scenario.mix),
            burst_at=burst.at * scenario.seconds if burst else 0.0,
            burst_seconds=burst.seconds if burst else 0.0,
            burst_factor=burst.factor if burst else 1.0,
        )
        file = self.folder / "load.json"
        file.write_bytes(msgspec.json.encode(order))
        with Child("load", ["bellwether.chaos.load", str(file)], self.folder) as load:
            yield load

    def _tell(self, progress: Progress) -> None:
        self.screen.moved(self.scenario, progress)

    def _note(self, strike: Strike) -> None:
        with self._lock:
            self._strikes.append(strike)
            with (self.folder / journal.STRIKES).open("ab") as file:
                file.write(msgspec.json.encode(strike) + b"\n")
