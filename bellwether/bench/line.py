"""How much of the engine's speed arrives at the other end of Kafka, and what the platform itself costs."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec
import psutil

from bellwether import topics as layout
from bellwether.bench import bare, traffic
from bellwether.broker.cluster import temporary
from bellwether.demo.children import Child, wait_for_port
from models.specs import EngineSpec
from models.text import clean
from runtime.errors import DependencyError
from runtime.settings import Settings
from streams.classify.engine_choice import engine_spec
from wire import codec, topics
from wire.events import Article

PARTITIONS = 4
"""Of the topics: more partitions are more, smaller produce batches."""

NOOP_BYTES = 300
"""Of an event's value: a headline with its source, id and times."""

START_S = 300.0
"""A worker may load so long: several seconds on an idle machine."""

EVENT_S = 1.0
"""An event may take so long on average before the bench gives up: a slow machine scores 20 a second."""


@dataclass(frozen=True)
class Order:
    """What to measure.

    Attributes:
        settings: model, engine, threads, registry.
        texts: cleaned texts for the real engine.
        noop_events: events for the engine without a model; 0 leaves that part out.
        rounds: how often line and engine are measured, in turn.
        bootstrap: a broker to use; None starts one and ends it.
        tell: told what happens.
    """

    settings: Settings
    texts: Sequence[str]
    noop_events: int
    rounds: int
    bootstrap: str | None = None
    tell: Callable[[str], None] = lambda _: None


def measure(order: Order) -> dict[str, Any]:
    """Both figures; the input lies in Kafka before anything is measured, and nobody produces meanwhile.

    Raises:
        BellwetherError: the broker or the model.
    """
    with tempfile.TemporaryDirectory(prefix="bellwether-bench-") as folder, _broker(order) as bootstrap:
        layout.create(bootstrap, partitions=PARTITIONS)
        bench = Bench(order, bootstrap, Path(folder))
        found: dict[str, Any] = bench.against_engine() if order.rounds and order.texts else {}
        if order.noop_events:
            found |= bench.platform_cost()
    return found


@contextmanager
def _broker(order: Order) -> Iterator[str]:
    if order.bootstrap is not None:
        yield order.bootstrap
        return
    with temporary(announce=order.tell) as cluster:
        yield cluster.bootstrap


@dataclass(frozen=True)
class Load:
    """What a worker used between two looks."""

    events: int
    cpu_s: float
    seconds: float


class Bench:
    """The measurements on one broker.

    Args:
        order: what to measure.
        bootstrap: the broker.
        folder: for logs and orders.
    """

    def __init__(self, order: Order, bootstrap: str, folder: Path) -> None:
        self._order = order
        self._bootstrap = bootstrap
        self._folder = folder
        self._runs = 0

    def against_engine(self) -> dict[str, Any]:
        """The line's speed over the bare engine's, in turn, medians."""
        texts = self._order.texts
        start = self._fill(articles(texts))
        line: list[float] = []
        alone: list[float] = []
        about: dict[str, Any] = {}
        for number in range(self._order.rounds):
            for variant in ("line", "bare") if number % 2 else ("bare", "line"):
                if variant == "line":
                    line.append(self._line(start, len(texts)))
                else:
                    about = self._bare(engine_spec(self._order.settings))
                    alone.append(about.pop("texts_per_second"))
            self._order.tell(f"round {number + 1}: line {line[-1]:.1f}, engine alone {alone[-1]:.1f} texts/s")
        ratios = [mine / theirs for mine, theirs in zip(line, alone, strict=True)]
        return about | {
            "ratio_to_engine": round(statistics.median(ratios), 3),
            "ratios": [round(ratio, 3) for ratio in ratios],
            "line_texts_per_second": round(statistics.median(line), 1),
            "engine_texts_per_second": round(statistics.median(alone), 1),
            "events": len(texts),
            "rounds": self._order.rounds,
        }

    def platform_cost(self) -> dict[str, Any]:
        """Events per processor second of a worker whose engine costs nothing; its children are included."""
        count = self._order.noop_events
        start = self._fill(sized(count))
        loads = []
        for number in range(max(1, self._order.rounds)):
            with self._worker(start, ["--model", "noop"]) as (worker, port):
                loads.append(self._loaded(worker, port, count))
            load = loads[-1]
            self._order.tell(f"no-op {number + 1}: {load.events / load.cpu_s:.0f} events per CPU-second")
        return {
            "noop_events_per_cpu_second": round(statistics.median(load.events / load.cpu_s for load in loads)),
            "noop_events_per_second": round(statistics.median(load.events / load.seconds for load in loads)),
            "noop_events": count,
            "noop_event_bytes": NOOP_BYTES,
        }

    def _fill(self, values: Iterator[bytes]) -> dict[int, int]:
        start = asyncio.run(traffic.ends(self._bootstrap, topics.PUBLISHED.name, PARTITIONS))
        count = asyncio.run(traffic.fill(self._bootstrap, values, PARTITIONS))
        self._order.tell(f"{count} events lie in Kafka")
        return start

    def _line(self, start: dict[int, int], count: int) -> float:
        since = asyncio.run(traffic.ends(self._bootstrap, topics.SCORED.name, PARTITIONS))
        settings = self._order.settings
        arguments = ["--model", settings.model, "--threads", str(settings.threads)]
        arguments += ["--engine", settings.engine] if settings.engine else []
        with self._worker(start, arguments) as (worker, port):
            self._wait_for(worker, port, count)
        return traffic.rate(asyncio.run(traffic.output_times(self._bootstrap, since)), bare.SKIPPED)

    def _bare(self, spec: EngineSpec) -> dict[str, Any]:
        order = self._folder / "order.json"
        texts = list(self._order.texts)
        order.write_bytes(msgspec.json.encode(bare.Order(spec, texts, self._order.settings.batch_records)))
        done = subprocess.run(
            [sys.executable, "-m", "bellwether.bench.bare", str(order)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DependencyError(f"the bare engine ended with code {done.returncode}:\n{done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    @contextmanager
    def _worker(self, start: dict[int, int], arguments: list[str]) -> Iterator[tuple[Child, int]]:
        """A worker in a group of its own that begins at `start`; yields it with its port."""
        self._runs += 1
        group = f"bench-{self._runs}"
        asyncio.run(traffic.seat(self._bootstrap, group, start))
        file = self._folder / f"{group}.port"
        command = ["bellwether", "worker", "--bootstrap", self._bootstrap, "--group", group, "--accept-reset"]
        command += ["--http-port", "0", "--port-file", str(file), *arguments]
        with Child(group, command, self._folder) as worker:
            yield worker, wait_for_port(worker, file, START_S)

    def _loaded(self, worker: Child, port: int, count: int) -> Load:
        """Processor time per event between the first tenth and the end."""
        first = self._wait_for(worker, port, int(count * bare.SKIPPED))
        cpu_s, since = _cpu_s(worker), time.perf_counter()
        last = self._wait_for(worker, port, count)
        return Load(last - first, _cpu_s(worker) - cpu_s, time.perf_counter() - since)

    def _wait_for(self, worker: Child, port: int, count: int) -> int:
        """Wait until so many events have ended; asks rarely, because answering costs the worker time too."""
        ends_at = time.monotonic() + START_S + count * EVENT_S
        while (done := _ended(port)) < count:
            if worker.exit_code() is not None or time.monotonic() > ends_at:
                raise DependencyError(f"the worker scored {done} of {count} events\n{worker.tail()}")
            time.sleep(0.25)
        return done


def articles(texts: Sequence[str]) -> Iterator[bytes]:
    """One event a text."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for number, text in enumerate(texts):
        time_ = start + timedelta(seconds=number)
        yield codec.encode(Article(event_id=f"bench-{number}", text=text, published_at=time_, source="bench"))


def sized(count: int, size: int = NOOP_BYTES) -> Iterator[bytes]:
    """Events of exactly so many bytes, all of them different."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(count):
        time_ = start + timedelta(seconds=number)
        event = Article(
            event_id=f"noop-{number:08d}", text="", published_at=time_, ingested_at=time_, source="bench", lang="en"
        )
        room = size - len(codec.encode(event))
        words = clean("shares of $ACME rise after the company beats estimates and raises its outlook " * 4)
        yield codec.encode(msgspec.structs.replace(event, text=words[:room]))


def _ended(port: int) -> int:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("bellwether_events_total")))


def _cpu_s(worker: Child) -> float:
    """User and system time of the worker and of all that it started."""
    total = 0.0
    for process in worker.family():
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def as_text(found: dict[str, Any]) -> str:
    """The figures for a person."""
    lines = []
    if "ratio_to_engine" in found:
        lines.append(
            f"line    {found['line_texts_per_second']:>9.1f} texts/s through Kafka with {found['engine']} of "
            f"{found['model_version']}\n"
            f"engine  {found['engine_texts_per_second']:>9.1f} texts/s alone: {found['ratio_to_engine']:.0%} arrives "
            f"(median of {found['rounds']} rounds, {found['events']} events)"
        )
    if "noop_events_per_cpu_second" in found:
        lines.append(
            f"no-op   {found['noop_events_per_cpu_second']:>9} events of {found['noop_event_bytes']} bytes per "
            f"CPU-second of the worker, {found['noop_events_per_second']} per second"
        )
    return "\n".join(lines)
