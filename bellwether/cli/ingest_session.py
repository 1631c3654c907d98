"""What every ingest command does around its rows: settings, producer, progress bar, report, exit code."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from runtime import log, settings
from runtime.errors import InputError
from streams.ingest.article import ArticleBuilder
from streams.ingest.interrupt import Interrupt
from streams.ingest.producer import Publisher
from streams.ingest.replay import Pace
from streams.ingest.report import Report
from streams.ingest.rows import Rows
from streams.ingest.run import Bounds, Ingest

_TICK_S = 0.1
"""The bar moves ten times a second: smooth to the eye, nothing to the machine."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options that all ingest commands share."""

    bootstrap: str | None
    refused: Path | None
    strict: bool
    as_json: bool


class Session:
    """One run of an ingest command; leaving it prints the report and decides the exit code."""

    def __init__(self, options: Options, **flags: object) -> None:
        self._options = options
        self.settings = settings.load(bootstrap=options.bootstrap, **flags)
        self._stack = ExitStack()
        self._console = Console(stderr=True)
        self.interrupt = Interrupt()
        self.sent = 0
        """Events handed to the producer so far, over all origins."""
        self._started = time.monotonic()
        self._next_tick = 0.0

    def __enter__(self) -> Self:
        configured = self.settings
        log.configure(configured.log_level)
        if configured.log_level != "DEBUG":
            # The client reports each try to connect on several lines; what a person needs is in our own errors.
            logging.getLogger("kafka").setLevel(logging.CRITICAL)
        with ExitStack() as stack:
            self.publisher = stack.enter_context(Publisher(configured.bootstrap))
            self.report = Report(self.say)
            if self._options.refused is not None:
                try:
                    self.report.refused_file = stack.enter_context(self._options.refused.open("w", encoding="utf-8"))
                except OSError as error:
                    raise InputError(f"--refused {self._options.refused}: {error.strerror}") from error
            self._bar = stack.enter_context(_progress(self._console))
            self._task = self._bar.add_task("ingest", total=None, rows=0, rate=0.0, visible=False)
            stack.enter_context(self.interrupt.on_signals())
            self._started = time.monotonic()
            self._stack = stack.pop_all()
        return self

    def ingest(self, rows: Rows, builder: ArticleBuilder, pace: Pace | None, bounds: Bounds) -> None:
        """All rows of one origin; see `streams.ingest.run`."""
        self._bar.update(self._task, description=rows.name, visible=True)
        run = Ingest(self.publisher, self.report, self.interrupt, self._tick)
        try:
            run.run(rows, builder, pace, bounds)
        finally:
            self.sent += run.sent

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.monotonic() - self._started
        self._stack.close()
        self._print(seconds)
        if kind is not None:
            return
        if self._options.strict and self.report.refused:
            raise typer.Exit(1)
        if self.interrupt.is_set:
            raise typer.Exit(130)  # what a shell says of Ctrl-C

    def _print(self, seconds: float) -> None:
        report = self.report
        if self._options.as_json:
            summary = report.as_json(seconds) | {"interrupted": self.interrupt.is_set}
            sys.stdout.write(msgspec.json.encode(summary).decode() + "\n")
            return
        rate = report.accepted / seconds if seconds > 0 else 0.0
        line = f"accepted {report.accepted:,}, refused {report.refused:,} in {seconds:.1f} s ({rate:,.0f} rows/s)"
        sys.stdout.write(line + "\n")
        for reason, count in sorted(report.reasons.items()):
            sys.stdout.write(f"  refused {reason}: {count:,}\n")
        if report.without_time:
            sys.stdout.write(f"  {report.without_time:,} rows named no time; they carry the moment of ingest\n")
        if self.interrupt.is_set:
            sys.stdout.write("  interrupted; all that was sent is acknowledged and counted\n")

    def _tick(self, share_read: Callable[[], float | None]) -> None:
        now = time.monotonic()
        if now < self._next_tick:
            return
        self._next_tick = now + _TICK_S
        share = share_read()
        done = self.report.accepted
        self._bar.update(
            self._task,
            total=None if share is None else 1.0,
            completed=share or 0.0,
            rows=done,
            rate=done / max(now - self._started, 0.001),
        )

    def say(self, line: str) -> None:
        """One line for the person at the terminal, above the bar."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]:,} acknowledged, {task.fields[rate]:,.0f}/s"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
