import random
import threading
from typing import Any
from unittest import mock

import pytest

from bellwether.chaos import faults
from bellwether.chaos.brokers import Broker
from bellwether.chaos.clocks import FakeClock
from bellwether.chaos.disks import Disk
from bellwether.chaos.journal import Strike
from bellwether.chaos.outfits import Outfit
from bellwether.chaos.proxy import Proxy
from bellwether.chaos.scenario import Fault, load
from bellwether.chaos.workers import Workers
from bellwether.chaos.world import World
from runtime.errors import InputError

PROCESS = 7
"""Whichever process a fault chooses."""

ASKED = ("present", "held_by")
"""What a fault asks, which harms nobody."""


class Run:
    """A world whose broker and workers only remember what was done to them."""

    def __init__(self, *, aborted: bool = False) -> None:
        self.broker: Any = mock.create_autospec(Broker, instance=True)
        self.broker.nodes = 3
        self.broker.proxy = mock.create_autospec(Proxy, instance=True)
        self.broker.kill.return_value = [PROCESS]
        self.workers: Any = mock.create_autospec(Workers, instance=True)
        self.workers.outfit = mock.create_autospec(Outfit, instance=True)
        self.workers.outfit.clock = mock.create_autospec(FakeClock, instance=True)
        self.workers.outfit.disk = mock.create_autospec(Disk, instance=True)
        self.workers.outfit.disk.fill.return_value = 4096
        for choosing in ("kill_one", "kill_engine", "terminate_one", "pause_one"):
            getattr(self.workers, choosing).return_value = PROCESS
        self.workers.held_by.return_value = (1, 3)
        self.numbers = [2]
        self.workers.present.side_effect = lambda: self.numbers[-1]
        self.workers.add.side_effect = lambda: self._now(+1)
        self.workers.remove_oldest.side_effect = lambda: self._now(-1)
        self._all = mock.Mock()
        self._all.attach_mock(self.broker, "broker")
        self._all.attach_mock(self.workers, "workers")
        self.strikes: list[Strike] = []
        self.aborted = threading.Event()
        if aborted:
            self.aborted.set()
        self.world = World(
            self.broker, self.workers, self.strikes.append, random.Random(1), self.aborted, now=lambda: 5.0
        )

    def _now(self, more: int) -> int:
        self.numbers.append(self.numbers[-1] + more)
        return PROCESS

    def strike(self, do: str, **how: Any) -> list[str]:
        """What it did, in order: the last name of each call and its arguments."""
        faults.strike(Fault(do=do, at=(0.0, 0.0), **how), self.world)
        return self.calls()

    def calls(self) -> list[str]:
        found = []
        for name, given, _ in self._all.mock_calls:
            called = name.rpartition(".")[2]
            if called not in ASKED:
                found.append(" ".join([called, *(str(one) for one in given if not isinstance(one, random.Random))]))
        return found

    def said(self) -> list[str]:
        return [strike.what for strike in self.strikes]


def test_an_unknown_fault_is_refused_with_those_that_are_known():
    with pytest.raises(InputError, match="no fault 'earthquake'; known: kill-worker, "):
        Run().strike("earthquake")


def test_every_fault_of_the_table_is_known():
    assert {fault.do for scenario in load().scenarios for fault in scenario.faults} <= set(faults.FAULTS)


def test_every_need_of_the_table_is_known():
    for scenario in load().scenarios:
        faults.missing(scenario.needs)


def test_an_unknown_need_is_refused():
    with pytest.raises(InputError, match="nothing is known of the need 'luck'; known: root, faketime"):
        faults.missing(["luck"])


def test_nothing_is_missing_where_nothing_is_needed():
    assert faults.missing([]) is None


def test_a_strike_names_when_who_and_what_it_held():
    run = Run()
    run.strike("kill-worker")
    assert run.strikes == [Strike(time=5.0, what="worker-died", pid=7, held=(1, 3))]


@pytest.mark.parametrize(
    ("do", "how", "calls", "said"),
    [
        ("kill-engine", {}, ["kill_engine"], ["engine-died"]),
        ("terminate-worker", {}, ["terminate_one"], ["worker-stopping"]),
        ("pause-worker", {}, ["pause_one", "resume 7"], ["worker-paused", "worker-resumed"]),
        ("kill-broker", {}, ["kill None", "start"], ["broker-down", "broker-up"]),
        ("cut", {"direction": "to-worker"}, ["cut to-worker", "heal"], ["network-cut", "network-healed"]),
        ("reset", {}, ["reset", "heal"], ["network-cut", "network-healed"]),
        ("delay", {}, ["delay 0.25", "heal"], ["network-slow", "network-fast"]),
        ("jump-clock", {"shift": -3600.0}, ["shift -3600.0", "shift 0.0"], ["clock-jumped", "clock-right"]),
        ("fill-disk", {}, ["fill", "terminate_one", "free"], ["disk-full", "worker-stopping", "disk-free"]),
    ],
)
@pytest.mark.parametrize("aborted", [False, True])
def test_a_fault_does_its_harm_and_heals_also_where_the_run_is_aborted(
    do: str, how: dict[str, Any], calls: list[str], said: list[str], aborted: bool
):
    run = Run(aborted=aborted)
    assert run.strike(do, seconds=0.001 if not aborted else 1e6, **how) == calls
    assert run.said() == said


def test_one_node_of_three_dies_and_comes_back():
    run = Run()
    died, back = run.strike("kill-node")
    assert died in {"kill 1", "kill 2", "kill 3"}
    assert back == "start"
    assert run.said() == ["node-down", "node-up"]


def test_what_fails_in_between_heals_as_well():
    run = Run()
    run.workers.outfit.disk.fill.side_effect = ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        run.strike("fill-disk")
    assert run.calls() == ["fill", "free"]


def test_a_storm_reaches_its_height_stays_in_its_bounds_and_leaves_as_many_as_before():
    run = Run()
    run.strike("storm", seconds=0.04, every=0.001, most=6)
    numbers = run.numbers[1:]
    assert numbers[:8] == [3, 4, 5, 6, 5, 6, 5, 6]
    assert all(abs(after - before) == 1 for before, after in zip([2, *numbers], numbers, strict=False))
    assert numbers[-1] == 2
    assert set(run.said()) == {"worker-joined", "worker-left"}


def test_an_aborted_storm_starts_nobody_more():
    run = Run(aborted=True)
    run.strike("storm", seconds=60.0, every=3.0, most=6)
    assert len(run.strikes) == 1


@pytest.mark.parametrize(("do", "part"), [("jump-clock", "clock"), ("fill-disk", "disk")])
def test_workers_that_were_not_made_for_it_are_not_harmed(do: str, part: str):
    run = Run()
    setattr(run.workers.outfit, part, None)
    with pytest.raises(InputError, match=f"name `{do}` in their scenario"):
        run.strike(do)
