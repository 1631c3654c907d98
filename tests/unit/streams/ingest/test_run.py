"""The way of the rows: what counts as accepted, where to resume, and who stops it."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from runtime.errors import BrokerError, InputError
from streams.ingest.article import ArticleBuilder
from streams.ingest.interrupt import Interrupt
from streams.ingest.mapping import RowMapping
from streams.ingest.message import Message
from streams.ingest.producer import Done, Publisher
from streams.ingest.refusal import RowRefusedError
from streams.ingest.replay import Pace
from streams.ingest.report import SHOWN, Report
from streams.ingest.rows import Row, Rows
from streams.ingest.run import Bounds, Ingest

NOW = datetime(2026, 3, 2, tzinfo=UTC)


class FakePublisher:
    """Settles every event at the flush with what `answer` says of its number, counted from 1."""

    def __init__(self, answer: Callable[[int], Exception | None] = lambda _: None) -> None:
        self.messages: list[Message] = []
        self._answer = answer
        self._waiting: list[tuple[int, Done]] = []

    def publish(self, message: Message, done: Done, *, may_wait: bool = True) -> None:  # noqa: ARG002
        self.messages.append(message)
        self._waiting.append((len(self.messages), done))

    def flush(self) -> None:
        for number, done in self._waiting:
            done(self._answer(number))
        self._waiting.clear()


def rows_of(*values: Mapping[str, object] | RowRefusedError) -> Rows:
    numbered: Iterable[Row] = (Row(number, value) for number, value in enumerate(values, 1))
    return Rows("x.jsonl", iter(numbered), lambda _: "d" * 64)


def good(count: int) -> list[Mapping[str, object]]:
    return [{"text": f"headline {number}", "id": number, "time": 1_772_357_400 + number} for number in range(count)]


class Setup:
    def __init__(self, answer: Callable[[int], Exception | None] = lambda _: None) -> None:
        self.publisher = FakePublisher(answer)
        self.lines: list[str] = []
        self.report = Report(self.lines.append)
        self.interrupt = Interrupt()
        self.run = Ingest(cast("Publisher", self.publisher), self.report, self.interrupt)
        self.builder = ArticleBuilder(RowMapping.parse([]), source="file", now=lambda: NOW)

    def __call__(self, rows: Rows, bounds: Bounds | None = None, pace: Pace | None = None) -> None:
        self.run.run(rows, self.builder, pace, bounds)


def test_rows_count_as_accepted_when_they_are_acknowledged_and_not_before() -> None:
    setup = Setup()
    seen: list[int] = []
    flush = setup.publisher.flush

    def spy() -> None:
        seen.append(setup.report.accepted)
        flush()

    setup.publisher.flush = spy  # type: ignore[method-assign]
    setup(rows_of(*good(5)))

    assert seen == [0]
    assert setup.report.accepted == 5
    assert setup.run.sent == 5


def test_a_refused_row_is_told_with_its_line_and_its_neighbours_go_on() -> None:
    setup = Setup()

    setup(rows_of({"text": "a"}, RowRefusedError("not_json", "no JSON"), {"no": 1}, {"text": "b"}))

    assert setup.report.accepted == 2
    assert setup.report.reasons == {"not_json": 1, "no_text": 1}
    assert setup.lines[0] == "x.jsonl, line 2: refused (not_json): no JSON"
    assert setup.lines[1].startswith("x.jsonl, line 3: refused (no_text): the row has no text")
    assert setup.report.without_time == 2


def test_a_row_that_the_broker_refuses_is_refused_and_stops_nobody() -> None:
    setup = Setup(lambda number: RowRefusedError("too_large", "too big") if number == 2 else None)

    setup(rows_of(*good(3)))

    assert setup.report.accepted == 2
    assert setup.lines == ["x.jsonl, line 2: refused (too_large): too big"]


def test_a_broker_that_goes_away_says_how_many_came_through_and_where_to_resume() -> None:
    setup = Setup(lambda number: None if number in (1, 2, 4) else BrokerError("Kafka went away"))

    with pytest.raises(BrokerError) as caught:
        setup(rows_of(*good(5)))

    assert str(caught.value) == (
        "Kafka went away. x.jsonl: 3 rows were acknowledged, 2 were not; resume with --skip 2 "
        "(rows that come again keep their ids)"
    )
    assert setup.report.accepted == 3


def test_resuming_publishes_the_missing_rows_with_the_ids_they_had() -> None:
    first = Setup(lambda number: None if number <= 2 else BrokerError("gone"))
    with pytest.raises(BrokerError, match="--skip 2"):
        first(rows_of(*good(5)))
    second = Setup()

    second(rows_of(*good(5)), Bounds(skip=2))

    assert [m.event_id for m in second.publisher.messages] == [m.event_id for m in first.publisher.messages[2:]]


def test_nothing_more_is_sent_after_a_failure() -> None:
    setup = Setup()

    def rows() -> Iterator[Row]:
        yield Row(1, good(1)[0])
        setup.publisher._answer = lambda _: BrokerError("gone")
        setup.publisher.flush()
        yield Row(2, good(2)[1])

    with pytest.raises(BrokerError, match=r"0 rows were acknowledged, 1 were not; resume with --skip 0"):
        setup(Rows("x", rows(), lambda _: ""))

    assert len(setup.publisher.messages) == 1


def test_a_flush_that_fails_is_no_success() -> None:
    setup = Setup()

    def flush() -> None:
        raise BrokerError("does not answer")

    setup.publisher.flush = flush  # type: ignore[method-assign]

    with pytest.raises(BrokerError, match=r"does not answer. x.jsonl: 0 rows were acknowledged, 2 were not"):
        setup(rows_of(*good(2)))


def test_a_limit_counts_events_and_not_refused_rows() -> None:
    setup = Setup()

    setup(rows_of({"no": 1}, *good(5)), Bounds(limit=2))

    assert setup.report.accepted == 2


def test_an_interrupt_ends_between_two_rows_and_settles_what_was_sent() -> None:
    setup = Setup()

    def rows() -> Iterator[Row]:
        yield Row(1, good(1)[0])
        setup.interrupt.set()
        yield Row(2, good(2)[1])

    setup(Rows("x", rows(), lambda _: ""))

    assert setup.report.accepted == 1


def test_an_interrupt_while_waiting_for_input_settles_what_was_sent() -> None:
    setup = Setup()

    def rows() -> Iterator[Row]:
        yield Row(1, good(1)[0])
        setup.interrupt._handle(2, None)

    setup(Rows("x", rows(), lambda _: ""))

    assert setup.report.accepted == 1
    assert setup.interrupt.is_set


def test_an_interrupt_inside_a_row_waits_for_its_end_and_a_second_one_does_not() -> None:
    interrupt = Interrupt()

    with interrupt.breaks_reading(), interrupt.waits():
        interrupt._handle(2, None)
        assert interrupt.is_set
        with pytest.raises(KeyboardInterrupt):
            interrupt._handle(2, None)


def test_an_interrupt_ends_a_sleep_at_once() -> None:
    interrupt = Interrupt()
    interrupt.set()

    interrupt.sleep(3600)


def test_a_damaged_origin_settles_its_rows_before_it_fails() -> None:
    setup = Setup()

    def rows() -> Iterator[Row]:
        yield Row(1, good(1)[0])
        raise InputError("damaged")

    with pytest.raises(InputError, match="damaged"):
        setup(Rows("x", rows(), lambda _: ""))

    assert setup.report.accepted == 1


def test_a_replay_waits_by_event_time_and_only_for_rows_that_have_one() -> None:
    setup = Setup()
    slept: list[float] = []

    setup(rows_of(*good(3), {"text": "timeless"}), pace=Pace(1.0, lambda: 0.0, slept.append))

    assert slept == [1.0, 2.0]


def test_only_the_first_refusals_are_told_and_the_file_gets_all() -> None:
    lines: list[str] = []
    file = io.StringIO()
    report = Report(lines.append, file)

    for number in range(1, SHOWN + 6):
        report.refuse("x", number, RowRefusedError("no_text", "half \udcff"))

    assert len(lines) == SHOWN + 1
    assert lines[-1] == "more rows were refused; they are counted below, and --refused FILE lists them all"
    written = file.getvalue().splitlines()
    assert len(written) == report.refused == SHOWN + 5
    assert written[0] == '{"origin":"x","line":1,"reason":"no_text","message":"half \\\\udcff"}'


def test_the_summary_for_scripts() -> None:
    report = Report(lambda _: None)
    report.accepted = 10
    report.refuse("x", 1, RowRefusedError("no_text", "none"))

    summary: dict[str, Any] = report.as_json(4.0)

    assert summary == {
        "accepted": 10,
        "refused": 1,
        "reasons": {"no_text": 1},
        "without_time": 0,
        "seconds": 4.0,
        "rows_per_second": 2.5,
    }
