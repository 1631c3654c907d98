"""A challenger beside the champion: as a shadow, which nobody sees, or as a canary, which serves some of the keys."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from models.pointer import Policy
from runtime import log
from runtime.errors import BellwetherError, BrokerError
from streams.classify.delivery import Delivery
from streams.classify.metrics import Metrics
from streams.classify.scoring import Scorer
from streams.classify.seats import Seats
from streams.classify.shadow import Shadow
from streams.classify.slot import Canary, Slot

Failed = Callable[[str, str], None]
"""Told the version and the reason."""

RETRY_S = 5.0
"""Pause after a broker that did not take a shadow's scores; what comes meanwhile is not shadowed."""

_log = log.get(__name__)


class Trial:
    """At most one challenger of one worker.

    Args:
        seats: ends its engine.
        slot: offers batches to a shadow, and keys to a canary.
        sink: makes what brings a shadow's scores to the broker.
        metrics: told what a shadow did.
        sleep: waits for a broker that does not take a shadow's scores.

    Attributes:
        goes_on: version and policy of the trial; None without one.
        is_over: its engine ended; it waits for its `end`.
    """

    def __init__(
        self,
        seats: Seats,
        slot: Slot,
        sink: Callable[[], Delivery],
        metrics: Metrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._seats = seats
        self._slot = slot
        self._sink = sink
        self._metrics = metrics
        self._sleep = sleep
        self._scorer: Scorer | None = None
        self._shadowing: asyncio.Task[None] | None = None
        self.goes_on: tuple[str, Policy] | None = None
        self.is_over = False

    @property
    def version(self) -> str | None:
        """Who is tried."""
        return None if self._scorer is None else self._scorer.serving.version

    async def begin(self, scorer: Scorer, policy: Policy, failed: Failed) -> None:
        """Try a challenger; where its engine ends, `failed` is told and the trial is over."""
        version = scorer.serving.version
        self._scorer = scorer
        self.goes_on, self.is_over = (version, policy), False

        def over(reason: str) -> None:
            self.is_over = True
            failed(version, reason)

        if policy.mode == "shadow":
            self._shadowing = asyncio.create_task(self._shadow(scorer, policy.share, over))
        else:
            await self._slot.expose(Canary(scorer, policy.share, lambda error: over(str(error))))
        _log.info("challenger_tried", version=version, mode=policy.mode, share=policy.share)

    async def end(self) -> None:
        """Try nobody any more; a second call does nothing."""
        scorer, self._scorer, self.goes_on = self._scorer, None, None
        if scorer is None:
            return
        await self.stop()
        await self._slot.expose(None)
        await self._seats.give_up(scorer)
        _log.info("challenger_ended", version=scorer.serving.version)

    async def stop(self) -> None:
        """End a shadow's work; its engine stays."""
        task, self._shadowing = self._shadowing, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _shadow(self, scorer: Scorer, share: float, failed: Callable[[str], None]) -> None:
        try:
            while True:
                try:
                    await self._listening(scorer, share)
                except BrokerError as error:  # says nothing about the version
                    _log.warning("shadow_not_produced", version=scorer.serving.version, detail=str(error))
                await self._sleep(RETRY_S)
        except BellwetherError as error:
            failed(str(error))
        except Exception as error:  # a boundary: a challenger's trouble is never the champion's
            _log.exception("shadow_failed")
            failed(f"{type(error).__name__}: {error}")

    async def _listening(self, scorer: Scorer, share: float) -> None:
        sink = self._sink()
        shadow = Shadow(scorer, sink, share, self._metrics)
        try:
            await sink.start()
            self._slot.listen(shadow.offer)
            await shadow.run()
        finally:
            self._slot.listen(None)
            with contextlib.suppress(BellwetherError):
                await sink.stop()
