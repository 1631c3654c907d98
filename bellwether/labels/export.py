"""Labels as a file, JSON Lines or Parquet, that is made new or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
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
    draft = path.parent / f".export-{secrets.token_hex(4)}"
    try:
        _fill(draft, labels, is_parquet=path.suffix in PARQUET)
        os.link(draft, path)  # unlike a renaming, it never takes the place of what is there
    except FileExistsError as error:
        raise InputError(f"{path} is there already; name another file") from error
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; name another file") from error
    finally:
        with suppress(OSError):  # where no draft could be made, none is there
            draft.unlink()


def _fill(draft: Path, labels: Sequence[LabelSubmitted], *, is_parquet: bool) -> None:
    with draft.open("xb") as file:
        if is_parquet:
            _parquet(file, labels)
        else:
            file.writelines(msgspec.json.encode(label) + b"\n" for label in labels)
        file.flush()
        os.fsync(file.fileno())  # some disks say only now that they are full, and a power cut may follow


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
