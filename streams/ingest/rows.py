"""Rows of a file or a stream, one at a time and with their place; the formats are `jsonl`, `csv` and `parquet`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from streams.ingest.refusal import RowRefusedError

Format = Literal["jsonl", "csv", "tsv", "parquet"]

SUFFIXES: Mapping[str, Format] = MappingProxyType(
    {
        ".jsonl": "jsonl",
        ".ndjson": "jsonl",
        ".json": "jsonl",
        ".csv": "csv",
        ".tsv": "tsv",
        ".parquet": "parquet",
        ".pq": "parquet",
    }
)
"""A name's ending (before `.gz`) to its format."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, or why it is none."""

    number: int
    """Line of a text file (the last one of a row over several lines), row of a Parquet file; counted from 1."""
    values: Mapping[str, object] | RowRefusedError


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one origin."""

    name: str
    iterator: Iterator[Row]
    digest: Callable[[Mapping[str, object]], str]
    """SHA-256 that the ids of rows without id, URL and time build on: the file's, or that of the row itself."""
    share_read: Callable[[], float | None] = lambda: None
    """How much was read, 0 to 1; None where the length is unknown."""
