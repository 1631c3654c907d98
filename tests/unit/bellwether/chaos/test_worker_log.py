from pathlib import Path

from bellwether.chaos.logs import WorkerLog

ASSIGNED = '{"generation": 4, "partitions": [0, 2], "event": "partitions_assigned", "pid": 31}\n'


def test_a_log_is_read_as_it_grows_and_no_line_twice(tmp_path: Path):
    path = tmp_path / "worker-1.log"
    log = WorkerLog(path)
    assert log.look().held == {}
    path.write_text('{"event": "health_served", "pid": 31}\n' + ASSIGNED[:40])
    assert log.look().listening == {31}
    assert log.held == {}
    with path.open("a") as file:
        file.write(ASSIGNED[40:])
        file.write('{"worker_pid": 31, "code": -9, "event": "worker_ended", "pid": 30}\n')
    for _ in range(2):
        assert log.look().held == {31: (0, 2)}
        assert log.ended == [31]
    assert log.generations == {4}


def test_what_is_no_line_of_ours_is_passed_over(tmp_path: Path):
    path = tmp_path / "worker-1.log"
    path.write_bytes(b'Traceback (most recent call last):\n[1]\n{"event": 7}\n\xff{}\n\n' + ASSIGNED.encode())
    assert WorkerLog(path).look().held == {31: (0, 2)}


def test_the_newest_assignment_counts(tmp_path: Path):
    path = tmp_path / "worker-1.log"
    path.write_text(ASSIGNED + ASSIGNED.replace("[0, 2]", "[]").replace("4", "5"))
    log = WorkerLog(path).look()
    assert log.held == {31: ()}
    assert log.generations == {4, 5}


def test_what_a_row_must_leave_behind_is_counted_by_reason(tmp_path: Path):
    path = tmp_path / "worker-1.log"
    failed = '{"event": "engine_failed", "reason": "crash", "texts": 3}\n'
    path.write_text(failed * 2 + '{"event": "budget_cut", "tokens": 9}\n{"event": "budget_restored", "tokens": 64}\n')
    assert WorkerLog(path).look().said == {"engine_failed crash": 2, "budget_restored": 1}
