"""JSON Lines: one object a line; a bad line is refused, the next one is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from streams.ingest.refusal import INVALID_UTF8, NOT_AN_OBJECT, NOT_JSON, TOO_LARGE, RowRefusedError
from streams.ingest.rows import Row

MAX_LINE_BYTES = 16 * 1024 * 1024
"""A longer line is refused unread: every event in it would be over the broker's 1 MiB, fields that we drop included."""

_BOM = b"\xef\xbb\xbf"
_DECODER = msgspec.json.Decoder()


def read(stream: BinaryIO) -> Iterator[Row]:
    """Rows of a binary stream; empty lines are skipped but counted."""
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            _skip_line(stream, line)
            yield Row(number, RowRefusedError(TOO_LARGE, f"the line is longer than {MAX_LINE_BYTES:,} bytes; split it"))
            continue
        if number == 1:
            line = line.removeprefix(_BOM)
        if line.isspace() or not line:
            continue
        yield Row(number, decode(line))


def decode(line: bytes) -> dict[str, object] | RowRefusedError:
    """One object, or why it is none."""
    try:
        row = _DECODER.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        return RowRefusedError(NOT_JSON, f"{error}; write one JSON object a line")
    except UnicodeDecodeError as error:
        return RowRefusedError(INVALID_UTF8, f"byte {error.start + 1} is not UTF-8; save it as UTF-8")
    if not isinstance(row, dict):
        return RowRefusedError(NOT_AN_OBJECT, f'the line holds {type(row).__name__}, no object; write {{"text": …}}')
    return row


def _skip_line(stream: BinaryIO, piece: bytes) -> None:
    while piece and not piece.endswith(b"\n"):
        piece = stream.readline(MAX_LINE_BYTES)
