"""One node as a process of the operating system: command line, start, liveness, end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from runtime.errors import BrokerError

from . import artefacts

_HEAP = "-Xmx512m"
"""Kafka's own default is 1 GiB; with half of it a node holds 340-370 MB resident with all topics of ours."""

_FLAGS = (
    _HEAP,
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
)

_FORMAT_TIMEOUT_S = 60.0
"""Formatting takes about 2 s here; a minute is a machine that is far too busy."""

_LOG_LINES = 12
"""How much of a dead node's log an error shows: a cause and the start of its stack."""


@dataclass(frozen=True)
class NodeFolder:
    """Where one node keeps its settings, data, log and pid."""

    path: Path

    @property
    def settings(self) -> Path:
        """`server.properties`, written anew at every start."""
        return self.path / "server.properties"

    @property
    def log_settings(self) -> Path:
        """`log4j2.properties`, written anew at every start."""
        return self.path / "log4j2.properties"

    @property
    def data(self) -> Path:
        """Kafka's own folder: the only one that matters after a crash."""
        return self.path / "data"

    @property
    def scratch(self) -> Path:
        """Where Kafka's compression libraries unpack themselves; a killed node leaves them behind."""
        return self.path / "scratch"

    @property
    def log(self) -> Path:
        """What Kafka logs."""
        return self.path / "broker.log"

    @property
    def output(self) -> Path:
        """What the Java machine itself prints, for example that it found no memory."""
        return self.path / "output.log"

    @property
    def pid(self) -> Path:
        """Who runs this node: process id and create time."""
        return self.path / "process.json"

    @property
    def is_formatted(self) -> bool:
        """Whether the data folder belongs to a cluster already."""
        return (self.data / "meta.properties").exists()


def format_data(folder: NodeFolder, cluster_id: str, class_path: str) -> None:
    """Give the data folder of a new node the identity of its cluster.

    Raises:
        BrokerError: Kafka's own tool refused or took too long.
    """
    # The tool ends before a better compiler would pay: 1.4 s of CPU instead of 2.0.
    command = [str(artefacts.java()), *_flags(folder), "-XX:TieredStopAtLevel=1", "-cp", class_path]
    command += ["kafka.tools.StorageTool", "format"]
    command += ["-t", cluster_id, "-c", str(folder.settings), "--ignore-formatted"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise BrokerError(
            f"formatting {folder.data} took over {_FORMAT_TIMEOUT_S:.0f} s; is the disk or the machine overloaded?"
        ) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise BrokerError(f"Kafka could not format {folder.data}: {said}\n{log_tail(folder)}")


def spawn(folder: NodeFolder, class_path: str) -> int:
    """Start a node, detached from us and from our terminal, and note who it is.

    Returns:
        Its process id.
    """
    shutil.rmtree(folder.scratch, ignore_errors=True)
    folder.scratch.mkdir()
    java = str(artefacts.java())
    command = [java, *_flags(folder), "-cp", class_path, "kafka.Kafka", str(folder.settings)]
    into_log = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    # posix_spawn and not subprocess: a Popen object warns when it is dropped while its process lives, and this
    # process is meant to outlive us. A session of its own keeps the terminal's Ctrl-C away from it.
    pid = os.posix_spawn(
        java,
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(folder.output), into_log, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    folder.pid.write_text(json.dumps({"pid": pid, "create_time": psutil.Process(pid).create_time()}))
    return pid


def running(folder: NodeFolder) -> psutil.Process | None:
    """The node's process, or None; a process that merely has the same number is not taken for it."""
    try:
        noted = json.loads(folder.pid.read_text(encoding="utf-8"))
        process = psutil.Process(int(noted["pid"]))
        # Create times are read back from the kernel's ticks: the same process always gives the same number.
        if abs(process.create_time() - float(noted["create_time"])) > 0.5:
            return None
        if process.status() != psutil.STATUS_ZOMBIE:
            return process
        process.wait(timeout=0)
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return None


def end(processes: list[psutil.Process], *, wait_s: float) -> list[psutil.Process]:
    """Ask processes to stop, wait, and kill the rest.

    Returns:
        Those that had to be killed; their data survives that.
    """
    for process in processes:
        _signal(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=wait_s)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=wait_s)
    return alive


def log_tail(folder: NodeFolder, lines: int = _LOG_LINES) -> str:
    """The last lines that a node said, from Kafka's log and from the Java machine's own output."""
    parts: list[str] = []
    for path in (folder.log, folder.output):
        try:
            said = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        if said:
            parts.append(f"last lines of {path}:\n  " + "\n  ".join(said[-lines:]))
    return "\n".join(parts) or f"it wrote no log under {folder.path}"


def _flags(folder: NodeFolder) -> list[str]:
    return [
        *_FLAGS,
        f"-Djava.io.tmpdir={folder.scratch}",
        f"-XX:ErrorFile={folder.path / 'java-crash.log'}",
        f"-Dlog4j2.configurationFile={folder.log_settings.as_uri()}",
    ]


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
