"""The worker's pipeline, agent and assignments under any order of deliveries, failures, rebalances and deaths.

Everything that could wait is in the test's hands: the engine's thread, the broker's answers, the clock. What is
promised is checked at each acknowledgement and after each step; at the end all that is left is worked off.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runtime.errors import BrokerError, ModelError
from streams.classify.pipeline import MAX_IN_FLIGHT
from streams.classify.rebalance import GRACE_S
from wire import codec
from wire.events import Article

PARTITIONS = 2
DEAD = "news.article.dead.v1"

VALUES = {
    text: codec.encode(Article(event_id="e", text=text, published_at=codec.broker_time(0), source="test"))
    for text in ("good", "poison", " ")
} | {"nonsense": b"{nope"}
RARELY = st.integers(0, 5).map(lambda drawn: drawn == 5)
"""What ends a life must be rare, else no life gets far."""

TEXTS = st.sampled_from(["good"] * 6 + ["poison", " ", "nonsense"])


class Line(RuleBasedStateMachine):
    """Publishing, reading, scoring, delivering, committing and dying, in any order."""

    make_world: Any

    @initialize()
    def open(self) -> None:
        self.world = type(self).make_world(PARTITIONS)
        self.faust, self.sink, self.loop = self.world.faust, self.world.sink, self.world.loop
        self.log: list[list[str]] = [[] for _ in range(PARTITIONS)]
        self.may_repeat: Counter[tuple[int, int]] = Counter()
        self.delivered: Counter[tuple[int, int]] = Counter()
        self.seen = 0
        self.may_be_unlucky = False
        self.ending: asyncio.Task[None] | None = None
        self.faust.on_ack = self.is_acknowledged
        self.live()

    # What happens

    @rule(partition=st.integers(0, PARTITIONS - 1), texts=st.lists(TEXTS, min_size=1, max_size=20))
    def publish(self, partition: int, texts: list[str]) -> None:
        self.log[partition].extend(texts)

    @rule(lots=st.lists(st.tuples(st.integers(0, PARTITIONS - 1), st.integers(1, 16)), min_size=1, max_size=3))
    def fetch(self, lots: list[tuple[int, int]]) -> None:
        for partition, count in lots:
            at = self.faust.position[partition]
            self.faust.fetch(partition, [VALUES[text] for text in self.log[partition][at : at + count]])

    @rule(partition=st.integers(0, PARTITIONS - 1), back=st.integers(1, 8))
    def seek_back(self, partition: int, back: int) -> None:
        """Faust does so when a fetch meets a stopped flow; some messages come twice in one generation."""
        at = self.faust.position[partition]
        self.faust.position[partition] = max(self.faust.committed[partition], at - back)

    @rule(count=st.integers(1, 24))
    def feed(self, count: int) -> None:
        self.worker.feed(count)
        self.look()

    @precondition(lambda self: self.world.hands.jobs)
    @rule(fails=st.integers(0, 9).map(lambda drawn: drawn == 0), dies=st.booleans(), seconds=st.floats(0, 1))
    def engine_answers(self, fails: bool, dies: bool, seconds: float) -> None:
        self.worker.engine.fails_by_chance, self.worker.engine.dies = fails, dies
        self.may_be_unlucky |= fails
        self.loop.advance(seconds)
        self.world.hands.finish()
        self.loop.settle()
        self.look()

    @precondition(lambda self: self.sink.waiting)
    @rule()
    def broker_takes(self) -> None:
        self.sink.take()
        self.loop.settle()
        self.look()

    @rule(work=st.lists(st.sampled_from("ffeeeesssc"), min_size=4, max_size=20))
    def much_goes_well(self, work: list[str]) -> None:
        """The agent is fed, the engine answers, the broker takes, Faust commits."""
        for one in work:
            if one == "f":
                self.fetch([(partition, 6) for partition in range(PARTITIONS)])
                self.worker.feed(24)
            elif one == "e":
                self.world.hands.finish()
            elif one == "s":
                self.sink.take()
            else:
                self.faust.commit()
            self.loop.settle()
            self.look()

    @precondition(lambda self: self.sink.waiting)
    @rule(arrived=st.integers(0, 3), really=RARELY)
    def broker_refuses(self, arrived: int, really: bool) -> None:
        if not really:
            return
        self.sink.refuse(arrived)
        self.loop.settle()
        self.look()

    @rule()
    def commit(self) -> None:
        self.faust.commit()

    @rule(seconds=st.floats(0.1, 3.0))
    def time_passes(self, seconds: float) -> None:
        self.loop.advance(seconds)
        self.look()

    @precondition(lambda self: self.ending is None)
    @rule()
    def partitions_are_revoked(self) -> None:
        self.ending = self.loop.create_task(self.worker.assignments.ended())
        self.loop.settle()
        self.look()

    @precondition(lambda self: self.ending is not None)
    @rule(commits=st.booleans(), keeps_stale=st.booleans(), arrives_late=st.booleans())
    def partitions_are_assigned(self, commits: bool, keeps_stale: bool, arrives_late: bool) -> None:
        """Faust waits for the end of the generation, commits what it can, and begins the next."""
        assert self.ending is not None
        self.loop.advance(GRACE_S)
        self.look()
        if self.ending is None:
            return  # the worker died meanwhile
        assert self.ending.done()
        self.faust.let_go_of_the_buffer()
        if arrives_late:
            self.sink.take()  # of what was dropped meanwhile
            self.loop.settle()
        assert not self.faust.unacked  # Faust would wait for them without a time-out
        if commits:
            self.faust.commit()
        self.begin(keeps_stale=keeps_stale)

    @rule(arrived=st.integers(0, 3), really=RARELY)
    def kill(self, arrived: int, really: bool) -> None:
        """A SIGKILL; what was on its way to the broker arrives or does not."""
        if not really:
            return
        if self.sink.waiting:
            self.sink.log.extend(self.sink.waiting[0][1][:arrived])
        self.die()

    # What follows from it

    def live(self) -> None:
        self.worker = self.world.Worker(self.loop, self.faust, self.sink, self.world.hands)
        self.begin(keeps_stale=False)

    def begin(self, *, keeps_stale: bool) -> None:
        self.count()
        for partition, begin in self.faust.committed.items():
            for offset in range(begin, len(self.log[partition])):
                self.may_repeat[partition, offset] += (
                    self.delivered[partition, offset] > self.may_repeat[partition, offset]
                )
                # What is on its way now may still arrive, and comes again too.
        for _, outputs in self.sink.waiting:
            self.may_repeat.update(map(self.world.place_of, outputs))
        self.faust.assign(keeps_stale=keeps_stale)
        self.worker.assignments.begin(self.faust.generation)
        self.ending = None

    def look(self) -> None:
        """A worker ends at an error that no text is to blame for."""
        self.worker.look()
        if self.worker.error is not None:
            assert isinstance(self.worker.error, BrokerError | ModelError), self.worker.error
            self.die()

    def die(self) -> None:
        self.worker.kill()
        self.sink.waiting.clear()
        self.faust.buffer.clear()
        self.live()

    def count(self) -> None:
        """Read what is new in the output topics."""
        for output in self.sink.log[self.seen :]:
            partition, offset = place = self.world.place_of(output)
            self.delivered[place] += 1
            text = self.log[partition][offset]
            is_dead = output.topic == DEAD
            assert is_dead if text != "good" else not is_dead or self.may_be_unlucky
        self.seen = len(self.sink.log)

    # What is promised

    def is_acknowledged(self, message: Any) -> None:
        """Called by the worker for each input that it acknowledges."""
        generation = self.worker.assignments.current
        place = message.partition, message.offset
        self.count()
        assert generation is not None
        assert generation.is_live, "acknowledged after the drop"
        assert message.generation_id == generation.number == self.faust.generation
        assert message.offset == self.faust.acknowledged[message.partition], "acknowledged out of order"
        assert self.delivered[place] > self.faust.acks[place], "acknowledged before its output was"

    @invariant()
    def work_in_flight_is_bounded(self) -> None:
        assert self.worker.pipeline.in_flight <= MAX_IN_FLIGHT
        assert len(self.sink.waiting) <= 1

    @invariant()
    def outputs_of_a_partition_come_in_the_order_of_the_inputs(self) -> None:
        """Each output is the next one, or goes back to what was not committed."""
        at = dict.fromkeys(range(PARTITIONS), -1)
        for output in self.sink.log:
            partition, offset = self.world.place_of(output)
            assert offset <= at[partition] + 1
            at[partition] = offset

    @invariant()
    def nothing_repeats_but_what_was_not_committed_when_a_generation_began(self) -> None:
        self.count()
        for place, times in self.delivered.items():
            assert times <= 1 + self.may_repeat[place]

    def teardown(self) -> None:
        """From here on all goes well, and all is worked off."""
        if hasattr(self, "worker"):
            try:
                self.work_off()
            finally:
                self.worker.kill()
                self.loop.close()

    def work_off(self) -> None:
        if self.ending is not None:
            self.partitions_are_assigned(True, False, False)
        for _ in range(1_000):
            if all(self.faust.acknowledged[at] == len(texts) for at, texts in enumerate(self.log)):
                break
            self.fetch([(partition, 8) for partition in range(PARTITIONS)])
            self.feed(12)
            self.worker.engine.fails_by_chance = False
            self.world.hands.finish()
            self.sink.take()
            self.time_passes(1.0)
            self.work_in_flight_is_bounded()
        else:
            raise AssertionError("the line stands still")
        self.outputs_of_a_partition_come_in_the_order_of_the_inputs()
        self.nothing_repeats_but_what_was_not_committed_when_a_generation_began()
        assert set(self.delivered) == {
            (at, offset) for at, texts in enumerate(self.log) for offset in range(len(texts))
        }


def test_no_schedule_loses_an_input_or_acknowledges_one_too_early(schedules, make_world) -> None:
    Line.make_world = staticmethod(make_world)
    run_state_machine_as_test(Line, settings=schedules(400, steps=40))
