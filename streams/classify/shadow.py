"""A challenger that scores what the champion scored, for nobody's eyes, in a stated share of the time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from runtime import clock
from streams.classify.metrics import Metrics
from streams.classify.outputs import Writer
from streams.classify.pipeline import Sink
from streams.classify.records import Output, Ready, Scores
from streams.classify.scoring import Scorer
from streams.classify.speed import parts
from wire import topics

WAITING = 1_024
"""Texts that wait for the challenger at most; what comes while so many wait is skipped, and counted."""


class Shadow:
    """Takes what the champion has scored, and never makes it wait.

    After a call of `t` seconds the challenger rests for `t (1 - share) / share`, so its engine works for at most
    `share` of the time; and while it works, the champion still has at least its half of the processors.

    Args:
        scorer: the challenger's.
        sink: produces its scores.
        share: of the time, over 0, to 1.
        metrics: told how many texts were scored and skipped.
        monotonic: measures calls.
        sleep: rests.
        now: for `scored_at`.
    """

    def __init__(
        self,
        scorer: Scorer,
        sink: Sink,
        share: float,
        metrics: Metrics,
        *,
        monotonic: clock.Monotonic = clock.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: clock.Now = clock.now,
    ) -> None:
        self._scorer = scorer
        self._sink = sink
        self._share = share
        self._metrics = metrics
        self._monotonic = monotonic
        self._sleep = sleep
        self._now = now
        self._writer = Writer(scored=topics.SHADOWED.name)
        self._waiting: deque[Ready] = deque()
        self._something = asyncio.Event()

    def offer(self, items: Sequence[Ready]) -> None:
        """Let the challenger score these too, as far as there is room."""
        taken = items[: WAITING - len(self._waiting)]
        self._waiting.extend(taken)
        self._metrics.shadow_skipped.inc(len(items) - len(taken))
        self._something.set()

    async def run(self) -> None:
        """Score what was offered, until cancelled.

        Raises:
            ModelError: the challenger's engine does not come back.
            BrokerError: its scores cannot be produced.
        """
        while True:
            await self._something.wait()
            started = self._monotonic()
            lot = self._next()
            results = await self._scorer.score(lot, lambda: True)
            worked_s = self._monotonic() - started
            await self._produce([part for part in results if isinstance(part, Scores)])
            if not self._waiting:
                self._something.clear()
            await self._sleep(worked_s * (1 - self._share) / self._share)

    def _next(self) -> list[Ready]:
        """The oldest that fit into one call."""
        costs = [item.cost for item in self._waiting]
        count = next(parts(costs, len(costs), lambda: self._scorer.budget))
        return [self._waiting.popleft() for _ in range(count)]

    async def _produce(self, calls: Sequence[Scores]) -> None:
        now = self._now()
        made = [one for call in calls for one in self._writer.scores(call, now)]
        outputs = [one for one in made if isinstance(one, Output)]
        await self._sink.send(outputs)
        self._metrics.shadow_scored.inc(len(outputs))
