"""Count what became of every event, from the records alone: the independent half of the promises.

It shares no code with the worker and knows four facts only: coordinates of inputs, and of each output the topic,
its partition, and the input's coordinates that it names. The reader's rule is the README's: an output whose source
offset is not above the highest seen of its source partition is a repeat.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

Place = tuple[int, int]
"""Partition and offset in the published topic."""

_SHOWN = 5
"""Places named in a failure: enough to look them up."""


@dataclass(frozen=True)
class Output:
    """One record of the scored or the dead-letter topic, as read."""

    partition: int
    """Where it was read; must be the source's number."""
    source: Place
    event_id: str | None
    """None where a dead letter knows none."""
    batch_id: str = ""
    served_by: tuple[str, str] = ("", "")
    """Version and engine; empty for a dead letter."""


@dataclass(frozen=True)
class Tally:
    """What was found; all fields after `dead` are zero or empty when the promises hold, but for `repeats`."""

    events: int
    """Records of the published topic."""
    scored: int
    """Inputs whose scored output a reader accepts."""
    dead: int
    """Inputs with an accepted dead letter and no scored output."""
    lost: int
    """Inputs without an accepted output."""
    duplicates: int
    """Inputs with an accepted scored output and a dead letter, too: only a crash between the two may leave any."""
    repeats: int
    """Outputs that the rule drops; only a crash or a rebalance makes any."""
    phantoms: int
    """Outputs without an input, or naming another event than their input's."""
    misplaced: int
    """Outputs on another partition number than their input's."""
    mixed_batches: int
    """Batches that name more than one version or engine."""
    producer_repeats: int
    """Inputs whose event id an earlier input had: the producer sent them twice."""
    lost_places: tuple[Place, ...] = ()
    served_by: Mapping[str, int] = field(default_factory=dict)
    """`version engine` to accepted outputs."""

    @property
    def broken(self) -> list[str]:
        """A sentence for each promise that did not hold."""
        places = ", ".join(f"{partition}:{offset}" for partition, offset in self.lost_places)
        checks = (
            (self.lost, f"{self.lost} of {self.events} events have no output (partition:offset {places}, …)"),
            (self.duplicates, f"{self.duplicates} events are both scored and dead"),
            (self.phantoms, f"{self.phantoms} outputs belong to no event that was published"),
            (self.misplaced, f"{self.misplaced} outputs are on another partition than their event"),
            (self.mixed_batches, f"{self.mixed_batches} batches were scored by more than one version or engine"),
        )
        return [sentence for count, sentence in checks if count]


class Counting:
    """Takes records in the order of their partitions and says what they add up to."""

    def __init__(self) -> None:
        self._inputs: dict[Place, str | None] = {}
        self._accepted: dict[str, dict[Place, Output]] = {"scored": {}, "dead": {}}
        self._highest: dict[tuple[str, int], int] = {}
        self._batches: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self._repeats = self._phantoms = self._misplaced = 0

    def published(self, place: Place, event_id: str | None) -> None:
        """An input; all inputs come before the first output."""
        self._inputs[place] = event_id

    def output(self, kind: str, output: Output) -> bool:
        """An output of kind `scored` or `dead`; says whether a reader accepts it."""
        if kind == "scored":
            self._batches[output.batch_id].add(output.served_by)
        self._misplaced += output.partition != output.source[0]
        if not self._has_input(output):
            self._phantoms += 1
            return False
        partition, offset = output.source
        if offset <= self._highest.get((kind, partition), -1):
            self._repeats += 1
            return False
        self._highest[kind, partition] = offset
        self._accepted[kind][output.source] = output
        return True

    def _has_input(self, output: Output) -> bool:
        if output.source not in self._inputs:
            return False
        known = self._inputs[output.source]
        return known is None or output.event_id is None or known == output.event_id

    def tally(self) -> Tally:
        """What it adds up to."""
        scored = self._accepted["scored"]
        dead = {place: letter for place, letter in self._accepted["dead"].items() if place not in scored}
        lost = sorted(place for place in self._inputs if place not in scored and place not in dead)
        ids = Counter(event_id for event_id in self._inputs.values() if event_id is not None)
        return Tally(
            events=len(self._inputs),
            scored=len(scored),
            dead=len(dead),
            lost=len(lost),
            duplicates=len(self._accepted["dead"]) - len(dead),
            repeats=self._repeats,
            phantoms=self._phantoms,
            misplaced=self._misplaced,
            mixed_batches=sum(len(served_by) > 1 for served_by in self._batches.values()),
            producer_repeats=ids.total() - len(ids),
            lost_places=tuple(lost[:_SHOWN]),
            served_by=dict(Counter(" ".join(output.served_by) for output in scored.values())),
        )
