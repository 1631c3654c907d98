"""Hold every output against the journal and count what does not fit: the arithmetic of the bookkeeper. Pure.

An input is a place, partition and offset of the published topic, as the broker acknowledged it to the producer; an
output answers the place that it names, if it also carries that input's id, key and content on the same partition
number.
Anomalies have the names that Jepsen gives them:

- *lost* (Jepsen's lost update or lost write): acknowledged, and no reader ever sees an answer. That includes an answer
  which a reader drops by the rule of promise 2 because a later input's came first.
- *phantom*: an answer to what nobody produced, or not as it was produced.
- *duplicated*: more answers than inputs, before and after the reader's rule.
- *reordered*: of one key, the first answer to a later input stands before the first answer to an earlier one. Scored
  and dead events lie in two topics between which no offset orders; each topic is judged by its own order.

The rest are promises of ours: *both*, *mixed*, *misfiled*.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from bellwether.chaos.entries import DEAD, SCORED, Count, Input, Output, Place
from bellwether.chaos.journal import Written

SHOWN = 8
"""Places named per anomaly: enough to look them up."""


_Identity = tuple[bytes, str | None]
"""SHA-256 of the value, and the key: what finds a record whose place the producer was not told."""


class Ledger:
    """Takes the journals, then all published records, then all outputs, each partition in the order of its offsets.

    Args:
        acked: what the broker acknowledged to the producer.
        unknown: what it may have or not.
        refused: what it refused.
    """

    def __init__(self, acked: Iterable[Written], unknown: Iterable[Written], refused: Iterable[Written]) -> None:
        self.inputs: dict[Place, Input] = {}
        self.examples: defaultdict[str, list[str]] = defaultdict(list)
        self._unplaced: defaultdict[_Identity, list[Input]] = defaultdict(list)
        self._perhaps: defaultdict[_Identity, list[Input]] = defaultdict(list)
        self._absent: set[Place] = set()
        self._false = 0
        for written in acked:
            entry = _input(written, is_acked=True)
            if written.offset < 0:
                self._unplaced[entry.sha256, entry.key].append(entry)
            else:
                self.inputs[written.partition, written.offset] = entry
                self._absent.add((written.partition, written.offset))
        self._unknown = 0
        for written in unknown:
            self._unknown += 1
            entry = _input(written, is_acked=False)
            self._perhaps[entry.sha256, entry.key].append(entry)
        self._refused = sum(1 for _ in refused)
        self._phantom = self._repeated = self._reordered = 0
        self._highest: dict[tuple[str, int], int] = {}
        self._sequences: dict[tuple[str, str], int] = {}
        self._batches: dict[str, tuple[str, str]] = {}
        self._mixed: set[str] = set()

    def published(
        self, place: Place, *, key: str | None, sha256: bytes, event_id: str | None, text: bytes | None, time_ms: int
    ) -> None:
        """A record as the broker holds it: it completes the journal's entry, and shows whether that is true."""
        self._absent.discard(place)
        entry = self.inputs.get(place)
        if entry is None:
            # The broker confirmed it without saying where, or nobody knows whether it confirmed it. Any other record
            # is none of ours, and answers to it are phantoms.
            waiting = self._unplaced.get((sha256, key)) or self._perhaps.get((sha256, key))
            if not waiting:
                return
            entry = self.inputs[place] = waiting.pop(0)
        elif (entry.sha256, entry.key) != (sha256, key):
            del self.inputs[place]
            self._false += 1
            self._note("lost", f"input {_spell(place)}: acknowledged, but the broker holds another record there")
            return
        entry.text = text
        entry.time_ms = time_ms
        if entry.event_id is None:
            entry.event_id = event_id

    def output(self, output: Output) -> bool:
        """An output; says whether it is its input's first anywhere."""
        if output.topic == SCORED:
            served_by = self._batches.setdefault(output.batch_id, output.served_by)
            if served_by != output.served_by and output.batch_id not in self._mixed:
                self._mixed.add(output.batch_id)
                self._note("mixed", f"{output.place}: batch {output.batch_id} by {served_by} and {output.served_by}")
        entry = None if output.source is None else self.inputs.get(output.source)
        if entry is None:
            # Also where its id is of unknown outcome: were that record there, it would have been read before.
            self._reject(output, f"names input {_spell(output.source)}, which nobody produced")
            return False
        if wrong := _difference(output, entry):
            self._reject(output, f"is not input {_spell(output.source)} as it was produced: {wrong}")
            return False
        if output.source is None or output.source[0] != output.partition:
            self._reject(output, f"answers input {_spell(output.source)} on another partition number")
            self._read(output, entry)
            return False
        return self._accept(output, entry)

    def count(self) -> Count:
        """What it adds up to; call it once, after the last output."""
        counts: Counter[str] = Counter()
        duplicates_read = 0
        for place, entry in self.inputs.items():
            duplicates_read += max(0, entry.scored_read - 1) + max(0, entry.dead_read - 1)
            if entry.is_acked:
                self._settle(place, entry, counts)
        for entries in self._unplaced.values():
            for entry in entries:
                counts["events"] += 1
                counts["lost"] += 1
                self._note("lost", f"{entry.event_id}: acknowledged without a place, and the broker does not hold it")
        return Count(
            events=counts["events"] + self._false,
            refused=self._refused,
            unknown=self._unknown,
            scored=counts["scored"],
            dead=counts["dead"],
            lost=counts["lost"] + self._false,
            phantom=self._phantom,
            both=counts["both"],
            duplicates=self._repeated,
            duplicates_read=duplicates_read,
            reordered=self._reordered,
            mixed=len(self._mixed),
            misfiled=counts["misfiled"],
        )

    def _settle(self, place: Place, entry: Input, counts: Counter[str]) -> None:
        counts["events"] += 1
        if not (entry.scored or entry.dead):
            counts["lost"] += 1
            why = "the broker does not hold it" if place in self._absent else "no output answers it"
            self._note("lost", f"input {_spell(place)} ({entry.event_id}): {why}")
            return
        if not (entry.scored_read or entry.dead_read):
            counts["lost"] += 1
            self._note("dropped", f"input {_spell(place)} ({entry.event_id}): the reader's rule drops its only answer")
        ended = SCORED if entry.scored else DEAD
        counts[ended] += 1
        if entry.scored and entry.dead:
            counts["both"] += 1
            self._note("both", f"input {_spell(place)} ({entry.event_id})")
        if entry.fate in {SCORED, DEAD} and entry.fate != ended:
            counts["misfiled"] += 1
            self._note("misfiled", f"input {_spell(place)} ({entry.event_id}): {ended}, must be {entry.fate}")

    def _accept(self, output: Output, entry: Input) -> bool:
        is_first_here = not (entry.scored if output.topic == SCORED else entry.dead)
        is_first = not (entry.scored or entry.dead)
        if output.topic == SCORED:
            entry.scored += 1
        else:
            entry.dead += 1
        if is_first_here:
            self._check_order(output, entry)
        else:
            self._repeated += 1
            self._note("duplicates", f"{output.place}: input {_spell(output.source)} again")
        self._read(output, entry)
        return is_first

    def _check_order(self, output: Output, entry: Input) -> None:
        if entry.key is None or entry.sequence < 0:
            return
        line = (output.topic, entry.key)
        before = self._sequences.get(line, -1)
        if entry.sequence < before:
            self._reordered += 1
            self._note("reordered", f"{output.place}: number {entry.sequence} of key {entry.key} after number {before}")
        else:
            self._sequences[line] = entry.sequence

    def _read(self, output: Output, entry: Input) -> None:
        """What a reader does that keeps one integer per topic partition."""
        if output.source is None:
            return
        where = (output.topic, output.partition)
        partition, offset = output.source
        if offset <= self._highest.get(where, -1):
            return
        if partition == output.partition:
            self._highest[where] = offset
        if output.topic == SCORED:
            entry.scored_read += 1
        else:
            entry.dead_read += 1
        if max(entry.scored_read, entry.dead_read) > 1:
            self._note("duplicates_read", f"{output.place}: input {_spell(output.source)} again")

    def _reject(self, output: Output, why: str) -> None:
        self._phantom += 1
        self._note("phantom", f"{output.place} {why}")

    def _note(self, anomaly: str, example: str) -> None:
        if len(self.examples[anomaly]) < SHOWN:
            self.examples[anomaly].append(example)


def _input(written: Written, *, is_acked: bool) -> Input:
    return Input(
        event_id=written.event_id,
        key=written.key,
        sequence=written.sequence,
        fate=written.fate,
        sha256=bytes.fromhex(written.sha256),
        is_acked=is_acked,
        time_ms=written.time_ms,
    )


def _difference(output: Output, entry: Input) -> str:
    """In what an output is not its input; empty where in nothing."""
    if output.key != entry.key:
        return f"key {output.key!r} for {entry.key!r}"
    # A letter need not name an id, and a value may hold none.
    is_nameless = entry.event_id is None or (output.topic == DEAD and output.event_id is None)
    if not is_nameless and output.event_id != entry.event_id:
        return f"id {output.event_id!r} for {entry.event_id!r}"
    if output.topic == DEAD:
        return "" if output.content == entry.sha256 else "other bytes"
    return "" if entry.text is None or output.content == entry.text else "another text"


def _spell(place: Place | None) -> str:
    return "of no place" if place is None else f"{place[0]}:{place[1]}"
