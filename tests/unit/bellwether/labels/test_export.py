"""A file of labels is whole or not there, whatever breaks off the writing of it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest

from bellwether.labels import export
from runtime.errors import InputError
from wire.events import LabelSubmitted

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)

LABELS = [
    LabelSubmitted(event_id=f"e-{n}", task="topic", label="Macro", labeller="ana", labelled_at=WHEN) for n in range(3)
]

NAMES = pytest.mark.parametrize("name", ["labels.jsonl", "labels.parquet"])


@pytest.fixture
def break_off(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Lets each file that is opened take 20 bytes and raise this at more."""

    def broken(error: BaseException) -> None:
        real = Path.open

        def opened(path: Path, *args: str) -> IO[bytes]:
            file = real(path, *args, buffering=0)
            return Breaking(file, error)  # type: ignore[return-value]

        monkeypatch.setattr(Path, "open", opened)

    return broken


class Breaking:
    """A file on a disk that is full after 20 bytes."""

    closed = False

    def __init__(self, file: IO[bytes], error: BaseException) -> None:
        self._file = file
        self._error = error
        self._left = 20

    def __enter__(self) -> Breaking:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, content: bytes) -> int:
        taken = self._file.write(bytes(content)[: self._left])
        self._left -= taken
        if taken < len(content):
            raise self._error
        return taken

    def writelines(self, lines: list[bytes]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


@NAMES
def test_a_file_is_whole_and_alone_in_its_folder(name: str, tmp_path: Path) -> None:
    export.write(tmp_path / name, LABELS)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [one["event_id"] for one in read(tmp_path / name)] == ["e-0", "e-1", "e-2"]


@NAMES
def test_a_disk_that_is_full_leaves_nothing_and_the_next_call_writes(
    name: str, tmp_path: Path, break_off: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    with pytest.raises(InputError, match=rf"{name} cannot be written: No space left on device; name another file"):
        export.write(tmp_path / name, LABELS)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    export.write(tmp_path / name, LABELS)
    assert len(read(tmp_path / name)) == 3


def test_whoever_breaks_off_leaves_nothing(tmp_path: Path, break_off: Callable[[BaseException], None]) -> None:
    break_off(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        export.write(tmp_path / "labels.jsonl", LABELS)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text("mine")
    with pytest.raises(InputError, match=r"labels\.jsonl is there already; name another file"):
        export.write(tmp_path / "labels.jsonl", LABELS)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_is_there_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"\. is there already"):
        export.write(Path(), LABELS)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labels\.jsonl cannot be written: No such file or directory"):
        export.write(tmp_path / "nowhere" / "labels.jsonl", LABELS)


def read(path: Path) -> list[dict[str, str]]:
    if path.suffix in export.PARQUET:
        from pyarrow import parquet

        return parquet.read_table(path).to_pylist()
    return [json.loads(line) for line in path.read_text().splitlines()]
