"""What the watch does with what a broker says, look by look; the client, the clock and the admission are scripted."""

from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from runtime.errors import BrokerAwayError
from streams.classify import lag
from streams.classify.generations import Generation
from streams.classify.lag import LagWatch
from streams.classify.positions import PositionError
from streams.classify.watchdog import StallError, Watchdog, Work


class Script:
    """A broker with two partitions that changes as the looks go by: `steps` are run one before each look."""

    def __init__(self) -> None:
        self.steps: list[Callable[[], None]] = []
        self.looks = 0
        self.time = 0.0
        self.ends = {0: 10, 1: 0}
        self.error: Exception | None = None
        self.connections = 0
        self.asked_for: list[TopicPartition] = []
        self.answers: list[Exception | None] = []
        self.admissions = 0
        self.current: Generation | None = Generation(1)
        self.markers: set[int] = set()
        """Partitions whose last offsets hold no record."""
        self.searches = 0

    async def sleep(self, seconds: float) -> None:
        """The pause between two looks: the time goes on, and the next step happens."""
        self.time += seconds
        self.looks += 1
        if self.looks > len(self.steps):
            raise OverError
        self.steps[self.looks - 1]()

    async def readmit(self) -> None:
        self.admissions += 1
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer

    def client(self, **arguments: Any) -> "Client":
        return Client(self, arguments["group_id"])


class OverError(Exception):
    """The script is at its end."""


class Client:
    def __init__(self, script: Script, group: str | None) -> None:
        self.script = script
        self.group = group
        self.positions: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        self.script.connections += 1
        self.script.searches += self.group is None
        if self.script.error is not None:
            raise self.script.error

    async def stop(self) -> None: ...

    async def topics(self) -> set[str]:
        return set()

    async def committed(self, place: TopicPartition) -> int:
        return 4 if place.partition == 0 else 0

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        if self.script.error is not None:
            raise self.script.error
        self.script.asked_for = places
        return {place: self.script.ends[place.partition] for place in places}

    def assign(self, _: list[TopicPartition]) -> None:
        assert self.group is None, "a client that is a group's would commit or join"

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.positions[place] = offset

    async def getmany(self, *places: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Any]]:  # noqa: ARG002
        ends = {place: self.script.ends[place.partition] for place in places}
        self.positions |= ends
        return {place: [object()] for place in places if place.partition not in self.script.markers}

    async def position(self, place: TopicPartition) -> int:
        return self.positions[place]


@pytest.fixture
def script(monkeypatch) -> Script:
    made = Script()
    monkeypatch.setattr(lag, "AIOKafkaConsumer", made.client)
    return made


def watch_of(script: Script) -> LagWatch:
    assignments: Any = script
    return LagWatch(
        "x:1",
        "group",
        "in",
        ("out",),
        assigned=lambda: [0, 1] if script.current is not None and script.current.is_open else [],
        assignments=assignments,
        readmit=script.readmit,
        work=lambda: Work(0, False, ()),
        watchdog=Watchdog(lambda: script.time),
        monotonic=lambda: script.time,
        sleep=script.sleep,
    )


async def play(script: Script, *steps: Callable[[], None]) -> LagWatch:
    """Look once before the first step and once after each."""
    script.steps.extend(steps)
    watch = watch_of(script)
    with pytest.raises(OverError):
        await watch.run()
    return watch


def nothing() -> None: ...


async def test_lag_counts_from_what_is_committed_and_the_outputs_must_answer_too(script) -> None:
    watch = await play(script)
    assert [(one.partition, one.records) for one in watch.lags()] == [(0, 6), (1, 0)]
    assert TopicPartition("out", 1) in script.asked_for
    assert script.admissions == 0


async def test_a_partition_that_stands_still_is_told_with_all_that_is_known_and_ends_the_watch(script) -> None:
    script.steps.extend([nothing] * 100)
    watch = watch_of(script)
    with capture_logs() as lines, pytest.raises(StallError, match=r"partition 0 has 6 inputs waiting.*60 s.*anew"):
        await watch.run()
    (line,) = [line for line in lines if line["event"] == "no_progress"]
    assert (line["partition"], line["lag"], line["next_offset"], line["seconds"]) == (0, 6, 4, 60.0)
    assert [stall.is_over for stall in watch.stalls()] == [True]


async def test_a_partition_that_waits_for_others_is_told_once_and_ends_nobody(script, record) -> None:
    def moves() -> None:
        one = record(script.looks, partition=1)
        script.current.offsets.take([one])
        script.current.offsets.finish([one])

    script.ends[1] = 9_000
    with capture_logs() as lines:
        watch = await play(script, *[moves] * 60)
    (line,) = [line for line in lines if line["event"] == "partition_waits"]
    assert (line["partition"], line["lag"], line["seconds"]) == (0, 6, 60.0)
    assert [(stall.partition, stall.is_over) for stall in watch.stalls()] == [(0, False)]


async def test_a_broker_that_is_silent_for_an_hour_ends_nobody(script) -> None:
    def gone() -> None:
        script.error = KafkaConnectionError("nobody there")

    watch = await play(script, gone, *[nothing] * 1_800)
    assert watch.silent_s() > 3_600
    assert watch.stalls() == []


async def test_what_was_read_is_known_after_the_log_is_gone_and_after_a_rebalance(script, record) -> None:
    def read_and_rebalanced() -> None:
        script.current.offsets.take([record(2, partition=1)])
        script.current.offsets.finish([record(2, partition=1)])
        script.current = Generation(2)
        script.answers = [BrokerAwayError("gone")] * 2

    watch = await play(script, read_and_rebalanced, nothing)
    assert watch.read() == {0: 4, 1: 3}


async def test_a_rebalance_is_not_watched(script) -> None:
    def revoked() -> None:
        assert script.current is not None
        script.current.close()

    await play(script, revoked, *[nothing] * 100)


async def outage(script: Script, *after: Callable[[], None]) -> LagWatch:
    def gone() -> None:
        script.error = KafkaConnectionError("nobody there")

    def back() -> None:
        script.error = None

    return await play(script, gone, nothing, back, *after)


async def test_after_an_outage_admission_is_asked_once(script) -> None:
    await outage(script, nothing, nothing)
    assert script.admissions == 1


async def test_after_a_rebalance_admission_is_asked_once(script) -> None:
    def rebalanced() -> None:
        script.current = Generation(2)

    await play(script, nothing, rebalanced, nothing)
    assert script.admissions == 1


async def test_a_log_that_ends_before_our_position_is_asked_about(script) -> None:
    def emptied() -> None:
        script.ends = {0: 0, 1: 0}

    await play(script, emptied, nothing)
    assert script.admissions == 1


async def test_another_log_ends_the_watch_when_it_is_said_twice(script) -> None:
    script.answers = [PositionError("emptied"), PositionError("emptied")]
    script.steps.extend([lambda: setattr(script, "current", Generation(2)), nothing, nothing])
    with pytest.raises(PositionError, match="emptied"):
        await watch_of(script).run()
    assert script.admissions == 2


async def test_an_answer_of_a_broker_that_is_just_starting_is_not_believed_at_once(script) -> None:
    script.answers = [PositionError("no topics yet"), BrokerAwayError("gone again"), None]
    await outage(script, nothing, nothing, nothing)
    assert script.admissions == 3


async def test_a_no_before_and_after_an_outage_is_not_twice_in_a_row(script) -> None:
    script.answers = [PositionError("no topics yet"), BrokerAwayError("gone again"), PositionError("no topics yet")]
    await outage(script, *[nothing] * 5)
    assert script.admissions == 4


async def test_a_no_before_and_after_a_failed_connection_is_not_twice_in_a_row(script) -> None:
    def gone() -> None:
        script.error = KafkaConnectionError("nobody there")

    def back() -> None:
        script.error = None

    script.answers = [PositionError("no topics yet"), PositionError("no topics yet")]
    await outage(script, gone, back, nothing, nothing)
    assert script.admissions == 3


async def test_markers_alone_are_no_lag_and_are_looked_for_once(script) -> None:
    script.markers = {0}
    watch = await play(script, *[nothing] * 100)
    assert (watch.stalls(), [one.records for one in watch.lags()]) == ([], [0, 0])
    assert script.searches == 1


async def test_a_record_that_comes_after_markers_is_lag_again(script) -> None:
    def written() -> None:
        script.ends[0], script.markers = 11, set()

    script.markers = {0}
    script.steps.extend([*[nothing] * 40, written, *[nothing] * 40])
    with pytest.raises(StallError, match="partition 0 has 7 inputs waiting"):
        await watch_of(script).run()


async def test_a_partition_that_holds_markers_alone_does_not_save_one_that_stands_still(script) -> None:
    script.ends[1], script.markers = 1, {1}
    script.steps.extend([nothing] * 100)
    with pytest.raises(
        StallError, match=r"answers: partition 0 has 6 inputs waiting and has not moved for 60 s\. This"
    ):
        await watch_of(script).run()


async def test_a_rebalance_during_the_search_ends_nobody(script, monkeypatch) -> None:
    getmany = Client.getmany

    async def revoked(self: Client, *places: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        assert script.current is not None
        script.current.close()
        return await getmany(self, *places, timeout_ms=timeout_ms)

    monkeypatch.setattr(Client, "getmany", revoked)
    watch = await play(script, *[nothing] * 100)
    assert watch.stalls() == []
