"""One message of the dead-letter topic: what was said about it and the input that it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wire import codec, deadletter
from wire.deadletter import DeadLetter


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter at its place in the topic."""

    partition: int
    offset: int
    time: datetime
    """The broker's, when the letter arrived."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    said: DeadLetter | None
    """None where somebody else wrote to the topic."""
    fault: str = ""
    """Why `said` is None."""

    @property
    def reason(self) -> str:
        """The constant that filters and counts go by."""
        return self.said.reason if self.said is not None else deadletter.NotALetterError.reason

    def as_json(self) -> dict[str, object]:
        """What `bellwether dead list --json` prints of it, a line a letter."""
        place: dict[str, object] = {
            "partition": self.partition,
            "offset": self.offset,
            "reason": self.reason,
            "time": self.time.isoformat(),
        }
        if self.said is None:
            return place | {"exception": self.fault}
        said = self.said
        return place | {
            "stage": said.stage,
            "exception": said.exception,
            "attempt": said.attempt,
            "event_id": said.event_id,
            "input": said.coordinates,
            "length": said.length,
            "sha256": said.sha256,
            "truncated": said.truncated,
        }


def from_record(record: Any) -> Letter:
    """A letter out of kafka-python's `ConsumerRecord`; a foreign message becomes one without `said`."""
    # Kafka allows a header without a value, producers do not take one back: empty is the nearest that exists.
    headers = tuple((name, content or b"") for name, content in record.headers)
    said, fault = None, ""
    try:
        said = deadletter.parse(headers)
    except deadletter.NotALetterError as error:
        fault = str(error)
    return Letter(
        record.partition, record.offset, _time(record.timestamp), record.key, record.value, headers, said, fault
    )


def _time(timestamp_ms: int) -> datetime:
    """The broker's time; one that is none counts as the beginning of time, so that nothing later is overlooked."""
    try:
        return codec.broker_time(timestamp_ms)
    except codec.BrokerTimeError:
        return datetime.fromtimestamp(0, tz=UTC)
