"""Polls feeds: new entries become events, known ones do not; a feed in trouble is asked less and less often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import msgspec

from runtime import log
from runtime.errors import BrokerError, InputError
from streams.ingest import feed_entries, feed_fetch, feed_state, message
from streams.ingest.article import ArticleBuilder
from streams.ingest.feed_fetch import FeedError, Fetched
from streams.ingest.feed_state import FeedState
from streams.ingest.message import Message
from streams.ingest.opening import content_digest
from streams.ingest.producer import Done, Publisher
from streams.ingest.refusal import RowRefusedError
from streams.ingest.report import Report
from streams.ingest.rows import Row

MAX_BACK_OFF_S = 3600.0
"""A feed that has failed for hours is still asked once an hour."""

_ANYWHERE = 1
"""An entry's place for its id: a feed shifts with each new entry, and a known one must not look new."""

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll brought."""

    published: int = 0
    changed: bool = False
    """False where the server said that nothing changed."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all feeds of a process share."""

    folder: Path
    """Where feeds are remembered."""
    publisher: Publisher
    report: Report
    interval_s: float
    """Between two polls of a feed that answers."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One feed publishes at a time, so that its flush waits for its own entries."""


class FeedPoller:
    """One feed; its state is written after the broker's acknowledgement, so a crash repeats, never loses."""

    def __init__(self, feed: str, builder: ArticleBuilder, desk: Desk) -> None:
        feed_fetch.require_web(feed)
        self.feed = feed
        self._builder = builder
        self._desk = desk
        self._failures = 0
        self.is_gone = False
        """The server said 410: it is not asked again."""
        self._state = feed_state.load(desk.folder, feed)
        self._refused: set[str] = set()

    async def poll(self, session: aiohttp.ClientSession) -> Polled:
        """Ask once and publish what is new.

        Raises:
            FeedError: the server did not answer as it should.
            InputError: what it answered is no feed.
            BrokerError: Kafka did not acknowledge; the next poll brings the same entries.
        """
        state = self._state
        fetched = await feed_fetch.fetch(session, state.address, state.etag, state.modified)
        if fetched.body is None:
            self._remember(msgspec.structs.replace(state, address=fetched.address))
            return Polled()
        async with self._desk.turn:
            # In a thread: with a broker that went away this waits for the delivery time-out.
            published = await asyncio.to_thread(self._publish_new, fetched, state)
        self._remember(
            msgspec.structs.replace(
                state.with_seen(published), address=fetched.address, etag=fetched.etag, modified=fetched.modified
            )
        )
        return Polled(len(published), changed=True)

    def _publish_new(self, fetched: Fetched, state: FeedState) -> list[str]:
        known = set(state.seen)
        acknowledged: list[str] = []
        failures: list[Exception] = []
        self._desk.publisher.reconnect()
        for row in feed_entries.parse(fetched, self.feed):
            encoded = self._encoded(row)
            if encoded is not None and encoded.event_id not in known:
                known.add(encoded.event_id)
                done = self._done(encoded.event_id, row.number, acknowledged, failures)
                self._desk.publisher.publish(encoded, done)
        self._desk.publisher.flush()
        if failures:
            # What did come through is remembered, the rest comes with the next poll: the validators stay old.
            self._remember(state.with_seen(acknowledged))
            raise BrokerError(
                f"{self.feed}: {len(failures)} entries were not acknowledged: {failures[0]}"
            ) from failures[0]
        return acknowledged

    def _encoded(self, row: Row) -> Message | None:
        try:
            if isinstance(row.values, RowRefusedError):
                raise row.values
            return message.encode(self._builder.build(row.values, _ANYWHERE, content_digest))
        except RowRefusedError as error:
            # An entry that stays in the feed is told once, not with every poll.
            digest = content_digest(row.values) if isinstance(row.values, Mapping) else repr(error)
            if digest not in self._refused and len(self._refused) < feed_state.MAX_SEEN:
                self._refused.add(digest)
                self._desk.report.refuse(self.feed, row.number, error)
            return None

    def _done(self, event_id: str, number: int, acknowledged: list[str], failures: list[Exception]) -> Done:
        def done(error: Exception | None) -> None:
            if error is None:
                self._desk.report.accepted += 1
                acknowledged.append(event_id)
            elif isinstance(error, RowRefusedError):
                self._desk.report.refuse(self.feed, number, error)
            else:
                failures.append(error)

        return done

    def _remember(self, state: FeedState) -> None:
        if state != self._state:
            feed_state.save(self._desk.folder, state)
            self._state = state

    def pause_after(self, error: Exception | None) -> float:
        """Seconds until the next poll: the interval, doubled with each failure, or what the server asked for."""
        if error is None:
            self._failures = 0
            return self._desk.interval_s
        self._failures += 1
        # Ten doublings of a second are beyond the bound already; more would only overflow.
        back_off = min(
            self._desk.interval_s * 2.0 ** min(self._failures, 10), max(MAX_BACK_OFF_S, self._desk.interval_s)
        )
        asked = error.retry_after_s if isinstance(error, FeedError) else None
        return max(back_off, min(asked, 24 * MAX_BACK_OFF_S)) if asked is not None else back_off


async def poll_once(poller: FeedPoller, session: aiohttp.ClientSession) -> tuple[Polled | None, Exception | None]:
    """One poll whose failure is logged and handed back: other feeds go on."""
    try:
        polled = await poller.poll(session)
    except (FeedError, InputError, BrokerError) as error:
        poller.is_gone = isinstance(error, FeedError) and error.is_gone
        _log.warning("feed_failed", feed=poller.feed, error=str(error), gone=poller.is_gone)
        return None, error
    _log.info("feed_polled", feed=poller.feed, published=polled.published, changed=polled.changed)
    return polled, None


async def follow(
    poller: FeedPoller,
    session: aiohttp.ClientSession,
    pause: Callable[[float], Awaitable[object]],
    goes_on: Callable[[], bool],
) -> None:
    """Poll until it shall not go on, or the feed is gone for good."""
    while goes_on() and not poller.is_gone:
        _, error = await poll_once(poller, session)
        if goes_on() and not poller.is_gone:
            await pause(poller.pause_after(error))
