"""The demo as a user runs it: real Kafka, real worker and ingest processes, an independent count."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

KEYS = {"events", "scored", "dead", "lost", "duplicates", "seconds", "events_per_second"}
WAIT_S = 240
"""A busy machine may take a minute to start Kafka, and a killed worker's partitions are free after 6 s."""


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "bellwether", "demo", "--model", "noop", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A home of its own: topics that a test makes anew are another log than the one that a home remembers.
        env=os.environ | {"TMPDIR": str(folder), "BELLWETHER_HOME": str(folder / "home")},
    ) as process:
        try:
            yield process
        finally:
            process.terminate()  # nothing to a process that has ended


def outcome(folder: Path, *arguments: str) -> dict[str, object]:
    with demo(folder, *arguments, "--json") as process:
        out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, err
    told = json.loads(out)
    assert isinstance(told, dict)
    return told


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith("bellwether-")]


def has_engine(pid: int) -> bool:
    family = psutil.Process(pid).children(recursive=True)
    return any("models.child" in " ".join(one.cmdline()) for one in family if one.status() != psutil.STATUS_ZOMBIE)


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def test_the_demo_loses_nothing_and_leaves_nothing_behind(kafka, tmp_path) -> None:
    told = outcome(tmp_path, "--limit", "300", "--seconds", "4", "--plots", str(tmp_path / "plots"))
    assert told.keys() >= KEYS
    assert (told["events"], told["scored"], told["dead"]) == (300, 300, 0)
    assert (told["lost"], told["duplicates"], told["phantoms"]) == (0, 0, 0)
    assert told["served_by"] == {"v-0000000000 noop": 300}
    assert Path(str(told["plot"])).read_bytes().startswith(b"\x89PNG")
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("victim", ["worker", "engine"])
def test_a_killed_process_in_the_middle_costs_no_event(kafka, make_topics, tmp_path, victim: str) -> None:
    make_topics()
    told = outcome(tmp_path, "--limit", "600", "--seconds", "6", "--kill", victim, "--bootstrap", kafka.bootstrap)
    killed = told["killed"]
    assert isinstance(killed, list)
    assert [one["what"] for one in killed] == [victim]
    assert not psutil.pid_exists(killed[0]["pid"])
    assert (told["events"], told["lost"], told["duplicates"], told["phantoms"]) == (600, 0, 0, 0)
    assert leftovers(tmp_path) == []


def test_somebodys_file_with_bad_rows_and_a_poisonous_text_is_accounted_for(kafka, tmp_path) -> None:
    data = tmp_path / "rows.jsonl"
    rows = [json.dumps({"id": str(number), "text": f"row {number}"}) for number in range(50)]
    rows += ["not json", json.dumps({"id": "empty", "text": "   "})]
    data.write_text("\n".join(rows) + "\n")
    told = outcome(tmp_path, "--data", str(data), "--bootstrap", kafka.bootstrap)
    # Its own events alone, although the topics may still hold those of another run.
    assert (told["events"], told["scored"], told["dead"], told["lost"], told["refused"]) == (51, 50, 1, 0, 1)


def test_ctrl_c_ends_every_child_and_removes_every_folder(kafka, tmp_path) -> None:
    with demo(tmp_path, "--limit", "3000", "--seconds", "200") as process:
        wait_until(lambda: has_engine(process.pid), "no engine came up")
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    wait_until(lambda: leftovers(tmp_path) == [], "folders were left behind")


def test_a_stream_can_be_written_without_kafka(tmp_path) -> None:
    out = tmp_path / "stream.jsonl"
    command = [sys.executable, "-m", "bellwether", "demo", "stream", "--out", str(out), "--days", "2", "--per-day", "9"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith("wrote 18 stories")
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {"event_id", "text", "published_at", "label", "topic"} <= rows[0].keys()


def test_a_missing_file_is_told_before_anything_starts(tmp_path) -> None:
    with demo(tmp_path, "--data", str(tmp_path / "none.jsonl")) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "none.jsonl: No such file or directory; give a file that can be read" in err
