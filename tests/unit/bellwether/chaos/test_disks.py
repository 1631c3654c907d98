from pathlib import Path

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


def test_a_disk_that_cannot_be_mounted_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DependencyError, match="no command 'mount' here; a full disk needs it"), Disk(tmp_path / "disk"):
        pass


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert disks.refusal() == "only root may mount a disk that is full"
