"""What the producer, the runner and the bookkeeper tell each other: JSON Lines files in one folder, and two orders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from runtime.errors import InputError

ACKED = "acked.jsonl"
"""Written only after the broker's acknowledgement, one `Written` a line."""

UNKNOWN = "unknown.jsonl"
"""Time-outs: the broker may have the record or not. An output of one that it has is no phantom, none is no loss."""

REFUSED = "refused.jsonl"
"""The broker said no (too large): never acknowledged, so never lost; an output of one is a phantom."""

STRIKES = "strikes.jsonl"
"""What went wrong and healed when, one `Strike` a line, written by the runner."""


class Written(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record that the producer tried to write."""

    event_id: str | None
    """None where the record is too broken to hold one."""
    key: str | None
    sequence: int
    """Per key, from 0 on, in the order of production."""
    sha256: str
    """Of the value, hexadecimal; of nothing for a tombstone."""
    kind: str
    """Of the corpus: `plain`, `poison`, ..."""
    fate: str
    """How it must end: `scored`, `dead`, or `either`."""
    partition: int = -1
    offset: int = -1
    time_ms: int = 0
    """The broker's time where acknowledged, else 0."""
    error: str = ""
    """Why it was not acknowledged."""


class Strike(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened to the line."""

    time: float
    """Seconds since the epoch."""
    what: str
    """`worker-died`, `engine-died`, `worker-stopping`, `worker-paused`, `worker-resumed`, `worker-joined`,
    `worker-left`, `broker-down`, `broker-up`, `node-down`, `node-up`, `network-cut`, `network-healed`, ..."""
    pid: int | None = None
    held: tuple[int, ...] = ()
    """Partitions of a worker's newest assignment, where it says so."""
    detail: str = ""


RETURNS = frozenset({"broker-up", "node-up", "network-healed"})
"""Strikes after which the broker is there for the workers again."""


class LoadOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What `python -m bellwether.chaos.load ORDER` shall produce."""

    bootstrap: str
    topic: str
    folder: str
    """Where the journals go."""
    seed: int
    events: int
    rate: float
    mix: dict[str, float]
    burst_at: float = 0.0
    """Seconds after the first event."""
    burst_seconds: float = 0.0
    burst_factor: float = 1.0


class BookOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What `python -m bellwether.chaos.bookkeeper ORDER` shall watch and judge."""

    bootstrap: str
    """The broker itself."""
    probe: str
    """The address that the workers use: whether the broker answers them is asked there."""
    group: str
    published: str
    scored: str
    dead: str
    shadowed: str
    folder: str
    """Where the journals and the strikes are."""
    registry: str
    """Of model versions, to score a sample again."""
    trust: str
    seed: int
    sample: int = 200
    """Scored events that are scored again."""
    patience: float = 120.0
    """Seconds without any progress after which the line counts as dead and is judged as it is."""


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """From the bookkeeper, about once a second, one JSON line on its standard output."""

    committed: int
    produced: int
    lag: int


class Switch(msgspec.Struct, frozen=True):
    """What followed a promotion, until the next one or the end.

    Attributes:
        version: that was promoted.
        scored: events that it scored.
        settled_s: seconds from the promotion to the last event of another version, by the broker's time.
    """

    version: str
    scored: int = 0
    settled_s: float = 0.0


class Tried(msgspec.Struct, frozen=True):
    """What one trial of a challenger came to.

    Attributes:
        mode: `shadow` or `canary`.
        version: that was tried.
        share: of the time or of the keys.
        scored: inputs that it scored, each counted once.
        foreign: of these, a shadow's that no reader sees scored, and a canary's whose key is not of its share.
    """

    mode: str
    version: str
    share: float
    scored: int = 0
    foreign: int = 0


class Verdict(msgspec.Struct, frozen=True, kw_only=True, tag="verdict"):
    """From the bookkeeper at its end: what an independent reader found (anomalies as Jepsen names them)."""

    events: int
    """Acknowledged inputs."""
    refused: int
    unknown: int
    scored: int
    """Inputs whose first output is a score."""
    dead: int
    """Inputs that only a dead letter answers."""
    lost: int
    """Acknowledged inputs without an output that a reader sees: none, or one that the rule of promise 2 drops."""
    phantom: int
    """Outputs of what nobody produced, or not as it was produced."""
    both: int
    """Inputs that are scored and dead."""
    duplicates: int
    """Outputs beyond each input's first, before the reader's rule."""
    duplicates_read: int
    """The same after the reader's rule of promise 2; must be 0."""
    reordered: int
    """First outputs of a key that come before the first output of an earlier input of that key."""
    mixed: int
    """Batches with more than one version or engine."""
    wrong: int
    """Of the sample: scores that the named version, engine and cleaning do not give."""
    misfiled: int
    """Inputs that ended scored where they should be dead letters, or the other way."""
    stuck: int
    """Partitions whose committed offset stood still for 30 s or more with lag and a broker that answers."""
    recovery_seconds: float | None
    """The worst time from a worker's death to the first new output of a partition that it held."""
    return_seconds: float | None
    """The worst time from the broker's return, or a later next input, to the first new output of a partition."""
    input_rate: float
    """Most inputs in one second."""
    peak_rate: float
    """Most events with their first output within one second."""
    skew_s: tuple[float, float]
    """How far the workers' clocks were behind the broker's and ahead of it, in seconds, by what they wrote."""
    age_p50_s: float
    age_p99_s: float
    served: dict[str, tuple[int, int]] = {}
    """Of the scored events, by version: how many, and the broker's time of the last in milliseconds."""
    switches: tuple[Switch, ...] = ()
    """What followed each promotion of a good version."""
    tried: tuple[Tried, ...] = ()
    """What each challenger scored."""
    quiet: bool
    """Whether the line reached the end of its input before the bookkeeper lost patience."""
    examples: dict[str, list[str]]
    """By anomaly, the first few places: for a person who has to find the cause."""


_Line = TypeVar("_Line", bound=msgspec.Struct)


def read(path: Path, kind: type[_Line]) -> Iterator[_Line]:
    """The lines of a journal; a missing file has none, a last line that was cut off by a kill is left out."""
    decoder = msgspec.json.Decoder(kind)
    try:
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield decoder.decode(line)
    except FileNotFoundError:
        return


def read_order(path: Path, kind: type[_Line]) -> _Line:
    """The order in a file.

    Raises:
        InputError: it is none.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{path} is no {kind.__name__}: {error}; see bellwether/chaos/journal.py") from error
