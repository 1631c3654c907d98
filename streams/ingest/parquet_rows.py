"""Parquet, a record batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from runtime.errors import InputError
from streams.ingest.rows import Row

BATCH_ROWS = 1_000
"""Rows held at once: at 1 KiB a text one megabyte; a file of larger texts costs its thousand largest neighbours."""


def read(stream: IO[bytes]) -> tuple[int, Iterator[Row]]:
    """The number of rows, and the rows of a seekable stream.

    Raises:
        InputError: the bytes are no Parquet file.
    """
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(stream)
    except (ArrowException, OSError) as error:
        raise InputError(f"it cannot be read as Parquet: {error}") from error

    def rows() -> Iterator[Row]:
        number = 0
        try:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(number, values)
        except (ArrowException, OSError) as error:
            raise InputError(f"row {number + 1}: it cannot be read as Parquet: {error}") from error

    return int(file.metadata.num_rows), rows()
