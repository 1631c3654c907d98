"""Health, readiness and metrics of one worker over HTTP, on loopback."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from runtime import whole_file
from runtime.errors import SettingsError
from streams.classify.metrics import Metrics

Problems = Callable[[], list[str]]
"""What is wrong now, one sentence each; empty when all is well."""


class HealthServer:
    """Answers `/healthz`, `/readyz` and `/metrics`.

    `/healthz` fails where a restart would help (an event loop that does not turn answers nothing at all); `/readyz`
    also fails while the worker waits for others: the broker, partitions, the engine.

    Args:
        host: address to listen on.
        port: 0 takes a free one.
        port_file: receives the port that was taken.
        metrics: what `/metrics` shows.
        sick: problems that a restart would cure.
        unready: reasons why nothing is scored now.
    """

    def __init__(
        self, host: str, port: int, port_file: Path | None, metrics: Metrics, *, sick: Problems, unready: Problems
    ) -> None:
        self._host = host
        self._wanted = port
        self._port_file = port_file
        self._metrics = metrics
        self._sick = sick
        self._unready = unready
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen, then write the port file.

        Raises:
            SettingsError: the port is taken, or the port file cannot be written.
        """
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._exposition)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._wanted).start()
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {self._host}:{self._wanted}: {error.strerror}; choose another --http-port, 0 takes "
                "a free one"
            ) from error
        self.port = int(self._runner.addresses[0][1])
        try:
            if self._port_file is not None:
                whole_file.write(self._port_file, b"%d\n" % self.port)
        except OSError as error:
            await self.stop()
            raise SettingsError(
                f"cannot write the port to {self._port_file}: {error.strerror}; choose another --port-file"
            ) from error

    async def stop(self) -> None:
        """Stop listening and take the port file away."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
            if self._port_file is not None:
                with contextlib.suppress(OSError):
                    self._port_file.unlink()

    async def _healthz(self, _: web.Request) -> web.Response:
        return _answer(self._sick())

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer([*self._sick(), *self._unready()])

    async def _exposition(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})


def _answer(problems: list[str]) -> web.Response:
    if problems:
        return web.json_response({"status": "unavailable", "problems": problems}, status=503)
    return web.json_response({"status": "ok", "problems": []})
