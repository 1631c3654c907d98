"""An object store for a row: moto's server, which speaks S3, as a process of its own that can stand still."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bellwether.broker import ports
from runtime.errors import DependencyError

START_S = 60.0

BUCKET = "models"

_ACCESS = {
    "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
}  # fmt: skip


class ObjectStore:
    """A server that runs.

    Args:
        process: of it.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.url = f"s3://{BUCKET}/registry"

    def stop(self) -> None:
        """Let it stand still: connections are taken, and nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def running(folder: Path) -> Iterator[ObjectStore]:
    """Start a server with an empty bucket; this process and its children find it in the usual variables.

    Args:
        folder: for its log.

    Raises:
        DependencyError: it is not installed or does not start.
    """
    if (reason := refusal()) is not None:
        raise DependencyError(reason)
    (port,) = ports.free(1, random.Random())
    endpoint = f"http://127.0.0.1:{port}"
    with (folder / "object-store.log").open("wb") as log:
        process = subprocess.Popen([_command(), "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    before = dict(os.environ)
    try:
        _wait(process, endpoint)
        os.environ.update(_ACCESS, AWS_ENDPOINT=endpoint)
        request = urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")
        urllib.request.urlopen(request, timeout=10).close()
        yield ObjectStore(process)
    finally:
        for name in (*_ACCESS, "AWS_ENDPOINT"):
            os.environ.pop(name, None)
        os.environ.update(before)
        process.kill()
        process.wait()


def refusal() -> str | None:
    """Why none can be started here, or None where one can."""
    return None if _command().exists() else f"{_command()} is absent; `make install` brings it"


def _command() -> Path:
    return Path(sys.prefix, "moto", "bin", "moto_server")


def _wait(process: subprocess.Popen[bytes], endpoint: str) -> None:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise DependencyError(f"moto's server did not answer at {endpoint} within {START_S:.0f} s; see object-store.log")
