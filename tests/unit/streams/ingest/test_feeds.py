"""Feeds as rows, what is remembered of them, and how often a feed in trouble is asked."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import aiohttp
import pytest

from runtime.errors import BrokerError, InputError
from streams.ingest import feed_entries, feed_fetch, feed_state
from streams.ingest.article import ArticleBuilder
from streams.ingest.feed_fetch import FeedError, Fetched
from streams.ingest.feed_state import FeedState
from streams.ingest.mapping import RowMapping
from streams.ingest.message import Message
from streams.ingest.producer import Done, Publisher
from streams.ingest.refusal import RowRefusedError
from streams.ingest.report import Report
from streams.ingest.rss import Desk, FeedPoller

FEED = "http://feeds.example.org/markets"
RSS = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>Markets</title><language>en</language>
<item><title>Ostra &amp;amp; Norvale merge</title><link>/2</link><guid>two</guid>
<pubDate>Sun, 01 Mar 2026 10:30:00 +0100</pubDate><category>deals</category></item>
<item><title>Norvale opens a plant</title><link>http://example.org/1</link><description>&lt;b&gt;Big&lt;/b&gt;</description>
<pubDate>Sun, 01 Mar 2026 08:00:00 GMT</pubDate></item>
<item><title>Timeless</title></item></channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de"><title>M</title><id>f</id>
<entry><id>urn:1</id><title>Ostra steigt</title><updated>2026-03-01T09:30:00Z</updated>
<link href="http://example.org/a"/></entry></feed>"""


def fetched(body: bytes, content_type: str = "application/xml") -> Fetched:
    return Fetched(body, content_type, None, None, FEED, FEED)


def test_rss_entries_become_rows_oldest_first() -> None:
    rows = feed_entries.parse(fetched(RSS), FEED)

    values = []
    for row in rows:
        assert not isinstance(row.values, RowRefusedError)
        values.append(dict(row.values))
    assert [row.number for row in rows] == [1, 2, 3]
    assert values == [
        {"text": "Timeless", "lang": "en", "source": FEED},
        {
            "id": "http://example.org/1",
            "text": "Norvale opens a plant",
            "summary": "<b>Big</b>",
            "url": "http://example.org/1",
            "published_at": "2026-03-01T08:00:00+00:00",
            "lang": "en",
            "source": FEED,
        },
        {
            "id": "two",
            "text": "Ostra &amp; Norvale merge",
            "url": "http://feeds.example.org/2",
            "published_at": "2026-03-01T09:30:00+00:00",
            "lang": "en",
            "source": FEED,
            "tags": ["deals"],
        },
    ]


def test_atom_entries_become_rows() -> None:
    (row,) = feed_entries.parse(fetched(ATOM), FEED)

    assert not isinstance(row.values, RowRefusedError)
    assert (row.values["id"], row.values["text"]) == ("urn:1", "Ostra steigt")
    assert row.values["published_at"] == "2026-03-01T09:30:00+00:00"


def test_an_empty_feed_has_no_rows() -> None:
    assert feed_entries.parse(fetched(b'<rss version="2.0"><channel><title>x</title></channel></rss>'), FEED) == []


@pytest.mark.parametrize("body", [b"<html><body>Not found</body></html>", b"", b"\x00\xff", b'{"items": []}'])
def test_what_is_no_feed_is_said(body: bytes) -> None:
    with pytest.raises(InputError, match=r"http://feeds.example.org/markets is no feed \(.*\); open it in a browser"):
        feed_entries.parse(fetched(body, "text/html"), FEED)


@pytest.mark.parametrize(
    "address", ["file:///etc/hosts", "ftp://example.org/x", "example.org", "http://", "http://[", ""]
)
def test_only_the_web_is_fetched(address: str) -> None:
    with pytest.raises(InputError, match="is no feed's address; give one that starts with http:// or https://"):
        feed_fetch.require_web(address)


NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("90", 90.0),
        ("Sun, 01 Mar 2026 00:02:00 GMT", 120.0),
        ("Sat, 28 Feb 2026 00:00:00 GMT", 0.0),
        ("later", None),
        ("Sun, 01 Mar 2026 00:02:00", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert feed_fetch.retry_after(value, NOW) == seconds


def test_a_feed_is_remembered(tmp_path: Path) -> None:
    state = FeedState(feed=FEED, address=FEED + "/moved", etag='"1"', modified="then", seen=("a", "b"))

    feed_state.save(tmp_path / "feeds", state)

    assert feed_state.load(tmp_path / "feeds", FEED) == state
    assert [path.name for path in (tmp_path / "feeds").iterdir()] == [feed_state.path_of(tmp_path, FEED).name]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"feed": 1}', b'{"feed":"other","address":"other"}', b"\xff"])
def test_a_memory_that_is_no_such_thing_is_forgotten(tmp_path: Path, content: bytes) -> None:
    feed_state.path_of(tmp_path, FEED).write_bytes(content)

    assert feed_state.load(tmp_path, FEED) == FeedState(feed=FEED, address=FEED)


def test_only_the_newest_ids_are_remembered() -> None:
    state = FeedState(feed=FEED, address=FEED, seen=tuple(str(number) for number in range(feed_state.MAX_SEEN)))

    grown = state.with_seen(["new", "1"])

    assert len(grown.seen) == feed_state.MAX_SEEN
    assert grown.seen[-1] == "new"
    assert "0" not in grown.seen


class FakePublisher:
    """Acknowledges at once what it is given."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def reconnect(self) -> None:
        pass

    def publish(self, message: Message, done: Done) -> None:
        self.ids.append(message.event_id)
        done(None)

    def flush(self) -> None:
        pass


def poller(tmp_path: Path, interval_s: float = 60.0, publisher: FakePublisher | None = None) -> FeedPoller:
    builder = ArticleBuilder(RowMapping.parse([]), source=FEED, now=lambda: NOW)
    desk = Desk(tmp_path, cast("Publisher", publisher), Report(lambda _: None), interval_s, asyncio.Lock())
    return FeedPoller(FEED, builder, desk)


async def test_an_entry_without_guid_link_and_date_is_known_again_when_the_feed_has_shifted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [b"<item><title>One</title></item>", b"<item><title>Two</title></item>"]
    newest = b"<item><title>Three</title></item>"

    async def fetch(*_: object) -> Fetched:
        return fetched(b'<rss version="2.0"><channel><title>M</title>' + b"".join(entries) + b"</channel></rss>")

    monkeypatch.setattr(feed_fetch, "fetch", fetch)
    publisher = FakePublisher()
    feed = poller(tmp_path, publisher=publisher)
    session = cast("aiohttp.ClientSession", None)

    assert (await feed.poll(session)).published == 2
    entries[:] = [newest, *entries[:1]]  # one came, the oldest fell out: all places shifted
    assert (await feed.poll(session)).published == 1
    assert len(set(publisher.ids)) == 3


def test_a_feed_in_trouble_is_asked_less_and_less_often_and_a_good_answer_ends_that(tmp_path: Path) -> None:
    feed = poller(tmp_path)
    trouble = FeedError("503")

    pauses = [feed.pause_after(trouble) for _ in range(8)]

    assert pauses == [120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert feed.pause_after(None) == 60.0
    assert feed.pause_after(BrokerError("gone")) == 120.0


def test_a_server_may_ask_for_a_longer_pause_and_not_for_a_shorter_one(tmp_path: Path) -> None:
    feed = poller(tmp_path)

    assert feed.pause_after(FeedError("429", retry_after_s=5000.0)) == 5000.0
    assert feed.pause_after(FeedError("429", retry_after_s=1.0)) == 240.0
    assert feed.pause_after(FeedError("429", retry_after_s=1e12)) == 24 * 3600.0


def test_a_long_interval_is_never_shortened(tmp_path: Path) -> None:
    assert poller(tmp_path, 7200.0).pause_after(FeedError("503")) == 7200.0
