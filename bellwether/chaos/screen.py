"""What a person sees while rows run: a bar per row in a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bellwether.chaos import journal
from bellwether.chaos.judge import Row
from bellwether.chaos.scenario import Scenario


class Screen:
    """Progress of a run of several rows.

    Args:
        rows: how many there will be.
        console: where to; standard error by default.
    """

    def __init__(self, rows: int, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._rows = rows
        self._number = 0
        self._task: TaskID | None = None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("events, lag {task.fields[lag]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, sentence: str) -> None:
        """Something happened that is worth a line."""
        self._console.print(f"  {escape(sentence)}")

    def begins(self, scenario: Scenario) -> None:
        """The next row starts."""
        self._number += 1
        self._console.print(f"[bold]{self._number}/{self._rows} {scenario.name}[/]: {escape(scenario.about)}")
        self._task = self._bar.add_task(scenario.name, total=None if scenario.alone else scenario.events, lag=0)

    def moved(self, scenario: Scenario, progress: journal.Progress) -> None:
        """The line's committed input moved."""
        if self._task is not None:
            total = max(scenario.events, progress.produced)
            self._bar.update(self._task, completed=progress.committed, total=total, lag=progress.lag)

    def judged(self, row: Row) -> None:
        """A row is over."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        if row.skipped is not None:
            self._number += 1
            self._console.print(f"[yellow]NOT RUN[/] {row.name}: {escape(row.skipped)}")
            return
        word = "[green]passed[/]" if row.passed else "[red]BROKEN[/]"
        self._console.print(f"  {word} {row.name} in {row.seconds:.0f} s {escape('; '.join(row.failures))}")
