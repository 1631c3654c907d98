"""Letters as they are read, shown and prepared for another attempt; what proves that one was requeued."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from runtime.errors import BrokerError, InputError
from streams.dead import evidence, letters, retry
from streams.dead.letter import Letter, from_record
from streams.dead.preview import MAX_DUMPED_BYTES, preview
from streams.dead.reader import LogReader
from streams.dead.retry import NotRequeuedError, Retry
from streams.dead.turn import HOLD_S, USABLE_S, Turn
from wire import deadletter
from wire.topics import PUBLISHED

TOPIC = PUBLISHED.name
TIME = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@dataclass
class Record:
    """As kafka-python hands it over."""

    partition: int = 3
    offset: int = 5
    timestamp: int = int(TIME.timestamp() * 1000)
    key: bytes | None = b"K"
    value: bytes | None = b'{"text": 1}'
    headers: Sequence[tuple[str, bytes | None]] = ()


def record(
    value: bytes | None = b'{"text": 1}',
    original: Sequence[tuple[str, bytes]] = (("ce_id", b"e-1"),),
    *,
    topic: str = TOPIC,
    offset: int = 5,
    source_offset: int = 41,
    cut: bool = False,
) -> Record:
    kept, headers = deadletter.build(
        reason="wrong_type",
        stage="decode",
        exception="WrongTypeError: x",
        topic=topic,
        partition=3,
        offset=source_offset,
        value=value,
        original=original,
        event_id="e-1",
    )
    if cut:  # as a worker marks a key that did not fit
        headers.append((deadletter.KEY_CUT, b"true"))
    return Record(offset=offset, value=kept, headers=headers)


def letter(*args: Any, **options: Any) -> Letter:
    return from_record(record(*args, **options))


def test_a_letter_is_listed_with_all_that_scripts_need() -> None:
    assert letter().as_json() == {
        "partition": 3,
        "offset": 5,
        "reason": "wrong_type",
        "time": "2026-03-01T09:30:00+00:00",
        "stage": "decode",
        "exception": "WrongTypeError: x",
        "attempt": 1,
        "event_id": "e-1",
        "input": f"{TOPIC}:3:41",
        "length": 11,
        "sha256": letter().said.sha256,  # type: ignore[union-attr]
        "truncated": False,
    }


def test_a_foreign_message_is_listed_too() -> None:
    foreign = from_record(Record(headers=[("x", None)]))

    assert foreign.reason == "not_a_letter"
    assert foreign.headers == (("x", b""),)
    assert foreign.as_json()["exception"] == (
        "header bw_reason is missing; this message was not written by Bellwether's worker"
    )


def test_a_letter_whose_time_is_none_counts_as_the_oldest_and_is_listed() -> None:
    assert from_record(Record(timestamp=10**18)).time == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_retry_keeps_key_value_and_headers_and_counts_the_attempt() -> None:
    found = retry.prepare(letter(), TOPIC)

    assert (found.partition, found.key, found.value) == (3, b"K", b'{"text": 1}')
    assert found.coordinates == f"{TOPIC}:3:41"
    assert found.headers == [("ce_id", b"e-1"), ("bw_attempt", b"2"), ("bw_requeued_from", f"{TOPIC}:3:41".encode())]


def test_a_retry_of_a_retry_replaces_the_marks_of_the_first() -> None:
    original = [("ce_id", b"e-1"), ("bw_attempt", b"2"), ("bw_requeued_from", b"t:3:40")]

    found = retry.prepare(letter(original=original, source_offset=50), TOPIC)

    assert found.headers == [("ce_id", b"e-1"), ("bw_attempt", b"3"), ("bw_requeued_from", f"{TOPIC}:3:50".encode())]


@pytest.mark.parametrize(
    ("letter_", "message"),
    [
        (letter(None), "letter 3:5 keeps a null value: there is nothing to score, in any attempt"),
        (
            letter(b"x" * (deadletter.MAX_VALUE_BYTES + 1)),
            r"letter 3:5 keeps only the first 65,536 of 1,900,001 bytes; publish the original again \(SHA-256 \w{64}\)",
        ),
        (
            letter(original=(("a", b"1"), ("bw_headers_cut", b"true"))),
            "letter 3:5 lacks some headers of the input, which did not fit; publish the original again "
            rf"\({TOPIC}:3:41\)",
        ),
        (letter(cut=True), "letter 3:5 lacks the end of the key of the input, which did not fit"),
        (
            letter(topic="other"),
            r"letter 3:5 comes from 'other'; only inputs of 'news.article.published.v1' are requeued",
        ),
        (from_record(Record()), r"letter 3:5 was not written by Bellwether \(header bw_reason is missing"),
    ],
)
def test_a_letter_that_cannot_be_tried_again_says_why(letter_: Letter, message: str) -> None:
    with pytest.raises(NotRequeuedError, match=message):
        retry.prepare(letter_, TOPIC)


@dataclass
class FakeLog:
    """A partition of the published topic; `begin` is what retention left."""

    kept: dict[int, Record] = field(default_factory=dict)
    begin: int = 0
    last: int = 0
    topic: str = TOPIC
    partitions: tuple[int, ...] = (0, 1, 2, 3)

    def beginning(self, _: int) -> int:
        return self.begin

    def end(self, _: int) -> int:
        return self.last

    def first_at(self, _: int, time: datetime) -> int | None:
        stamp = int(time.timestamp() * 1000)
        return next((offset for offset, found in sorted(self.kept.items()) if found.timestamp >= stamp), None)

    def records(self, _: int, start: int | None = None, stop: int | None = None) -> Iterator[Record]:
        for offset in sorted(self.kept):
            if offset >= (start or 0) and (stop is None or offset < stop):
                yield self.kept[offset]


def after(minutes: float, *headers: tuple[str, bytes]) -> Record:
    return Record(timestamp=int((TIME + timedelta(minutes=minutes)).timestamp() * 1000), headers=headers)


def refused(log: FakeLog, *retries: Retry, unproven: bool = False) -> dict[str, str]:
    found = evidence.require_first(cast("LogReader", log), retries, unproven)
    return {coordinates: str(error) for coordinates, error in found.items()}


REQUEUED = ("bw_requeued_from", f"{TOPIC}:3:41".encode())


def test_an_input_that_was_not_requeued_may_be() -> None:
    log = FakeLog(
        {41: after(-1), 42: after(1), 43: after(2, ("bw_requeued_from", b"news.article.published.v1:3:4"))}, 0, 44
    )

    assert refused(log, retry.prepare(letter(), TOPIC)) == {}


def test_an_input_that_was_requeued_is_found_in_the_published_topic() -> None:
    found = record()
    found.offset = 6
    log = FakeLog({41: after(-1), 42: Record(offset=42, timestamp=after(1).timestamp, headers=[REQUEUED])}, 0, 43)

    assert refused(log, retry.prepare(from_record(found), TOPIC), unproven=True) == {
        f"{TOPIC}:3:41": f"letter 3:6 was requeued before, as {TOPIC}:3:42"
    }


@pytest.mark.parametrize(
    ("log", "is_proven"),
    [
        (FakeLog({}, 0, 0), True),
        (FakeLog({40: after(-60), 50: after(1)}, 40, 51), True),
        (FakeLog({40: after(-60)}, 40, 41), True),
        (FakeLog({50: after(1)}, 50, 51), False),
        (FakeLog({}, 50, 50), False),
    ],
    ids=["nothing was ever deleted", "reaches back", "only older records", "begins later", "emptied"],
)
def test_where_published_no_longer_reaches_back_nobody_pretends_to_know(log: FakeLog, is_proven: bool) -> None:
    found = refused(log, retry.prepare(letter(), TOPIC))

    assert (found == {}) == is_proven
    if not is_proven:
        assert found[f"{TOPIC}:3:41"] == (
            f"letter 3:5 is older than what {TOPIC} partition 3 still keeps, so nobody can tell whether it was "
            "requeued; if you know that it was not, add --unproven"
        )
    assert refused(log, retry.prepare(letter(), TOPIC), unproven=True) == {}


def test_letters_are_found_by_reason_and_by_place() -> None:
    log = cast("LogReader", FakeLog({5: record(), 6: Record(offset=6)}, 0, 7, "dead", (3,)))

    assert [found.offset for found in letters.every(log)] == [5, 6]
    assert [found.offset for found in letters.every(log, "not_a_letter")] == [6]
    assert letters.at(log, 3, 6).offset == 6
    with pytest.raises(InputError, match="dead has no partition 9; it has 0 to 0"):
        letters.at(log, 9, 0)
    with pytest.raises(InputError, match="dead partition 3 has no letter at offset 7; it keeps 0 to 6"):
        letters.at(log, 3, 7)


def test_an_empty_topic_says_so() -> None:
    with pytest.raises(InputError, match="has no letter at offset 0; it is empty"):
        letters.at(cast("LogReader", FakeLog()), 3, 0)


@pytest.mark.parametrize("place", ["", "3", "3:", ":3", "a:b", "-1:2", "1:2:3"])
def test_a_place_is_partition_and_offset(place: str) -> None:
    with pytest.raises(
        InputError, match="is no place of a letter; write PARTITION:OFFSET as `bellwether dead list` shows"
    ):
        letters.parse_place(place)


def test_a_turn_ends_before_the_broker_takes_it_away() -> None:
    now = [0.0]
    turn = Turn(lambda: now[0])

    now[0] = USABLE_S
    turn.require()
    now[0] += 1
    with pytest.raises(
        BrokerError, match=r"the requeue took 241 s of 300; run it again for the rest, nothing goes twice"
    ):
        turn.require()
    assert USABLE_S < HOLD_S


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "(null)"),
        (b"", ""),
        ("Ostra steigt – 4 %\nmore".encode(), "Ostra steigt – 4 %\nmore"),
        (b"\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\u202eabc".encode(), r"\u202eabc"),
        (b"\xff" * 17, "00000000  " + "ff " * 16 + " |................|\n00000010  ff" + " " * 47 + "|.|"),
    ],
)
def test_a_preview_never_sends_control_characters_to_the_terminal(value: bytes | None, shown: str) -> None:
    assert preview(value) == shown


def test_a_long_value_is_previewed_and_the_rest_counted() -> None:
    assert preview(b"x" * 2_500).endswith("x\n… 500 more characters; --raw FILE writes them all")
    assert preview(b"\xff" * (MAX_DUMPED_BYTES + 10)).endswith("… 10 more bytes; --raw FILE writes them all")
