import json
from types import SimpleNamespace

import pytest

from bellwether.demo import replay as module
from bellwether.demo.board import Board
from bellwether.demo.children import WorkerPids
from bellwether.demo.replay import MAX_RESTARTS, QUIET_S, Replay, moment
from bellwether.demo.view import Stage
from runtime.errors import DependencyError


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


class Ingest:
    """Has published everything after a few looks."""

    def __init__(self, looks: int, accepted: int) -> None:
        self.looks = looks
        self.report = json.dumps({"accepted": accepted, "refused": 3})

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None: ...

    def exit_code(self):
        self.looks -= 1
        return 0 if self.looks < 0 else None

    def wait(self, _timeout_s: float) -> str:
        return self.report


class Worker:
    def __init__(self, code: int | None = None) -> None:
        self.code = code

    def exit_code(self) -> int | None:
        return self.code

    def tail(self) -> str:
        return "last lines of worker"


class Screen:
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def update(self, board, stage) -> None: ...


class Follower:
    """Publishes all at once and answers a few at a time, up to a number."""

    def __init__(self, board: Board, answers: int, events: int) -> None:
        self.board = board
        self.answers = answers
        self.events = events

    def step(self, _timeout_ms: int) -> int:
        if not self.board.published:
            for offset in range(self.events):
                self.board.on_published((0, offset), 0)
        for offset in range(self.board.done, min(self.board.done + 4, self.answers)):
            self.board.on_dead((0, offset), 1)
        return 4


@pytest.fixture
def killed(monkeypatch) -> list[int]:
    pids: list[int] = []
    monkeypatch.setattr(module, "kill", pids.append)
    monkeypatch.setattr(module, "worker_pids", lambda _: WorkerPids(worker=11, engine=22))
    return pids


def replay(events: int = 30, *, victims=(), worker: Worker | None = None, restart=Worker) -> Replay:
    clock = Clock()
    return Replay(
        source=SimpleNamespace(events=events),
        start_ingest=lambda: Ingest(5, events),
        start_worker=restart,
        worker=worker or Worker(),
        board=Board(events, clock),
        stage=Stage("x"),
        screen=Screen(),
        clock=clock,
        victims=victims,
    )


def test_it_ends_when_every_event_has_its_output(killed) -> None:
    run = replay()
    run.run(Follower(run.board, answers=30, events=30))
    assert (run.board.done, run.refused, run.stage.title) == (30, 3, "done")
    assert 0 < run.seconds < QUIET_S


def test_it_ends_when_nothing_moves_any_more(killed) -> None:
    run = replay()
    run.run(Follower(run.board, answers=17, events=30))
    assert run.board.lag == 13
    assert run.clock.now > QUIET_S
    # The wait for nothing is no time of the replay.
    assert run.seconds < QUIET_S


def test_victims_are_killed_one_after_the_other(killed) -> None:
    run = replay(victims=("worker", "engine"))
    run.run(Follower(run.board, answers=30, events=30))
    assert killed == [11, 22]
    assert [(one.what, one.after_events) for one in run.killed] == [("worker", 12), ("engine", 20)]
    assert run.screen.said[0] == "killed the worker process 11 (SIGKILL) after 12 events"


def test_a_victim_that_is_just_starting_is_waited_for(killed, monkeypatch) -> None:
    found = iter([WorkerPids(None, None)] * 8)
    monkeypatch.setattr(module, "worker_pids", lambda _: next(found, WorkerPids(11, 22)))
    run = replay(victims=("engine",))
    run.run(Follower(run.board, answers=30, events=30))
    assert killed == [22]


def test_a_worker_command_that_ended_is_started_again(killed) -> None:
    run = replay(worker=Worker(code=1))
    run.run(Follower(run.board, answers=30, events=30))
    assert run.restarts == 1


def test_a_worker_command_that_ends_again_and_again_is_given_up(killed) -> None:
    run = replay(worker=Worker(code=1), restart=lambda: Worker(code=1))
    with pytest.raises(
        DependencyError, match=r"the worker command ended 6 times, last with exit code 1; its log tells why\nlast lines"
    ):
        run.run(Follower(run.board, answers=0, events=30))
    assert run.restarts == MAX_RESTARTS + 1


def test_one_victim_falls_after_a_third() -> None:
    assert moment(0, 1, 10_000) == 3_333
