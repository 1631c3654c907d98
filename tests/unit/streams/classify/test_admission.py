"""What admission makes of a broker's answers, without a broker."""

from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.classify import admission
from streams.classify.admission import Admission, Admitted
from streams.classify.clusters import Log


@pytest.fixture
def again(tmp_path) -> Admission:
    first = Admission("x:1", "group", "in", ("out",), tmp_path, accept_reset=True)
    return first.again(Admitted(0, Log("cluster", "first")), {1: 7, 0: 5})


@pytest.mark.parametrize(("versions", "expected"), [((0, 5), 5), ((0, 9), 5), ((0, 13), 10)])
def test_topic_ids_are_asked_for_where_the_broker_knows_them_and_nothing_is_created(versions, expected) -> None:
    request: Any = admission._Metadata(["in", "out"]).prepare({3: versions})
    assert request.API_VERSION in {expected}
    assert request.to_object()["may_create" if expected == 10 else "allow_auto_topic_creation"] is False
    assert request.encode()


def test_a_topic_id_is_written_as_kafka_writes_it_and_zeros_are_none() -> None:
    high, low = 0x7A4F7AE3C43B4DC4, 0xB9CD63DED63C186D - (1 << 64)
    assert admission._topic_id({"id_high": high, "id_low": low}) == "ek9648Q7TcS5zWPe1jwYbQ"
    assert admission._topic_id({"id_high": 0, "id_low": 0}) is None
    assert admission._topic_id({}) is None


def test_a_topic_made_anew_under_a_running_worker_is_told_with_what_was_read(again) -> None:
    assert not again.accept_reset
    said = str(again._difference(Log("cluster", "second")))
    assert "topic in was made anew: its id is 'second' now, it was 'first' when this worker started" in said
    assert said.endswith("Group 'group' had read up to these offsets of the old log, by partition: 0: 5, 1: 7")
    assert again._difference(Log("cluster", "first")) is None
    assert again._difference(Log("cluster", None)) is None


def test_offsets_that_were_set_back_do_not_hide_what_this_worker_read(again) -> None:
    assert again._reached(TopicPartition("in", 0), 0) == 5
    assert again._reached(TopicPartition("in", 1), 9) == 9
    assert again._reached(TopicPartition("in", 2), 3) == 3
    assert again._reached(TopicPartition("in", 0), None) is None
