"""How a worker's process ends: what its exit code says, and an end that waits for nothing."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import shutil
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from runtime import log
from runtime.errors import BellwetherError

EXIT_BUG = 70
"""sysexits' EX_SOFTWARE: an error of ours, never the input's; un-acknowledged input comes again."""

EXIT_AGAIN = 75
"""sysexits' EX_TEMPFAIL: the broker is away; a later start may find it, and nobody has to change anything."""

_log = log.get(__name__)


class Ending:
    """Ends the process where Python's way of ending could wait for what does not answer.

    Args:
        folder: temporary folder to remove, because nothing is unwound.

    Attributes:
        is_asked_for: a signal came before Faust listened to signals.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.is_asked_for = False
        self._deadline: threading.Timer | None = None

    def failed(self, error: BaseException) -> None:
        """An error that no batch can be blamed for: nothing more is acknowledged, the process ends now."""
        if isinstance(error, BellwetherError):
            self.at_once(told(error))
        self.at_once(bug(error))

    def blocked(self, seconds: float) -> None:
        """The event loop does not turn any more: say where it hangs, and end; another start may go better."""
        _log.critical("event_loop_blocked", seconds=round(seconds, 1), cure="the parent starts another worker")
        with contextlib.suppress(OSError, ValueError):  # standard error may be full, or no file
            faulthandler.dump_traceback(all_threads=True)
        self.at_once(EXIT_AGAIN)

    def within(self, seconds: float, late: Callable[[], int]) -> None:
        """Unless the process ended by itself before, end with the code that `late` returns in a thread of its own."""
        if self._deadline is None:
            self._deadline = threading.Timer(seconds, lambda: self.at_once(late()))
            self._deadline.daemon = True
            self._deadline.start()

    def at_once(self, code: int) -> None:
        """End without unwinding: threads that wait for a broker or an engine would keep the process."""
        shutil.rmtree(self._folder, ignore_errors=True)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # on a full disk: the end comes all the same
                stream.flush()
        os._exit(code)


def told(error: BellwetherError) -> int:
    """Say an error to a person and return the exit code that says to a program what it may do."""
    _log.error("worker_failed", error=type(error).__name__, detail=str(error))
    _say(f"error: {error}")
    return EXIT_AGAIN if error.is_retriable else 1


def bug(error: BaseException) -> int:
    """Say an error of ours to those who look for its place, and return the exit code."""
    _log.critical("worker_bug", error=type(error).__name__, detail=str(error))
    _say("".join(traceback.format_exception(error)))
    return EXIT_BUG


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # a full disk under standard error must not change how we end
        print(text, file=sys.stderr)
