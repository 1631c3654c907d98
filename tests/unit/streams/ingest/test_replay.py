"""Events come at their pace, on a clock turned by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from runtime.errors import InputError
from streams.ingest.replay import Pace, parse_speed

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


def test_an_hour_takes_a_minute_at_60x() -> None:
    clock = Clock()
    pace = Pace(60.0, clock, clock.sleep)

    for minutes in (0, 30, 60):
        pace.wait(START + timedelta(minutes=minutes))

    assert clock.slept == [30.0, 30.0]


def test_time_that_the_work_took_is_not_slept_again() -> None:
    clock = Clock()
    pace = Pace(1.0, clock, clock.sleep)

    pace.wait(START)
    clock.now += 4
    pace.wait(START + timedelta(seconds=10))
    clock.now += 60
    pace.wait(START + timedelta(seconds=20))
    pace.wait(START + timedelta(seconds=80))

    assert clock.slept == [6.0, 10.0]


def test_an_event_older_than_its_predecessor_does_not_wait() -> None:
    clock = Clock()
    pace = Pace(1.0, clock, clock.sleep)

    pace.wait(START)
    pace.wait(START - timedelta(days=1))

    assert clock.slept == []


@pytest.mark.parametrize(("option", "speed"), [("1x", 1.0), ("60x", 60.0), ("0.5x", 0.5), ("max", None)])
def test_speeds_are_read(option: str, speed: float | None) -> None:
    assert parse_speed(option) == speed


@pytest.mark.parametrize("option", ["", "x", "60", "0x", "-1x", "fast", "1e9x", "infx"])
def test_what_is_no_speed_is_refused(option: str) -> None:
    with pytest.raises(InputError, match=r"is no speed; write 1x, 60x, 0.5x or max"):
        parse_speed(option)
