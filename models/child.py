"""The engine's process: loads one engine, answers requests over the pipe, ends with its parent.

Nothing but `models.spawn` starts this; what travels is in `models.pipe`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from models import pipe
from models.batching import estimate_tokens
from models.engine import Engine
from models.specs import RegistrySpec, TrappedSpec, open_spec
from runtime import errors

WARM_UP_TEXTS = (1, 16)
"""Batch sizes of the warm-up: the first call of a shape plans kernels and takes up to 3 times as long.

Engines cut larger batches into passes of about 1,000 tokens: with 64 texts too, the warm-up took 0.9 s instead of 0.3
(int8, 2 cores) and the first real calls were no faster for it. Every restart waits for the warm-up."""

WARM_UP_WORDS = (6, 20, 60)
"""Text lengths of the warm-up: a headline, a post, a paragraph."""

MEMORY_WORDS = re.compile(
    r"can'?t alloc|cannot alloc|(failed to|could not) allocate|bad_alloc|(not enough|out of) memory", re.IGNORECASE
)
"""How runtimes without an error class for it say that memory is exhausted: PyTorch on a CPU "can't allocate memory",
OpenVINO "can't alloc" or "bad_alloc", ONNX Runtime "Failed to allocate memory"."""


def main(pipe_fd: int, lifeline_fd: int, take_part: Callable[[], None] = lambda: None) -> None:
    """Serve one engine until the parent closes the pipe or dies.

    Args:
        pipe_fd: our end of the socket pair.
        lifeline_fd: read end of a pipe whose write end only the parent holds.
        take_part: called when the engine is warm: a process that loads may have given way to others.
    """
    end_with_parent(lifeline_fd)
    # The parent decides when we end: a Ctrl-C or a service manager's SIGTERM reaches the whole group, and batches
    # that the parent still drains need us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # no such file outside Linux
        # When memory runs out, the kernel takes the process that can be restarted.
        Path("/proc/self/oom_score_adj").write_text("500")
    connection = pipe.Pipe(socket.socket(fileno=pipe_fd))
    with contextlib.suppress(EOFError, ConnectionError):
        engine = _open(connection, take_part)
        if engine is not None:
            _serve(engine, connection)
            engine.close()


def end_with_parent(lifeline_fd: int) -> None:
    """Arrange that this process is killed when the lifeline's other end closes, whatever it is doing.

    On Linux the kernel itself sends SIGKILL, also while native code holds the interpreter's lock; elsewhere a
    thread does what it can. (PR_SET_PDEATHSIG would fire when the parent's starting *thread* ends.)
    """
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(lifeline_fd, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline_fd, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline_fd, fcntl.F_SETFL, fcntl.fcntl(lifeline_fd, fcntl.F_GETFL) | os.O_ASYNC)

    def watch() -> None:
        os.read(lifeline_fd, 1)  # nothing is ever written: this returns at the end of file
        os._exit(0)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def warm_up(engine: Engine, sizes: Sequence[int] = WARM_UP_TEXTS) -> float:
    """Run the shapes that traffic will bring, so that the first real batch is not the slow one.

    Returns:
        Estimated tokens per second of the last and largest call: the first deadlines follow it.
    """
    tokens_per_s = 0.0
    for words in WARM_UP_WORDS:
        text = "profit " * words
        for size in sizes:
            started = time.perf_counter()
            engine.score([text] * size)
            tokens_per_s = size * estimate_tokens(text) / max(1e-4, time.perf_counter() - started)
    return tokens_per_s


def _open(connection: pipe.Pipe, take_part: Callable[[], None]) -> Engine | None:
    request = msgspec.msgpack.decode(connection.receive(), type=pipe.Open)
    try:
        engine = open_spec(request.spec)
        is_real = isinstance(request.spec, RegistrySpec | TrappedSpec)
        tokens_per_s = warm_up(engine, WARM_UP_TEXTS if is_real else (1,))  # a fake has nothing to warm
    except Exception as error:  # the process boundary: the parent raises it again
        connection.send(_failure(error))
        return None
    take_part()
    tasks = [pipe.TaskShape(task.name, task.labels, task.abstain_below) for task in engine.tasks.values()]
    connection.send(pipe.Ready(engine.name, engine.version, engine.cleaning, tasks, tokens_per_s))
    return engine


def _serve(engine: Engine, connection: pipe.Pipe) -> None:
    decoder = msgspec.msgpack.Decoder(pipe.Score | pipe.Count)
    while True:
        request = decoder.decode(connection.receive())
        answer: msgspec.Struct
        try:
            answer = _answer(engine, request)
        except Exception as error:  # the process boundary: the parent raises it again
            answer = _failure(error)
        connection.send(answer)


def _answer(engine: Engine, request: pipe.Score | pipe.Count) -> msgspec.Struct:
    if isinstance(request, pipe.Count):
        return pipe.Counted(engine.token_counts(request.texts))
    by_task = engine.score(request.texts)
    joined = np.concatenate([by_task[name] for name in engine.tasks], axis=1)
    call = engine.last_call
    return pipe.Scored(joined.tobytes(), call.tokenise_s, call.predict_s, call.tokens, call.padded_tokens)


def _failure(error: Exception) -> pipe.Failed:
    """The nearest class of ours that the parent can raise; anything else is the engine's failure."""
    if _is_out_of_memory(error):
        return pipe.Failed("EngineMemoryError", _said(error))
    for kind in type(error).__mro__:
        if getattr(errors, kind.__name__, None) is kind:
            return pipe.Failed(kind.__name__, str(error))
    return pipe.Failed("EngineError", _said(error))


def _said(error: Exception) -> str:
    """The message, with the class where that is not ours: a bare MemoryError has no message."""
    return str(error) if isinstance(error, errors.BellwetherError) else f"{type(error).__name__}: {error}"


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Whether the error or one that it was raised from says so; PyTorch's own class is told by its name alone."""
    while error is not None:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return True
        if isinstance(error, RuntimeError) and MEMORY_WORDS.search(str(error)):
            return True
        error = error.__cause__
    return False
