"""How a worker's parts end: each whatever the others do, and none in silence."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from models.specs import ScriptedSpec
from runtime.settings import Settings
from streams.classify import line as composed
from streams.classify.engine_choice import engine_spec
from streams.classify.line import Consent, Line
from streams.classify.loop_watch import LoopWatch
from streams.classify.watchdog import Stall


class Failing:
    """Stands for `LagWatch`: a bug ends it at its first look."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def lags(self) -> list[Any]:
        return []

    def stalls(self) -> list[Any]:
        return []

    async def run(self) -> None:
        raise KeyError("a partition that nobody knows")


@pytest.fixture
def failures() -> list[BaseException]:
    return []


@pytest.fixture
def line(failures) -> Line:
    unused: Any = None
    return Line(Settings(), Consent(), unused, failures.append, unused)


async def test_the_loop_is_watched_from_the_first_moment_until_the_line_is_closed(line, monkeypatch) -> None:
    started: list[Any] = []

    def stop(self: LoopWatch) -> None:
        started.remove(self)

    monkeypatch.setattr(LoopWatch, "start", lambda self, _: started.append(self))
    monkeypatch.setattr(LoopWatch, "stop", stop)

    async def taken(_: Any) -> None:
        assert len(started) == 1
        raise OSError("the port is taken")

    monkeypatch.setattr(Line, "_serve_health", taken)
    with pytest.raises(OSError, match="the port is taken"):
        await line.open()
    await line.close()
    assert started == []


async def test_a_part_that_cannot_be_closed_leaves_none_open(line, capsys) -> None:
    closed: list[str] = []

    def closer(name: str) -> Any:
        async def close() -> None:
            closed.append(name)
            if name == "delivery":
                raise OSError("the producer does not close")

        return close

    line._closing.extend(closer(name) for name in ("health", "engine", "delivery", "pipeline"))
    await line.close()
    await line.close()
    assert closed == ["pipeline", "delivery", "engine", "health"]
    assert "close_failed" in "".join(capsys.readouterr())  # where lines go is for the command to configure


async def test_a_lag_watch_that_dies_is_reported_at_once_and_close_goes_on(line, failures, monkeypatch) -> None:
    monkeypatch.setattr(composed, "LagWatch", Failing)
    unused: Any = None
    line._watch_lag(unused, unused)
    for _ in range(3):
        await asyncio.sleep(0)
    assert [type(error) for error in failures] == [KeyError]
    closed: list[str] = []

    async def health() -> None:
        closed.append("health")

    line._closing.insert(0, health)
    await line.close()
    assert closed == ["health"]


async def test_a_lag_watch_that_is_closed_is_no_failure(line, failures) -> None:
    unused: Any = None
    line._watch_lag(unused, unused)
    await line.close()
    assert failures == []


def test_scripted_workers_can_be_told_apart_by_version() -> None:
    assert engine_spec(Settings(model="scripted@v-0123456789", data=None)) == ScriptedSpec(version="v-0123456789")
    assert engine_spec(Settings(model="scripted", data=None)) == ScriptedSpec()


def test_outputs_that_wait_for_the_broker_make_a_worker_unready_and_a_stall_makes_it_sick(line) -> None:
    stall = Stall(partition=3, lag=5, at=7, seconds=31, in_flight=True, is_over=False)
    line._assigned = lambda: [3]
    line.slot = SimpleNamespace(is_ready=True, overdue_s=lambda: 0.0)
    line.delivery = SimpleNamespace(waiting_s=lambda: 10.0)
    line.lag = SimpleNamespace(silent_s=lambda: 0.0, stalls=list)
    assert (line._sick(), line._unready()) == ([], [])
    line.delivery = SimpleNamespace(waiting_s=lambda: 12.3)
    assert line._unready() == ["the broker has not acknowledged outputs for 12 s"]
    line.delivery = None
    line.lag = SimpleNamespace(silent_s=lambda: 0.0, stalls=lambda: [stall])
    assert (line._sick(), line._unready()) == ([], ["partition 3 has 5 inputs waiting and has not moved for 31 s"])
    line.lag = SimpleNamespace(silent_s=lambda: 0.0, stalls=lambda: [replace(stall, is_over=True)])
    assert (line._sick(), line._unready()) == (["partition 3 has 5 inputs waiting and has not moved for 31 s"], [])
