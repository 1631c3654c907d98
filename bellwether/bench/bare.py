"""The engine alone, in a process of its own, on the texts and by the batch rule of the worker.

Started by `bench line` as `python -m bellwether.bench.bare ORDER.json`; prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from models.batching import estimate_tokens
from models.child import warm_up
from models.engine import Engine
from models.specs import EngineSpec, open_spec
from streams.classify.speed import Speed, parts

SKIPPED = 0.1
"""Share of the events that is not measured: budgets and caches settle. The same for the line."""


class Order(msgspec.Struct):
    """What to score: cleaned texts, in order, with at most so many per call."""

    spec: EngineSpec
    texts: list[str]
    max_records: int


def measure(engine: Engine, texts: Sequence[str], max_records: int, clock: Callable[[], float]) -> float:
    """Texts per second after the first tenth.

    Args:
        engine: loaded and warm.
        texts: cleaned.
        max_records: the worker's bound.
        clock: seconds.
    """
    speed = Speed()
    costs = [estimate_tokens(text) for text in texts]
    skipped = int(len(texts) * SKIPPED)
    done, counted, since = 0, 0, clock()
    for begin in range(0, len(texts), max_records):  # the worker takes lots, and cuts each into calls
        for count in parts(costs[begin : begin + max_records], max_records, lambda: speed.budget):
            started = clock()
            engine.score(texts[done : done + count])
            speed.measured(sum(costs[done : done + count]), clock() - started)
            done += count
            if done <= skipped:
                counted, since = done, clock()
    return (len(texts) - counted) / (clock() - since)


def main(order_file: str) -> None:
    """Measure what an order file says."""
    order = msgspec.json.decode(Path(order_file).read_bytes(), type=Order)
    engine = open_spec(order.spec)
    warm_up(engine)
    speed = measure(engine, order.texts, order.max_records, time.perf_counter)
    print(json.dumps({"texts_per_second": speed, "engine": engine.name, "model_version": engine.version}))
    engine.close()


if __name__ == "__main__":
    main(sys.argv[1])
