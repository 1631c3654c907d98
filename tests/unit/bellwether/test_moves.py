"""What workers said is read back: newest word of each, good-byes and silences told apart."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from bellwether import moves
from wire import codec
from wire.events import ModelServed

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def said(worker: str, ago_s: float, version: str = "v-1", value: bytes | None = b"") -> SimpleNamespace:
    served = ModelServed(worker=worker, version=version, engine="e", since=NOW)
    at = NOW - timedelta(seconds=ago_s)
    content = codec.encode(served) if value == b"" else value
    return SimpleNamespace(key=worker.encode(), value=content, timestamp=int(at.timestamp() * 1000))


def test_the_newest_word_of_each_worker_counts_and_a_tombstone_takes_it_back() -> None:
    records = [said("a", 50), said("b", 40), said("a", 30, "v-2"), said("b", 20, value=None), said("c", 10)]
    assert [(one.served.worker, one.served.version) for one in moves.latest(records, NOW)] == [
        ("a", "v-2"),
        ("c", "v-1"),
    ]


def test_a_worker_that_should_have_spoken_again_is_silent() -> None:
    records = [said("a", 89), said("b", 91)]
    assert [one.is_silent for one in moves.latest(records, NOW)] == [False, True]


def test_foreign_words_are_passed_over() -> None:
    foreign = [said("b", 1, value=value) for value in (b"{", b'{"worker":"\xff"}', b"[" * 5_000)]
    assert [one.served.worker for one in moves.latest([said("a", 1), *foreign], NOW)] == ["a"]
