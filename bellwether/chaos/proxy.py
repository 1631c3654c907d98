"""A TCP proxy on loopback whose network can be cut, slowed down and reset, and always heals."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from bellwether.broker.properties import HOST
from bellwether.chaos.conduits import Conduit, Way, budgets, reset
from runtime.errors import InputError

DIRECTIONS = ("both", "to-broker", "to-worker")

_CALL_S = 10.0
"""For a change of mode: the proxy's loop does nothing that takes long."""


class Proxy:
    """Forwards connections to one port, from a thread of its own.

    A cut holds bytes back and lets them go when it heals, as TCP's retransmission would. What cannot be modelled
    without root: the kernel answers a new connection's SYN, so clients connect during a cut and then hear
    nothing; and the proxy's kernel acknowledges what the proxy holds.

    Args:
        choose: where resets fall.
        port: on which it listens; 0 takes a free one.
        target_port: where connections go; may be given later, as a broker is told the proxy's port at its start.
    """

    def __init__(self, choose: random.Random, *, port: int = 0, target_port: int = 0) -> None:
        self.target_port = target_port
        self.port = port
        self._choose = choose
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def address(self) -> str:
        """`host:port` for those whose network it is."""
        return f"{HOST}:{self.port}"

    def cut(self, direction: str = "both") -> None:
        """Let no byte pass in a direction.

        Args:
            direction: one of `DIRECTIONS`.

        Raises:
            InputError: it is none of them.
        """
        if direction not in DIRECTIONS:
            raise InputError(f"a network is cut {', '.join(DIRECTIONS)}, not {direction!r}")
        self._call(self._cut(direction))

    def delay(self, each_way_s: float) -> None:
        """Let every byte travel so long in each direction; order and throughput stay."""
        self._call(self._delay(each_way_s))

    def reset(self) -> None:
        """From now on, reset every connection in the middle of a response, some sooner and some later."""
        self._call(self._reset())

    def heal(self) -> None:
        """Be a good network again: what was held back goes on in order, nothing lost and nothing twice."""
        self._call(self._heal())

    def close(self) -> None:
        """End all connections and the thread; a second call does nothing."""
        if not self._thread.is_alive():
            return
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, change: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(change, self._loop).result(_CALL_S)

    async def _start(self) -> None:
        self._ways = {"to-broker": Way(), "to-worker": Way()}
        self._server = await asyncio.start_server(self._accepted, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        await self._heal()

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        running = list(self._connections)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _cut(self, direction: str) -> None:
        for name, way in self._ways.items():
            if direction in ("both", name):
                way.open.clear()

    async def _delay(self, each_way_s: float) -> None:
        for way in self._ways.values():
            way.delay_s = each_way_s

    async def _reset(self) -> None:
        self._ways["to-worker"].budget = budgets(self._choose)

    async def _heal(self) -> None:
        for way in self._ways.values():
            way.open.set()
            way.delay_s = 0.0
            way.budget = None

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            await self._carry(reader, writer)
        except asyncio.CancelledError:  # the proxy closes; asyncio's server would log it as an error
            pass
        finally:
            reset(writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for way in self._ways.values():
            await way.open.wait()  # a handshake needs both directions
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self.target_port)
        except OSError:
            return  # a reset instead of a refusal: nobody listens there now
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(Conduit(self._ways["to-broker"], reader, far_writer).run())
                both.create_task(Conduit(self._ways["to-worker"], far_reader, writer).run())
            for end in (writer, far_writer):
                end.close()
                await end.wait_closed()
        except* OSError:
            pass  # both sides are reset below
        finally:
            reset(far_writer)
