"""The rows of the reliability table as data: what is produced, who works, what goes wrong and what must hold."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Literal

import msgspec

from models.pointer import Policy
from runtime.errors import InputError

FILE = "scenarios.toml"


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that goes wrong once, and heals by itself.

    Attributes:
        do: what happens; `bellwether.chaos.faults` has one function a name.
        at: when, as a part of the time in which the events are produced; two numbers: at random between them.
        seconds: how long it lasts before it heals, where it lasts.
        direction: of a cut: `both`, `to-broker` or `to-worker`.
        every: seconds between the steps of a storm.
        most: workers at the storm's height.
        shift: seconds by which the clock jumps.
        policy: of a challenger: mode and share.
        version: that a move of the pointer names: an alias or a name; of a corrupt one, how it is spoilt.
    """

    do: str
    at: tuple[float, float]
    seconds: float = 0.0
    direction: str = "both"
    every: float = 3.0
    most: int = 0
    shift: float = 0.0
    version: str = ""
    policy: Policy | None = None


class Burst(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For a while, more events a second than the scenario's rate."""

    at: float
    """When, as a part of the time in which the events are produced."""
    seconds: float
    factor: float


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row.

    Attributes:
        name: how a person asks for it.
        about: what goes wrong, in one sentence.
        model: what the workers serve; `scripted` and `noop` need no model, `trapped@NAME` is a real one that obeys the
            deadly markers of `models.traps`.
        versions: published into a store of the row's own, the first promoted; the model is then `champion`.
        store: what kind of store: `folder` or `s3`.
        events: how many are produced; `--events` replaces it, but not where the row is judged alone.
        rate: events produced per second.
        workers: worker processes, each under a parent that starts it again.
        partitions: of the topics.
        nodes: of the broker, 1 or 3.
        proxied: whether the workers reach the broker through a TCP proxy that faults can cut.
        mix: share of the events by kind, see `bellwether.chaos.corpus`; the rest is plain.
        faults: what goes wrong, in order.
        burst: a while with more events.
        crash_at: a crash point at which a worker kills itself once, with the number of the passing: `scored:3`.
        settings: `BELLWETHER_*` settings of the workers, without the prefix, in lower case.
        alone: a judgement of its own instead of the table's numbers; `bellwether.chaos.alone` has a function a name.
        needs: what the machine must give: `root`, `faketime`.
        restarts: how often a worker process may end and be started again; None does not count.
        repeats: most duplicates before the reader's rule; None takes the promise's formula, see `judge.allowed`.
        memory_mib: most resident memory of any worker process, its engine left out; 0 does not look.
    """

    name: str
    about: str
    model: str = "scripted"
    versions: tuple[str, ...] = ()
    store: Literal["folder", "s3"] = "folder"
    events: int = 20_000
    rate: float = 1_000.0
    workers: int = 2
    partitions: int = 4
    nodes: int = 1
    proxied: bool = False
    mix: Mapping[str, float] = {}
    faults: tuple[Fault, ...] = ()
    burst: Burst | None = None
    crash_at: str | None = None
    settings: Mapping[str, str] = {}
    alone: str | None = None
    needs: tuple[str, ...] = ()
    restarts: int | None = None
    repeats: int | None = None
    memory_mib: float = 0.0

    @property
    def seconds(self) -> float:
        """How long the events are produced, the burst included."""
        if self.burst is None:
            return self.events / self.rate
        return self.burst.seconds + max(0.0, self.events - self.burst_events) / self.rate

    @property
    def burst_events(self) -> int:
        """How many of the events belong to the burst."""
        return 0 if self.burst is None else min(self.events, int(self.rate * self.burst.factor * self.burst.seconds))

    def with_events(self, events: int | None) -> Scenario:
        """The same row with another number of events, at the same rate; one that is judged alone keeps its own."""
        return self if events is None or self.alone is not None else msgspec.structs.replace(self, events=events)


@dataclass(frozen=True)
class Book:
    """All rows, in the order of the table."""

    scenarios: Sequence[Scenario]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names for several rows at once: `ci`, `all`."""

    def choose(self, names: Sequence[str]) -> list[Scenario]:
        """The rows that a person named, groups expanded, in the table's order.

        Raises:
            InputError: a name that is neither a row nor a group.
        """
        known = {scenario.name for scenario in self.scenarios}
        wanted: set[str] = set()
        for name in names:
            if name == "all":
                wanted |= known
            elif name in self.groups:
                wanted |= set(self.groups[name])
            elif name in known:
                wanted.add(name)
            else:
                groups = ", ".join(["all", *self.groups])
                raise InputError(
                    f"no scenario {name!r}; `bellwether chaos list` shows all {len(known)} (groups: {groups})"
                )
        return [scenario for scenario in self.scenarios if scenario.name in wanted]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    scenario: list[Scenario]
    group: dict[str, tuple[str, ...]] = {}


def load(text: str | None = None) -> Book:
    """Read the rows.

    Args:
        text: TOML; the file beside this module where not given.

    Raises:
        InputError: a row that is not one.
    """
    if text is None:
        text = resources.files("bellwether.chaos").joinpath(FILE).read_text(encoding="utf-8")
    try:
        file = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{FILE}: {error}; see bellwether/chaos/scenario.py for what a row may hold") from error
    book = Book(tuple(file.scenario), file.group)
    names = [scenario.name for scenario in book.scenarios]
    if len(set(names)) < len(names):
        raise InputError(f"{FILE}: a name is given twice among {', '.join(names)}; each row needs its own")
    for members in file.group.values():
        book.choose(members)
    return book
