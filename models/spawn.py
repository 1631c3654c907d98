"""Starts the engine's process, keeps the last lines of its output, and ends it: its pipe, its lifeline, its code."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

import models
from models import pipe

KEPT_STDERR_LINES = 20
"""Last lines of the child's output that an error shows: a native stack trace's useful end."""

_BOOT = """
import sys
sys.path.insert(0, sys.argv[1])
import models, runtime
sys.path.append(sys.path.pop(0))
from models.priority import give_way
take_part = give_way() if sys.argv[4] == "gives-way" else lambda: None
from models.child import main
main(int(sys.argv[2]), int(sys.argv[3]), take_part)
"""
"""The child runs the code of the tree that we run, also where another is installed. The two names are all that it
takes from there: with the folder in front for good, what else lies in it could stand for parts of Python."""


class Child:
    """One child process with its pipe, its lifeline and the last lines of its output.

    Args:
        gives_way: it loads only with what other processes leave of the processors.
    """

    def __init__(self, gives_way: bool = False) -> None:
        root = str(Path(models.__file__).parent.parent)
        manners = "gives-way" if gives_way else "takes-part"
        with contextlib.ExitStack() as theirs_only, contextlib.ExitStack() as unless_started:
            ours, theirs = socket.socketpair()
            theirs_only.callback(theirs.close)
            unless_started.callback(ours.close)
            lifeline_read, self._lifeline = os.pipe()
            theirs_only.callback(os.close, lifeline_read)
            unless_started.callback(os.close, self._lifeline)
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, root, str(theirs.fileno()), str(lifeline_read), manners],
                pass_fds=(theirs.fileno(), lifeline_read),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            unless_started.pop_all()
        self.connection = pipe.Pipe(ours)
        self._lines: deque[str] = deque(maxlen=KEPT_STDERR_LINES)
        self._reader = threading.Thread(target=self._read_output, name="engine-output", daemon=True)
        self._reader.start()
        self._lock = threading.Lock()
        self._ending = ""

    def end(self, grace_s: float) -> str:
        """End the process and say how it ended; a second call says the same again."""
        with self._lock:
            if not self._ending:
                self.connection.close()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    if grace_s > 0:
                        self.process.wait(grace_s)
                self.process.kill()
                self._ending = _how_it_ended(self.process.wait())
                os.close(self._lifeline)
                self._reader.join(1.0)
            return self._ending

    def last_words(self) -> str:
        """The last lines that the process printed, ready to follow a message."""
        return "; its last output:\n" + "\n".join(self._lines) if self._lines else ""

    def _read_output(self) -> None:
        output = self.process.stdout
        if output is None:
            raise RuntimeError("the child was started with a pipe for its output; a bug of ours")
        with output:
            for line in output:
                self._lines.append(line.decode(errors="replace").rstrip()[:500])


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"
