"""Versions that change under load on a real Kafka, with real workers, counted by the independent bookkeeper."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bellwether.bench.swap_figures import Figures, Scored, capacity, figures
from bellwether.chaos import journal, reading
from bellwether.chaos.entries import Place
from bellwether.chaos.journal import BookOrder, Strike, Written
from bellwether.chaos.judge import Row
from bellwether.chaos.run import Order as ChaosOrder
from bellwether.chaos.run import check_kept
from bellwether.chaos.run import run as run_rows
from bellwether.chaos.scenario import Fault, Scenario
from bellwether.chaos.screen import Screen
from runtime.errors import PromiseError
from wire import topics

LOAD = 0.4
"""Of the measured end-to-end capacity."""

CAPACITY_EVENTS = 6_000

TAIL_S = 10.0
"""Load after the last move, so that the last swap is seen too."""

PAUSE_AIM_S = 0.4
"""One batch: the longest model call that the line plans (`streams.classify.speed.BATCH_S`)."""

P99_AIM = 1.5 if len(os.sched_getaffinity(0)) <= 2 else 1.1
"""On two cores; with a core to spare 1.1."""

MEMORY_AIM = 1.02

SETTLE_AIM_S = 10.0
"""From a move until no worker serves another version."""


@dataclass(frozen=True)
class Order:
    """What to measure.

    Attributes:
        versions: two of this machine's registry, by alias or name.
        swaps: moves of the pointer.
        every_s: seconds between them.
        steady_s: seconds of each version without a swap, before them.
        workers: processes.
        threads: of each engine; 0: all.
        rate: events per second; None takes `LOAD` of the measured capacity.
        seed: of the events.
        keep: folder for logs and journals; a temporary one where None.
    """

    versions: tuple[str, str]
    swaps: int = 100
    every_s: float = 5.0
    steady_s: float = 60.0
    workers: int = 1
    threads: int = 0
    rate: float | None = None
    seed: int = 0
    keep: Path | None = None


@dataclass(frozen=True)
class Result:
    """What came out.

    Attributes:
        row: the bookkeeper's verdict.
        figures: times and memory.
        capacity: events per second that the line scores at most; None where the rate was given.
        rate: events per second that were produced.
        ages_ms: time and age of each event, for the picture.
        moves_ms: times of the moves.
        failures: what broke a promise, in words.
    """

    row: Row
    figures: Figures
    capacity: float | None
    rate: float
    ages_ms: list[tuple[int, int]]
    moves_ms: list[float]
    failures: tuple[str, ...] = ()

    def aims(self) -> dict[str, tuple[float, float]]:
        """What was measured and the most that it should be, by name."""
        found = self.figures
        return {
            "pause_seconds": (found.pause_seconds, PAUSE_AIM_S),
            "p99_ratio": (found.p99_ratio, P99_AIM),
            "settle_seconds": (found.settle_seconds[1], SETTLE_AIM_S),
            **({} if found.memory_ratio is None else {"memory_ratio": (found.memory_ratio, MEMORY_AIM)}),
        }

    def plain(self) -> dict[str, Any]:
        """For `--json`."""
        row, found = self.row, msgspec.to_builtins(self.figures)
        counts = {name: getattr(row, name) for name in ("lost", "mixed", "wrong", "phantom", "reordered", "events")}
        missed = [name for name, (is_, most) in self.aims().items() if is_ > most]
        return {
            **counts,
            **found,
            "restarts": row.restarts,
            "capacity_events_per_second": self.capacity,
            "rate_events_per_second": self.rate,
            "aims_missed": missed,
            "failures": list(self.failures),
        }


def measure(order: Order, screen: Screen) -> Result:
    """Measure the capacity, then swap under a part of it.

    What broke a promise (an event that was lost, doubled, mixed or scored by another version than it says, a move
    that no worker followed) stands in the result's `failures`.

    Raises:
        InputError: the folder to keep is not empty.
        PromiseError: the line without any swap broke one, or a run did not come to its end.
    """
    with _folder(order.keep) as folder:
        most = None if order.rate is not None else _capacity(order, folder, screen)
        rate = order.rate if order.rate is not None else round(LOAD * (most or 0.0), 1)
        screen.say(f"{rate:g} events a second" + (f", {LOAD:.0%} of {most:.0f}" if most else ""))
        row, outputs, inputs, strikes = _ran(_swaps(order, rate), order, folder, screen)
        found = figures(outputs, inputs, strikes, order.every_s)
    failures = list(row.failures)
    if found.swaps < found.moves:
        failures.append(
            f"{found.swaps} of {found.moves} swaps: the others were not done when the next move came; on a machine "
            f"that is busy with something else give each more time than the {order.every_s:g} s of --every"
        )
    ages = sorted((inputs[one.source], one.time_ms - inputs[one.source]) for one in outputs if one.source in inputs)
    moves = [strike.time * 1000 for strike in strikes if strike.what == "promoted"]
    return Result(row, found, most, rate, ages, moves, tuple(failures))


def _capacity(order: Order, folder: Path, screen: Screen) -> float:
    scenario = _scenario(order, "capacity", "all at once: what the line scores at most", CAPACITY_EVENTS, 50_000.0)
    row, outputs, inputs, _ = _ran(scenario, order, folder, screen)
    if not row.passed:
        raise PromiseError(f"the line without any swap (seed {order.seed}): {'; '.join(row.failures)}")
    return capacity(outputs, inputs)


def _swaps(order: Order, rate: float) -> Scenario:
    seconds = 2 * order.steady_s + order.swaps * order.every_s + TAIL_S
    first, second = order.steady_s / seconds, 2 * order.steady_s / seconds
    about = f"{order.swaps} swaps and rollbacks, one every {order.every_s:g} s"
    scenario = _scenario(order, "swaps", about, round(rate * seconds), rate)
    faults = (
        Fault(do="promote", version=order.versions[1], at=(first, first)),
        Fault(do="swaps", most=order.swaps, every=order.every_s, at=(second, second)),
    )
    return msgspec.structs.replace(scenario, faults=faults, restarts=0)


def _scenario(order: Order, name: str, about: str, events: int, rate: float) -> Scenario:
    return Scenario(
        name=name,
        about=about,
        model="champion",
        versions=order.versions,
        events=events,
        rate=rate,
        workers=order.workers,
        settings={"threads": str(order.threads), "batch_records": "256"},
    )


def _ran(
    scenario: Scenario, order: Order, folder: Path, screen: Screen
) -> tuple[Row, list[Scored], dict[Place, int], list[Strike]]:
    """Run one row, and read its topics while its broker still runs."""
    place = folder / scenario.name
    for row in run_rows(ChaosOrder([scenario], order.seed, keep=place), screen):
        journals = place / scenario.name
        if not (journals / "bookkeeper.json").exists():
            raise PromiseError(f"{scenario.name} did not run: {'; '.join(row.failures)}")
        book = msgspec.json.decode((journals / "bookkeeper.json").read_bytes(), type=BookOrder)
        return row, list(_scored(book.bootstrap)), _inputs(journals), _strikes(journals)
    raise RuntimeError("a run of one row gives one row; this is a bug")


def _scored(bootstrap: str) -> Iterator[Scored]:
    for message in reading.messages(bootstrap, topics.SCORED.name):
        output, _ = reading.scored(message)
        if output.source is not None:
            yield Scored(output.time_ms, output.source, output.served_by[0], output.batch_id, output.worker)


def _inputs(journals: Path) -> dict[Place, int]:
    written = (msgspec.json.decode(line, type=Written) for line in (journals / journal.ACKED).open("rb"))
    return {(one.partition, one.offset): one.time_ms for one in written}


def _strikes(journals: Path) -> list[Strike]:
    path = journals / journal.STRIKES
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=Strike) for line in path.read_bytes().splitlines()]


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        check_kept(keep, ("capacity", "swaps"))
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="bellwether-swap-") as folder:
        yield Path(folder)
