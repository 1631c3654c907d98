"""One direction of one connection through the proxy: bytes wait in order until they are due and the way is open."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

CHUNK_BYTES = 64 * 1024
"""Most bytes that are read at once."""

HELD_BYTES = 8 * 1024 * 1024
"""Most bytes that one direction holds back; then its sender is no longer read from, as with a full TCP window."""

_FIRST_BYTES = (16, 4 * 1024)
"""A connection made while resets go on gets between so many response bytes: to die in a greeting or in a fetch."""

_LINGER_OFF = struct.pack("ii", 1, 0)


@dataclass
class Way:
    """What all connections have in common in one direction; lives in the proxy's event loop.

    Attributes:
        open: cleared while the network is cut.
        delay_s: how long each byte travels.
        budget: response bytes that a new connection may get before it is reset, while one that was there before is
            reset in its next response; None never resets.
    """

    open: asyncio.Event = field(default_factory=asyncio.Event)
    delay_s: float = 0.0
    budget: Callable[[], int] | None = None


def budgets(choose: random.Random) -> Callable[[], int]:
    """How many bytes a connection gets before its reset: evenly over the orders of magnitude."""
    low, high = _FIRST_BYTES

    def draw() -> int:
        return int(low * (high / low) ** choose.random())

    return draw


class Conduit:
    """Carries bytes from one socket to another.

    Reading and writing are two tasks with a queue between them: what is delayed keeps its order, and does not
    slow down what comes after it.

    Args:
        way: the direction's state.
        source: where bytes come from.
        target: where they go.
    """

    def __init__(self, way: Way, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        self._way = way
        self._source = source
        self._target = target
        self._waiting: deque[tuple[float, bytes | None]] = deque()
        self._held = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._left: int | None = None
        self._was_safe = False

    async def run(self) -> None:
        """Carry until the source ends and all of it has arrived.

        Raises:
            OSError: the target is gone, or it is time to reset the connection.
        """
        reading = asyncio.create_task(self._read())
        try:
            await self._write()
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                chunk = await self._source.read(CHUNK_BYTES)
            except OSError:  # a reset; the other side hears of it in its turn, as a network would carry it
                chunk = b""
            self._waiting.append((loop.time() + self._way.delay_s, chunk or None))
            self._held += len(chunk)
            self._changed.set()
            if not chunk:
                return
            self._room.clear()
            if self._held > HELD_BYTES:
                await self._room.wait()

    async def _write(self) -> None:
        while True:
            while not self._waiting:
                self._changed.clear()
                await self._changed.wait()
            due, chunk = self._waiting[0]
            await _until(due)
            await self._way.open.wait()
            self._waiting.popleft()
            if chunk is None:
                with contextlib.suppress(OSError):
                    self._target.write_eof()
                return
            self._target.write(self._until_reset(chunk))
            await self._target.drain()
            self._held -= len(chunk)
            if self._held <= HELD_BYTES:
                self._room.set()

    def _until_reset(self, chunk: bytes) -> bytes:
        """The chunk; raises after a part of it where the connection has used up its budget."""
        if self._way.budget is None:
            self._left, self._was_safe = None, True
            return chunk
        if self._left is None:
            self._left = 1 if self._was_safe else self._way.budget()
        self._left -= len(chunk)
        if self._left > 0 or len(chunk) < 2:
            return chunk
        # A chunk ends where a response ends: one byte less at least is the middle of one.
        self._target.write(chunk[: max(1, min(len(chunk) - 1, len(chunk) + self._left))])
        raise ConnectionResetError("in the middle of a response")


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST instead of FIN: its peer gets an error, not an end."""
    plain: socket.socket | None = writer.get_extra_info("socket")
    if plain is not None and plain.fileno() >= 0:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
    writer.transport.abort()


async def _until(due: float) -> None:
    rest = due - asyncio.get_running_loop().time()
    if rest > 0:
        await asyncio.sleep(rest)
