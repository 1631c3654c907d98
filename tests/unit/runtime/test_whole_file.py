"""A file that is replaced whole or stays as it was."""

import errno
from pathlib import Path

import pytest

from runtime import whole_file


def test_a_file_is_made_and_replaced_and_no_draft_is_left(tmp_path: Path) -> None:
    path = tmp_path / "port"
    whole_file.write(path, b"1\n")
    whole_file.write(path, b"2\n")
    assert path.read_bytes() == b"2\n"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_what_was_there_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "port"
    whole_file.write(path, b"1\n")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(whole_file.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        whole_file.write(path, b"2\n")
    assert path.read_bytes() == b"1\n"
    assert list(tmp_path.iterdir()) == [path]
