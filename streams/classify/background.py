"""Long blocking work in a thread that a process that ends does not wait for."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


async def in_background(work: Callable[[], Result], name: str) -> Result:
    """Run `work` in a daemon thread of its own and return what it returns, or raise what it raises.

    `asyncio.to_thread` will not do: Python waits for its threads when it ends, and a download or a model that loads
    may take minutes. Where the caller is cancelled, the thread works on and its result is dropped.

    Raises:
        OSError: the system gives no more threads.
    """
    return await asyncio.wrap_future(_started(work, name))


def within(seconds: float, work: Callable[[], Result], name: str) -> Result:
    """The same for a caller without an event loop, who waits for so long at most.

    Raises:
        TimeoutError: it takes longer; the thread works on and its result is dropped.
        OSError: the system gives no more threads.
    """
    return _started(work, name).result(seconds)


def _started(work: Callable[[], Result], name: str) -> Future[Result]:
    future: Future[Result] = Future()
    future.set_running_or_notify_cancel()  # from here on nobody can cancel it

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # the thread's boundary: whoever waits decides
            future.set_exception(error)

    try:
        threading.Thread(target=run, name=name, daemon=True).start()
    except RuntimeError as error:  # the system's limit of threads; a bug of ours raises nothing here
        raise OSError(errno.EAGAIN, f"no thread for {name}: {error}") from error
    return future
