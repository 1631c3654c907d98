"""Where tables and bars are printed: tables as wide as the terminal, and wide enough to read in a pipe or a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PIPED_WIDTH = 160
"""Columns off a terminal: rich would take 80 there and cut the names that a log is read for."""


def tables() -> Console:
    """A console for standard output."""
    return Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)


@contextmanager
def reading(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, for a terminal only; it is told how many records were read, and of how many."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        shown = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(shown, completed=done, total=of)


@contextmanager
def going(as_json: bool) -> Iterator[Callable[[str, int], None]]:
    """Shows on a terminal which file goes and how much went; yields what is told of each before it goes."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True, disable=as_json or not console.is_terminal) as progress:
        task = progress.add_task("looking", total=0)
        begun = 0

        def tell(name: str, size: int) -> None:
            nonlocal begun
            progress.update(task, description=name, completed=begun, total=begun + size)
            begun += size

        yield tell
