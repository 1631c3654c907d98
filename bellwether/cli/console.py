"""Where tables are printed: as wide as the terminal, and wide enough to read in a pipe or a log."""

from __future__ import annotations

import sys

from rich.console import Console

PIPED_WIDTH = 160
"""Columns off a terminal: rich would take 80 there and cut the names that a log is read for."""


def tables() -> Console:
    """A console for standard output."""
    return Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)
