"""What is erased from a label store is overwritten in its file, if not at once then as soon as nobody reads it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from runtime.errors import InputError
from trainer.labels.store import Counts, Entry, LabelStore
from wire import labels

from .samples import TEXT, TOPIC, entries, label

SECRET = "the chairman of Vertano is to resign"
DOOMED = label(event_id="e-9", text=SECRET)


def holds(folder: Path, text: str) -> bool:
    """Whether the file of a store, or one beside it, has these bytes."""
    return text.encode() in b"".join(path.read_bytes() for path in folder.iterdir())


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Another process in the midst of reading the store."""
    with (
        closing(sqlite3.connect(folder / "labels.sqlite")) as other,
        closing(other.execute("SELECT value FROM label UNION ALL SELECT value FROM label")) as cursor,
    ):
        assert cursor.fetchone()
        yield


@pytest.fixture
def store(tmp_path: Path):
    with LabelStore(tmp_path / "labels.sqlite") as made:
        made._base.execute("PRAGMA busy_timeout = 0")  # it would wait for 5 s
        yield made


def test_a_tombstone_leaves_neither_label_nor_text_in_the_file(store, tmp_path: Path) -> None:
    store.apply(TOPIC, entries(label(), DOOMED))
    store.apply(TOPIC, entries(label("positive", minutes=2), start=2))
    assert holds(tmp_path, SECRET)
    assert store.apply(TOPIC, [Entry(3, labels.key(DOOMED), None)]) == Counts(erased=1)
    assert [one.event_id for one in store.labels()] == ["e-1", "e-1"]
    assert not holds(tmp_path, SECRET)
    assert holds(tmp_path, TEXT)
    assert store.apply(TOPIC, [Entry(4, labels.key(DOOMED), None)]) == Counts()


def test_an_erased_event_leaves_nothing_in_the_file(store, tmp_path: Path) -> None:
    doomed = [DOOMED, label("positive", "bo", event_id="e-9", text=SECRET)]
    store.apply(TOPIC, entries(label(), *doomed))
    assert store.erase("e-9") == 2
    assert store.erase("e-9") == 0
    assert not holds(tmp_path, SECRET)
    assert holds(tmp_path, TEXT)
    assert store.next_offset(TOPIC) == 3


def test_what_another_reader_keeps_from_being_overwritten_is_said(store, tmp_path: Path) -> None:
    store.apply(TOPIC, entries(label()))
    with (
        reading(tmp_path),
        pytest.raises(InputError, match="1 labels were erased, and their old bytes not overwritten; do it again"),
    ):
        store.erase("e-1")
    with closing(sqlite3.connect(tmp_path / "labels.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match="labels of 'e-1' stay in it: database is locked; do it again"):
            store.erase("e-1")
    assert store.erase("e-1") == 0


def test_what_could_not_be_overwritten_is_at_the_next_call(store, tmp_path: Path) -> None:
    store.apply(TOPIC, entries(label(), DOOMED))
    with reading(tmp_path):
        assert store.apply(TOPIC, [Entry(2, labels.key(DOOMED), None)]) == Counts(erased=1)
        assert store.apply(TOPIC, entries(label(minutes=1), start=3)) == Counts(new=1)
        assert holds(tmp_path, SECRET)
    assert store.apply(TOPIC, []) == Counts()
    assert not holds(tmp_path, SECRET)


def test_what_an_erasure_could_not_overwrite_is_at_the_next_call(store, tmp_path: Path) -> None:
    store.apply(TOPIC, entries(label(), DOOMED))
    with reading(tmp_path), pytest.raises(InputError, match="not overwritten"):
        store.erase("e-9")
    assert holds(tmp_path, SECRET)
    store.apply(TOPIC, entries(label(minutes=1), start=2))
    assert not holds(tmp_path, SECRET)


def test_what_a_process_before_could_not_overwrite_is_when_the_file_is_opened(store, tmp_path: Path) -> None:
    store.apply(TOPIC, entries(label(), DOOMED))
    with reading(tmp_path):
        store.apply(TOPIC, [Entry(2, labels.key(DOOMED), None)])
    assert holds(tmp_path, SECRET)
    with LabelStore(tmp_path / "labels.sqlite"):  # the one before still has the file open, so no end of it did this
        assert not holds(tmp_path, SECRET)


def test_nothing_is_overwritten_where_nothing_was_erased(store) -> None:
    asked: list[str] = []
    store._base.set_trace_callback(asked.append)
    store.apply(TOPIC, entries(label(), DOOMED))
    store._base.set_trace_callback(None)
    assert not [statement for statement in asked if "wal_checkpoint" in statement]
