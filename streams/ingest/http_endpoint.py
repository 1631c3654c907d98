"""HTTP ingest: `POST /v1/articles` answers with the ids once Kafka has acknowledged, so a 2xx is a promise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import hdrs, web

from runtime import log
from runtime.errors import BrokerError, InputError
from streams.ingest import http_items
from streams.ingest.article import ArticleBuilder
from streams.ingest.http_items import Item, Items
from streams.ingest.message import Message
from streams.ingest.producer import Publisher
from streams.ingest.refusal import TOO_LARGE, RowRefusedError
from streams.ingest.report import Report

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Of one request; eight of the largest events, or some 30,000 headlines."""
MAX_IN_FLIGHT_BYTES = 24 * 1024 * 1024
"""Bodies being worked on and events on the way, all requests together; less than the producer's buffer."""
DEADLINE_S = 10.0
"""An answer comes within this, whatever the broker does."""

_ACCEPTED, _REFUSED, _UNKNOWN = "accepted", "refused", "unknown"
_log = log.get(__name__)


class IngestApp:
    """The endpoint; `application()` is what a server runs."""

    def __init__(
        self,
        publisher: Publisher,
        builder: ArticleBuilder,
        report: Report,
        *,
        deadline_s: float = DEADLINE_S,
        max_body_bytes: int = MAX_BODY_BYTES,
        max_in_flight_bytes: int = MAX_IN_FLIGHT_BYTES,
    ) -> None:
        self._publisher = publisher
        self._builder = builder
        self._deadline_s = deadline_s
        self._max_body_bytes = max_body_bytes
        self._max_in_flight_bytes = max_in_flight_bytes
        self._in_flight_bytes = 0
        self._report = report
        self._mending = asyncio.Lock()

    def application(self) -> web.Application:
        """An aiohttp application with the one route and a health check."""
        app = web.Application(client_max_size=self._max_body_bytes)
        app.router.add_post("/v1/articles", self._post)
        app.router.add_get("/healthz", _alive)
        return app

    async def _post(self, request: web.Request) -> web.Response:
        # A compressed body is bounded by what it may become, not by what it is on the way.
        is_plain = hdrs.CONTENT_ENCODING not in request.headers
        announced = (request.content_length if is_plain else None) or self._max_body_bytes
        if announced > self._max_body_bytes:
            return _problem(413, f"the body has {announced:,} bytes, {self._max_body_bytes:,} are allowed; split it")
        # Events that are both are counted twice: the bound is for the worst case, not a quota to fill.
        unsettled = self._in_flight_bytes + self._publisher.bytes_on_the_way
        if unsettled + announced > self._max_in_flight_bytes:
            sentence = f"{unsettled:,} bytes are on the way to Kafka already; send it again in a second"
            return _problem(429, sentence, {"Retry-After": "1"})
        self._in_flight_bytes += announced
        try:
            return await self._take(request)
        finally:
            self._in_flight_bytes -= announced

    async def _take(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(self._deadline_s):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _problem(413, f"the body has more than {self._max_body_bytes:,} bytes; split it")
        except TimeoutError:
            return _problem(408, f"the body did not arrive within {self._deadline_s:.0f} s; send it again")
        try:
            items = http_items.parse(body, request.content_type, self._builder)
        except InputError as error:
            return _problem(400, str(error))
        return self._answer(items, await self._publish(items.items))

    async def _publish(self, items: list[Item]) -> list[Exception | None]:
        """One outcome each: None where acknowledged, else why not; `TimeoutError` where nobody knows yet."""
        try:
            await self._mend()
        except BrokerError as error:
            return [error if isinstance(item, Message) else item for item in items]
        loop = asyncio.get_running_loop()
        waiting = [loop.create_future() for _ in items]
        for item, future in zip(items, waiting, strict=True):
            if isinstance(item, Message):
                self._publisher.publish(item, _settle_in(loop, future), may_wait=False)
            else:
                future.set_result(item)
        await asyncio.wait(waiting, timeout=self._deadline_s)
        return [future.result() if future.done() else TimeoutError() for future in waiting]

    async def _mend(self) -> None:
        if self._publisher.is_broken:
            async with self._mending:  # the first request mends it, the others wait and find it whole
                await asyncio.to_thread(self._publisher.reconnect)

    def _answer(self, items: Items, outcomes: list[Exception | None]) -> web.Response:
        entries = [self._entry(item, outcome) for item, outcome in zip(items.items, outcomes, strict=True)]
        self._report.accepted += outcomes.count(None)
        for outcome in outcomes:
            if isinstance(outcome, RowRefusedError):
                self._report.reasons[outcome.reason] += 1  # the client is told, the terminal is not filled
        unknown = sum(entry["status"] == _UNKNOWN for entry in entries)
        if unknown:
            _log.warning("broker_not_answering", events=unknown, deadline_s=self._deadline_s)
        if items.is_single:
            return _json(_status_of(outcomes[0]), entries[0], outcomes[0])
        failed = next((outcome for outcome in outcomes if not isinstance(outcome, RowRefusedError | None)), None)
        if failed is not None:
            status = 503
        elif all(outcome is None for outcome in outcomes):
            status = 201
        elif any(outcome is None for outcome in outcomes):
            status = 207
        else:
            status = 400
        summary = {"accepted": outcomes.count(None), "refused": len(entries) - outcomes.count(None) - unknown}
        return _json(status, summary | {"unknown": unknown, "items": entries}, failed)

    def _entry(self, item: Item, outcome: Exception | None) -> dict[str, Any]:
        if outcome is None:
            assert isinstance(item, Message)  # a refusal is its own outcome
            return {"status": _ACCEPTED, "event_id": item.event_id}
        if isinstance(outcome, RowRefusedError):
            return {"status": _REFUSED, "reason": outcome.reason, "message": str(outcome)}
        sentence = (
            f"Kafka did not acknowledge within {self._deadline_s:.0f} s; send it again, it keeps its id"
            if isinstance(outcome, TimeoutError)
            else str(outcome)
        )
        event_id = item.event_id if isinstance(item, Message) else None
        return {"status": _UNKNOWN, "event_id": event_id, "reason": "broker_not_answering", "message": sentence}


def _settle_in(loop: asyncio.AbstractEventLoop, future: asyncio.Future[Exception | None]) -> Callable[[Any], None]:
    def settle(error: Exception | None) -> None:
        if not future.done():
            future.set_result(error)

    def done(error: Exception | None) -> None:
        # From the producer's thread; a request that was answered long ago may belong to a loop that is closed.
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, error)

    return done


def _status_of(outcome: Exception | None) -> int:
    if outcome is None:
        return 201
    if isinstance(outcome, RowRefusedError):
        return 413 if outcome.reason == TOO_LARGE else 400
    return 503


def _json(status: int, body: object, failure: Exception | None = None) -> web.Response:
    headers = {"Retry-After": "5"} if status == 503 and failure is not None else None
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json", headers=headers)


def _problem(status: int, sentence: str, headers: dict[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode({"status": _REFUSED, "message": sentence})
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


async def _alive(_: web.Request) -> web.Response:
    return web.json_response({"status": "alive"})


async def serve(
    app: web.Application, host: str, port: int, opened: Callable[[int], None], stop: Callable[[], Awaitable[Any]]
) -> None:
    """Serve until it shall stop; requests under way are answered first.

    Args:
        app: what to serve.
        host: address; loopback, unless somebody put an authenticating proxy before it.
        port: 0 takes a free one.
        opened: learns the port once it answers.
        stop: ends the server when what it returns is done; called once it answers.

    Raises:
        InputError: the port is taken or not ours to take.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=DEADLINE_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise InputError(f"{host}:{port} cannot be opened: {error.strerror}; choose another --http-port") from error
        opened(runner.addresses[0][1])
        await stop()
    finally:
        await runner.cleanup()
