"""The ingests that run until somebody ends them: feeds and the HTTP endpoint, in one event loop, ended by a signal."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence

import aiohttp
import typer

from runtime.settings import Settings
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


async def serve(endpoint: IngestApp, settings: Settings, say: Callable[[str], None]) -> None:
    """Serve the endpoint until a signal."""

    def opened(port: int) -> None:
        if settings.port_file is not None:
            temporary = settings.port_file.with_name(settings.port_file.name + ".new")
            temporary.write_text(str(port))
            temporary.replace(settings.port_file)  # whoever sees the file finds a whole number in it
        say(f"listening on http://{settings.http_host}:{port}/v1/articles")

    stop = _stop_on_signals()
    await http_endpoint.serve(
        endpoint.application(), settings.http_host, settings.http_port, opened=opened, stop=stop.wait()
    )
