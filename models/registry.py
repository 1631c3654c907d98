"""Versions on disk."""

from __future__ import annotations
from pathlib import Path
from models.engine import Engine
from runtime.errors import VersionNotFoundError


def open_engine(
    version: str, *, registry: Path, trust: Path, engine: str | None = None, threads: int | None = None
) -> Engine:
    raise VersionNotFoundError(version, [])
