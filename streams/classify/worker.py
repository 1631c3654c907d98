"""One worker process: opens the line, runs Faust, and decides what its exit code says."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faust
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from mode import Service

from runtime import log
from runtime.crashpoints import crash_points
from runtime.errors import BellwetherError, BrokerAwayError, BrokerError, DependencyError
from runtime.settings import Settings
from streams.classify.admission import is_away
from streams.classify.agent import build_app
from streams.classify.line import Consent, Line

EXIT_BUG = 70
"""sysexits' EX_SOFTWARE: an error of ours, never the input's; un-acknowledged input comes again."""

EXIT_AGAIN = 75
"""sysexits' EX_TEMPFAIL: the broker is away; a later start may find it, and nobody has to change anything."""

STOP_S = 9.0
"""From SIGTERM to the end, whatever does not answer; the promise is 10 s."""

DRAIN_S = 4.0
"""Of which deliveries in flight may take so much; they are planned to take 2."""

MEMORY = "/dev/shm"
"""Where Linux keeps files in memory."""

_log = log.get(__name__)


def run(settings: Settings, consent: Consent) -> int:
    """Work until a signal or an error ends it.

    Args:
        settings: where it runs.
        consent: what the user accepted beforehand.

    Returns:
        Exit code: 0 after a signal, `EXIT_AGAIN` where the broker did not answer, `EXIT_BUG`.

    Raises:
        BellwetherError: what a person has to look at.
    """
    quieten()
    try:
        return _worked(settings, consent)
    except BellwetherError as error:
        if not error.is_retriable:
            raise
        return _told(error)


def _worked(settings: Settings, consent: Consent) -> int:
    with _folder() as folder:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        ending = Ending(folder)
        app = build_app(settings.bootstrap, settings.group, folder)
        line = Line(settings, consent, app, ending.failed, crash_points(settings.crash_at))
        if not _opened(loop, line, ending):
            ending.at_once(0)
        worker = Worker(app, Parts(line), line=line, ending=ending, loop=loop)
        with contextlib.suppress(SystemExit):
            worker.execute_from_commandline()
        return _exit_code(worker, line)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder that Faust wants and never writes a file to; in memory where the disk is full."""
    for parent in (None, MEMORY):
        with contextlib.suppress(OSError):
            made = tempfile.TemporaryDirectory(prefix="bellwether-faust-", dir=parent, ignore_cleanup_errors=True)
            break
    else:
        raise DependencyError(f"no folder can be made in the temporary folder nor in {MEMORY}; set TMPDIR to one")
    with made as name:
        yield Path(name)


def quieten() -> None:
    """Faust, mode and aiokafka tell their inner life at INFO; warnings are enough for a worker's log."""
    for name in ("faust", "mode", "aiokafka", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


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
            self.at_once(_told(error))
        _log.critical("worker_bug", error=type(error).__name__, detail=str(error))
        _say("".join(traceback.format_exception(error)))
        self.at_once(EXIT_BUG)

    def within(self, seconds: float) -> None:
        """End with `EXIT_AGAIN` unless the process ended by itself before."""
        if self._deadline is None:
            self._deadline = threading.Timer(seconds, self._late)
            self._deadline.daemon = True
            self._deadline.start()

    def at_once(self, code: int) -> None:
        """End without unwinding: threads that wait for a broker or an engine would keep the process."""
        shutil.rmtree(self._folder, ignore_errors=True)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # on a full disk: the end comes all the same
                stream.flush()
        os._exit(code)

    def _late(self) -> None:
        _log.error(
            "stop_timed_out", seconds=STOP_S, cure="the broker did not answer; what was not committed comes again"
        )
        self.at_once(EXIT_AGAIN)


class Parts(Service):
    """Closes the line after Faust's app has stopped."""

    mundane_level = "debug"

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    async def on_stop(self) -> None:
        """The app is stopped: nothing needs the parts any more."""
        await self._line.close()


class Worker(faust.Worker):
    """Faust's worker, which keeps our logging, drains the pipeline first, and never waits longer than `STOP_S`."""

    def __init__(self, app: faust.App, *services: Any, line: Line, ending: Ending, loop: Any) -> None:
        super().__init__(app, *services, override_logging=False, redirect_stdouts=False, quiet=True, loop=loop)
        self.spinner = None
        self._line = line
        self._ending = ending

    async def on_first_start(self) -> None:
        """Faust listens to signals from here on; one that came since the line was opened counts too."""
        await super().on_first_start()
        if self._ending.is_asked_for:
            self._on_sigterm()

    async def on_stop(self) -> None:
        """The first moment of a stop: take nothing more in."""
        self._line.passed("stopping")
        self._ending.within(STOP_S)
        if self._line.assignments is not None:
            self._line.assignments.end_soon(DRAIN_S)
        await super().on_stop()


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # a full disk under standard error must not change how we end
        print(text, file=sys.stderr)


def _told(error: BellwetherError) -> int:
    """Say an error to a person and return the exit code that says to a program what it may do."""
    _log.error("worker_failed", error=type(error).__name__, detail=str(error))
    _say(f"error: {error}")
    return EXIT_AGAIN if error.is_retriable else 1


def _opened(loop: asyncio.AbstractEventLoop, line: Line, ending: Ending) -> bool:
    """Open the line; False where a signal came first."""
    opening = loop.create_task(line.open())

    def asked() -> None:
        ending.is_asked_for = True  # the task may be done, and Faust does not listen yet
        opening.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    try:
        loop.run_until_complete(opening)
    except asyncio.CancelledError:
        return False
    except BaseException:
        loop.run_until_complete(line.close())
        raise
    return not ending.is_asked_for


def _exit_code(worker: Worker, line: Line) -> int:
    reason = worker.crash_reason
    if reason is None:
        return 0
    if isinstance(reason, BellwetherError):
        raise reason
    if isinstance(reason, OffsetOutOfRangeError | NoOffsetForPartitionError):
        asyncio.run(line.admission().ask())  # says what was lost and how to go on, whatever was accepted at the start
    if isinstance(reason, KafkaError | OSError):
        kind = BrokerAwayError if is_away(reason) else BrokerError
        raise kind(
            f"the consumer failed: {type(reason).__name__}: {reason}; what was not acknowledged comes again when a "
            "worker starts"
        ) from reason
    _log.critical("worker_bug", error=type(reason).__name__, detail=str(reason))
    _say("".join(traceback.format_exception(reason)))
    return EXIT_BUG
