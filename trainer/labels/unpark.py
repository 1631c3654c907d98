"""Looks in the scored topic for the events of parked labels, and submits the labels that it can complete."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from runtime.topic_reader import Offsets, open_reader
from trainer.labels.join import Joined, join
from trainer.labels.store import LabelStore
from wire import codec
from wire.events import LabelSubmitted, Scored
from wire.topics import SCORED

Submit = Callable[[Sequence[LabelSubmitted]], None]
"""Produces labels to their topic; raises where one was not acknowledged."""


class _Named(msgspec.Struct):
    event_id: str


class Search:
    """Finds scored events by id, and remembers up to where it looked for whom.

    New ids cost a reading of all that the topic keeps, the same ids again only of what came since. It reads up to the
    end that it found when it began, commits nothing and is in no group.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._wanted: frozenset[str] = frozenset()
        self._next: Offsets = {}

    def forget(self) -> None:
        """Look everywhere the next time: what was found did not get where it belongs."""
        self._wanted, self._next = frozenset(), {}

    def find(self, event_ids: Collection[str]) -> dict[str, Scored]:
        """The newest scored event of each id that has come since it was last looked for, or ever.

        Raises:
            BrokerError: nobody answers, or the topic does not exist.
        """
        wanted = frozenset(event_ids)
        if not wanted:
            return {}
        found: dict[str, tuple[int, Scored]] = {}
        with open_reader(self._bootstrap, (SCORED.name,)) as reader:
            starts, ends = reader.starts(), reader.ends()
            known = self._next if wanted <= self._wanted else {}
            reader.begin({at: min(ends[at], max(start, known.get(at, 0))) for at, start in starts.items()})
            for record in reader.until(ends):
                event = _event(record.value or b"", wanted)
                if event is not None and record.timestamp >= found.get(event.event_id, (0,))[0]:
                    found[event.event_id] = record.timestamp, event
        self._wanted, self._next = wanted - found.keys(), ends  # one that is wanted again has a new label
        return {event_id: event for event_id, (_, event) in found.items()}


def complete(store: LabelStore, events: Mapping[str, Scored], search: Search, submit: Submit) -> Joined:
    """Submit anew, complete, each parked label whose event was found; the store learns it from its topic.

    So the label topic alone still rebuilds the store. What was erased since the search began is parked no more, and is
    not submitted.

    Args:
        store: has read all of its topic.
        events: what `search` found of the store's parked ids.
        search: looks everywhere again where `submit` failed.
        submit: see there.

    Raises:
        BrokerError: as `submit`; to search and do it again is safe.
    """
    ids = sorted(set(store.parked()))  # anew: the search may have taken minutes
    parked = [label for event_id in ids for label in store.labels(event_id=event_id) if label.text is None]
    found = join(parked, events)
    if found.completed:
        try:
            submit(found.completed)
        except BaseException:
            search.forget()
            raise
    return found


def _event(value: bytes, wanted: Collection[str]) -> Scored | None:
    try:
        if msgspec.json.decode(value, type=_Named).event_id in wanted:
            return msgspec.json.decode(value, type=Scored)
    except codec.UNDECODABLE:
        pass  # no scored event of ours
    return None
