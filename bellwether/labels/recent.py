"""The events that may be labelled next: the recent part of the scored topic, less what is labelled already."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec

from models.text import clean, fingerprint
from runtime.topic_reader import open_reader
from trainer.labels.choose import Candidate
from wire import codec
from wire.events import LabelSubmitted, Scored
from wire.topics import SCORED

Tell = Callable[[int, int], None]
"""Is told now and then how many records were read, and of how many."""

_TELL_EVERY = 500


class Labelled(NamedTuple):
    """What need not be labelled for one task any more."""

    event_ids: Collection[str]
    texts: Collection[str]
    """`models.text.fingerprint`s."""


def labelled(labels: Iterable[LabelSubmitted], task: str) -> Labelled:
    """The events and texts that have a label of this task."""
    own = [label for label in labels if label.task == task]
    return Labelled({one.event_id for one in own}, {fingerprint(one.text) for one in own if one.text})


def scored(bootstrap: str, most: int, tell: Tell) -> dict[str, Scored]:
    """By id the newest scored event of each of the last `most` records, more or less; what is none is left out.

    Raises:
        BrokerError: nobody answers, or the topic does not exist.
    """
    found: dict[str, Scored] = {}
    with open_reader(bootstrap, (SCORED.name,)) as reader:
        begin, ends = reader.recent(most), reader.ends()
        reader.begin(begin)
        of = sum(ends.values()) - sum(begin.values())
        for done, record in enumerate(reader.until(ends)):
            if done % _TELL_EVERY == 0:
                tell(done, of)
            try:
                event = msgspec.json.decode(record.value or b"", type=Scored)
            except codec.UNDECODABLE:
                continue
            found[event.event_id] = event
        tell(of, of)
    return found


def candidates(events: Mapping[str, Scored], task: str, done: Labelled) -> list[Candidate]:
    """Those of the events that the model answered for this task, that have a text, and that nobody labelled."""
    return [
        Candidate(event.event_id, event.text, event.tasks[task].probabilities)
        for event in events.values()
        if task in event.tasks and event.event_id not in done.event_ids and clean(event.text)
    ]
