"""Long blocking work beside the event loop, which a process that ends does not wait for."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def in_background(work: Callable[[], Result], name: str) -> Result:
    """Run `work` in a daemon thread of its own and return what it returns, or raise what it raises.

    `asyncio.to_thread` will not do: Python waits for its threads when it ends, and a download or a model that loads
    may take minutes. Where the caller is cancelled, the thread works on and its result is dropped.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]  # without an error there is a result
        else:
            future.set_exception(error)

    def run() -> None:
        result: Result | None = None
        error: BaseException | None = None
        try:
            result = work()
        except BaseException as raised:  # the thread's boundary: whoever awaits it decides
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await future


def within(seconds: float, work: Callable[[], Result], name: str) -> Result:
    """The same for a caller without an event loop, who waits for so long at most.

    Raises:
        TimeoutError: it takes longer; the thread works on and its result is dropped.
    """
    outcome: queue.SimpleQueue[tuple[list[Result], BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(([work()], None))
        except BaseException as raised:  # the thread's boundary: whoever waits decides
            outcome.put(([], raised))

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        results, error = outcome.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"{name} did not end within {seconds:g} s") from None
    if error is not None:
        raise error
    return results[0]
