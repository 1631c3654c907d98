"""A victim that dies by itself is replaced, nobody waits in a run that has ended, and all is put away in the end."""

import os
import random
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import psutil
import pytest

from bellwether.chaos import parents
from bellwether.chaos.brokers import Broker
from bellwether.chaos.journal import Strike
from bellwether.chaos.logs import WorkerLog
from bellwether.chaos.parents import Parent
from bellwether.chaos.scenario import Scenario
from bellwether.chaos.workers import Workers
from bellwether.demo.children import Child
from runtime.errors import DependencyError


class Scene:
    """Workers whose processes are made up."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        broker = mock.create_autospec(Broker, instance=True)
        broker.workers_address.return_value = "127.0.0.1:1"
        self.folder = folder
        self.aborted = threading.Event()
        self.strikes: list[Strike] = []
        row = Scenario(name="row", about="a row")
        self.workers = Workers(row, broker, "group", folder, note=self.strikes.append, aborted=self.aborted)
        self._living: dict[int, list[psutil.Process]] = {}
        monkeypatch.setattr(parents, "_living", lambda pid, _: iter(self._living[pid]))

    def parent(self, pid: int, *workers: int) -> Parent:
        """One parent whose worker is the first of these that still lives."""
        child = mock.create_autospec(Child, instance=True)
        child.pid = pid
        child.exit_code.return_value = None
        child.stop.return_value = 0
        child.tail.return_value = ""
        log = WorkerLog(self.folder / f"{pid}.log", listening=set(workers), held=dict.fromkeys(workers, ()))
        parent = Parent(pid, child, log)
        self._living[pid] = [mock.create_autospec(psutil.Process, instance=True, pid=worker) for worker in workers]
        for age, process in enumerate(reversed(self._living[pid])):
            process.create_time.return_value = float(-age)  # type: ignore[attr-defined]
        self.workers._parents.append(parent)
        return parent

    def gone(self, parent: int) -> Callable[[object], None]:
        """What a signal to a worker leads to that died just now."""

        def fail(_: object) -> None:
            raise psutil.NoSuchProcess(self._living[parent].pop(0).pid)

        return fail

    def worker(self, parent: int) -> mock.Mock:
        return self._living[parent][0]  # type: ignore[return-value]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("harm", "number"),
    [
        (Workers.kill_one, signal.SIGKILL),
        (Workers.kill_engine, signal.SIGKILL),
        (Workers.terminate_one, signal.SIGTERM),
        (Workers.pause_one, signal.SIGSTOP),
    ],
)
def test_a_victim_that_died_meanwhile_is_replaced(
    scene: Scene, harm: Callable[[Workers, random.Random], int], number: signal.Signals
) -> None:
    scene.parent(1, 11, 12)
    for worker in (11, 12):  # of an engine's parent, its worker, the engine is the only child here
        scene._living[worker] = scene._living[1]
    first = scene.worker(1)
    first.send_signal.side_effect = scene.gone(1)

    assert harm(scene.workers, random.Random(1)) == 12
    first.send_signal.assert_called_once_with(number)
    scene.worker(1).send_signal.assert_called_once_with(number)


def test_a_parent_that_ended_meanwhile_is_replaced_when_one_has_to_leave(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.parent(1, 11)
    scene.parent(2, 12)
    told: list[int] = []

    def kill(pid: int, _: int) -> None:
        told.append(pid)
        if len(told) == 1:
            raise ProcessLookupError

    monkeypatch.setattr(os, "kill", kill)

    assert scene.workers.remove_oldest() == 12
    assert told == [1, 2]


def test_members_are_counted_generation_by_generation(scene: Scene) -> None:
    scene.parent(1, 11).log.generations |= {1, 2}
    scene.parent(2, 12).log.generations |= {2, 3}
    scene.parent(3, 13).log.generations |= {3, 2}

    assert scene.workers.members() == 3


def test_nobody_waits_for_a_victim_in_a_run_that_was_ended(scene: Scene) -> None:
    scene.parent(1)
    scene.aborted.set()

    with pytest.raises(DependencyError, match="the run ended before"):
        scene.workers.kill_one(random.Random(1))


def test_all_workers_are_stopped_and_their_disk_is_put_away_also_where_one_stop_fails(scene: Scene) -> None:
    put_away: list[str] = []
    one, other = scene.parent(1, 11).child, scene.parent(2, 12).child
    for child in (one, other):
        child.stop.side_effect = ZeroDivisionError  # type: ignore[attr-defined]

    with pytest.raises(ZeroDivisionError), scene.workers as workers:
        workers.outfit._leaving.callback(put_away.append, "disk")
    one.stop.assert_called_once_with(0.0)  # type: ignore[attr-defined]
    other.stop.assert_called_once_with(0.0)  # type: ignore[attr-defined]
    assert put_away == ["disk"]


def test_all_parents_are_told_to_stop_although_a_worker_is_just_started_again(scene: Scene) -> None:
    scene.parent(1, 11)
    scene.parent(2).pids.add(12)
    scene.parent(3).child.exit_code.return_value = 1  # type: ignore[attr-defined]

    assert scene.workers.stop() == [0, 0, 0]


def test_a_challenger_is_the_younger_of_two_engines(scene: Scene) -> None:
    parent = scene.parent(1, 11)
    scene._living[11] = [mock.create_autospec(psutil.Process, instance=True, pid=pid) for pid in (21, 22)]
    for process, born in zip(scene._living[11], (200.0, 100.0), strict=True):
        process.create_time.return_value = born  # type: ignore[attr-defined]
    assert (parent.engine().pid, parent.challenger().pid) == (22, 21)  # type: ignore[union-attr]
    del scene._living[11][0]
    assert (parent.engine().pid, parent.challenger()) == (22, None)  # type: ignore[union-attr]
