import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bellwether.chaos import disks
from bellwether.chaos.disks import Disk
from runtime.errors import DependencyError


def test_a_full_disk_takes_no_byte_more_is_freed_and_leaves_what_was_written(tmp_path: Path):
    reason = disks.refusal()
    if reason is not None:
        pytest.skip(f"NOT TESTED: {reason}")
    folder = tmp_path / "disk"
    with Disk(folder) as disk:
        (folder / "log").write_bytes(b"before")
        assert disk.fill() > 30 * 1024 * 1024
        with pytest.raises(OSError, match="No space left"):
            (folder / "more").write_bytes(b"x")
        disk.free()
        disk.free()
        (folder / "more").write_bytes(b"x")
        assert folder.is_mount()
    assert not folder.is_mount()
    assert sorted(path.name for path in folder.iterdir()) == ["log", "more"]


def test_a_disk_is_put_away_with_all_that_could_be_kept_where_the_copy_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    done: list[str] = []

    def run(*command: str) -> None:
        done.append(command[0])
        if command[0] == "umount":
            (tmp_path / "disk" / "log").unlink()

    monkeypatch.setattr(disks, "_run", run)
    copy = shutil.copytree

    def fails_late(source: Path | str, *given: Any, **named: Any) -> None:
        copy(source, *given, **named)
        if source == tmp_path / "disk":
            raise shutil.Error(["a socket"])

    monkeypatch.setattr(shutil, "copytree", fails_late)
    with pytest.raises(shutil.Error), Disk(tmp_path / "disk"):
        (tmp_path / "disk" / "log").write_bytes(b"x")
    assert done == ["mount", "umount"]
    assert (tmp_path / "disk" / "log").read_bytes() == b"x"


def test_a_mount_that_takes_for_ever_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def hangs(command: Sequence[str], **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, 30)

    monkeypatch.setattr(subprocess, "run", hangs)
    with pytest.raises(DependencyError, match=r"`mount .*` took longer than 30 s"), Disk(tmp_path / "disk"):
        pass


def test_a_disk_that_cannot_be_mounted_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DependencyError, match="no command 'mount' here; a full disk needs it"), Disk(tmp_path / "disk"):
        pass


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert disks.refusal() == "only root may mount a disk that is full"
