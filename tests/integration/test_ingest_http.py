"""The HTTP endpoint as a real process: what it answers, when, and that a 2xx is in Kafka."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bellwether.broker.cluster import Cluster
from streams.dead.reader import open_log
from wire.topics import PUBLISHED

DEADLINE_S = 3.0


class Server:
    """A running `bellwether ingest http`."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self.address = f"http://127.0.0.1:{port}/v1/articles"

    def post(self, body: object, content_type: str = "application/json") -> tuple[int, dict[str, Any]]:
        status, _, answer = self.ask(body, content_type)
        return status, answer

    def ask(self, body: object, content_type: str = "application/json") -> tuple[int, Any, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.address, data, {"Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, json.loads(error.read())


@pytest.fixture(scope="module")
def server(kafka: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port_file = tmp_path_factory.mktemp("http") / "port"
    command = [
        sys.executable, "-m", "bellwether", "ingest", "http", "--bootstrap", kafka.bootstrap, "--http-port", "0",
        "--port-file", str(port_file), "--deadline", str(DEADLINE_S), "--source", "desk", "--json",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 120
        while not port_file.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        try:
            yield Server(process, int(port_file.read_text()))
        finally:
            process.kill()


def published(kafka: Cluster) -> dict[str, bytes]:
    with open_log(kafka.bootstrap, PUBLISHED.name) as log:
        return {
            dict(record.headers)["ce_id"].decode(): record.value
            for partition in log.partitions
            for record in log.records(partition)
            if dict(record.headers).get("ce_source") == b"desk"
        }


def test_one_event_is_answered_with_its_id_and_lies_in_kafka(kafka: Cluster, server: Server) -> None:
    status, answer = server.post({"text": "Ostra opens", "published_at": "2026-03-01T09:30:00Z", "event_id": "e-1"})

    assert (status, answer) == (201, {"status": "accepted", "event_id": "e-1"})
    assert json.loads(published(kafka)["e-1"])["text"] == "Ostra opens"


def test_a_batch_is_answered_item_by_item(kafka: Cluster, server: Server) -> None:
    status, answer = server.post([{"text": "a", "event_id": "b-1"}, {"no": 1}, 7, {"text": "b", "event_id": "b-2"}])

    assert status == 207
    assert [item["status"] for item in answer["items"]] == ["accepted", "refused", "refused", "accepted"]
    assert [item.get("reason") for item in answer["items"]] == [None, "no_text", "not_an_object", None]
    assert (answer["accepted"], answer["refused"], answer["unknown"]) == (2, 2, 0)
    assert {"b-1", "b-2"} <= set(published(kafka))


def test_json_lines_are_a_batch(server: Server) -> None:
    assert server.post(b'{"text":"a"}\n{"text":"b"}\n', "application/x-ndjson")[0] == 201
    assert server.post(b'{"text":"a"}\nnonsense\n', "application/x-ndjson")[0] == 207
    assert server.post(b"nonsense\n", "application/x-ndjson")[0] == 400


def test_what_cannot_be_an_event_is_refused_with_its_reason(server: Server) -> None:
    assert server.post({"text": "a", "time": "soon"})[1]["reason"] == "bad_time"
    status, answer = server.post(b"{")
    assert status == 400
    assert answer["message"].startswith("the body is no JSON (")
    status, answer = server.post({"text": "x" * 1_100_000})
    assert (status, answer["reason"]) == (413, "too_large")


def test_a_body_too_large_is_refused_unread(server: Server) -> None:
    status, answer = server.post(b"x" * (8 * 1024 * 1024 + 1))

    assert status == 413
    assert answer["message"] == "the body has 8,388,609 bytes, 8,388,608 are allowed; split it"


@pytest.fixture
def frozen(kafka: Cluster) -> Iterator[Callable[[int], None]]:
    def send(number: int) -> None:
        for pid in kafka.pids:
            os.kill(pid, number)

    yield send
    send(signal.SIGCONT)


def test_a_broker_that_does_not_answer_is_a_503_and_the_event_keeps_its_id(
    kafka: Cluster, server: Server, frozen: Callable[[int], None]
) -> None:
    frozen(signal.SIGSTOP)
    begun = time.monotonic()
    status, headers, answer = server.ask([{"text": "late", "published_at": "2026-03-01T09:30:00Z"}, {"no": 1}])
    took = time.monotonic() - begun
    frozen(signal.SIGCONT)

    assert status == 503
    assert headers["Retry-After"] == "5"
    assert [item["status"] for item in answer["items"]] == ["unknown", "refused"]
    assert answer["items"][0]["message"] == "Kafka did not acknowledge within 3 s; send it again, it keeps its id"
    assert DEADLINE_S <= took < DEADLINE_S + 10
    again, answered = server.post({"text": "late", "published_at": "2026-03-01T09:30:00Z"})
    assert (again, answered["event_id"]) == (201, answer["items"][0]["event_id"])


def test_too_much_on_the_way_is_a_429_and_nothing_of_it_is_sent(
    kafka: Cluster, server: Server, frozen: Callable[[int], None]
) -> None:
    before = len(published(kafka))
    large = [{"text": "x" * 700_000} for _ in range(10)]
    frozen(signal.SIGSTOP)
    statuses = []
    for _ in range(5):
        status, headers, _ = server.ask(large)
        statuses.append(status)
        if status == 429:
            assert headers["Retry-After"] == "1"
            break
    frozen(signal.SIGCONT)

    # Seven of the 24 MiB go on their way with each request that ends as a 503; equal texts have equal ids.
    assert statuses == [503, 503, 503, 429]
    assert server.post({"text": "after", "event_id": "after"})[0] in (201, 429)
    assert len(published(kafka)) >= before


def test_sigterm_ends_it_with_its_counts(server: Server, tmp_path: Path) -> None:
    server.process.send_signal(signal.SIGTERM)
    out, err = server.process.communicate(timeout=60)

    assert server.process.returncode == 0, err.decode()
    assert json.loads(out)["accepted"] >= 5
    assert b"listening on http://127.0.0.1:" in err
