"""The bookkeeper's process, seen from the runner."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from bellwether.chaos.journal import BookOrder, Progress, Verdict
from runtime.errors import DependencyError

_LINE = msgspec.json.Decoder(Progress | Verdict)
_SHOWN_LINES = 15

_END_S = 5.0
"""Between the end of its output and its own."""


class Clerk:
    """One bookkeeper; leaving it ends it.

    Args:
        order: what it watches.
        folder: for its order and its log.
        tell: is given every `Progress`, in a thread of ours.
    """

    def __init__(self, order: BookOrder, folder: Path, tell: Callable[[Progress], None] = lambda _: None) -> None:
        file = folder / "bookkeeper.json"
        file.write_bytes(msgspec.json.encode(order))
        self._log = folder / "bookkeeper.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bellwether.chaos.bookkeeper", str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # a Ctrl-C reaches us alone; it ends when its input does
            )
        self._tell = tell
        self._verdict: Verdict | None = None
        self._reader = threading.Thread(target=self._read, name="bookkeeper", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(5.0)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # what could not be said to it is flushed once more
                    stream.close()

    def verdict(self, timeout_s: float) -> Verdict:
        """Say that load and faults are over, and wait for the judgement.

        Raises:
            DependencyError: it ended without one, or takes too long.
        """
        if self._process.stdin is None:
            raise RuntimeError("the bookkeeper was started with a pipe; this is a bug")
        try:
            self._process.stdin.write(b"done\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise DependencyError(self._ended()) from None
        deadline = time.monotonic() + timeout_s
        while self._reader.is_alive() and time.monotonic() < deadline:
            self._reader.join(0.2)
        if self._verdict is not None:
            return self._verdict
        if self._reader.is_alive():
            raise DependencyError(f"the bookkeeper gave no verdict within {timeout_s:.0f} s\n{self._tail()}")
        raise DependencyError(self._ended())

    def check(self) -> None:
        """Raise where it ended before it was asked: a row without its bookkeeper proves nothing.

        Raises:
            DependencyError: with the end of its log.
        """
        if self._process.poll() is not None and self._verdict is None:
            raise DependencyError(self._ended())

    def _ended(self) -> str:
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return f"the bookkeeper said something that is no verdict\n{self._tail()}"
        return f"the bookkeeper ended with exit code {code} and without a verdict\n{self._tail()}"

    def _read(self) -> None:
        output = self._process.stdout
        if output is None:
            return
        for line in output:
            said = _LINE.decode(line)
            if isinstance(said, Verdict):
                self._verdict = said
                return
            self._tell(said)

    def _tail(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_SHOWN_LINES:]
        return "last lines of the bookkeeper:\n  " + "\n  ".join(lines) if lines else "the bookkeeper logged nothing"
