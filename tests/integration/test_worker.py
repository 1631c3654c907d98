"""The worker's real process on a real Kafka: bad input, admission, stopping; written and read back with librdkafka."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from bellwether import topics
from bellwether.broker import cluster
from bellwether.broker.cluster import Cluster, temporary
from streams.classify.ending import EXIT_AGAIN
from wire import deadletter
from wire.topics import CLASSIFY_GROUP, DEAD, PUBLISHED, SCORED

WAIT_S = 180
"""A busy machine takes a minute for what takes 5 s on a quiet one."""

PARTITIONS = 2
TAKEN_OVER = 400
"""Events of a partition, each slow: 4 s of work for one worker, of which it does a fraction before it is stopped."""

GOOD = {"event_id": "e", "text": "ACME soars", "published_at": "2024-01-01T00:00:00Z", "source": "test"}


class Worker:
    """One worker process with its log."""

    def __init__(self, bootstrap: str, folder: Path, *arguments: str) -> None:
        self.port_file = folder / "port"
        self.log = folder / "worker.log"
        command = [sys.executable, "-m", "bellwether", "worker", "--bootstrap", bootstrap, "--model", "scripted"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--port-file", str(self.port_file), *arguments],
                stderr=log,
                stdout=log,
                env=os.environ | {"BELLWETHER_HOME": str(folder / "home"), "BELLWETHER_BATCH_RECORDS": "16"},
            )

    def get(self, path: str) -> str:
        with urlopen(f"http://127.0.0.1:{int(self.port_file.read_text())}{path}", timeout=10) as answer:
            return answer.read().decode()

    def metric(self, name: str) -> float:
        return sum(float(line.rsplit(" ", 1)[1]) for line in self.get("/metrics").splitlines() if line.startswith(name))

    def is_ready(self) -> bool:
        try:
            return json.loads(self.get("/readyz"))["status"] == "ok"
        except (URLError, FileNotFoundError, ValueError):
            return False

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def stop(self) -> tuple[int, float]:
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60), time.monotonic() - started


@contextmanager
def worker(bootstrap: str, folder: Path, *arguments: str) -> Iterator[Worker]:
    folder.mkdir(exist_ok=True)
    one = Worker(bootstrap, folder, *arguments)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()


def publish(
    bootstrap: str, *values: bytes | None, key: bytes | None = b"k", headers: Any = (), partition: int = 0
) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 2_000_000, "acks": "all"})
    for value in values:
        producer.produce(PUBLISHED.name, value, key, partition, headers=list(headers))
    assert producer.flush(60) == 0


def read(bootstrap: str, topic: str) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    found: list[Message] = []
    try:
        for number in range(PARTITIONS):
            place = TopicPartition(topic, number, 0)
            _, end = consumer.get_watermark_offsets(place, 30)
            consumer.assign([place])
            count = 0
            while count < end:
                message = consumer.poll(30)
                assert message is not None
                assert message.error() is None
                found.append(message)
                count += 1
    finally:
        consumer.close()
    return found


def committed(bootstrap: str) -> int:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": CLASSIFY_GROUP})
    places = consumer.committed([TopicPartition(PUBLISHED.name, number) for number in range(PARTITIONS)], 30)
    consumer.close()
    return sum(max(0, place.offset) for place in places)


def article(**fields: Any) -> bytes:
    return json.dumps(GOOD | fields).encode()


DEADLY: list[tuple[str, dict[str, Any]]] = [
    ("invalid_utf8", {"value": b'{"text": "\xff"}'}),
    ("invalid_json", {"value": b"{nope"}),
    ("not_a_number", {"value": b'{"text": "a", "published_at": "2024-01-01T00:00:00Z", "x": NaN}'}),
    ("null_value", {"value": None}),
    ("wrong_type", {"value": article(text=5)}),
    ("too_deep", {"value": article()[:-1] + b', "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"}),
    ("lone_surrogate", {"value": article()[:-1] + b', "lang": "\\ud800"}'}),
    ("unknown_schema", {"value": article(schema_version=9)}),
    ("unknown_schema", {"value": article(), "headers": [("ce_type", b"bellwether.news.article.published.v7")]}),
    ("empty_text", {"value": article(text=" \u200b\n")}),
    ("invalid_json", {"value": b"{" * 40, "key": b"K" * 500_000}),
    ("too_large", {"value": article(event_id="i" * 1_035_000)}),
    ("engine_error", {"value": article(text="[[error]]")}),
    ("crash", {"value": article(text="[[crash]]")}),
]
FLAGGED: list[tuple[str | None, dict[str, Any]]] = [
    ("no_key", {"value": article(), "key": None}),
    ("byte_order_mark", {"value": b"\xef\xbb\xbf" + article()}),
    ("control_characters", {"value": article(text="ACME \u202esoars\u200b up")}),
    (None, {"value": article(more={"of": [1, 2]})}),
    ("bad_headers", {"value": article(), "headers": [("ce_id", b"\xff\xfe"), ("other", None)]}),
    ("text_cut", {"value": article(text="x" * 900_000)}),
    ("text_cut", {"value": article(text="loss " * 20_000)}),
]


def test_every_bad_input_ends_once_with_its_reason_and_its_neighbours_are_scored(
    kafka: Cluster, make_topics: Callable[..., None], tmp_path: Path
) -> None:
    make_topics(partitions=PARTITIONS)
    cases = [*DEADLY, *FLAGGED]
    for _, case in cases:
        publish(kafka.bootstrap, case["value"], key=case.get("key", b"k"), headers=case.get("headers", ()))
        publish(kafka.bootstrap, article(text="a neighbour rises"))
    with worker(kafka.bootstrap, tmp_path) as one:
        one.wait_for(one.is_ready)
        one.wait_for(lambda: one.metric("bellwether_events_total") >= 2 * len(cases))
        code, seconds = one.stop()
    assert (code, seconds < 10) == (0, True), one.said()
    all_letters = list(map(Letter, read(kafka.bootstrap, DEAD.name)))
    all_scored = list(map(event_of, read(kafka.bootstrap, SCORED.name)))
    letters = {message.offset_of_input: message for message in all_letters}
    scored = {event["source_offset"]: event for event in all_scored}
    for number, (expected, case) in enumerate(cases):
        assert (2 * number + 1) in scored
        if number < len(DEADLY):
            assert letters[2 * number].reason == expected, number
            assert letters[2 * number].matches(case["value"])
            assert 2 * number not in scored
        else:
            assert scored[2 * number].get("flags", []) == ([expected] if expected else [])
    assert (len(all_letters), len(all_scored)) == (len(DEADLY), 2 * len(cases) - len(DEADLY))  # once, not twice
    assert committed(kafka.bootstrap) == 2 * len(cases)


def event_of(message: Message) -> dict[str, Any]:
    value = message.value()
    assert value is not None
    event = json.loads(value)
    assert event["source_partition"] == message.partition()
    assert sum(event["tasks"]["sentiment"]["probabilities"].values()) == 10_000
    return event


class Letter:
    """A dead letter as its reader sees it."""

    def __init__(self, message: Message) -> None:
        told = deadletter.parse(message.headers() or [])
        self.reason, self.offset_of_input = told.reason, told.offset
        self._told, self._value = told, message.value()
        assert told.partition == message.partition()

    def matches(self, original: bytes | None) -> bool:
        return self._value == original and self._told.length == len(original or b"")


def test_a_second_worker_takes_over_and_nothing_is_scored_twice_after_an_orderly_stop(
    kafka: Cluster, make_topics: Callable[..., None], tmp_path: Path
) -> None:
    make_topics(partitions=PARTITIONS)
    with worker(kafka.bootstrap, tmp_path / "a") as first:
        first.wait_for(first.is_ready)
        for partition in range(PARTITIONS):
            texts = [article(text=f"event {number} rises [[slow]]") for number in range(TAKEN_OVER)]
            publish(kafka.bootstrap, *texts, partition=partition)
        first.wait_for(lambda: first.metric("bellwether_events_total") >= 50)
        code, seconds = first.stop()
        assert (code, seconds < 10) == (0, True), first.said()
    first_half = committed(kafka.bootstrap)
    assert 50 <= first_half < PARTITIONS * TAKEN_OVER  # there is something to take over
    assert len(read(kafka.bootstrap, SCORED.name)) == first_half
    with worker(kafka.bootstrap, tmp_path / "b") as second:
        second.wait_for(second.is_ready)
        second.wait_for(lambda: committed(kafka.bootstrap) == PARTITIONS * TAKEN_OVER)
        assert "bellwether_serving_info" in second.get("/metrics")
        second.stop()
    places = [
        (message.partition(), event_of(message)["source_offset"]) for message in read(kafka.bootstrap, SCORED.name)
    ]
    assert places == [(partition, offset) for partition in range(PARTITIONS) for offset in range(TAKEN_OVER)]


def test_inputs_that_expired_stop_the_worker_until_somebody_accepts(
    kafka: Cluster, make_topics: Callable[..., None], tmp_path: Path
) -> None:
    make_topics(partitions=PARTITIONS)
    publish(kafka.bootstrap, *[article(text=f"event {number}") for number in range(10)])
    delete_before(kafka.bootstrap, 7)
    with worker(kafka.bootstrap, tmp_path) as one:
        assert one.process.wait(WAIT_S) == 1
        assert (
            "7 inputs of news.article.published.v1 expired before group 'bellwether-classify' read them" in one.said()
        )
        assert "--accept-expired" in one.said()
    with worker(kafka.bootstrap, tmp_path, "--accept-expired") as one:
        one.wait_for(one.is_ready)
        one.wait_for(lambda: one.metric("bellwether_events_total") == 3)
        assert one.metric("bellwether_expired_total") == 7
        assert one.stop()[0] == 0, one.said()  # a killed member would hold the group against the next test


def delete_before(bootstrap: str, offset: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})  # kept: its futures need it alive
    deleted = admin.delete_records([TopicPartition(PUBLISHED.name, 0, offset)])
    for future in deleted.values():
        future.result(30)


def test_a_group_without_offsets_is_told_to_create_the_topics(
    kafka: Cluster, make_topics: Callable[..., None], tmp_path: Path
) -> None:
    make_topics(partitions=PARTITIONS)
    with worker(kafka.bootstrap, tmp_path, "--group", "never-seen") as one:
        assert one.process.wait(WAIT_S) == 1
        assert "group 'never-seen' has no committed offset" in one.said()
        assert "bellwether topics create" in one.said()


def test_nobody_at_the_address_is_an_error_with_the_cure(tmp_path: Path) -> None:
    with worker("127.0.0.1:1", tmp_path) as one:
        assert one.process.wait(WAIT_S) == EXIT_AGAIN
        assert "Kafka at 127.0.0.1:1 does not answer" in one.said()
        assert "bellwether broker start" in one.said()


@pytest.mark.kafka
def test_a_worker_without_its_broker_says_try_again_within_ten_seconds(tmp_path: Path) -> None:
    with temporary() as own:
        topics.create(own.bootstrap, partitions=PARTITIONS)
        with worker(own.bootstrap, tmp_path) as one:
            one.wait_for(one.is_ready)
            publish(own.bootstrap, *[article(text=f"event {number} rises") for number in range(200)])
            one.wait_for(lambda: one.metric("bellwether_events_total") >= 1)
            cluster.kill(own.folder)
            code, seconds = one.stop()
    assert code == EXIT_AGAIN, one.said()
    assert seconds < 11
