"""Labels as a file, JSON Lines or Parquet, that is made new or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO

import msgspec

from runtime.errors import InputError
from wire.events import LabelSubmitted

PARQUET = (".parquet", ".pq")


def write(path: Path, labels: Sequence[LabelSubmitted]) -> None:
    """Write labels, as Parquet where the name ends so, else as JSON Lines.

    Raises:
        InputError: the file is there already, or cannot be written.
    """
    try:
        with path.open("xb") as file:
            if path.suffix in PARQUET:
                _parquet(file, labels)
            else:
                file.writelines(msgspec.json.encode(label) + b"\n" for label in labels)
    except FileExistsError as error:
        raise InputError(f"{path} is there already; name another file") from error
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; name another file") from error


def _parquet(file: IO[bytes], labels: Sequence[LabelSubmitted]) -> None:
    """One column a field; times in UTC, probabilities a map of label to share of 10,000."""
    import pyarrow as pa
    from pyarrow import parquet

    types = {
        "labelled_at": pa.timestamp("us", tz="UTC"),
        "published_at": pa.timestamp("us", tz="UTC"),
        "probabilities": pa.map_(pa.string(), pa.int16()),
        "sampling_probability": pa.float64(),
    }
    schema = pa.schema([(name, types.get(name, pa.string())) for name in LabelSubmitted.__struct_fields__])
    table = pa.Table.from_pylist([msgspec.structs.asdict(label) for label in labels], schema=schema)
    parquet.write_table(table, file, compression="zstd")
