import json
import os
from pathlib import Path

import psutil
import pytest

from bellwether.broker import cluster, process
from bellwether.broker.process import NodeFolder
from runtime.errors import BrokerError


def note(folder: NodeFolder, pid: int, create_time: float) -> None:
    folder.pid.write_text(json.dumps({"pid": pid, "create_time": create_time}))


def test_a_process_that_merely_has_the_noted_number_is_not_ours(tmp_path: Path):
    home = NodeFolder(tmp_path)
    note(home, os.getpid(), psutil.Process().create_time() - 60)
    assert process.running(home) is None


def test_a_process_is_known_by_number_and_create_time(tmp_path: Path):
    home = NodeFolder(tmp_path)
    note(home, os.getpid(), psutil.Process().create_time())
    found = process.running(home)
    assert found is not None
    assert found.pid == os.getpid()


@pytest.mark.parametrize("noted", ["", "{}", "[1]", '{"pid": "x", "create_time": 1}'])
def test_a_broken_note_means_that_nothing_runs(tmp_path: Path, noted: str):
    home = NodeFolder(tmp_path)
    home.pid.write_text(noted)
    assert process.running(home) is None


def test_the_log_tail_shows_the_end_of_both_logs(tmp_path: Path):
    home = NodeFolder(tmp_path)
    home.log.write_text("\n".join(f"line {n}" for n in range(100)))
    home.output.write_text("OutOfMemoryError\n")
    said = process.log_tail(home, lines=2)
    assert said == (
        f"last lines of {home.log}:\n  line 98\n  line 99\nlast lines of {home.output}:\n  OutOfMemoryError"
    )


def test_a_node_without_logs_says_so(tmp_path: Path):
    assert process.log_tail(NodeFolder(tmp_path)) == f"it wrote no log under {tmp_path}"


def test_stop_names_the_folder_that_holds_no_broker(tmp_path: Path):
    with pytest.raises(BrokerError, match=f"no broker in {tmp_path}; name its folder with --folder"):
        cluster.stop(tmp_path)


def test_the_status_of_a_folder_without_a_broker_is_empty(tmp_path: Path):
    found = cluster.status(tmp_path)
    assert (found.bootstrap, found.pids, found.answers) == (None, (), False)


def test_a_full_disk_is_found_before_kafka_finds_it(tmp_path: Path):
    with pytest.raises(BrokerError, match=r"only 3 MiB are free where .* lies, and Kafka needs 512"):
        cluster.check_space(tmp_path, free_bytes=3 * 1024**2)
