"""Faust's aiokafka consumer with two public methods made better: delivery without tasks, and a buffer in bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from inspect import iscoroutine
from types import coroutine
from typing import Any

from faust.transport.drivers import aiokafka as driver
from mode.services import Service, WaitResults

BUFFER_RECORDS = 1_024
"""Messages between the fetcher and the agent before fetching pauses: a few of the largest batches."""

BUFFER_BYTES = 16 * 1024 * 1024
"""Bytes of the same, so that messages of 1 MiB do not take a gigabyte; one fetch may go beyond it."""


class EagerFirst(Service):
    """Runs the first of several waits at once, as far as it gets."""

    async def wait_first(self, *coros: Any, timeout: Any = None) -> WaitResults:  # noqa: ASYNC109 (mode's signature)
        """As `mode.Service.wait_first`, but the first coroutine runs at once as far as it gets.

        For every message Faust waits for its delivery *or* for the flow to be suspended. Nearly always the delivery
        finishes without a pause; only what is left over after a first pause goes Faust's way. Half of the agent
        path's processor time went into those tasks.
        """
        first = coros[0] if coros else None
        if timeout is not None or not iscoroutine(first) or self.should_stop:
            seconds: Any = timeout
            return await super().wait_first(*coros, timeout=seconds)
        try:
            pause = first.send(None)
        except StopIteration as finished:
            _close(coros[1:])
            return WaitResults([first], [finished.value], False)
        except BaseException:
            _close(coros[1:])
            raise
        return await super().wait_first(_rest(first, pause), *coros[1:])


class Consumer(EagerFirst, driver.Consumer):
    """Delivers a message without the four tasks that Faust makes for it, and bounds what waits in bytes too.

    Faust's own bound counts messages alone, and when it is reached in all partitions, fetching sleeps for a second.
    """

    mundane_level = "debug"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._records_waiting = 0
        self._bytes_waiting = 0
        self._room = asyncio.Event()
        self._room.set()

    async def getmany(self, timeout: float) -> AsyncIterator[Any]:  # noqa: ASYNC109 (Faust's signature)
        """As Faust's, but nothing is fetched while too much waits."""
        if not self._room.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), timeout)
            if not self._room.is_set():
                return
        async for place, message in super().getmany(timeout):
            self._records_waiting += 1
            self._bytes_waiting += len(message.value or b"") + len(message.key or b"")
            yield place, message
        if self._records_waiting > BUFFER_RECORDS or self._bytes_waiting > BUFFER_BYTES:
            self._room.clear()

    def taken(self, records: int, size: int) -> None:
        """The agent took messages out of Faust's buffer."""
        # Never below 0: messages of an ended generation may be taken after `forget`.
        self._records_waiting = max(0, self._records_waiting - records)
        self._bytes_waiting = max(0, self._bytes_waiting - size)
        if self._records_waiting <= BUFFER_RECORDS // 2 and self._bytes_waiting <= BUFFER_BYTES // 2:
            self._room.set()

    def forget(self) -> None:
        """Faust emptied its buffer, as it does whenever partitions move."""
        self._records_waiting = self._bytes_waiting = 0
        self._room.set()

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """As Faust's, but what is finished is committed first.

        Faust forgets which messages were acknowledged before it commits, so that at every rebalance the next owner
        would do up to a commit interval's work again.
        """
        if not self.should_stop:
            transport: Any = self.transport
            await transport.before_revoked()
            await self.commit()
        await super().on_partitions_revoked(revoked)


async def _at_once() -> None:
    return


class Transport(driver.Transport):
    """Faust's aiokafka transport with our consumer.

    Attributes:
        before_revoked: returns when nothing is in flight any more that could be acknowledged.
    """

    Consumer = Consumer
    before_revoked: Callable[[], Awaitable[None]] = staticmethod(_at_once)


def _close(coros: tuple[Any, ...]) -> None:
    for coro in coros:
        if iscoroutine(coro):
            coro.close()


async def _rest(started: Coroutine[Any, Any, Any], pause: Any) -> Any:
    """Go on with a coroutine that has paused once: what it waits for is handed to the task that runs this."""
    return await _resumed(started, pause)


@coroutine
def _resumed(started: Coroutine[Any, Any, Any], pause: Any) -> Any:
    if hasattr(pause, "_asyncio_future_blocking"):
        pause._asyncio_future_blocking = True  # how asyncio's Future.__await__ marks it
    while True:
        try:
            answer = yield pause
        except BaseException as error:  # a cancellation belongs to the coroutine, as if it had run here from the start
            step = partial(started.throw, error)
        else:
            step = partial(started.send, answer)
        try:
            pause = step()
        except StopIteration as finished:
            return finished.value
