"""What the endpoint lets in, and what it says when its port is taken."""

import asyncio
import gzip
import json
import socket
from datetime import UTC, datetime
from typing import cast

import pytest
from aiohttp.test_utils import TestClient, TestServer

from runtime.errors import InputError
from streams.ingest.article import ArticleBuilder
from streams.ingest.http_endpoint import IngestApp, serve
from streams.ingest.mapping import RowMapping
from streams.ingest.message import Message
from streams.ingest.producer import Done, Publisher
from streams.ingest.report import Report

MAX_BODY = 2_000
GZIP = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
PLAIN = {"Content-Type": "application/json"}


class FakePublisher:
    """Acknowledges at once; `bytes_on_the_way` is what a test says."""

    is_broken = False
    bytes_on_the_way = 0

    def publish(self, message: Message, done: Done, *, may_wait: bool = True) -> None:
        assert message.event_id
        assert not may_wait
        done(None)


def endpoint(on_the_way: int = 0) -> IngestApp:
    publisher = FakePublisher()
    publisher.bytes_on_the_way = on_the_way
    builder = ArticleBuilder(RowMapping.parse([]), source="desk", now=lambda: datetime(2026, 3, 1, tzinfo=UTC))
    return IngestApp(
        cast("Publisher", publisher),
        builder,
        Report(lambda _: None),
        max_body_bytes=MAX_BODY,
        max_in_flight_bytes=2 * MAX_BODY,
    )


def client(on_the_way: int = 0) -> TestClient:
    return TestClient(TestServer(endpoint(on_the_way).application()))


BODY = json.dumps({"text": "Ostra opens"}).encode()


@pytest.mark.parametrize(("body", "headers"), [(BODY, PLAIN), (gzip.compress(BODY), GZIP)])
async def test_a_body_is_taken_plain_or_compressed(body: bytes, headers: dict[str, str]) -> None:
    async with client(MAX_BODY) as asked:
        answer = await asked.post("/v1/articles", data=body, headers=headers)
        assert answer.status == 201


async def test_a_compressed_body_counts_as_the_largest_that_it_may_become() -> None:
    async with client(MAX_BODY + 1) as asked:
        plain = await asked.post("/v1/articles", data=BODY, headers=PLAIN)
        compressed = await asked.post("/v1/articles", data=gzip.compress(BODY), headers=GZIP)
        assert (plain.status, compressed.status) == (201, 429)
        assert compressed.headers["Retry-After"] == "1"


async def test_a_compressed_body_that_becomes_too_large_is_refused() -> None:
    body = gzip.compress(json.dumps({"text": "x" * MAX_BODY}).encode())
    assert len(body) < MAX_BODY
    async with client() as asked:
        answer = await asked.post("/v1/articles", data=body, headers=GZIP)
        assert answer.status == 413
        assert (await answer.json())["message"] == "the body has more than 2,000 bytes; split it"


async def test_a_taken_port_names_the_option_that_cures_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"127\.0\.0\.1:{port} cannot be opened: .*; choose another --http-port$"):
            await serve(endpoint().application(), "127.0.0.1", port, lambda _: None, asyncio.Event().wait)
