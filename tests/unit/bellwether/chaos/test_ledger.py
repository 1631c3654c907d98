"""A clean line counts as zeros; each anomaly, planted alone, is found, and nothing else with it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bellwether.chaos.entries import DEAD, SCORED, Count, Output, Place
from bellwether.chaos.journal import Written
from bellwether.chaos.ledger import Ledger
from bellwether.chaos.reading import text_digest

PARTITIONS = 2
PER_PARTITION = 12


def value_of(place: Place) -> bytes:
    return f"value {place}".encode()


def text_of(place: Place) -> str:
    return f"text {place}"


def input_at(place: Place, **changes: Any) -> Written:
    """Each partition has two keys in turn and a record without a key; every fourth record must end dead."""
    partition, offset = place
    key = None if offset % 3 == 2 else f"k{partition}-{offset % 3}"
    written = Written(
        event_id=f"e{partition}-{offset}",
        key=key,
        sequence=-1 if key is None else offset // 3,
        sha256=sha256(value_of(place)).hexdigest(),
        kind="plain",
        fate=DEAD if offset % 4 == 3 else SCORED,
        partition=partition,
        offset=offset,
        time_ms=1_000 + offset,
    )
    return msgspec.structs.replace(written, **changes)


PLACES = [(partition, offset) for partition in range(PARTITIONS) for offset in range(PER_PARTITION)]


def output_for(written: Written, **changes: Any) -> Output:
    place = (written.partition, written.offset)
    output = Output(
        topic=written.fate,
        partition=written.partition,
        offset=written.offset,
        time_ms=2_000 + written.offset,
        source=place,
        event_id=written.event_id,
        key=written.key,
        content=text_digest(text_of(place)) if written.fate == SCORED else sha256(value_of(place)).digest(),
        batch_id=f"b{written.offset // 4}",
        served_by=("v-1", "scripted"),
        worker="host:42:66a0",
    )
    return msgspec.structs.replace(output, **changes)


@dataclass
class Line:
    """What was produced and what came out, to be spoilt by a test."""

    acked: list[Written] = field(default_factory=lambda: [input_at(place) for place in PLACES])
    unknown: list[Written] = field(default_factory=list)
    refused: list[Written] = field(default_factory=list)
    held: dict[Place, bytes] = field(default_factory=lambda: {place: value_of(place) for place in PLACES})
    outputs: list[Output] = field(default_factory=lambda: [output_for(input_at(place)) for place in PLACES])

    def ledger(self) -> Ledger:
        ledger = Ledger(self.acked, self.unknown, self.refused)
        for place, value in self.held.items():
            ledger.published(
                place,
                key=input_at(place).key,
                sha256=sha256(value).digest(),
                event_id=f"e{place[0]}-{place[1]}",
                text=text_digest(text_of(place)),
                time_ms=1_000,
            )
        for topic in (SCORED, DEAD):
            for output in self.outputs:
                if output.topic == topic:
                    ledger.output(output)
        return ledger

    def found(self) -> dict[str, int]:
        """All counts that are not those of a clean line."""
        count = msgspec.structs.asdict(self.ledger().count())
        return {name: found for name, found in count.items() if found != getattr(CLEAN, name)}

    def position(self, place: Place) -> int:
        return next(position for position, output in enumerate(self.outputs) if output.source == place)

    def change(self, place: Place, **changes: Any) -> None:
        position = self.position(place)
        self.outputs[position] = msgspec.structs.replace(self.outputs[position], **changes)


CLEAN = Count(
    events=24, refused=0, unknown=0, scored=18, dead=6, lost=0, phantom=0, both=0, duplicates=0, duplicates_read=0,
    reordered=0, mixed=0, misfiled=0,
)  # fmt: skip


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_clean_line_counts_as_zeros(line: Line) -> None:
    ledger = line.ledger()

    assert ledger.count() == CLEAN
    assert not ledger.examples


def test_an_input_without_an_output_is_lost(line: Line) -> None:
    del line.outputs[line.position((1, 4))]

    assert line.found() == {"lost": 1, "scored": 17}
    ledger = line.ledger()
    ledger.count()
    assert ledger.examples["lost"] == ["input 1:4 (e1-4): no output answers it"]


def test_an_input_that_the_broker_does_not_hold_is_lost(line: Line) -> None:
    del line.outputs[line.position((1, 11))], line.held[1, 11]

    assert line.found() == {"lost": 1, "dead": 5}


def test_an_acknowledged_place_that_holds_another_record_is_lost(line: Line) -> None:
    line.held[0, 5] = b"another"
    del line.outputs[line.position((0, 5))]

    assert line.found() == {"lost": 1, "scored": 17}


def test_an_answer_that_the_readers_rule_drops_is_lost_although_it_is_there(line: Line) -> None:
    late = line.outputs.pop(line.position((0, 2)))  # it has no key, whose order could show it
    line.outputs.append(msgspec.structs.replace(late, offset=99))

    assert line.found() == {"lost": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"source": (0, 99)},
        {"source": (7, 0)},
        {"source": None},
        {"event_id": "e0-1"},
        {"event_id": None},
        {"key": "k0-1"},
        {"key": None},
        {"content": text_digest("another text")},
    ],
    ids=str,
)
def test_a_scored_event_that_is_not_its_input_is_a_phantom(line: Line, changes: dict[str, Any]) -> None:
    line.outputs.append(output_for(input_at((0, 0)), offset=99, **changes))

    assert line.found() == {"phantom": 1}


@pytest.mark.parametrize(
    "changes", [{"source": (0, 99)}, {"event_id": "e0-0"}, {"key": "other"}, {"content": b"x"}], ids=str
)
def test_a_letter_that_is_not_its_input_is_a_phantom(line: Line, changes: dict[str, Any]) -> None:
    line.outputs.append(output_for(input_at((0, 3)), offset=99, **changes))

    assert line.found() == {"phantom": 1}


def test_a_letter_need_not_name_an_id(line: Line) -> None:
    line.change((0, 3), event_id=None)

    assert line.found() == {}


def test_an_output_on_another_partition_number_is_a_phantom_and_a_reader_has_it_twice(line: Line) -> None:
    # First in the other partition, whose reader then has seen nothing yet.
    line.outputs.insert(0, output_for(input_at((1, 0)), partition=0, offset=99))

    assert line.found() == {"phantom": 1, "duplicates_read": 1}


def test_an_output_of_a_refused_record_is_a_phantom(line: Line) -> None:
    refused = input_at((0, 99), partition=-1, offset=-1, event_id="refused")
    line.refused.append(refused)
    line.outputs.append(output_for(refused, source=(0, 99), partition=0, offset=99, event_id="refused"))

    assert line.found() == {"phantom": 1, "refused": 1}


def test_an_answer_to_a_record_that_is_in_no_journal_is_a_phantom(line: Line) -> None:
    line.held[0, 99] = value_of((0, 99))
    line.outputs.append(output_for(input_at((0, 99))))

    assert line.found() == {"phantom": 1}


@pytest.mark.parametrize(
    ("is_there", "is_answered", "phantom"),
    [(True, True, {}), (True, False, {}), (False, False, {}), (False, True, {"phantom": 1})],
)
@pytest.mark.parametrize("fate", [SCORED, DEAD])
def test_a_record_of_unknown_outcome_is_never_lost_and_answered_only_where_it_is_there(
    line: Line, fate: str, *, is_there: bool, is_answered: bool, phantom: dict[str, int]
) -> None:
    place = (0, 12)
    line.unknown.append(input_at(place, partition=-1, offset=-1, fate=fate))
    if is_there:
        line.held[place] = value_of(place)
    if is_answered:
        line.outputs.append(output_for(input_at(place, fate=fate)))

    assert line.found() == {"unknown": 1} | phantom


def test_an_acknowledged_record_whose_place_was_not_told_is_found_by_its_content(line: Line) -> None:
    line.acked[3] = msgspec.structs.replace(line.acked[3], offset=-1)

    assert line.found() == {}
    del line.outputs[line.position((0, 3))], line.held[0, 3]
    assert line.found() == {"lost": 1, "dead": 5}


def test_an_input_that_is_scored_and_dead_is_both(line: Line) -> None:
    line.outputs.append(output_for(input_at((1, 10), fate=DEAD), offset=99))

    assert line.found() == {"both": 1}


@pytest.mark.parametrize("place", [(0, 0), (0, 3)], ids=["scored", "dead"])
def test_an_output_that_came_again_is_a_duplicate_and_no_reader_sees_it(line: Line, place: Place) -> None:
    line.outputs.append(output_for(input_at(place), offset=99))

    assert line.found() == {"duplicates": 1}


def test_a_later_event_of_a_key_that_comes_first_is_a_reorder(line: Line) -> None:
    one, other = line.position((0, 0)), line.position((0, 6))  # numbers 0 and 2 of one key
    line.outputs[one], line.outputs[other] = line.outputs[other], line.outputs[one]

    assert line.found()["reordered"] == 1


def test_records_without_a_key_and_repeats_have_no_order(line: Line) -> None:
    line.outputs.append(output_for(input_at((0, 0)), offset=98))
    line.outputs.append(output_for(input_at((0, 2)), offset=99))

    assert "reordered" not in line.found()


def test_a_letter_is_not_ordered_against_scored_events(line: Line) -> None:
    line.change((0, 3), time_ms=99_999)

    assert line.found() == {}


@pytest.mark.parametrize("served_by", [("v-2", "scripted"), ("v-1", "noop")])
def test_a_batch_of_two_versions_or_engines_is_mixed_once(line: Line, served_by: tuple[str, str]) -> None:
    line.change((0, 0), served_by=served_by)
    line.change((0, 1), served_by=served_by)

    assert line.found() == {"mixed": 1}


def test_another_version_in_another_batch_is_not_mixed(line: Line) -> None:
    line.change((0, 0), served_by=("v-2", "scripted"), batch_id="own")

    assert line.found() == {}


def test_an_input_that_ends_otherwise_than_it_must_is_misfiled(line: Line) -> None:
    line.outputs[line.position((0, 0))] = output_for(input_at((0, 0), fate=DEAD))
    line.acked[1] = msgspec.structs.replace(line.acked[1], fate=DEAD)
    line.acked[2] = msgspec.structs.replace(line.acked[2], fate="either")

    assert line.found() == {"misfiled": 2, "scored": 17, "dead": 7}


def test_an_id_that_the_journal_does_not_know_is_taken_from_the_record(line: Line) -> None:
    line.acked[0] = msgspec.structs.replace(line.acked[0], event_id=None)
    assert line.found() == {}

    line.change((0, 0), event_id="invented")
    assert line.found() == {"phantom": 1, "lost": 1, "scored": 17}


def test_examples_name_only_the_first_places(line: Line) -> None:
    line.outputs.clear()
    ledger = line.ledger()

    assert ledger.count().lost == 24
    assert len(ledger.examples["lost"]) == 8


@settings(max_examples=60, deadline=None)  # the machine may be busy
@given(st.lists(st.sampled_from(PLACES)), st.sets(st.sampled_from(PLACES)), st.integers())
def test_planted_repeats_and_losses_are_counted_exactly(again: Sequence[Place], gone: set[Place], seed: int) -> None:
    line = Line()
    repeats = [output_for(input_at(place), offset=1_000 + n) for n, place in enumerate(again) if place not in gone]
    random.Random(seed).shuffle(repeats)
    line.outputs = [output for output in line.outputs if output.source not in gone] + repeats

    count = line.ledger().count()

    assert (count.lost, count.duplicates, count.duplicates_read) == (len(gone), len(repeats), 0)
    assert (count.phantom, count.reordered, count.mixed, count.both) == (0, 0, 0, 0)


@settings(max_examples=60, deadline=None)  # the machine may be busy
@given(st.permutations(range(0, PER_PARTITION, 3)))
def test_any_order_of_a_key_is_judged_by_what_came_before(order: Sequence[int]) -> None:
    line = Line()
    own = {place: line.outputs[line.position((0, place))] for place in order}
    others = [output for output in line.outputs if output.source not in {(0, place) for place in order}]
    line.outputs = others + [output_for(input_at((0, place), fate=SCORED)) for place in order if own[place]]
    line.acked = [msgspec.structs.replace(written, fate="either") for written in line.acked]

    late = sum(place < max(order[:position], default=-1) for position, place in enumerate(order))

    assert line.ledger().count().reordered == late
