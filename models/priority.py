"""Lets a process that loads give way to those that serve, and brings it back to its place. Linux; elsewhere nothing."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

LONGEST_S = 3.0
"""On a machine without a moment to spare a loading process would wait for ever: then it takes its part after this."""


def give_way(longest_s: float = LONGEST_S) -> Callable[[], None]:
    """Let this process run only on what others leave of the processors, for at most so many seconds.

    All its threads, and those that they start, are scheduled as `SCHED_IDLE` (Linux, sched(7)). Without the right to
    come back from there (CAP_SYS_NICE, or a limit on nice that allows it) nothing is changed.

    Returns:
        Takes its part of the processors again; a second call does nothing.
    """
    if not _can_return():
        return lambda: None
    timer = threading.Timer(longest_s, _schedule, [os.SCHED_OTHER])
    timer.daemon = True
    timer.start()
    _schedule(os.SCHED_IDLE, but=timer.native_id)  # who brings us back must get its turn

    def take_part() -> None:
        timer.cancel()
        timer.join()
        _schedule(os.SCHED_OTHER)

    return take_part


def _can_return() -> bool:
    """Whether a thread of ours may leave `SCHED_IDLE` again: tried with one that ends."""
    if not hasattr(os, "SCHED_IDLE"):
        return False
    found: list[bool] = []

    def there_and_back() -> None:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            found.append(True)

    thread = threading.Thread(target=there_and_back, daemon=True)
    thread.start()
    thread.join()
    return bool(found)


def _schedule(policy: int, but: int | None = None) -> None:
    """Every thread of this process; one that is born meanwhile has its parent's policy, so look until none is new."""
    seen = {str(but)}
    while new := {task.name for task in Path("/proc/self/task").iterdir()} - seen:
        for task in new:
            with contextlib.suppress(OSError):  # it has ended
                os.sched_setscheduler(int(task), policy, os.sched_param(0))
        seen |= new
