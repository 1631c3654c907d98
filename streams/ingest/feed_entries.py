"""Entries of an RSS or Atom feed as rows; feedparser only parses, it neither fetches nor cleans."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from runtime.errors import InputError
from streams.ingest.feed_fetch import Fetched
from streams.ingest.rows import Row


def parse(fetched: Fetched, feed: str) -> list[Row]:
    """Rows with `id, text, summary, url, published_at, lang, source, tags`, oldest first where they have times.

    The text is the entry's title as the feed gives it; `--map text=$.summary` takes the summary.

    Raises:
        InputError: the answer is no feed.
    """
    import feedparser

    parsed: Any = feedparser.parse(
        fetched.body or b"",
        # Without a location: a relative guid stays as it is written, and an entry keeps its id when the feed moves.
        response_headers={"content-type": fetched.content_type},
        resolve_relative_uris=False,
        sanitize_html=False,
    )
    if not parsed.entries and not parsed.get("version"):
        cause = parsed.get("bozo_exception", "nothing in it looks like RSS or Atom")
        raise InputError(f"{feed} is no feed ({cause}); open it in a browser to see what it is")
    language = parsed.feed.get("language")
    values = [_values(entry, feed, fetched.location, language) for entry in parsed.entries]
    # Feeds list the newest first; Kafka keeps the order in which they happened. A stable sort leaves equals alone.
    values.reverse()
    values.sort(key=lambda row: str(row.get("published_at", "")))
    return [Row(number, row) for number, row in enumerate(values, 1)]


def _values(entry: Any, feed: str, location: str, language: str | None) -> dict[str, object]:
    found = {
        "id": entry.get("id") or entry.get("link"),
        "text": entry.get("title"),
        "summary": entry.get("summary"),
        "url": urljoin(location, entry.link) if entry.get("link") else None,
        "published_at": _time(entry.get("published_parsed") or entry.get("updated_parsed")),
        "lang": language,
        "source": feed,
        "tags": [tag.get("term") for tag in entry.get("tags", []) if tag.get("term")] or None,
    }
    return {name: value for name, value in found.items() if value}


def _time(parsed: Any) -> str | None:
    if parsed is None:
        return None
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), tz=UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None  # a feed with the year 0: the entry counts as one without a time
