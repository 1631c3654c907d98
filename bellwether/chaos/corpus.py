"""What a row produces: a seeded mix of plain, odd, large and deadly events, each with the fate it must meet. Pure.

| kind | what | fate |
| --- | --- | --- |
| `plain` | a headline of the built-in stream | scored |
| `poison` | half of it all bad input that we know, half a fuzzer's bytes | dead, scored; either for the fuzzer's |
| `large` | 0.9 MiB, many words or a single one | scored with its text cut |
| `oversize` | 1.1 MiB | refused by the broker, so never acknowledged |
| `abort`, `alloc`, `hang` | a text on which an engine ends, takes all memory, never returns; far apart | dead |
| `heavy` | a text that takes much memory, in runs of one key | scored |
| `slow` | a text that takes the scripted engine a while | scored |
| `repeat` | an earlier plain event again, same id and content | scored, an input of its own |
| `conflict` | another content under an earlier plain event's id | scored, an input of its own |
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import msgspec

from bellwether.chaos.partitioner import partition_of
from bellwether.chaos.poison import KINDS, fuzz
from bellwether.demo import stream
from runtime.errors import InputError

DEADLY = ("abort", "alloc", "hang")
MARKED = ("heavy", "slow")
OTHERS = ("poison", "large", "oversize", "repeat", "conflict")

LARGE_BYTES = int(0.9 * 2**20)
"""Under the topic's 1 MiB."""
OVERSIZE_BYTES = int(1.1 * 2**20)
"""Over it, and under what the producer lets out: the broker refuses it."""

NAMED_KEYS = 50
KEYLESS_SHARE = 0.05
APART = 600
"""Fewest events of a partition between two deadly ones: each costs its worker an engine or two."""
CALM = 500
"""No deadly event among the first ones, as far as there are more."""
RUN = 64
"""Heavy events come so many at a time: a model call then holds more of them than fit into memory."""
_RECENT = 2_000
"""Repeats and conflicts pick their id among so many latest plain events."""


@dataclass(frozen=True, slots=True)
class Item:
    """One record to produce, and how it must end."""

    event_id: str | None
    key: str | None
    sequence: int
    """Per key from 0 on; -1 without a key, where no order is promised."""
    kind: str
    fate: str
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def items(seed: int, events: int, mix: Mapping[str, float], partitions: int) -> Iterator[Item]:
    """The records of a row in the order of production; the same arguments give the same records.

    Args:
        seed: of all choices.
        events: how many.
        mix: share of the events by kind; the rest is plain. A kind with a share comes at least once.
        partitions: of the topic, to keep deadly events apart.

    Raises:
        InputError: an unknown kind, or shares that leave no plain event.
    """
    plan = _plan(random.Random(f"{seed} plan"), events, mix, partitions)
    return _Author(seed).write(plan, events)


Plan = Mapping[int, tuple[str, str | None]]
"""Position to kind and, where it matters, the key; what is not in it is plain."""


def _plan(chance: random.Random, events: int, mix: Mapping[str, float], partitions: int) -> Plan:
    known = (*DEADLY, *MARKED, *OTHERS)
    for kind, share in mix.items():
        if kind not in known or not 0 <= share <= 1:
            raise InputError(
                f"mix {kind} = {share}: no such kind or share; kinds are {', '.join(known)}, shares 0 to 1"
            )
    counts = {kind: max(1, round(share * events)) for kind, share in mix.items() if share > 0}
    plan: dict[int, tuple[str, str | None]] = {}
    deadly = [kind for kind in DEADLY for _ in range(counts.get(kind, 0))]
    _place_deadly(plan, deadly, events, partitions)
    if "heavy" in counts:
        _place_runs(plan, counts["heavy"], events, chance)
    rest = [kind for kind in ("slow", *OTHERS) for _ in range(counts.get(kind, 0))]
    free = [position for position in range(events) if position not in plan]
    # The first events are plain, so that a repeat has something to repeat.
    free = free[min(len(free) // 10, 20) :]
    if len(rest) >= len(free):
        raise InputError(f"a mix of {dict(mix)} leaves none of {events} events plain; ask for more or for less of it")
    for position, kind in zip(chance.sample(free, len(rest)), rest, strict=True):
        plan[position] = (kind, None)
    return plan


def _place_deadly(plan: dict[int, tuple[str, str | None]], kinds: list[str], events: int, partitions: int) -> None:
    """Evenly, each on the next partition, so that the distance counts within every one of them; fewer if none fit."""
    start = min(CALM, events // 2)
    most = max(1, (events - start) // APART)
    chosen = kinds if len(kinds) <= most else [kinds[i * len(kinds) // most] for i in range(most)]
    at_home: defaultdict[int, list[str]] = defaultdict(list)
    for key in map(_key, range(NAMED_KEYS)):
        at_home[partition_of(key, partitions)].append(key)
    homes = [keys for _, keys in sorted(at_home.items())]
    for number, kind in enumerate(chosen):
        keys = homes[number % len(homes)]
        plan[start + (events - start) * number // len(chosen)] = (kind, keys[number % len(keys)])


def _place_runs(plan: dict[int, tuple[str, str | None]], count: int, events: int, chance: random.Random) -> None:
    runs = -(-count // RUN)
    for number in range(runs):
        length = min(RUN, count - number * RUN)
        first, last = events * number // runs, events * (number + 1) // runs
        start = chance.randint(first, max(first, last - length))
        key = _key(chance.randrange(NAMED_KEYS))
        for position in range(start, min(start + length, events)):
            plan.setdefault(position, ("heavy", key))


def _key(number: int) -> str:
    return f"K{number:02d}"


class _Author:
    """Writes the records of a plan one after the other."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._chance = random.Random(f"{seed} items")
        self._sequences: defaultdict[str | None, int] = defaultdict(int)
        self._recent: list[Item] = []
        self._turn = self._chance.randrange(len(KINDS))
        self._stories: list[tuple[bytes, bytes]] = []
        self._write: Mapping[str, Callable[[str | None], Item]] = {
            "plain": self._plain, "poison": self._poison, "large": self._large, "oversize": self._oversize,
            "repeat": self._repeat, "conflict": self._conflict,
        }  # fmt: skip

    def write(self, plan: Plan, events: int) -> Iterator[Item]:
        rows = islice(stream.generate(), events)
        self._stories = [(msgspec.json.encode(row.text), msgspec.json.encode(row.published_at)) for row in rows]
        self._chance.shuffle(self._stories)
        for position in range(events):
            kind, key = plan.get(position, ("plain", None))
            if key is None and self._chance.random() >= KEYLESS_SHARE:
                key = _key(self._chance.randrange(NAMED_KEYS))
            story = self._stories[position % len(self._stories)]
            self._text, self._time = story
            if kind in self._write:
                yield self._write[kind](key)
            else:
                yield self._marked(kind, key)

    def _next(self, key: str | None) -> tuple[str, int]:
        """Id and sequence of the next event of a key; without a key the id is numbered and the sequence is -1."""
        number = self._sequences[key]
        self._sequences[key] += 1
        return f"chaos-{self._seed}-{key or ''}-{number}", -1 if key is None else number

    def _value(self, event_id: str, text: bytes) -> bytes:
        """A message; `text` is JSON, quotes included."""
        return b'{"event_id":"%s","text":%s,"published_at":%s,"source":"chaos"}' % (
            event_id.encode(), text, self._time,
        )  # fmt: skip

    def _plain(self, key: str | None) -> Item:
        event_id, sequence = self._next(key)
        item = Item(event_id, key, sequence, "plain", "scored", self._value(event_id, self._text))
        if len(self._recent) < _RECENT:
            self._recent.append(item)
        else:
            self._recent[self._chance.randrange(_RECENT)] = item
        return item

    def _marked(self, kind: str, key: str | None) -> Item:
        event_id, sequence = self._next(key)
        text = self._text[:-1] + b' [[%s]]"' % kind.encode()
        fate = "dead" if kind in DEADLY else "scored"
        return Item(event_id, key, sequence, kind, fate, self._value(event_id, text))

    def _poison(self, key: str | None) -> Item:
        event_id, sequence = self._next(key)
        if self._chance.random() < 0.5:
            value = fuzz(self._value(event_id, self._text), self._chance)
            return Item(None, key, sequence, "poison", "either", value)
        self._turn = (self._turn + 1) % len(KINDS)
        poison = KINDS[self._turn]
        named = event_id if poison.names_itself else None
        return Item(named, key, sequence, "poison", poison.fate, poison.bytes_for(event_id), poison.headers)

    def _large(self, key: str | None) -> Item:
        return self._filled(key, "large", LARGE_BYTES, "scored")

    def _oversize(self, key: str | None) -> Item:
        return self._filled(key, "oversize", OVERSIZE_BYTES, "either")

    def _filled(self, key: str | None, kind: str, size: int, fate: str) -> Item:
        event_id, sequence = self._next(key)
        filler = self._text[1:-1] + b" "
        # A text of words and a single word without end are cut and tokenised in different ways.
        if self._chance.random() < 0.5:
            filler = b"x"
        room = size - len(self._value(event_id, b'""'))
        text = filler * (room // len(filler))
        return Item(event_id, key, sequence, kind, fate, self._value(event_id, b'"%s"' % text))

    def _repeat(self, _: str | None) -> Item:
        first = self._chance.choice(self._recent)
        _, sequence = self._next(first.key)
        return Item(first.event_id, first.key, sequence, "repeat", "scored", first.value)

    def _conflict(self, _: str | None) -> Item:
        first = self._chance.choice(self._recent)
        _, sequence = self._next(first.key)
        value = self._value(first.event_id or "", self._text[:-1] + b', says another"')
        return Item(first.event_id, first.key, sequence, "conflict", "scored", value)
