"""What served on this machine last, and the generation below which nothing may serve here: a file, for a next start."""

from __future__ import annotations

from pathlib import Path

import msgspec
from filelock import FileLock

from runtime import whole_file
from runtime.errors import InputError

MEMORY_FILE = "champion.json"
LOCK_FILE = "champion.lock"

LOCK_S = 5.0
"""Longest wait for another worker of this machine that writes."""


class Remembered(msgspec.Struct, frozen=True):
    """What served here.

    Attributes:
        generation: highest that served here; 0 where none did.
        version: served then.
    """

    generation: int = 0
    version: str | None = None


def remembered(home: Path) -> Remembered:
    """What served here last.

    Raises:
        InputError: the file is damaged.
    """
    path = home / MEMORY_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Remembered)
    except FileNotFoundError:
        return Remembered()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} does not say what served here last: {error}; delete it, and whatever the pointer names may serve"
        ) from error


def remember(home: Path, served: Remembered) -> None:
    """Keep what serves now, unless another worker of this machine has served a higher generation.

    Raises:
        OSError: it cannot be written, or another worker holds the lock.
        InputError: the file is damaged.
    """
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / LOCK_FILE, timeout=LOCK_S):
        if served.generation < remembered(home).generation:
            return
        whole_file.write(home / MEMORY_FILE, msgspec.json.encode(served))
