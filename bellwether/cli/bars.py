"""A progress bar for each step of a long measurement, on standard error; off a terminal a line for each tenth."""

from __future__ import annotations

import sys
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Bars:
    """Takes sentences and progress, by step."""

    def __init__(self) -> None:
        self._is_live = sys.stderr.isatty()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not self._is_live,
        )
        self._steps: dict[str, TaskID] = {}
        self._tenths: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, sentence: str) -> None:
        """Print a sentence above the bars."""
        if self._is_live:
            self._progress.console.print(sentence, highlight=False, markup=False)
        else:
            print(sentence, file=sys.stderr, flush=True)

    def advance(self, step: str, done: int, total: int) -> None:
        """Show that so much of a step is done."""
        if step not in self._steps:
            self._steps[step] = self._progress.add_task(step, total=total)
        self._progress.update(self._steps[step], completed=done)
        tenth = 10 * done // total
        if not self._is_live and tenth > self._tenths.get(step, 0):
            self._tenths[step] = tenth
            print(f"{step}: {done} of {total}", file=sys.stderr, flush=True)
