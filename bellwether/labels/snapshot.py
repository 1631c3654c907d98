"""What the scored topic says of an event: the text and the model's answer that go with a label."""

from __future__ import annotations

import msgspec

from runtime.topic_reader import open_reader
from wire.events import Scored
from wire.topics import SCORED


def scored(bootstrap: str, event_id: str) -> Scored | None:
    """The newest scored event of an id, None where the topic has none (any more); all of the topic is read.

    Raises:
        BrokerError: nobody answers, or the topic does not exist.
    """
    mark = msgspec.json.encode(event_id)
    newest: tuple[int, Scored] | None = None
    with open_reader(bootstrap, (SCORED.name,)) as reader:
        reader.begin(reader.starts())
        for record in reader.until(reader.ends()):
            if record.value is None or mark not in record.value:  # to decode all of them would take ten times as long
                continue
            try:
                event = msgspec.json.decode(record.value, type=Scored)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if event.event_id == event_id and (newest is None or record.timestamp >= newest[0]):
                newest = record.timestamp, event
    return None if newest is None else newest[1]
