from pathlib import Path
from unittest import mock

import pytest
from confluent_kafka import KafkaException

from bellwether.chaos import alone, counting
from bellwether.chaos.alone import Stage
from bellwether.chaos.brokers import Broker
from bellwether.chaos.counting import Counter
from bellwether.chaos.outfits import Outfit
from bellwether.chaos.scenario import Scenario, load
from bellwether.demo.children import Child
from runtime.errors import BrokerError, InputError


def test_every_row_that_is_judged_alone_is_known():
    assert {scenario.alone for scenario in load().scenarios if scenario.alone} <= set(alone.JUDGES)


def test_an_unknown_row_is_refused_before_anything_starts(tmp_path: Path):
    row = Scenario(name="row", about="a row", alone="luck")
    with pytest.raises(InputError, match="called 'luck'; known: broker-empty, broker-remade, broker-other, expired"):
        alone.row(row, tmp_path)
    assert not any(tmp_path.iterdir())


def test_the_table_says_of_every_row_that_is_judged_alone_what_it_does():
    for row in load().scenarios:
        if row.alone is not None:
            assert (row.model, row.events, row.partitions) == ("noop", alone.EVENTS, alone.PARTITIONS)
            assert row.with_events(100) == row


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """With a worker that ended already; what it answered is for a test to say."""
    child = mock.create_autospec(Child, instance=True)
    child.name, child.log = "worker-1", tmp_path / "worker-1.log"
    child.exit_code.return_value = child.stop.return_value = 0
    monkeypatch.setattr(alone, "Child", lambda *_: child)
    outfit = mock.create_autospec(Outfit, instance=True, state=tmp_path, group="group")
    found = Stage(mock.create_autospec(Broker, instance=True, bootstrap="127.0.0.1:1"), outfit, lambda _: None)
    found.count = mock.create_autospec(Counter, instance=True)
    return found


def test_a_worker_that_answers_all_goes_on(stage: Stage):
    stage.count.outputs.return_value, stage.count.lag.return_value = alone.AFTER, 0
    stage.count.unanswered.return_value = []
    stage.goes_on("--accept-reset", outputs=0)

    assert (stage.failures, stage.lost) == ([], 0)


def test_a_repeat_stands_for_no_lost_input(stage: Stage):
    stage.count.outputs.return_value, stage.count.lag.return_value = alone.AFTER, 0
    stage.count.unanswered.return_value = [(0, 7)]
    stage.goes_on("--accept-reset", outputs=0)

    (failure,) = stage.failures
    assert "1 inputs have no output" in failure
    assert "(0, 7)" in failure
    assert stage.lost == 1


def test_a_worker_that_commits_nothing_does_not_go_on(stage: Stage):
    stage.count.outputs.return_value, stage.count.lag.return_value = alone.AFTER, 1
    stage.count.unanswered.return_value = []
    stage.goes_on("--accept-reset", outputs=0)

    (failure,) = stage.failures
    assert "does not go on with ('--accept-reset',)" in failure


def test_what_the_broker_does_not_answer_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch):
    consumer = mock.create_autospec(counting.Consumer, instance=True)
    consumer.list_topics.side_effect = KafkaException("away")
    monkeypatch.setattr(counting, "Consumer", lambda _: consumer)

    with pytest.raises(BrokerError, match=r"Kafka at 127\.0\.0\.1:1 does not say how far it is: .*away"):
        Counter("127.0.0.1:1", "group").outputs()
    consumer.close.assert_called_once()
