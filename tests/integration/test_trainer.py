"""Trainers as real processes on a real broker: killed at each phase, taken over, and stopped while they lead."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from typer.testing import CliRunner

from bellwether.broker.cluster import Cluster
from bellwether.cli.app import app
from models import pointer as pointers
from models.pointer import Pointer
from models.store import open_store
from runtime.crashpoints import TRAINER_POINTS
from trainer.service import records
from wire import codec, labels
from wire.events import LabelSubmitted
from wire.topics import LABELS

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)
FIRST = "v-0000000001"
WAIT_S = 30
"""The issue's own bound for a takeover."""


def alive(pid: int) -> bool:
    """Whether a process works still; one that is only not collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Line:
    """A registry, a broker with labels, and the trainers on them."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.folder, self.bootstrap = folder, bootstrap
        self.holds = folder / "holds"
        self.holds.mkdir()
        self.verdict("better")
        self.store = open_store(str(folder / "store"), make=True)
        then = pointers.promoted(Pointer(), FIRST)
        pointers.append(self.store, "promote", Pointer(), then, who="a person", at=WHEN, why="the first")
        self.processes: list[subprocess.Popen[bytes]] = []

    def verdict(self, verdict: str) -> None:
        (self.holds / "verdict").write_text(verdict)

    def submit(self, *numbers: int) -> None:
        producer = KafkaProducer(bootstrap_servers=self.bootstrap)
        for number in numbers:
            label = LabelSubmitted(event_id=f"e-{number}", task="sentiment", label="negative", labeller="ana",
                                   labelled_at=WHEN, text=f"Ostra cuts {number}")  # fmt: skip
            producer.send(LABELS.name, codec.encode(label), labels.key(label))
        producer.close()

    def start(self, group: str, state: str = "one", crash_at: str | None = None) -> subprocess.Popen[bytes]:
        where = self.folder / state
        where.mkdir(exist_ok=True)
        order = {"bootstrap": self.bootstrap, "group": group, "session_s": "1.5", "holds": str(self.holds),
                 "state": str(where), "store": str(self.folder / "store")}  # fmt: skip
        if crash_at is not None:
            order["crash_at"] = f"{crash_at}:1:{self.folder / f'crashed-{crash_at}'}"
        command = [sys.executable, str(Path(__file__).with_name("a_trainer.py")), json.dumps(order)]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self.processes.append(process)
        return process

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, self.said()[-4000:]
            time.sleep(0.05)

    def said(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def call(self, *words: str) -> Any:
        result = CliRunner(env={"BELLWETHER_STORE": str(self.folder / "store")}).invoke(
            app, ["trainer", *words, "--json"]
        )
        assert result.exit_code == 0, result.output + repr(result.exception)
        return json.loads(result.stdout)

    def moves(self) -> list[tuple[str, str]]:
        return [(move.action, move.who) for move in pointers.moves(self.store)[1:]]

    def published(self) -> list[str]:
        return [name for version in self.store.names("published") for name in self.store.names(f"published/{version}")]

    def metric(self, state: str, name: str) -> float:
        try:
            port = int((self.folder / state / "port").read_text())
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except (OSError, ValueError):
            return float("nan")
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, flags=re.MULTILINE)
        return float(found[1]) if found else float("nan")


@pytest.fixture
def line(kafka: Cluster, make_topics: Callable[..., None], tmp_path: Path) -> Iterator[Line]:
    make_topics(partitions=1)
    made = Line(tmp_path, kafka.bootstrap)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()


def test_killed_at_each_phase_it_goes_on_and_publishes_once(line: Line) -> None:
    line.submit(1, 2, 3)
    for point in TRAINER_POINTS:
        holding = line.holds / f"hold-{point}"
        holding.touch()
        process = line.start(f"group-{point}", crash_at=point)
        assert process.wait(WAIT_S) == -signal.SIGKILL, line.said()[-4000:]
        assert len(line.moves()) == {"promoted": 2}.get(point, 0), point
        assert len(records.every(line.store)) == (point in {"recorded", "published", "promoted"}), point
        line.until(lambda: not any(alive(int(file.name[4:])) for file in line.holds.glob("pid-*")))
        holding.unlink()
    last = line.start("group-last")
    line.until(lambda: line.metric("one", 'bellwether_trainer_phase{phase="idle"}') == 1)
    line.submit(4)
    line.until(lambda: line.metric("one", "bellwether_labels_new_total") == 1)
    line.until(lambda: line.metric("one", "bellwether_trainer_labels_since_run") == 1)
    last.terminate()
    assert last.wait(WAIT_S) == 0
    assert [action for action, _ in line.moves()] == ["stage", "promote"]
    assert (line.holds / "trained").read_text() == "1\n"
    assert "twice" not in line.published()
    assert line.published().count("once") == 1
    assert [one.number for one in records.every(line.store)] == [1]


def test_another_takes_over_from_a_killed_leader_and_from_a_stopped_one(line: Line) -> None:
    """The stopped one wakes up when its run is over, and leaves no trace."""
    line.verdict("same")
    (line.holds / "hold-training").touch()
    killed = line.start("trainers", "killed")
    line.submit(1, 2, 3)
    line.until(lambda: line.metric("killed", 'bellwether_trainer_phase{phase="training"}') == 1)
    stopped = line.start("trainers", "stopped")
    line.until(lambda: line.metric("stopped", "bellwether_trainer_is_leader") == 0)
    killed.kill()
    line.until(lambda: line.metric("stopped", 'bellwether_trainer_phase{phase="training"}') == 1)
    third = line.start("trainers", "third")
    line.until(lambda: line.metric("third", "bellwether_trainer_is_leader") == 0)
    assert line.metric("stopped", "bellwether_trainer_is_leader") == 1, "who joins takes nothing away"
    stopped.send_signal(signal.SIGSTOP)
    (line.holds / "hold-training").unlink()
    line.until(lambda: len(records.every(line.store)) == 1)
    stopped.send_signal(signal.SIGCONT)
    line.until(lambda: line.metric("stopped", "bellwether_trainer_is_leader") == 0)
    assert [(one.who, one.labels) for one in records.every(line.store)] == [("trainer@third", 3)]
    asked = ("status", "--group", "trainers", "--bootstrap", line.bootstrap)
    line.until(lambda: len(line.call(*asked)["members"]) == 2)
    told = line.call(*asked)
    assert told["leader"].startswith("trainer@third")
    assert (told["champion"], told["labels_end"], told["labels_waiting"]) == (FIRST, 3, 0)
    assert told["next"] == "same: as the test wants"
    assert told["last_run"] == line.call("runs")["runs"][0]
    third.terminate()
    assert third.wait(WAIT_S) == 0
    line.until(lambda: line.metric("stopped", 'bellwether_trainer_phase{phase="idle"}') == 1)
    line.until(lambda: list((line.folder / "stopped" / "runs").iterdir()) == [])
    assert len(records.every(line.store)) == 1
    assert line.moves() == []
