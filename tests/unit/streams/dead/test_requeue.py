"""A broker that leaves in the middle of a requeue is an error with a cure, wherever it leaves."""

from typing import cast

import kafka
import pytest
from kafka.errors import KafkaConnectionError

from runtime.errors import BrokerError
from streams.dead import requeue
from streams.dead.letter import Letter
from streams.dead.retry import Retry
from streams.dead.turn import Turn


def test_a_broker_that_left_before_the_producer_came_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(**_: object) -> None:
        raise KafkaConnectionError

    monkeypatch.setattr(kafka, "KafkaProducer", gone)
    retries = [Retry(cast("Letter", None), "t:0:1", 0, None, b"{}", [])]
    outcome = requeue.Outcome()

    with pytest.raises(BrokerError, match=r"0 of 1 letters were requeued, .* \(KafkaConnectionError: .*run the same"):
        requeue._send("127.0.0.1:1", retries, Turn(lambda: 0.0), outcome)
    assert outcome.requeued == []
