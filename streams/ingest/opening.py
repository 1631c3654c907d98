"""Opens a file or standard input as rows: finds the format, takes gzip off, knows how far it has come."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from runtime.errors import InputError
from streams.ingest import csv_rows, json_lines, parquet_rows
from streams.ingest.rows import SUFFIXES, Format, Row, Rows

if TYPE_CHECKING:
    BufferedBytes = io.BufferedReader[Any]

_GZIP = b"\x1f\x8b"
_BUFFER_BYTES = 1024 * 1024


@contextmanager
def file(path: Path, format_: Format | None = None) -> Iterator[Rows]:
    """The rows of a file; gzip is known by its first bytes, whatever the name.

    Raises:
        InputError: it cannot be opened, or its name tells no format and none is given.
    """
    chosen = format_ or _format_of(path)
    with ExitStack() as stack:
        try:
            stream = cast("BufferedBytes", stack.enter_context(path.open("rb", buffering=_BUFFER_BYTES)))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; give a file that can be read") from error
        size = os.fstat(stream.fileno()).st_size
        # The raw position counts what was fetched from the disk, the buffer's bytes included: near enough for a bar.
        rows, share = _rows(stack, stream, chosen, str(path), lambda: stream.raw.tell() / size if size else None)
        digests: list[str] = []

        def digest(_: Mapping[str, object]) -> str:
            if not digests:
                digests.append(_sha256(path))
            return digests[0]

        yield Rows(path.name, rows, digest, share)


@contextmanager
def standard_input(stream: BinaryIO, format_: Format = "jsonl") -> Iterator[Rows]:
    """The rows of a stream that comes once: a row's own content stands in for the digest of the whole."""
    with ExitStack() as stack:
        rows, share = _rows(stack, cast("BufferedBytes", stream), format_, "standard input", lambda: None)
        yield Rows("stdin", rows, content_digest, share)


def content_digest(row: Mapping[str, object]) -> str:
    """SHA-256 of one row, for origins that cannot be read twice."""
    return hashlib.sha256(repr(sorted(row.items())).encode("utf-8", "surrogatepass")).hexdigest()


def _format_of(path: Path) -> Format:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in (".gz", ".gzip")]
    found = SUFFIXES.get(suffixes[-1]) if suffixes else None
    if found is None:
        raise InputError(f"{path}: the name tells no format; add --format jsonl, csv, tsv or parquet")
    return found


def _rows(
    stack: ExitStack, stream: BufferedBytes, format_: Format, name: str, share: Callable[[], float | None]
) -> tuple[Iterator[Row], Callable[[], float | None]]:
    try:
        is_gzip = stream.peek(2)[:2] == _GZIP
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}; give a file that can be read") from error
    plain: BinaryIO = cast("BinaryIO", stack.enter_context(gzip.GzipFile(fileobj=stream))) if is_gzip else stream
    if format_ == "parquet":
        return _parquet(stack, plain, name, is_gzip or not stream.seekable())
    rows = json_lines.read(plain) if format_ == "jsonl" else csv_rows.read(plain, "\t" if format_ == "tsv" else ",")
    return _named(rows, name), share


def _parquet(
    stack: ExitStack, plain: BinaryIO, name: str, is_stream: bool
) -> tuple[Iterator[Row], Callable[[], float | None]]:
    seekable: IO[bytes] = plain
    if is_stream:
        # Parquet is read from its end; the copy lies on disk, so that memory stays bounded.
        seekable = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (the stack closes it)
        try:
            shutil.copyfileobj(plain, seekable)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(f"{name}: {error}; the gzip stream is damaged, fetch the file again") from error
    try:
        total, rows = parquet_rows.read(seekable)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    seen = [0]

    def counted() -> Iterator[Row]:
        for row in rows:
            seen[0] = row.number
            yield row

    return _named(counted(), name), lambda: seen[0] / total if total else None


def _named(rows: Iterator[Row], name: str) -> Iterator[Row]:
    """The same rows; a damaged stream ends in an error that names its place."""
    last = 0
    try:
        for row in rows:
            last = row.number
            yield row
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{name}: after line {last}: {error}; the gzip stream is damaged, fetch the file again"
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
