"""Files and standard input through the real command into a real Kafka, read back with another client."""

import gzip
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from bellwether.broker.cluster import Cluster
from wire import codec
from wire.topics import PUBLISHED

TOPIC = PUBLISHED.name


class Tail:
    """What arrived in the published topic since it was made, read with librdkafka."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test", "enable.auto.commit": False})
        partitions = self._consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
        self._starts = {number: self._end(number) for number in partitions}

    def _end(self, partition: int) -> int:
        return int(self._consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), timeout=10)[1])

    def count(self) -> int:
        return sum(self._end(number) - start for number, start in self._starts.items())

    def read(self) -> list[Message]:
        expected = self.count()
        self._consumer.assign([TopicPartition(TOPIC, number, start) for number, start in self._starts.items()])
        found: list[Message] = []
        until = time.monotonic() + 30
        while len(found) < expected and time.monotonic() < until:
            message = self._consumer.poll(1.0)
            if message is not None and message.error() is None:
                found.append(message)
        return found

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def tail(kafka: Cluster) -> Iterator[Tail]:
    tail = Tail(kafka.bootstrap)
    yield tail
    tail.close()


Ingest = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ingest(kafka: Cluster) -> Ingest:
    def run(*arguments: str | Path, feed: bytes | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command(kafka, *arguments), input=feed, capture_output=True, timeout=120, check=False)
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


def command(kafka: Cluster, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "bellwether", "ingest", *map(str, arguments), "--bootstrap", kafka.bootstrap]


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def texts(found: list[Message]) -> list[str]:
    return sorted(codec.decode_published(message.value()).article.text for message in found)


def test_rows_arrive_unchanged_and_refused_ones_are_told_with_their_lines(
    ingest: Ingest, tail: Tail, tmp_path: Path
) -> None:
    text = " Ostra\u200b &amp; Norvale \u202e\u200f  $OSTR \U0001f680\r\n"
    path = tmp_path / "news.jsonl.gz"
    path.write_bytes(
        gzip.compress(
            lines({"text": text, "published_at": "2026-03-01T09:30:00Z", "entities": ["OSTR"], "id": "1", "mood": {}})
            + b"nonsense\n"
            + lines({"text": "no such time", "time": "soon"}, {"text": "x" * 1_100_000}, {"headline": "Norvale opens"})
        )
    )

    done = ingest("file", path, "--json", "--refused", tmp_path / "refused.jsonl")

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary.pop("seconds") > 0
    assert summary.pop("rows_per_second") > 0
    assert summary == {
        "accepted": 2,
        "refused": 3,
        "reasons": {"bad_time": 1, "not_json": 1, "too_large": 1},
        "without_time": 1,
        "interrupted": False,
    }
    for line, reason in ((2, "not_json"), (3, "bad_time"), (4, "too_large")):
        assert f"news.jsonl.gz, line {line}: refused ({reason}): " in done.stderr
    refused = [json.loads(line) for line in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert [(entry["line"], entry["reason"]) for entry in refused] == [
        (2, "not_json"),
        (3, "bad_time"),
        (4, "too_large"),
    ]
    found = {message.key(): message for message in tail.read()}
    assert len(found) == 2
    first = found[b"OSTR"]
    decoded = codec.decode_published(first.value(), first.key(), first.headers() or ())
    assert decoded.flags == ()
    assert decoded.article.text == text
    assert decoded.article.published_at == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert decoded.article.source == "news.jsonl.gz"
    assert dict(first.headers() or ())["ce_id"].decode() == decoded.article.event_id  # type: ignore[union-attr]


def test_csv_and_parquet_are_mapped(ingest: Ingest, tail: Tail, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('ts,body,sym\n1772357400,"one, two",NRVL\n1772357401,three,OSTR\n')
    table = pyarrow.table({"ts": [datetime(2026, 3, 1)], "body": ["four"], "sym": ["NRVL"]})
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink)
    (tmp_path / "b.parquet").write_bytes(sink.getvalue())
    maps = ["--map", "text=$.body", "--map", "key=$.sym", "--map", "time=$.ts"]

    done = ingest("file", tmp_path / "a.csv", tmp_path / "b.parquet", *maps, "--timezone", "UTC", "--source", "desk")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("accepted 3, refused 0 in ")
    found = tail.read()
    assert texts(found) == ["four", "one, two", "three"]
    assert {codec.decode_published(message.value()).article.source for message in found} == {"desk"}
    assert sorted(message.key() for message in found) == [b"NRVL", b"NRVL", b"OSTR"]


def test_the_same_file_twice_gives_the_same_ids(ingest: Ingest, tail: Tail, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines({"text": "timeless"}, {"text": "timeless"}, {"text": "c", "date": "2026-03-01"}))

    ingest("file", path)
    ingest("file", path)

    ids = [codec.decode_published(message.value()).article.event_id for message in tail.read()]
    assert len(ids) == 6
    assert len(set(ids)) == 3


def test_keys_go_where_librdkafka_with_murmur2_sends_them(
    ingest: Ingest, tail: Tail, kafka: Cluster, tmp_path: Path
) -> None:
    keys = [f"KEY{number}" for number in range(40)]
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(*({"text": "ours", "key": key} for key in keys)))
    foreign = Producer({"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2_random"})

    ingest("file", path)
    for key in keys:
        foreign.produce(TOPIC, key=key, value=b'{"text":"theirs"}')
    foreign.flush(30)

    places: dict[str, set[int]] = {}
    for message in tail.read():
        places.setdefault(message.key().decode(), set()).add(message.partition())  # type: ignore[union-attr]
    assert len(places) == 40
    assert all(len(partitions) == 1 for partitions in places.values())
    assert len(set.union(*places.values())) > 1


def test_standard_input_limit_and_skip(ingest: Ingest, tail: Tail) -> None:
    feed = lines(*({"text": f"row {number}", "id": number} for number in range(1, 11)))

    done = ingest("stdin", "--skip", "3", "--limit", "4", "--json", feed=feed)

    assert json.loads(done.stdout)["accepted"] == 4
    assert texts(tail.read()) == ["row 4", "row 5", "row 6", "row 7"]


def test_strict_fails_where_a_row_was_refused(ingest: Ingest) -> None:
    feed = lines({"text": "a"}, {"no": 1})

    assert ingest("stdin", feed=feed).returncode == 0
    assert ingest("stdin", "--strict", feed=feed).returncode == 1
    assert ingest("stdin", "--strict", feed=lines({"text": "a"})).returncode == 0


def test_a_replay_takes_event_time_divided_by_its_speed(ingest: Ingest) -> None:
    feed = lines(*({"text": "a", "time": 1_772_357_400 + number * 60} for number in range(3)))

    done = ingest("stdin", "--speed", "60x", "--json", feed=feed)

    assert json.loads(done.stdout)["accepted"] == 3
    assert 2.0 <= json.loads(done.stdout)["seconds"] < 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("file", "no-such.jsonl"), "no-such.jsonl: No such file or directory; give a file that can be read"),
        (("stdin", "--refused", "no/such/folder"), "--refused no/such/folder: No such file or directory"),
    ],
)
def test_wrong_use_ends_with_two_and_the_cure(ingest: Ingest, arguments: tuple[str, ...], message: str) -> None:
    done = ingest(*arguments, feed=b"")

    assert done.returncode == 2
    assert message in done.stderr


def test_ctrl_c_settles_and_counts_what_was_sent(kafka: Cluster, tail: Tail) -> None:
    process = subprocess.Popen(
        command(kafka, "stdin", "--json"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(lines({"text": "one"}, {"text": "two"}))
    process.stdin.flush()
    until = time.monotonic() + 60
    while tail.count() < 2 and time.monotonic() < until:
        time.sleep(0.1)

    process.send_signal(signal.SIGINT)
    # The pipe is still open: only the signal can have ended it.
    assert process.wait(timeout=30) == 130
    out, err = process.communicate()

    assert json.loads(out) | {"seconds": 0, "rows_per_second": 0} == {
        "accepted": 2,
        "refused": 0,
        "reasons": {},
        "without_time": 2,
        "seconds": 0,
        "rows_per_second": 0,
        "interrupted": True,
    }, err
    assert texts(tail.read()) == ["one", "two"]
