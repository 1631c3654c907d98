"""What host and engine process say to each other: length-prefixed MessagePack over a socket pair, no pickle."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable

import msgspec

from models.specs import NoopSpec, RegistrySpec, ScriptedSpec, TrappedSpec

MAX_FRAME_BYTES = 256 * 1024 * 1024
"""Larger frames are a bug or a broken peer: a batch of 500 texts of 64 KiB is 32 MiB."""

_LENGTH = struct.Struct("<I")


class Open(msgspec.Struct, frozen=True, tag="open"):
    """To the child, first: load this engine and warm it up."""

    spec: RegistrySpec | NoopSpec | ScriptedSpec | TrappedSpec


class Score(msgspec.Struct, frozen=True, tag="score", array_like=True):
    """To the child: score these cleaned texts."""

    texts: list[str]


class Count(msgspec.Struct, frozen=True, tag="count", array_like=True):
    """To the child: how many tokens have these cleaned texts."""

    texts: list[str]


class TaskShape(msgspec.Struct, frozen=True):
    """A task as it travels; see `models.engine.Task`."""

    name: str
    labels: tuple[str, ...]
    abstain_below: float


class Ready(msgspec.Struct, frozen=True, tag="ready", array_like=True):
    """From the child: loaded, canaries checked, warm; `tokens_per_s` is what it did in the warm-up."""

    name: str
    version: str
    cleaning: str
    tasks: list[TaskShape]
    tokens_per_s: float


class Scored(msgspec.Struct, frozen=True, tag="scored", array_like=True):
    """From the child: float32 [texts, classes of all tasks side by side] as raw bytes, and the call's report."""

    probabilities: bytes
    tokenise_s: float
    predict_s: float
    tokens: int
    padded_tokens: int


class Counted(msgspec.Struct, frozen=True, tag="counted", array_like=True):
    """From the child: tokens per text."""

    counts: list[int]


class Failed(msgspec.Struct, frozen=True, tag="failed", array_like=True):
    """From the child, which lives on: this request failed; `kind` is the error's class in `runtime.errors`."""

    kind: str
    message: str


class Pipe:
    """One end of the conversation. Blocking; each call has a deadline of its own.

    Args:
        end: a connected stream socket; the pipe owns it from now on.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._encoder = msgspec.msgpack.Encoder()

    def send(self, message: msgspec.Struct, timeout_s: float | None = None) -> None:
        """Hand over one message.

        Raises:
            TimeoutError: the other end did not take it in time.
            OSError: the other end is gone.
        """
        payload = self._encoder.encode(message)
        self._end.settimeout(timeout_s)
        self._end.sendall(_LENGTH.pack(len(payload)) + payload)

    def receive(
        self, timeout_s: float | None = None, look: Callable[[], None] | None = None, look_every_s: float = 1.0
    ) -> bytearray:
        """Wait for one message, still encoded.

        Args:
            timeout_s: seconds until the message must be complete; None waits for ever.
            look: called whenever nothing came for `look_every_s`; what it raises ends the wait.
            look_every_s: seconds of silence between two looks.

        Raises:
            TimeoutError: no complete message in time.
            EOFError: the other end is gone.
            OSError: the connection broke.
        """
        ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size, ends_at, look, look_every_s))
        if length > MAX_FRAME_BYTES:
            raise OSError(f"a frame of {length} bytes on the engine's pipe, at most {MAX_FRAME_BYTES} are sent; a bug")
        return self._exactly(length, ends_at, look, look_every_s)

    def close(self) -> None:
        """Close this end; the other one reads end of file, and so does a thread that waits in `receive`."""
        with contextlib.suppress(OSError):  # the other end is gone already
            self._end.shutdown(socket.SHUT_RDWR)
        self._end.close()

    def _exactly(
        self, size: int, ends_at: float | None, look: Callable[[], None] | None, look_every_s: float
    ) -> bytearray:
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            left_s = None if ends_at is None else max(1e-4, ends_at - time.monotonic())
            if look is None:
                self._end.settimeout(left_s)
            else:
                self._end.settimeout(look_every_s if left_s is None else min(look_every_s, left_s))
            try:
                received = self._end.recv_into(view)
            except TimeoutError:
                if look is None or (ends_at is not None and time.monotonic() >= ends_at):
                    raise
                look()
                continue
            if not received:
                raise EOFError("the other end of the engine's pipe is closed")
            view = view[received:]
        return buffer
