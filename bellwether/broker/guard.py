"""Ends a temporary broker when the process that wanted it is gone, even by kill -9.

Run as `python -m bellwether.broker.guard FOLDER`; it waits for the end of its standard input.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from .cluster import kill


def main() -> None:
    """Wait until nobody holds the other end, then end the folder's nodes and remove it."""
    folder = Path(sys.argv[1])
    sys.stdin.buffer.read()
    if folder.exists():
        kill(folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
