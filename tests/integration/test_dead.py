"""Dead letters through the real command: listed, shown, and requeued once, whoever asks again."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from bellwether.broker.cluster import Cluster
from runtime.errors import BrokerError
from streams.dead import letters, requeue
from streams.dead.reader import open_log
from streams.dead.turn import take
from wire import deadletter
from wire.topics import DEAD, PUBLISHED

Dead = Callable[..., subprocess.CompletedProcess[str]]
Headers = list[tuple[str, bytes]]


@pytest.fixture
def dead(kafka: Cluster, make_topics: Callable[..., None]) -> Dead:
    make_topics(partitions=2)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bellwether", "dead", *map(str, arguments), "--bootstrap", kafka.bootstrap]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    return run


class Line:
    """Writes inputs and their letters as a worker does, with librdkafka."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap})

    def _send(self, topic: str, partition: int, value: bytes | None, headers: Headers) -> int:
        placed: list[int] = []
        self._producer.produce(
            topic, value, b"NRVL", partition, headers=headers, on_delivery=lambda _, m: placed.append(m.offset() or 0)
        )
        self._producer.flush(30)
        return placed[0]

    def publish(self, value: bytes, headers: Headers, partition: int = 1) -> int:
        return self._send(PUBLISHED.name, partition, value, headers)

    def bury(self, value: bytes | None, original: Headers, source_offset: int, reason: str = "wrong_type") -> int:
        kept, headers = deadletter.build(
            reason=reason,
            stage="decode",
            exception="WrongTypeError: \x1b[31m[/red] no text",
            topic=PUBLISHED.name,
            partition=1,
            offset=source_offset,
            value=value,
            original=original,
            event_id="e-1",
        )
        return self._send(DEAD.name, 1, kept, headers)


@pytest.fixture
def line(kafka: Cluster) -> Line:
    return Line(kafka.bootstrap)


VALUE = b'{"text": 1, "mood": "\xc3\xa9"}'
ORIGINAL = [("ce_id", b"e-1"), ("ce_type", b"bellwether.news.article.published.v1")]


def inputs(kafka: Cluster) -> list[Any]:
    with open_log(kafka.bootstrap, PUBLISHED.name) as log:
        return list(log.records(1))


def test_a_letter_is_requeued_once_as_a_new_input(kafka: Cluster, dead: Dead, line: Line, tmp_path: Path) -> None:
    offset = line.publish(VALUE, ORIGINAL)
    place = line.bury(VALUE, ORIGINAL, offset)

    listed = dead("list", "--json")
    assert [json.loads(entry)["input"] for entry in listed.stdout.splitlines()] == [f"{PUBLISHED.name}:1:{offset}"]
    shown = dead("show", 1, place, "--raw", tmp_path / "raw")
    assert "bw_reason: wrong_type" in shown.stdout
    assert "ce_id: e-1\n" in shown.stdout
    assert '{"text": 1, "mood": "é"}' in shown.stdout
    assert "\x1b" not in shown.stdout
    assert (tmp_path / "raw").read_bytes() == VALUE

    first = dead("requeue", f"1:{place}", "--yes")
    again = dead("requeue", f"1:{place}", "--yes")

    assert (first.returncode, again.returncode) == (0, 1), first.stderr + again.stderr
    assert first.stdout == f"1:{place} -> {PUBLISHED.name}:1:{offset + 1}\nrequeued 1, not requeued 0\n"
    assert again.stderr == f"not requeued: letter 1:{place} was requeued before, as {PUBLISHED.name}:1:{offset + 1}\n"
    original, copy = inputs(kafka)
    assert (copy.key, copy.value) == (original.key, original.value)
    assert list(copy.headers) == [
        *ORIGINAL,
        ("bw_attempt", b"2"),
        ("bw_requeued_from", f"{PUBLISHED.name}:1:{offset}".encode()),
    ]


def test_all_of_a_reason_are_requeued_and_what_cannot_be_is_told(kafka: Cluster, dead: Dead, line: Line) -> None:
    first, second = (line.publish(VALUE, ORIGINAL) for _ in range(2))
    line.bury(VALUE, ORIGINAL, first)
    line.bury(VALUE, ORIGINAL, first)  # a worker's repeat after a crash: the same input
    line.bury(VALUE, ORIGINAL, second, reason="timeout")
    line.bury(None, [], 77)
    line.bury(b"x" * (deadletter.MAX_VALUE_BYTES + 1), [], 78)

    table = dead("list").stdout
    done = dead("requeue", "--all", "--reason", "wrong_type", "--yes", "--json")

    assert re.search(r"5 letters; `bellwether dead show PARTITION OFFSET` tells all of one", table)
    assert "timeout" in table
    assert "[/red]" in table
    assert json.loads(done.stdout) == {"requeued": 1, "refused": 3}
    assert done.returncode == 0
    for sentence in ("one requeue is enough", "keeps a null value", "keeps only the first 65,536 of 1,900,001 bytes"):
        assert sentence in done.stderr
    assert len(inputs(kafka)) == 3


def test_nothing_is_sent_without_a_yes(kafka: Cluster, dead: Dead, line: Line) -> None:
    place = line.bury(VALUE, ORIGINAL, line.publish(VALUE, ORIGINAL))

    done = dead("requeue", f"1:{place}")

    assert done.returncode == 1
    assert f"send 1 letters to {PUBLISHED.name} once more? [y/N]" in done.stderr
    assert len(inputs(kafka)) == 1


def test_a_letter_of_a_requeued_input_may_be_requeued_again(kafka: Cluster, dead: Dead, line: Line) -> None:
    with_place = line.bury(VALUE, ORIGINAL, line.publish(VALUE, ORIGINAL))
    with open_log(kafka.bootstrap, DEAD.name) as log:
        requeue.requeue(kafka.bootstrap, [letters.at(log, 1, with_place)])
        copy = inputs(kafka)[1]
        place = line.bury(copy.value, list(copy.headers), copy.offset)

        outcome = requeue.requeue(kafka.bootstrap, [letters.at(log, 1, place), letters.at(log, 1, with_place)])

    assert [str(error) for error in outcome.refused] == [
        f"letter 1:{with_place} was requeued before, as {PUBLISHED.name}:1:1"
    ]
    third = inputs(kafka)[2]
    assert dict(third.headers)["bw_attempt"] == b"3"
    assert dict(third.headers)["bw_requeued_from"] == f"{PUBLISHED.name}:1:1".encode()


def test_two_people_cannot_requeue_at_the_same_time(
    kafka: Cluster, dead: Dead, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.dead.turn.PATIENCE_S", 2)
    place = line.bury(VALUE, ORIGINAL, line.publish(VALUE, ORIGINAL))

    with open_log(kafka.bootstrap, DEAD.name) as log, take(kafka.bootstrap, DEAD.name, 2):
        letter = letters.at(log, 1, place)
        with pytest.raises(
            BrokerError, match=r"another requeue is running \(group bellwether-dead-requeue\); wait for"
        ):
            requeue.requeue(kafka.bootstrap, [letter])
    assert len(inputs(kafka)) == 1


def test_an_empty_topic_and_a_wrong_place_are_said(dead: Dead) -> None:
    assert dead("list").stdout == "no dead letters\n"
    assert dead("list", "--reason", "timeout").stdout == "no dead letters of reason timeout\n"
    wrong = dead("show", 1, 9)
    assert wrong.returncode == 2
    assert f"error: {DEAD.name} partition 1 has no letter at offset 9; it is empty" in wrong.stderr
