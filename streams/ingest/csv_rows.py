"""CSV and TSV with a header row, as RFC 4180 has them; every value is a string, an empty one counts as absent."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from runtime.errors import InputError
from streams.ingest.json_lines import MAX_LINE_BYTES
from streams.ingest.refusal import NOT_AN_OBJECT, WRONG_COLUMNS, RowRefusedError
from streams.ingest.rows import Row

if TYPE_CHECKING:
    from _csv import Reader


def read(stream: BinaryIO, delimiter: str = ",") -> Iterator[Row]:
    """Rows of a binary stream.

    Bytes that are not UTF-8 come through as lone surrogates, so that only the row that holds them is refused.

    Raises:
        InputError: there is no header row, or it names a column twice.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _rows(csv.reader(text, delimiter=delimiter, strict=True))
    finally:
        text.detach()  # the stream belongs to whoever opened it


def _rows(reader: Reader) -> Iterator[Row]:
    try:
        columns = next(reader, None)
    except csv.Error as error:
        raise InputError(f"line 1: {error}; the first line must name the columns") from error
    if not columns:
        raise InputError("line 1 is empty; the first line of a CSV file must name its columns")
    _require_distinct(columns)
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(reader.line_num, RowRefusedError(NOT_AN_OBJECT, f"{error}; quote it as RFC 4180 says"))
            continue
        if values:
            yield Row(reader.line_num, _row(columns, values))


def _require_distinct(columns: list[str]) -> None:
    doubled = next((name for name in columns if columns.count(name) > 1), None)
    if doubled is not None:
        raise InputError(f"line 1 names the column {doubled!r} twice; rename one")


def _row(columns: list[str], values: list[str]) -> dict[str, object] | RowRefusedError:
    if len(values) != len(columns):
        # Most often an unquoted comma or line break in the text: to go on would publish half a sentence.
        return RowRefusedError(
            WRONG_COLUMNS, f"the row has {len(values)} columns, the header {len(columns)}; quote texts with separators"
        )
    return {name: value for name, value in zip(columns, values, strict=True) if value != ""}
