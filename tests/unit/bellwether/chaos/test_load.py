"""What the broker says of a record ends in the journal that fits; the pace follows the order."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import KafkaError

from bellwether.chaos import journal, load
from bellwether.chaos.corpus import Item
from bellwether.chaos.journal import LoadOrder, Written
from runtime.errors import InputError

ITEM = Item("chaos-1-K00-0", "K00", 0, "plain", "scored", b"value")
ORDER = LoadOrder(bootstrap="nowhere:1", topic="t", folder=".", seed=1, events=10, rate=100.0, mix={})


class Delivered:
    def __init__(self, offset: int | None) -> None:
        self._offset = offset

    def offset(self) -> int | None:
        return self._offset

    def partition(self) -> int:
        return 3

    def timestamp(self) -> tuple[int, int]:
        return 2, 1_700_000_000_123


def lines(folder: Path, name: str) -> list[Written]:
    return list(journal.read(folder / name, Written))


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, journal.REFUSED),
        (KafkaError._MSG_TIMED_OUT, journal.UNKNOWN),
        (KafkaError.REQUEST_TIMED_OUT, journal.UNKNOWN),
        (KafkaError._PURGE_INFLIGHT, journal.UNKNOWN),
        (KafkaError._FATAL, journal.UNKNOWN),
        (KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, journal.UNKNOWN),
    ],
)
def test_only_a_definite_no_is_a_refusal_and_nothing_without_an_ack_is_acknowledged(
    tmp_path: Path, code: int, name: str
) -> None:
    with load.Journals(tmp_path) as journals:
        load.delivered(journals, ITEM, "ab", KafkaError(code), None)

    assert [written.event_id for written in lines(tmp_path, name)] == [ITEM.event_id]
    assert lines(tmp_path, name)[0].error
    assert not lines(tmp_path, journal.ACKED)


def test_an_acknowledgement_says_where_the_record_is(tmp_path: Path) -> None:
    with load.Journals(tmp_path) as journals:
        load.delivered(journals, ITEM, "ab", None, Delivered(17))
        load.delivered(journals, ITEM, "ab", None, Delivered(None))

    written, elsewhere = lines(tmp_path, journal.ACKED)
    assert (written.partition, written.offset, written.time_ms) == (3, 17, 1_700_000_000_123)
    assert elsewhere.offset == -1


def test_lines_go_out_whole_with_each_flush(tmp_path: Path) -> None:
    with load.Journals(tmp_path) as journals:
        load.delivered(journals, ITEM, "ab", None, Delivered(0))
        assert (tmp_path / journal.ACKED).read_bytes() == b""
        journals.flush()
        assert (tmp_path / journal.ACKED).read_bytes().endswith(b"}\n")


def test_a_cut_last_line_is_left_out(tmp_path: Path) -> None:
    with load.Journals(tmp_path) as journals:
        load.delivered(journals, ITEM, "ab", None, Delivered(0))
    with (tmp_path / journal.ACKED).open("ab") as file:
        file.write(b'{"event_id":"x","ke')

    assert [written.offset for written in lines(tmp_path, journal.ACKED)] == [0]


class Recorder:
    """A producer that acknowledges with the next poll, and whose queue is full at first."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self._waiting: list[Any] = []
        self._refuses = 2

    def produce(self, _: str, *, value: bytes, on_delivery: Any, **_others: Any) -> None:
        if self._refuses:
            self._refuses -= 1
            raise BufferError("queue full")
        self.values.append(value)
        self._waiting.append(on_delivery)

    def poll(self, _: float) -> None:
        while self._waiting:
            self._waiting.pop(0)(None, Delivered(len(self.values)))

    def flush(self, seconds: float) -> int:
        self.poll(seconds)
        return 0


def test_nothing_comes_before_its_time_and_a_full_queue_loses_nothing(tmp_path: Path) -> None:
    now = [0.0]
    producer = Recorder()
    seen: list[tuple[float, int]] = []

    def clock() -> float:
        seen.append((now[0], len(producer.values)))
        now[0] += 0.005
        return now[0]

    with load.Journals(tmp_path) as journals:
        load.produce(ORDER, producer, [ITEM] * 10, journals, clock)  # type: ignore[arg-type]

    assert len(producer.values) == len(lines(tmp_path, journal.ACKED)) == 10
    assert all(count <= load.due(time, ORDER) for time, count in seen)


def test_a_burst_adds_its_factor_for_its_time() -> None:
    order = msgspec.structs.replace(ORDER, rate=100.0, burst_at=10.0, burst_seconds=60.0, burst_factor=20.0)

    assert load.due(10.0, order) == 1_000
    assert load.due(70.0, order) == 1_000 + 120_000
    assert load.due(71.0, order) == 121_100


def test_an_order_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "order.json"
    path.write_text(json.dumps({"bootstrap": "x"}))

    with pytest.raises(InputError, match=r"order\.json is no LoadOrder"):
        journal.read_order(path, LoadOrder)
    with pytest.raises(InputError, match="is no LoadOrder"):
        journal.read_order(tmp_path / "absent", LoadOrder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*acked\.jsonl.*give an order whose folder exists"):
        load.Journals(tmp_path / "absent")
