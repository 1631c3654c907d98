"""Where a loop shows itself: bars in a terminal, lines elsewhere; always on standard error."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bellwether.loop import figures
from bellwether.loop.trainer_log import Told
from bellwether.loop.watch import Watch
from runtime import clock

LINE_EVERY_S = 5.0

STEPS_EVERY_S = 15.0


class Screen:
    """Takes news of a loop.

    Args:
        console: of standard error; where it is no terminal, plain lines are written.
        monotonic: the clock.
    """

    def __init__(self, console: Console, monotonic: clock.Monotonic = clock.monotonic) -> None:
        self._console = console
        self._monotonic = monotonic
        self._next = 0.0
        self._bars: dict[str, TaskID] = {}
        self._lines: dict[str, float] = {}
        self._progress = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, sentence: str) -> None:
        """Something happened that is worth a line."""
        if self._console.is_terminal:
            self._progress.console.print(f"[dim]·[/] {sentence}", highlight=False)
        else:
            print(sentence, file=sys.stderr, flush=True)

    def step(self, name: str, done: int, total: int, words: str = "") -> None:
        """A bar moved; without a terminal, a line now and then."""
        now = self._monotonic()
        if not self._console.is_terminal and not words and now >= self._lines.get(name, 0.0):
            self._lines[name] = now + STEPS_EVERY_S
            self.say(f"{name}: step {done} of {total}")
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total, words=words)
        self._progress.update(self._bars[name], completed=done, total=total, words=words)

    def show(self, watch: Watch, told: Told, labels: int) -> None:
        """The figures moved, and the trainer said something."""
        for sentence in told.said:
            self.say(f"trainer: {sentence}")
        if told.step is not None:
            self.step("training", *told.step)
        now = self._monotonic()
        if now < self._next:
            return
        self._next = now + (0.5 if self._console.is_terminal else LINE_EVERY_S)
        last = watch.seen[-figures.WINDOW :]
        score = figures.macro_f1((one.truth, one.guess) for one in last)
        who = last[-1].version if last else "nobody"
        words = f"macro-F1 of the last {len(last)} {score:.3f}, scored by {who}"
        self.step("labels", min(len(watch.labels_ms), labels), labels, words)
        if not self._console.is_terminal:
            self.say(f"{len(watch.seen):,} events, {len(watch.labels_ms):,} labels; {words}")


def choose() -> Screen:
    """The screen for this standard error."""
    return Screen(Console(stderr=True))
