"""The ingests that run until somebody ends them: feeds and the HTTP endpoint, in one event loop, ended by a signal."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import typer

from streams.ingest import http_endpoint, rss
from streams.ingest.http_endpoint import IngestApp
from streams.ingest.rss import FeedPoller


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def poll(pollers: Sequence[FeedPoller], *, once: bool) -> None:
    """Poll feeds side by side.

    Raises:
        typer.Exit: with `once`, a feed failed.
    """
    stop = _stop_on_signals()
    async with aiohttp.ClientSession() as session:
        if once:
            results = await asyncio.gather(*(rss.poll_once(poller, session) for poller in pollers))
            if any(error is not None for _, error in results):
                raise typer.Exit(1)
            return

        async def pause(seconds: float) -> None:
            try:
                async with asyncio.timeout(seconds):
                    await stop.wait()
            except TimeoutError:
                pass

        await asyncio.gather(*(rss.follow(poller, session, pause, lambda: not stop.is_set()) for poller in pollers))


@dataclass(frozen=True, slots=True)
class Place:
    """Where the endpoint listens. Port and file are no settings: one variable would name a worker's too."""

    host: str
    port: int
    port_file: Path | None


async def serve(endpoint: IngestApp, place: Place, say: Callable[[str], None]) -> None:
    """Serve the endpoint until a signal."""

    def opened(port: int) -> None:
        if place.port_file is not None:
            temporary = place.port_file.with_name(place.port_file.name + ".new")
            temporary.write_text(str(port))
            temporary.replace(place.port_file)  # whoever sees the file finds a whole number in it
        say(f"listening on http://{place.host}:{port}/v1/articles")

    stop = _stop_on_signals()
    await http_endpoint.serve(endpoint.application(), place.host, place.port, opened=opened, stop=stop.wait)
