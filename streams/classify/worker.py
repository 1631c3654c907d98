"""One worker process: opens the line, runs Faust, and decides what its exit code says."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faust
import psutil
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from mode import Service

from runtime import log
from runtime.crashpoints import crash_points
from runtime.errors import BellwetherError, BrokerAwayError, BrokerError, DependencyError
from runtime.settings import Settings
from streams.classify.admission import is_away
from streams.classify.agent import build_app
from streams.classify.ending import EXIT_AGAIN, Ending, bug, told
from streams.classify.line import Consent, Line

STOP_S = 9.5
"""From SIGTERM to the end, whatever does not answer; the promise is 10 s."""

DRAIN_S = 4.0
"""Of which deliveries in flight may take so much; they are planned to take 2."""

ASK_S = 3.0
"""Of which a worker that crashed keeps so much to ask the broker what was lost."""

LATE_S = 0.5
"""The same for a worker that was told to stop: it hardly ever has to ask."""

FOLDER = "bellwether-faust-"
"""How the folders begin that Faust wants; the process's id follows."""

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
        return told(error)


def _worked(settings: Settings, consent: Consent) -> int:
    with _folder() as folder:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        ending = Ending(folder)
        app = build_app(settings.bootstrap, settings.group, folder)
        line = Line(settings, consent, app, ending.failed, ending.blocked, crash_points(settings.crash_at))
        if not _opened(loop, line, ending):
            ending.at_once(0)
        worker = Worker(app, Parts(line), line=line, ending=ending, loop=loop)
        with contextlib.suppress(SystemExit):
            worker.execute_from_commandline()
        hear_no_signals()
        return _exit_code(worker, line)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder that Faust wants and never writes a file to; in memory where the disk is full."""
    for parent in (None, MEMORY):
        with contextlib.suppress(OSError):
            _sweep(Path(parent or tempfile.gettempdir()))
            prefix = f"{FOLDER}{os.getpid()}-"
            made = tempfile.TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True)
            break
    else:
        raise DependencyError(f"no folder can be made in the temporary folder nor in {MEMORY}; set TMPDIR to one")
    with made as name:
        yield Path(name)


def _sweep(parent: Path) -> None:
    """Remove the folders of workers that were killed: nothing is in them, but there would be more and more."""
    for left in parent.glob(f"{FOLDER}*-*"):
        pid = left.name.removeprefix(FOLDER).partition("-")[0]
        if pid.isdecimal() and len(pid) < 10 and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def quieten() -> None:
    """Faust, mode and aiokafka tell their inner life at INFO; warnings are enough for a worker's log."""
    for name in ("faust", "mode", "aiokafka", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


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
        ask_s = LATE_S if self.crash_reason is None else ASK_S
        self._ending.within(STOP_S - ask_s, lambda: self.late(ask_s))
        if self._line.assignments is not None:
            self._line.assignments.end_soon(DRAIN_S)
        await super().on_stop()

    def late(self, ask_s: float) -> int:
        """Faust does not come to its end: say why it crashed, if it did, and return the exit code."""
        if self.crash_reason is not None:
            cause = cause_of(self.crash_reason, self._line, ask_s)
            return bug(self.crash_reason) if cause is None else told(cause)
        _log.error("stop_timed_out", cure="the broker did not answer; what was not committed comes again")
        return EXIT_AGAIN


def hear_no_signals() -> None:
    """From here on the exit code is settled: a second SIGTERM must not change it, not even while Python ends."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


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
        hear_no_signals()
        raise
    return not ending.is_asked_for


def _exit_code(worker: Worker, line: Line) -> int:
    if worker.crash_reason is None:
        return 0
    cause = cause_of(worker.crash_reason, line, ASK_S)
    if cause is None:
        return bug(worker.crash_reason)
    raise cause


def cause_of(reason: BaseException, line: Line, ask_s: float) -> BellwetherError | None:
    """What Faust's crash means to a person, asking the broker for so long what was lost; None for a bug."""
    if isinstance(reason, BellwetherError):
        return reason
    if isinstance(reason, OffsetOutOfRangeError | NoOffsetForPartitionError):
        return _asked(line, ask_s) or BrokerError(
            f"the log does not hold what was to be read next ({type(reason).__name__}: {reason}): inputs expired, or "
            "the log was made anew, and what was unread then is lost. A worker that starts says what it finds; "
            "--accept-expired or --accept-reset go on without what was lost"
        )
    if isinstance(reason, KafkaError | OSError):
        kind = BrokerAwayError if is_away(reason) else BrokerError
        return kind(
            f"the consumer failed: {type(reason).__name__}: {reason}; what was not acknowledged comes again when a "
            "worker starts"
        )
    return None


def _asked(line: Line, seconds: float) -> BellwetherError | None:
    """What the broker says was lost and how to go on, whatever was accepted at the start; None without an answer."""
    found: list[BellwetherError] = []

    def ask() -> None:
        try:
            asyncio.run(line.admission().ask())
        except BellwetherError as error:
            found.append(error)

    thread = threading.Thread(target=ask, name="ask-what-was-lost", daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found and not found[0].is_retriable else None
