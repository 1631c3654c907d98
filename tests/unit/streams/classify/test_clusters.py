"""The memory of clusters, with several workers at it and with a damaged file."""

import contextlib
import errno
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from structlog.testing import capture_logs

from runtime.errors import DependencyError
from streams.classify import clusters
from streams.classify.clusters import FILE, Memory

AT = "127.0.0.1:9092"


def test_another_cluster_behind_the_same_address_is_a_sentence(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "new", "group", AT)
    assert memory.difference("one") is None
    memory.remember("one")
    assert memory.difference("one") is None
    assert "is 'two', it was 'one' before" in str(memory.difference("two"))
    assert Memory(tmp_path / "new", "other", AT).difference("two") is None


def test_what_another_worker_writes_in_between_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both read before either writes: each reader waits for the other, until the lock makes one of them late."""
    both_read = threading.Barrier(2)
    plain: Any = Memory._read

    def slow_read(memory: Memory) -> dict[str, str]:
        found: dict[str, str] = plain(memory)
        with contextlib.suppress(threading.BrokenBarrierError):
            both_read.wait(0.5)
        return found

    monkeypatch.setattr(Memory, "_read", slow_read)
    workers = [
        threading.Thread(target=Memory(tmp_path, group, AT).remember, args=("one",)) for group in ("first", "second")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert json.loads((tmp_path / FILE).read_text()) == {f"first@{AT}": "one", f"second@{AT}": "one"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".clusters-")] == []


@pytest.mark.parametrize("content", [b"{half", b"\xff", b"[1]", b'{"group@127.0.0.1:9092": 7}'])
def test_a_damaged_file_is_reported_and_made_anew(content: bytes, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / FILE).write_bytes(content)
    memory = Memory(tmp_path, "group", AT)
    assert memory.difference("one") is None
    said = "".join(capsys.readouterr())
    assert "cluster_memory_damaged" in said
    assert "was not checked" in said
    memory.remember("one")
    assert memory.difference("two") is not None


def test_a_lock_that_nobody_lets_go_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "LOCK_S", 0.01)
    with (
        FileLock(tmp_path / "clusters.lock"),
        pytest.raises(DependencyError, match=r"another process has held the lock of .*clusters\.json"),
    ):
        Memory(tmp_path, "group", AT).remember("one")


def test_a_disk_that_does_not_take_the_file_is_reported_and_stops_nobody(tmp_path: Path, monkeypatch: Any) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(clusters.os, "fsync", full)
    with capture_logs() as lines:
        Memory(tmp_path, "group", AT).remember("one")
    assert [(line["event"], line["detail"]) for line in lines] == [
        ("cluster_memory_not_written", "[Errno 28] No space left on device")
    ]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".clusters-")] == []


def test_a_folder_that_cannot_be_is_reported_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    memory = Memory(tmp_path / "file" / "home", "group", AT)
    with capture_logs() as lines:
        assert memory.difference("one") is None
        memory.remember("one")
    assert {line["event"] for line in lines} == {"cluster_memory_damaged", "cluster_memory_not_written"}
