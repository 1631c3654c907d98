"""Feeds from a local server through the real command: asked politely, published once."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from bellwether.broker.cluster import Cluster
from streams.dead.reader import open_log
from wire.topics import PUBLISHED


class Site:
    """A server with one feed that counts how it was asked."""

    def __init__(self) -> None:
        self.entries = [1, 2]
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.asked_thrice = asyncio.Event()
        self.port = 0

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def feed(self, request: web.Request) -> web.Response:
        self.asked.append(
            (request.path, request.headers.get("If-None-Match"), request.headers.get("If-Modified-Since"))
        )
        if len(self.asked) == 3:
            self.asked_thrice.set()
        etag = f'"{len(self.entries)}"'
        headers = {"ETag": etag, "Last-Modified": "Sun, 01 Mar 2026 09:00:00 GMT"}
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        items = "".join(
            f"<item><title>Norvale story {number}</title><guid>g{number}</guid>"
            f"<pubDate>Sun, 01 Mar 2026 0{number}:00:00 GMT</pubDate></item>"
            for number in self.entries
        )
        return web.Response(
            text=f'<rss version="2.0"><channel><title>M</title>{items}</channel></rss>',
            content_type="application/rss+xml",
            headers=headers,
        )

    async def moved(self, _: web.Request) -> web.Response:
        return web.Response(status=301, headers={"Location": "/feed"})

    async def loop(self, _: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/loop"})

    async def to_file(self, _: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "file:///etc/hostname"})

    async def broken(self, _: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "120"})


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    for path in ("feed", "moved", "loop", "broken", "to_file"):
        app.router.add_get(f"/{path}", getattr(site, path))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.port = runner.addresses[0][1]
    yield site
    await runner.cleanup()


async def start(kafka: Cluster, state: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bellwether", "ingest", "rss", *arguments, "--state", str(state), "--json",
        "--bootstrap", kafka.bootstrap, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def once(kafka: Cluster, state: Path, *feeds: str) -> tuple[int | None, dict[str, object], str]:
    process = await start(kafka, state, *feeds, "--once")
    out, err = await process.communicate()
    return process.returncode, json.loads(out), err.decode()


def texts(kafka: Cluster, source: str) -> list[str]:
    with open_log(kafka.bootstrap, PUBLISHED.name) as log:
        found = [
            (json.loads(record.value)["published_at"], json.loads(record.value)["text"])
            for partition in log.partitions
            for record in log.records(partition)
            if dict(record.headers).get("ce_source") == source.encode()
        ]
    return [text for _, text in sorted(found)]


async def test_a_feed_is_published_once_and_asked_only_for_changes(kafka: Cluster, site: Site, tmp_path: Path) -> None:
    address = site.address("/moved")

    first = await once(kafka, tmp_path, address)
    second = await once(kafka, tmp_path, address)
    site.entries.append(3)
    third = await once(kafka, tmp_path, address)

    assert [code for code, _, _ in (first, second, third)] == [0, 0, 0], first[2] + second[2] + third[2]
    assert [summary["accepted"] for _, summary, _ in (first, second, third)] == [2, 0, 1]
    # The permanent move is remembered, the validators are sent, and the source stays what the user named.
    since = "Sun, 01 Mar 2026 09:00:00 GMT"
    assert site.asked == [("/feed", None, None), ("/feed", '"2"', since), ("/feed", '"2"', since)]
    assert texts(kafka, address) == ["Norvale story 1", "Norvale story 2", "Norvale story 3"]


async def test_a_feed_in_trouble_fails_and_the_others_go_on(kafka: Cluster, site: Site, tmp_path: Path) -> None:
    feeds = [site.address(path) for path in ("/broken", "/loop", "/to_file", "/missing", "/feed")]

    code, summary, err = await once(kafka, tmp_path, *feeds)

    assert code == 1
    assert summary["accepted"] == 2
    assert f"{feeds[0]} answered 503 Service Unavailable" in err
    assert f"{feeds[1]} redirects more than 5 times; look where it leads" in err
    assert f"{feeds[2]} redirects to 'file:///etc/hostname', which is not on the web" in err
    assert f"{feeds[3]} answered 404 Not Found" in err


async def test_a_feed_is_followed_until_a_signal(kafka: Cluster, site: Site, tmp_path: Path) -> None:
    process = await start(kafka, tmp_path, site.address("/feed"), "--interval", "1")
    async with asyncio.timeout(120):
        await site.asked_thrice.wait()

    process.send_signal(signal.SIGTERM)
    out, err = await process.communicate()

    assert process.returncode == 0, err.decode()
    assert json.loads(out)["accepted"] == 2
    assert site.asked[2][1] == '"2"'
