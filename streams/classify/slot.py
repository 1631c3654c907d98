"""Who scores: the one reference that a swap replaces, between two batches, and the share of keys a canary takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from runtime import log
from streams.classify.metrics import Metrics
from streams.classify.records import Ready, Record, Refused, Scores, Serving
from streams.classify.scoring import Scorer

Parts = list[Scores | dict[int, Refused]]

_log = log.get(__name__)


class Canary(NamedTuple):
    """A challenger that really serves some keys.

    Attributes:
        scorer: its engine.
        share: of the keys, 0 to 1.
        failed: told why it was put aside: its engine ended.
    """

    scorer: Scorer
    share: float
    failed: Callable[[Exception], None]


def is_within(record: Record, share: float, version: str) -> bool:
    """Whether a record's key belongs to a challenger's share: the same answer on every worker, after every restart.

    The version goes into the hash, so that two challengers in a row do not meet the same keys, and neither is it the
    hash that chooses partitions. A record without a key is chosen by its place in the log.
    """
    name = b"%d:%d" % (record.partition, record.offset) if record.key is None else record.key
    digest = blake2b(name, digest_size=8, key=version.encode()[:64]).digest()
    return int.from_bytes(digest, "big") < share * 2**64


class Slot:
    """Hands each batch to whoever serves when the batch begins; that one also ends it.

    Invariant: one batch at a time, and the reference is read once a batch, so no call and no search for a deadly text
    is begun by one engine and ended by another.

    Args:
        champion: serves.
        metrics: told who serves.
    """

    def __init__(self, champion: Scorer, metrics: Metrics) -> None:
        self._champion = champion
        self._canary: Canary | None = None
        self._shadow: Callable[[Sequence[Ready]], None] | None = None
        self._metrics = metrics
        self._turn = asyncio.Lock()
        self._calls_before = 0
        self._leaving: list[Scorer] = []
        metrics.serves(champion.serving)

    @property
    def serving(self) -> Serving:
        """Who scores the next batch."""
        return self._champion.serving

    @property
    def budget(self) -> int:
        """Estimated tokens that the next model call may hold."""
        return self._champion.budget

    @property
    def is_ready(self) -> bool:
        """Whether the next batch has an engine."""
        return self._champion.is_ready

    @property
    def calls(self) -> int:
        """Engine calls and restarts that finished, of all that ever served: a watchdog's sign of life."""
        return self._calls_before + sum(scorer.calls for scorer in self._all())

    def overdue_s(self) -> float:
        """Seconds by which the running call has passed its deadline; 0 when all is well."""
        return max(scorer.overdue_s() for scorer in self._all())

    async def score(self, items: list[Ready], is_wanted: Callable[[], bool]) -> Parts:
        """Score a batch; see `streams.classify.scoring.Scorer.score`.

        Raises:
            ModelError: the champion could not be brought back, or fails whatever it is given.
        """
        async with self._turn:
            champion, canary = self._champion, self._canary
            if canary is None:
                parts = await champion.score(items, is_wanted)
            else:
                parts = await self._shared(champion, canary, items, is_wanted)
            if self._shadow is not None:
                self._shadow(items)
            return parts

    async def revive(self) -> None:
        """Bring the engine back where its process ended.

        Raises:
            ModelError: it does not come back.
        """
        async with self._turn:
            await self._champion.revive()

    async def swap(self, champion: Scorer) -> Scorer:
        """Let another serve from the next batch on.

        Returns:
            The one before, after its last batch has ended: nobody asks it for anything any more.
        """
        before, self._champion = self._champion, champion
        self._metrics.serves(champion.serving)
        await self._left(before)
        return before

    async def expose(self, canary: Canary | None) -> Canary | None:
        """Let a challenger serve a share of the keys from the next batch on, or none.

        Returns:
            The one before, after its last batch has ended.
        """
        before, self._canary = self._canary, canary
        if before is not None:
            await self._left(before.scorer)
        return before

    @property
    def canary(self) -> str | None:
        """The version that serves some of the keys."""
        return None if self._canary is None else self._canary.scorer.serving.version

    async def distrust(self, version: str, error: Exception) -> None:
        """Let a challenger serve no more keys from the next batch on; whoever is told may end its engine at once."""
        async with self._turn:  # it may be in a batch
            if self._canary is not None and self._canary.scorer.serving.version == version:
                self._put_aside(self._canary, error)

    def _put_aside(self, canary: Canary, error: Exception) -> None:
        version = canary.scorer.serving.version
        _log.error("canary_put_aside", version=version, error=type(error).__name__, detail=str(error)[:500])
        if self._canary is canary:
            self._canary = None
            self._calls_before += canary.scorer.calls
        canary.failed(error)

    async def _left(self, scorer: Scorer) -> None:
        """Wait for the batch that a scorer may still be in; until then its calls and its deadline count."""
        self._leaving.append(scorer)  # a swap and a trial's end may wait at the same time
        async with self._turn:
            self._leaving.remove(scorer)
            self._calls_before += scorer.calls

    def _all(self) -> list[Scorer]:
        canary = [] if self._canary is None else [self._canary.scorer]
        return [self._champion, *canary, *self._leaving]

    def listen(self, shadow: Callable[[Sequence[Ready]], None] | None) -> None:
        """Tell somebody of each batch that was scored, or nobody any more."""
        self._shadow = shadow

    async def _shared(
        self, champion: Scorer, canary: Canary, items: list[Ready], is_wanted: Callable[[], bool]
    ) -> Parts:
        version = canary.scorer.serving.version
        theirs = [place for place, item in enumerate(items) if is_within(item.record, canary.share, version)]
        done = await self._tried(canary, items, theirs, is_wanted)
        scored = {place for part in done for place in part.places}
        ours = [place for place in range(len(items)) if place not in scored]
        # What the canary could not survive gets the champion's judgement: a dead letter is never a challenger's.
        return [*done, *(await _scored(champion, items, ours, is_wanted) if ours else [])]

    async def _tried(
        self, canary: Canary, items: list[Ready], theirs: list[int], is_wanted: Callable[[], bool]
    ) -> list[Scores]:
        if not theirs:
            return []
        try:
            parts = await _scored(canary.scorer, items, theirs, is_wanted)
        except Exception as error:  # a boundary: a challenger's trouble is never the champion's
            self._put_aside(canary, error)
            return []
        return [part for part in parts if isinstance(part, Scores)]


async def _scored(scorer: Scorer, items: list[Ready], places: Sequence[int], is_wanted: Callable[[], bool]) -> Parts:
    """Score some of a batch's items, with the answers at their places in the whole batch."""
    parts = await scorer.score([items[place] for place in places], is_wanted)
    for part in parts:
        if isinstance(part, Scores):
            part.places = [places[place] for place in part.places]
    return [part if isinstance(part, Scores) else {places[at]: one for at, one in part.items()} for part in parts]
