"""Files that are there whole or not at all, whatever dies in the midst of writing."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Write a draft beside the file and rename it: readers see the old or the new, and so does a power cut.

    Args:
        path: replaced if it is there; its folder must be.
        content: all of it.

    Raises:
        OSError: it cannot be written; what was there stays, and no draft is left.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
