"""The way of all rows of one origin: build, pace, publish, count; knows where to resume when a broker goes away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runtime.errors import BrokerError
from streams.ingest import message
from streams.ingest.article import ArticleBuilder
from streams.ingest.interrupt import Interrupt
from streams.ingest.producer import Done, Publisher
from streams.ingest.refusal import RowRefusedError
from streams.ingest.replay import Pace
from streams.ingest.report import Report
from streams.ingest.rows import Row, Rows

Tick = Callable[[Callable[[], float | None]], None]
"""Called after each row with the way to learn how much was read, which costs a system call."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which rows of an origin are wanted."""

    skip: int = 0
    """Rows up to this line were done before."""
    limit: int | None = None
    """At most so many events."""


class Ingest:
    """Feeds rows to a publisher; nothing is counted as accepted before its acknowledgement."""

    def __init__(
        self,
        publisher: Publisher,
        report: Report,
        interrupt: Interrupt,
        tick: Tick | None = None,
    ) -> None:
        self._publisher = publisher
        self._report = report
        self._interrupt = interrupt
        self._tick = tick or (lambda _: None)
        self._waiting: dict[int, None] = {}
        """Numbers of the rows that are on the way, in order: the first one is where to resume."""
        self._failure: Exception | None = None
        self.sent = 0
        """Events handed to the producer, acknowledged or not."""

    def run(self, rows: Rows, builder: ArticleBuilder, pace: Pace | None = None, bounds: Bounds | None = None) -> None:
        """Ingest until the rows, the limit or the person's patience end; what was sent is settled then.

        Raises:
            BrokerError: events were not acknowledged; the message says how many were and how to resume.
            InputError: the origin is damaged; the rows before it are settled.
        """
        wanted = bounds or Bounds()
        last = wanted.skip
        try:
            with self._interrupt.breaks_reading():
                for row in rows.iterator:
                    if row.number <= wanted.skip:
                        continue
                    if self._failure is not None or self._interrupt.is_set:
                        break
                    with self._interrupt.waits():
                        self._one(row, rows, builder, pace)
                    last = row.number
                    self._tick(rows.share_read)
                    if wanted.limit is not None and self.sent >= wanted.limit:
                        break
        except KeyboardInterrupt:
            self._interrupt.set()
        finally:
            self._settle(rows.name, last)

    def _one(self, row: Row, rows: Rows, builder: ArticleBuilder, pace: Pace | None) -> None:
        try:
            if isinstance(row.values, RowRefusedError):
                raise row.values
            built = builder.build(row.values, row.number, rows.digest)
            encoded = message.encode(built)
        except RowRefusedError as error:
            self._report.refuse(rows.name, row.number, error)
            return
        if pace is not None and built.timed:
            pace.wait(built.article.published_at)
        if not built.timed:
            self._report.without_time += 1
        self._waiting[row.number] = None
        self.sent += 1
        self._publisher.publish(encoded, self._done(rows.name, row.number))

    def _done(self, origin: str, number: int) -> Done:
        def done(error: Exception | None) -> None:
            if error is None:
                self._report.accepted += 1
                del self._waiting[number]
            elif isinstance(error, RowRefusedError):
                self._report.refuse(origin, number, error)
                del self._waiting[number]
            elif self._failure is None:
                self._failure = error

        return done

    def _settle(self, origin: str, last: int) -> None:
        try:
            self._publisher.flush()
        except BrokerError as error:
            self._failure = self._failure or error
        unsettled = sorted(self._waiting)
        self._waiting.clear()
        if self._failure is None and not unsettled:
            return
        resume = unsettled[0] - 1 if unsettled else last
        raise BrokerError(
            f"{self._failure or 'the last events were not acknowledged'}. {origin}: {self._report.accepted:,} rows "
            f"were acknowledged, {len(unsettled):,} were not; resume with --skip {resume} "
            "(rows that come again keep their ids)"
        ) from self._failure
