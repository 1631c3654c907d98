"""A small disk of its own for a row's state and logs, which can be full: a tmpfs, which only root may mount."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from runtime.errors import DependencyError

SIZE_MIB = 32
"""A row's logs are some MiB."""

VERSIONS_MIB = 600
"""Two versions of a row, and another while it is pulled."""

_BALLAST = "ballast"
_MOUNT_S = 30.0


class Disk:
    """Mounted from entering to leaving; what is on it then is kept in its folder.

    Args:
        folder: empty; where it is mounted.
        size_mib: of it.
    """

    def __init__(self, folder: Path, size_mib: int = SIZE_MIB) -> None:
        self._folder = folder
        self._size_mib = size_mib

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={self._size_mib}m,mode=700", "bellwether-chaos", str(self._folder))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder.parent, prefix=".disk-") as kept:
            try:
                self.free()
                shutil.copytree(self._folder, kept, symlinks=True, dirs_exist_ok=True)
            finally:
                # Lazily: a process that is just being killed may still have its log open.
                _run("umount", "--lazy", str(self._folder))
                shutil.copytree(kept, self._folder, symlinks=True, dirs_exist_ok=True)

    def fill(self) -> int:
        """Take every free block; what is open may still grow to the end of its last page.

        Returns:
            Bytes that were free.
        """
        file = os.open(self._folder / _BALLAST, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            taken = 0
            size = 1024 * 1024
            while size:
                try:
                    taken += os.write(file, bytes(size))
                except OSError:
                    size //= 2
            return taken
        finally:
            os.close(file)

    def free(self) -> None:
        """Give back what `fill` took; doing it twice is no error."""
        (self._folder / _BALLAST).unlink(missing_ok=True)


def refusal() -> str | None:
    """Why no disk can be mounted here, or None where one can."""
    if os.geteuid() != 0:
        return "only root may mount a disk that is full"
    with tempfile.TemporaryDirectory(prefix="bellwether-disk-") as folder:
        try:
            with Disk(Path(folder) / "disk"):
                return None
        except DependencyError as error:
            return str(error)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_MOUNT_S, check=False)
    except FileNotFoundError:
        raise DependencyError(f"there is no command {command[0]!r} here; a full disk needs it") from None
    except subprocess.TimeoutExpired:
        raise DependencyError(f"`{' '.join(command)}` took longer than {_MOUNT_S:.0f} s; try again") from None
    if done.returncode != 0:
        raise DependencyError(f"`{' '.join(command)}` failed: {done.stderr.strip()}; may this container mount?")
