"""Answers of a store that moto never gives, from a small server that speaks as much S3 as needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models import store as stores
from models.store import Store, StoreAwayError, TakenError, open_store

LARGE = 9 * 1024 * 1024


class Answers(BaseHTTPRequestHandler):
    """Takes what `status` lets through; a PUT is answered only after `pause_s`."""

    status = 200
    pause_s = 0.0
    held: dict[str, bytes] = {}  # noqa: RUF012
    ranges: list[str] = []  # noqa: RUF012

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        threading.Event().wait(self.pause_s)
        if self.status == 200:
            self.held[self.path] = content
        self._answer(self.status, b"")

    def do_GET(self) -> None:
        content = self.held.get(self.path)
        if content is None:
            self._answer(404, b"")
            return
        asked = self.headers.get("Range")
        if asked is None:
            self._answer(200, content)
            return
        self.ranges.append(asked)
        first, last = map(int, asked.removeprefix("bytes=").split("-"))
        self._answer(206, content[first : last + 1], f"bytes {first}-{last}/{len(content)}")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, status: int, content: bytes, part: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Wed, 25 Nov 2026 12:00:00 GMT")
        if part is not None:
            self.send_header("Content-Range", part)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Store, type[Answers]]]]:
    """Gives a store whose server answers as asked."""
    running: list[ThreadingHTTPServer] = []

    def start(**answers: object) -> tuple[Store, type[Answers]]:
        handler = type("Handler", (Answers,), {"held": {}, "ranges": [], **answers})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, value in {
            "AWS_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        return open_store("s3://bucket/prefix"), handler

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def test_a_conflict_over_an_object_that_is_not_there_may_succeed_later(serve) -> None:
    store, _ = serve(status=409)
    with pytest.raises(StoreAwayError, match=r"refused to create a, which is not there: .*try again") as caught:
        store.create("a", b"1")
    assert caught.value.is_retriable


def test_a_conflict_over_an_object_that_is_there_means_that_it_is_taken(serve) -> None:
    store, handler = serve(status=409)
    handler.held["/bucket/prefix/a"] = b"2"
    with pytest.raises(TakenError, match="already, and nothing there is ever changed"):
        store.create("a", b"1")


def test_a_large_object_has_as_long_as_a_slow_line_needs(serve, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stores, "TIMEOUT_S", 1)
    monkeypatch.setattr(stores, "RETRIES", 0)
    store, handler = serve(pause_s=3.0)
    (tmp_path / "large").write_bytes(b"x" * LARGE)
    store.create("large", tmp_path / "large")
    assert len(handler.held["/bucket/prefix/large"]) == LARGE
    with pytest.raises(StoreAwayError):
        store.create("small", b"1")


def test_a_large_object_comes_by_requests_that_are_small_each(serve) -> None:
    store, handler = serve()
    handler.held["/bucket/prefix/large"] = bytes(LARGE)
    assert b"".join(store.chunks("large")) == bytes(LARGE)
    assert len(handler.ranges) == 3
