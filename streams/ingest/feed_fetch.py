"""Fetches a feed politely: only if it changed, never more than a bound, never longer than a deadline."""

from __future__ import annotations

import asyncio
import email.utils
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import aiohttp

from runtime.errors import DependencyError, InputError

MAX_BYTES = 16 * 1024 * 1024
"""Of a feed's body after decompression; real feeds stay under 1 MiB."""
DEADLINE_S = 30.0
"""For the whole fetch, redirects included."""
MAX_REDIRECTS = 5
USER_AGENT = "bellwether-ingest/1 (+RSS reader)"
_ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.1"
_PERMANENT = (301, 308)
_REDIRECTS = (*_PERMANENT, 302, 303, 307)


class FeedError(DependencyError):
    """A feed did not answer, or answered with an error; the next poll may succeed."""

    is_retriable = True

    def __init__(self, sentence: str, *, retry_after_s: float | None = None, is_gone: bool = False) -> None:
        self.retry_after_s = retry_after_s
        """What the server asked for."""
        self.is_gone = is_gone
        """410: the publisher says that it will never come back."""
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer; `body` is None where nothing changed since the last one."""

    body: bytes | None
    content_type: str
    etag: str | None
    modified: str | None
    address: str
    """Where to ask next time: moved only by permanent redirects."""
    location: str
    """Where the answer came from, for relative links."""


def require_web(address: str) -> None:
    """Refuse what is no address on the web: a file, for example, that a feed has no business to name.

    Raises:
        InputError: the scheme is neither http nor https, or there is no host.
    """
    try:
        parts = urlsplit(address)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web:
        raise InputError(f"{address!r} is no feed's address; give one that starts with http:// or https://")


async def fetch(
    session: aiohttp.ClientSession, address: str, etag: str | None, modified: str | None, deadline_s: float = DEADLINE_S
) -> Fetched:
    """Ask once, with the validators of the last answer.

    Raises:
        FeedError: no answer in time, an error status, too many redirects, or too large.
    """
    headers = {"User-Agent": USER_AGENT, "Accept": _ACCEPT}
    if etag:
        headers["If-None-Match"] = etag
    if modified:
        headers["If-Modified-Since"] = modified
    try:
        async with asyncio.timeout(deadline_s):
            return await _follow(session, address, headers)
    except TimeoutError as error:
        raise FeedError(f"{address} did not answer within {deadline_s:.0f} s") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise FeedError(f"{address} cannot be fetched: {type(error).__name__}: {error}") from error


async def _follow(session: aiohttp.ClientSession, address: str, headers: dict[str, str]) -> Fetched:
    here = moved_to = address
    is_moved_for_good = True
    for _ in range(MAX_REDIRECTS + 1):
        async with session.get(here, headers=headers, allow_redirects=False) as answer:
            if answer.status not in _REDIRECTS:
                return await _read(answer, here, moved_to)
            here = urljoin(here, answer.headers.get("Location", ""))
            try:
                require_web(here)
            except InputError as error:
                raise FeedError(f"{address} redirects to {here!r}, which is not on the web") from error
            # After one temporary step nothing behind it is permanent for us.
            is_moved_for_good = is_moved_for_good and answer.status in _PERMANENT
            moved_to = here if is_moved_for_good else moved_to
    raise FeedError(f"{address} redirects more than {MAX_REDIRECTS} times; look where it leads")


async def _read(answer: aiohttp.ClientResponse, location: str, moved_to: str) -> Fetched:
    etag, modified = answer.headers.get("ETag"), answer.headers.get("Last-Modified")
    if answer.status == 304:
        return Fetched(None, "", etag, modified, moved_to, location)
    if answer.status != 200:
        raise FeedError(
            f"{location} answered {answer.status} {answer.reason}",
            retry_after_s=retry_after(answer.headers.get("Retry-After"), datetime.now(tz=UTC)),
            is_gone=answer.status == 410,
        )
    body = bytearray()
    async for piece in answer.content.iter_chunked(64 * 1024):
        body += piece
        if len(body) > MAX_BYTES:
            raise FeedError(f"{location} is larger than {MAX_BYTES:,} bytes; this is no feed to poll")
    return Fetched(bytes(body), answer.headers.get("Content-Type", ""), etag, modified, moved_to, location)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a `Retry-After` header asks for: a number or a date; None where it says neither.

    >>> retry_after("120", datetime(2026, 1, 1, tzinfo=UTC))
    120.0
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max((email.utils.parsedate_to_datetime(value) - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
