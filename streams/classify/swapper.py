"""Follows the pointer while the worker works: readies what is staged, swaps to what is promoted, tries challengers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from models.host import EngineCrashError, EngineTimeoutError
from models.pointer import Pointer, Policy
from models.store import StoreError
from runtime import clock, log
from runtime.errors import BellwetherError, EngineMemoryError, InputError
from streams.classify.background import in_background
from streams.classify.champion import Champions, Start
from streams.classify.metrics import Metrics
from streams.classify.refusals import Refusals
from streams.classify.scoring import RESTART_PAUSES_S, Scorer
from streams.classify.seats import Seats
from streams.classify.slot import Slot
from streams.classify.trial import Trial
from wire.events import ModelServed, RefusedVersion

LOOK_S = 2.0
"""How often the pointer is looked at without an announcement: one small request."""

LOADS = 3
"""Tries to load a version whose engine ends or does not answer meanwhile."""

UNLUCKY = (EngineCrashError, EngineTimeoutError, EngineMemoryError)
"""What a busy machine does to a good version, too; whatever else an engine says when it loads, it will say again."""

_log = log.get(__name__)


class Swapper:
    """One worker's view of who shall serve, and what it does about it: swaps at once, and prepares beside.

    Invariant: what serves was verified, loaded and warm before it got its first batch, and stands for the highest
    generation of the pointer for which that was possible.

    Args:
        champions: reads the pointer and brings versions.
        seats: loads them.
        slot: holds who serves.
        trial: of challengers.
        start: what the worker began with.
        metrics: told of swaps and refusals.
        say: told what is served, at every change.
        now: the wall clock, for `since`.
        monotonic: for pauses between tries.
    """

    def __init__(
        self,
        champions: Champions,
        seats: Seats,
        slot: Slot,
        trial: Trial,
        start: Start[Scorer],
        *,
        metrics: Metrics,
        say: Callable[[ModelServed], None],
        now: clock.Now = clock.now,
        monotonic: clock.Monotonic = clock.monotonic,
    ) -> None:
        self._champions = champions
        self._seats = seats
        self._slot = slot
        self._trial = trial
        self._metrics = metrics
        self._say = say
        self._now = now
        self._monotonic = monotonic
        self._seen = Pointer()
        self._generation = self._kept = start.generation
        self._since = now()
        self._ready: Scorer | None = None
        self._refusals = Refusals()
        self._trouble = ""
        self._moved = asyncio.Event()
        self._loading: str | None = None
        self._arrived = asyncio.Event()
        self._refused_at_start = start.refused
        metrics.generation.set(start.generation)
        self._told()

    def moved(self) -> None:
        """Somebody says that the pointer moved: look now."""
        self._moved.set()

    async def run(self) -> None:
        """Look and follow, until cancelled."""
        preparing: asyncio.Task[None] | None = None
        try:
            while True:
                await self.look()
                if preparing is None or preparing.done():
                    if preparing is not None:
                        preparing.result()  # a bug ends the worker
                    # Beside: a rollback must not wait for the download of what is next.
                    preparing = asyncio.create_task(self.prepare())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), LOOK_S)
                self._moved.clear()
        finally:
            if preparing is not None:
                preparing.cancel()

    async def look(self) -> None:
        """Read the pointer, and let its champion serve where that is possible now."""
        if not await self._read_pointer():
            return
        if self._refused_at_start is not None:  # and told then
            version, reason = self._refused_at_start
            self._refusals.refused(version, self._seen.named(version), reason)
            self._refused_at_start = None
        if self._trial.goes_on not in {None, self._wanted(self._seen)}:
            await self._trial.end()  # not in `prepare`: it may be busy with a download
        if self._is_newer:
            await self._serve(self._seen)
        self._told()

    async def _read_pointer(self) -> bool:
        try:
            self._seen = await in_background(partial(self._champions.seen, self._seen), "pointer")
        except (BellwetherError, OSError) as error:
            self._troubled(str(error))
            return False
        self._troubled("")
        return True

    async def prepare(self) -> None:
        """Try whom the pointer names as challenger, and make ready what is staged."""
        if self._is_newer:
            await self._try(self._seen)
            await self._make_ready(self._seen)
            self._told()

    @property
    def _is_newer(self) -> bool:
        """Not so: a store without a champion, or behind; a start says why where that is a worry."""
        return self._seen.champion is not None and self._seen.generation >= self._generation

    async def _serve(self, now: Pointer) -> None:
        version = now.champion or ""
        if version != self._slot.serving.version:
            scorer = await self._taken(version)
            if scorer is None:
                return
            await self._read_pointer()  # to load may take minutes
            if self._seen.champion != version:
                await self._seats.give_up(scorer)
                self._moved.set()
                return
            before = await self._slot.swap(scorer)
            self._since = self._now()
            self._metrics.swaps.inc()
            _log.info("swapped", version=version, before=before.serving.version, generation=now.generation)
            await self._stands_for(now)
            self._told()
            await self._seats.give_up(before)
        else:
            await self._stands_for(now)

    async def _stands_for(self, now: Pointer) -> None:
        self._generation = now.generation
        self._metrics.generation.set(now.generation)
        if now.generation != self._kept:
            keep = partial(self._champions.keep, now.generation, now.champion or "")
            self._kept = now.generation if await in_background(keep, "memory") else self._kept

    async def _taken(self, version: str) -> Scorer | None:
        """The staged scorer where it is the one, also where that is just being loaded; else a new one."""
        if self._loading == version:
            await self._arrived.wait()
        if self._ready is None or self._ready.serving.version != version:
            return await self._loaded(version)
        scorer, self._ready = self._ready, None
        if not scorer.is_ready:  # it died while it waited
            await self._seats.give_up(scorer)
            return await self._loaded(version)
        try:  # its key may have been revoked since it was loaded
            await in_background(partial(self._champions.verify, version), "verify")
        except (InputError, OSError) as error:  # the trust file cannot be read now: not its fault
            await self._seats.give_up(scorer)
            self._not_had(version, self._seen.named(version), error)
            return None
        except BellwetherError as error:
            await self._seats.give_up(scorer)
            self._refuse(version, str(error))
            return None
        return scorer

    async def _make_ready(self, now: Pointer) -> None:
        waits = None if self._ready is None else self._ready.serving.version
        if waits == now.staged:
            return
        if self._ready is not None:
            before, self._ready = self._ready, None
            await self._seats.give_up(before)
        version = now.staged
        if version is None or version == now.champion:
            return
        self._loading, self._arrived = version, asyncio.Event()
        try:
            scorer = await self._loaded(version)
            if scorer is not None and version in {self._seen.staged, self._seen.champion}:
                self._ready = scorer
            elif scorer is not None:  # the pointer moved on meanwhile
                await self._seats.give_up(scorer)
        finally:
            self._loading = None
            self._arrived.set()

    async def _try(self, now: Pointer) -> None:
        wanted = self._wanted(now)
        if wanted == self._trial.goes_on and not self._trial.is_over:
            return
        await self._trial.end()
        if wanted is None:
            return
        scorer = await self._loaded(wanted[0], pauses=(), is_counted=wanted[1].mode != "shadow")
        if scorer is None:
            return
        if wanted == self._wanted(self._seen):
            await self._trial.begin(scorer, wanted[1], self._challenger_failed)
        else:  # the pointer moved on meanwhile
            await self._seats.give_up(scorer)

    def _wanted(self, now: Pointer) -> tuple[str, Policy] | None:
        """Whom to try and how; nobody who serves already."""
        if now.challenger is None or now.policy is None or now.challenger == self._slot.serving.version:
            return None
        return now.challenger, now.policy

    def _challenger_failed(self, version: str, reason: str) -> None:
        self._refuse(version, reason)
        self._told()

    async def _loaded(
        self, version: str, *, pauses: Sequence[float] = RESTART_PAUSES_S, is_counted: bool = True
    ) -> Scorer | None:
        """A scorer of a version, brought here, verified and warm; None where that is not possible now."""
        move = self._seen.named(version)
        if not self._refusals.may_try(version, move, self._monotonic()):
            return None
        try:
            await in_background(partial(self._champions.bring, version), "pull")
            scorer = await self._seats.load(version, pauses, is_counted=is_counted)
        except (StoreError, InputError, OSError) as error:  # no store, room, process, trust file: not its fault
            self._not_had(version, move, error)
            return None
        except UNLUCKY as error:
            if self._refusals.loads(version, move) < LOADS:
                self._refusals.not_had(version, move, str(error), self._monotonic(), is_load=True)
                _log.warning("version_not_loaded", version=version, detail=str(error))
            else:
                self._refuse(version, str(error), move)
            return None
        except BellwetherError as error:
            self._refuse(version, str(error), move)
            return None
        self._refusals.came(version)
        return scorer

    def _not_had(self, version: str, move: int, error: Exception) -> None:
        if self._refusals.not_had(version, move, str(error), self._monotonic()):
            _log.warning("version_not_had", version=version, served=self._slot.serving.version, detail=str(error))

    def _refuse(self, version: str, reason: str, move: int | None = None) -> None:
        self._refusals.refused(version, self._seen.named(version) if move is None else move, reason)
        self._metrics.refused.inc()
        _log.error("version_refused", version=version, served=self._slot.serving.version, detail=reason)

    def _troubled(self, trouble: str) -> None:
        """Say once what keeps us from looking at the pointer."""
        if trouble and not self._trouble:
            _log.warning("pointer_not_read", served=self._slot.serving.version, detail=trouble)
        elif self._trouble and not trouble:
            _log.info("pointer_read_again")
        self._trouble = trouble

    def _told(self) -> None:
        serving = self._slot.serving
        named = {self._seen.champion, self._seen.staged, self._seen.challenger}
        refused = [(version, why) for version, why in self._refusals.reasons().items() if version in named]
        self._say(
            ModelServed(
                worker=serving.worker,
                version=serving.version,
                engine=serving.engine,
                since=self._since,
                generation=self._generation,
                ready=None if self._ready is None else self._ready.serving.version,
                challenger=self._trial.version,
                refused=tuple(RefusedVersion(version=version, reason=reason[:1000]) for version, reason in refused),
            )
        )
