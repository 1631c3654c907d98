"""What a shadow takes from the champion: its speed alone and beside a challenger that works a share of the time."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runtime.settings import Settings
from streams.classify.delivery import Delivered
from streams.classify.metrics import Metrics
from streams.classify.prepare import prepare
from streams.classify.records import Output, Ready, Record
from streams.classify.scoring import Scorer
from streams.classify.seats import Seats
from streams.classify.shadow import Shadow
from streams.classify.slot import Slot
from wire import codec
from wire.events import Article

BATCH = 64
"""Texts of one batch of the champion, which gets the next as soon as it has scored one."""

WHEN = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Order:
    """What to measure.

    Attributes:
        settings: where versions are, threads of each engine.
        champion: alias, version name or folder.
        challenger: the same.
        shares: of the time that the challenger's engine may work.
        texts: cleaned texts to score, the same in each round.
        rounds: how often each share is measured, in turn with none.
        tell: takes a sentence about what is being done.
    """

    settings: Settings
    champion: str
    challenger: str
    shares: Sequence[float]
    texts: Sequence[str]
    rounds: int = 5
    tell: Callable[[str], None] = lambda _: None


def measure(order: Order) -> dict[str, Any]:
    """Score the texts as fast as the champion can, alone and beside the shadow, in turn, with the worker's own parts.

    Nothing is written to Kafka: what is measured is what two engines take from each other.

    Returns:
        champion, challenger, texts, rounds, champion_texts_per_second alone, and `rows`, one a share: share,
        champion_texts_per_second, ratio (median over the rounds of the speed beside it by that alone in the same
        round), floor (what the share promises, 1 - share), shadow_texts_per_second.

    Raises:
        ModelError: a version does not verify or load.
    """
    metrics = Metrics()
    seats = Seats(order.settings, "bench", metrics, lambda *_: ())
    with ExitStack() as stack:
        stack.callback(seats.kill_all)
        order.tell("loading both engines")
        champion, challenger = (
            seats.scorer(seats.host(seats.spec(name))) for name in (order.champion, order.challenger)
        )
        speeds, shadowed = asyncio.run(_rounds(order, Slot(champion, metrics), challenger, metrics))
        names = champion.serving.version, challenger.serving.version
    alone = speeds[0.0]
    return {
        "champion": names[0],
        "challenger": names[1],
        "texts": len(order.texts),
        "rounds": order.rounds,
        "champion_texts_per_second": round(statistics.median(alone), 1),
        "rows": [
            {
                "share": share,
                "champion_texts_per_second": round(statistics.median(speeds[share]), 1),
                "ratio": round(statistics.median(one / two for one, two in zip(speeds[share], alone, strict=True)), 3),
                "floor": round(1 - share, 3),
                "shadow_texts_per_second": round(statistics.median(shadowed[share]), 1),
            }
            for share in order.shares
        ],
    }


def as_text(found: dict[str, Any]) -> str:
    """The table for `docs/models.md`."""
    lines = [
        f"champion {found['champion']}, challenger {found['challenger']}, {found['texts']} texts, median of "
        f"{found['rounds']} rounds; champion alone {found['champion_texts_per_second']:.0f} texts/s",
        "",
        "| share of the time | champion, texts/s | by that alone | at least | shadow, texts/s |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['share']:g} | {row['champion_texts_per_second']:.0f} | {row['ratio']:.3f} | {row['floor']:g} "
        f"| {row['shadow_texts_per_second']:.0f} |"
        for row in found["rows"]
    ]
    return "\n".join(lines)


class _Nowhere:
    async def send(self, outputs: Sequence[Output]) -> list[Delivered]:
        return [([output], None) for output in outputs]


Speeds = dict[float, list[float]]
"""Texts per second by share, one value a round; share 0 is the champion alone."""


async def _rounds(order: Order, slot: Slot, challenger: Scorer, metrics: Metrics) -> tuple[Speeds, Speeds]:
    items = [_ready(number, text) for number, text in enumerate(order.texts)]
    speeds: Speeds = {share: [] for share in (0.0, *order.shares)}
    shadowed: Speeds = {share: [] for share in order.shares}
    await slot.score(items, lambda: True)  # warm
    await challenger.score(items, lambda: True)
    for number in range(order.rounds):
        for share in speeds:
            order.tell(f"round {number + 1} of {order.rounds}, share {share:g}")
            shadow = Shadow(challenger, _Nowhere(), share, metrics) if share else None
            before = _scored(metrics)
            seconds = await _turn(slot, items, shadow)
            speeds[share].append(len(items) / seconds)
            if share:
                shadowed[share].append((_scored(metrics) - before) / seconds)
            await challenger.score(items[:1], lambda: True)  # a call that was under way has ended then
    return speeds, shadowed


async def _turn(slot: Slot, items: list[Ready], shadow: Shadow | None) -> float:
    """Seconds for all items, batch after batch."""
    working = None
    if shadow is not None:
        slot.listen(shadow.offer)
        working = asyncio.create_task(shadow.run())
    started = time.perf_counter()
    for begin in range(0, len(items), BATCH):
        await slot.score(items[begin : begin + BATCH], lambda: True)
    seconds = time.perf_counter() - started
    slot.listen(None)
    if working is not None:
        working.cancel()
        await asyncio.wait([working])
        if not working.cancelled():
            working.result()
    return seconds


def _scored(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("bellwether_shadow_scored_total") or 0.0


def _ready(number: int, text: str) -> Ready:
    value = codec.encode(Article(event_id=f"e-{number}", text=text, published_at=WHEN, source="bench"))
    ready = prepare(Record(partition=0, offset=number, key=b"k", value=value, headers=(), time_s=1.0))
    assert isinstance(ready, Ready), "texts of ours can be scored"
    return ready
