"""Where the demo shows itself: a live picture in a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from bellwether.demo.board import Board
from bellwether.demo.view import Stage, draw, line
from runtime.clock import Monotonic

_FRAMES_PER_S = 4.0
"""Smooth enough to read; more would take processor time from the worker that is being shown."""
_LINE_EVERY_S = 5.0


class Screen(Protocol):
    """Takes news of the run; decides by itself how often to show any."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def say(self, sentence: str) -> None:
        """Something happened that is worth a line."""
        ...

    def update(self, board: Board, stage: Stage) -> None:
        """The figures moved."""
        ...


class LineScreen:
    """A plain line every few seconds, for a log."""

    def __init__(self, clock: Monotonic, every_s: float = _LINE_EVERY_S) -> None:
        self._clock = clock
        self._every_s = every_s
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        sys.stderr.write(sentence + "\n")
        sys.stderr.flush()

    def update(self, board: Board, stage: Stage) -> None:
        """Print a line where the last one is old enough."""
        now = self._clock()
        if now >= self._next:
            self._next = now + self._every_s
            self.say(line(board, stage, now_s=now))


class LiveScreen:
    """A picture that is drawn anew in place."""

    def __init__(self, clock: Monotonic, console: Console) -> None:
        self._clock = clock
        self._console = console
        self._live: Live | None = None
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, sentence: str) -> None:
        """Print a sentence above the picture."""
        self._console.print(f"[dim]·[/] {sentence}", highlight=False)

    def update(self, board: Board, stage: Stage) -> None:
        """Draw where the last frame is old enough."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + 1 / _FRAMES_PER_S
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        width, height = self._console.size
        self._live.update(draw(board, stage, now_s=now, width=width, height=height - 1), refresh=True)


def choose(clock: Monotonic) -> Screen:
    """The screen for this standard error."""
    console = Console(stderr=True)
    return LiveScreen(clock, console) if console.is_terminal else LineScreen(clock)
