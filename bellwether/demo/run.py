"""The whole demo: broker, topics, worker, ingest, view, and at the end the independent count."""

from __future__ import annotations

import json
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bellwether import topics
from bellwether.broker import cluster
from bellwether.demo import source as sources
from bellwether.demo.audit import offsets_to_json
from bellwether.demo.board import Board
from bellwether.demo.children import Child, wait_for_port
from bellwether.demo.count import Tally
from bellwether.demo.follow import FOLLOWED, Follower
from bellwether.demo.quality import agreement
from bellwether.demo.replay import Replay
from bellwether.demo.screen import Screen
from bellwether.demo.source import Source
from bellwether.demo.summary import Summary
from bellwether.demo.view import Stage
from runtime import clock
from runtime.errors import DependencyError
from runtime.topic_reader import Offsets, open_reader

_READY_S = 180.0
"""A first start loads, verifies and warms up a model; on a busy machine that takes a minute."""
_AUDIT_S = 300.0
"""It reads everything again at about 20,000 records a second."""


@dataclass(frozen=True)
class Options:
    """What a person can choose."""

    data: Path | None = None
    """A file instead of the built-in stream."""
    limit: int | None = None
    model: str | None = None
    speed: str | None = None
    seconds: float | None = None
    """How long the replay shall take; by default about 40 s for the built-in stream."""
    bootstrap: str | None = None
    victims: tuple[str, ...] = ()
    plots: Path | None = None
    days: int = 35
    per_day: int = 143
    seed: int = 7


def run(options: Options, screen: Screen) -> Summary:
    """Run the demo and count; everything that was started has ended when this returns or raises.

    Raises:
        BellwetherError: something that the demo needs is missing or fails.
    """
    with ExitStack() as stack:
        stack.enter_context(screen)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bellwether-demo-")))
        source = _source(options, folder)
        screen.say(f"{source.name}: {source.events:,} events")
        bootstrap = options.bootstrap or stack.enter_context(cluster.temporary(announce=screen.say)).bootstrap
        topics.create(bootstrap)
        session = _Session(options, source, bootstrap, folder, stack)
        return session.run(screen)


def _source(options: Options, folder: Path) -> Source:
    if options.data is not None:
        return sources.look_through(options.data, options.limit)
    return sources.built_in(folder, options.days, options.per_day, options.seed, options.limit)


@dataclass
class _Session:
    options: Options
    source: Source
    bootstrap: str
    folder: Path
    stack: ExitStack

    def run(self, screen: Screen) -> Summary:
        with open_reader(self.bootstrap, FOLLOWED) as reader:
            since = reader.ends()
            reader.begin(since)
            screen.say(f"Kafka answers at {self.bootstrap}; starting the worker, which loads its model")
            worker = self._start_worker()
            _wait_until_ready(worker, self.folder / "worker.port")
            board = Board(self.source.events, clock.monotonic)
            stage = Stage(f"replaying {self.source.name}", {"kafka": self.bootstrap})
            replay = Replay(
                self.source,
                self._start_ingest,
                self._start_worker,
                worker,
                board,
                stage,
                screen,
                clock.monotonic,
                self.options.victims,
            )
            replay.run(Follower(reader, board))
        screen.say("counting with an independent reader")
        replay.worker.stop()
        tally, messages = self._audit(since)
        return Summary(
            source=self.source.name,
            tally=tally,
            seconds=replay.seconds,
            refused=replay.refused,
            age_p50_s=board.age_p50_s.get(),
            age_p95_s=board.age_p95_s.get(),
            restarts=replay.restarts,
            killed=tuple(replay.killed),
            agreement=agreement(messages, self.source.labels),
            plot=self._plot(messages),
        )

    def _start_worker(self) -> Child:
        arguments = ["bellwether", "worker", "--bootstrap", self.bootstrap, "--processes", "1"]
        arguments += ["--http-port", "0", "--port-file", str(self.folder / "worker.port")]
        if self.options.bootstrap is None:
            arguments.append("--accept-reset")  # our own broker may have the port of one that was seen before
        if self.options.model:
            arguments += ["--model", self.options.model]
        aliases = self.source.aliases
        settings = {"BELLWETHER_ALIASES": str(aliases)} if aliases else {}
        return self.stack.enter_context(Child("worker", arguments, self.folder, settings))

    def _start_ingest(self) -> Child:
        speed = self.options.speed or self.source.speed(self.options.seconds)
        arguments = ["bellwether", "ingest", "file", str(self.source.path), "--json", "--speed", speed]
        arguments += ["--bootstrap", self.bootstrap]
        if self.source.limit:
            arguments += ["--limit", str(self.source.limit)]
        return self.stack.enter_context(Child("ingest", arguments, self.folder))

    def _audit(self, since: Offsets) -> tuple[Tally, list[dict[str, Any]]]:
        since_file, kept = self.folder / "since.json", self.folder / "accepted.jsonl"
        since_file.write_text(offsets_to_json(since), encoding="utf-8")
        arguments = ["bellwether.demo.audit", self.bootstrap, "--since", str(since_file), "--out", str(kept)]
        with Child("audit", arguments, self.folder) as audit:
            found = json.loads(audit.wait(_AUDIT_S))
        found["lost_places"] = tuple(tuple(place) for place in found["lost_places"])
        with kept.open(encoding="utf-8") as file:
            return Tally(**found), [json.loads(row) for row in file]

    def _plot(self, messages: list[dict[str, Any]]) -> str | None:
        if self.options.plots is None or not messages:
            return None
        from bellwether.demo import picture

        return str(picture.save(messages, self.source, self.options.plots))


def _wait_until_ready(worker: Child, port_file: Path) -> None:
    deadline = clock.monotonic() + _READY_S
    port = wait_for_port(worker, port_file, _READY_S)
    while not _is_ready(port):
        if worker.exit_code() is not None:
            raise DependencyError(f"the worker ended with exit code {worker.exit_code()}\n{worker.tail()}")
        if clock.monotonic() > deadline:
            raise DependencyError(f"the worker is not ready after {_READY_S:.0f} s\n{worker.tail()}")
        time.sleep(0.2)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
