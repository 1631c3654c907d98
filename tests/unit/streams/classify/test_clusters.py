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

from runtime import whole_file
from runtime.errors import DependencyError
from streams.classify import clusters
from streams.classify.clusters import FILE, Log, Memory

AT = "127.0.0.1:9092"
ONE = Log("one", "first")
TWO = Log("two", "first")


def test_another_cluster_behind_the_same_address_is_a_sentence(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "new", "group", AT, "in")
    assert memory.difference(ONE) is None
    memory.remember(ONE)
    assert memory.difference(ONE) is None
    assert "is 'two' now, it was 'one' before" in str(memory.difference(TWO))
    assert Memory(tmp_path / "new", "other", AT, "in").difference(TWO) is None


def test_a_topic_that_was_made_anew_is_a_sentence(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "group", AT, "in")
    memory.remember(ONE)
    said = str(memory.difference(Log("one", "second")))
    assert "topic in was made anew: its id is 'second' now, it was 'first' before" in said
    assert "what the old log held unread is lost" in said
    assert Memory(tmp_path, "group", AT, "out").difference(Log("one", "second")) is None
    memory.remember(Log("one", "second"))
    assert memory.difference(Log("one", "second")) is None


def test_a_broker_that_tells_no_topic_id_is_not_suspected_and_makes_none_forgotten(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "group", AT, "in")
    memory.remember(ONE)
    assert memory.difference(Log("one", None)) is None
    memory.remember(Log("one", None))
    assert memory.difference(Log("one", "second")) is not None


def test_a_file_of_a_version_without_topic_ids_is_read_and_completed(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({f"group@{AT}": "one"}))
    memory = Memory(tmp_path, "group", AT, "in")
    assert memory.difference(ONE) is None
    assert memory.difference(TWO) is not None
    memory.remember(ONE)
    assert memory.difference(Log("one", "second")) is not None


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
        threading.Thread(target=Memory(tmp_path, group, AT, "in").remember, args=(ONE,))
        for group in ("first", "second")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert json.loads((tmp_path / FILE).read_text()) == {
        f"{group}@{AT}{what}": known for group in ("first", "second") for what, known in (("", "one"), ("/in", "first"))
    }
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("content", [b"{half", b"\xff", b"[1]", b'{"group@127.0.0.1:9092": 7}'])
def test_a_damaged_file_is_reported_and_made_anew(content: bytes, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / FILE).write_bytes(content)
    memory = Memory(tmp_path, "group", AT, "in")
    assert memory.difference(ONE) is None
    said = "".join(capsys.readouterr())
    assert "cluster_memory_damaged" in said
    assert "was not checked" in said
    memory.remember(ONE)
    assert memory.difference(TWO) is not None


def test_a_lock_that_nobody_lets_go_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "LOCK_S", 0.01)
    with (
        FileLock(tmp_path / "clusters.lock"),
        pytest.raises(DependencyError, match=r"another process has held the lock of .*clusters\.json"),
    ):
        Memory(tmp_path, "group", AT, "in").remember(ONE)


def test_a_disk_that_does_not_take_the_file_is_reported_and_stops_nobody(tmp_path: Path, monkeypatch: Any) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(whole_file.os, "fsync", full)
    with capture_logs() as lines:
        Memory(tmp_path, "group", AT, "in").remember(ONE)
    assert [(line["event"], line["detail"]) for line in lines] == [
        ("cluster_memory_not_written", "[Errno 28] No space left on device")
    ]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_folder_that_cannot_be_is_reported_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    memory = Memory(tmp_path / "file" / "home", "group", AT, "in")
    with capture_logs() as lines:
        assert memory.difference(ONE) is None
        memory.remember(ONE)
    assert {line["event"] for line in lines} == {"cluster_memory_damaged", "cluster_memory_not_written"}
