"""A run's number is its fencing token: who comes second with it has lost the run."""

from pathlib import Path

import msgspec
import pytest

from models.store import Store, open_store
from runtime.errors import CorruptVersionError
from trainer.service import records
from trainer.service.records import FencedError, Judgement, RunRecord

RECORD = RunRecord(
    number=1, who="trainer@here", why="3 labels", began="2026-01-05T12:00:00+00:00", ended="2026-01-05T12:01:00+00:00",
    position=3, labels=3, data="d", recipe="r", parent=None, generation=0, seed=0, version=None,
    judgement=Judgement(verdict=records.FAILED), may_promote=False, seconds={},
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"), make=True)


def numbered(number: int) -> RunRecord:
    return msgspec.structs.replace(RECORD, number=number)


def test_a_record_is_written_again_and_never_over_another(store: Store) -> None:
    records.create(store, RECORD)
    records.create(store, RECORD)
    late = msgspec.structs.replace(RECORD, who="trainer@there")
    with pytest.raises(FencedError, match=r"run 1 was recorded by trainer@here at 2026-01-05T12:01:00\+00:00 \(failed"):
        records.create(store, late)
    assert records.every(store) == [RECORD]


def test_the_last_is_found_from_any_that_was_seen(store: Store) -> None:
    assert records.last(store) is None
    for number in (1, 2, 3):
        records.create(store, numbered(number))
    assert [records.last(store, known) for known in (None, *map(numbered, (1, 2, 3)))] == [numbered(3)] * 4
    assert list(records.back(store, numbered(3))) == [numbered(3), numbered(2), numbered(1)]


def test_a_record_of_endless_depth_is_told_as_damaged(store: Store) -> None:
    store.create("runs/000001.json", b'{"judgement": {"verdict": "same", "numbers": {"a": ' + b"[" * 100_000)
    with pytest.raises(CorruptVersionError, match=r"runs/000001\.json is no run record: .*; restore it from a copy"):
        records.last(store)
